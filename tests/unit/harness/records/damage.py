"""Damaged and hostile runs, drawn from a seed, and the commands that read them."""

import copy
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 10**26, int("9" * 400), 0.0, -0.5, 1e-320, 1e308, 1e999,
    "", "x", "0", "NaN", "\ud800", "\udcff x", "\x00\x1b[2J", "=1+1", "\u202e", "../../x", "x" * 5000,
    "0001-01-01T00:00:00+14:00", "9999-12-31", [], {}, [[]], {"a": {"b": [1, None]}}, [None], ["a", "a"], {"": ""},
)  # fmt: skip
"""What no field expects, of every type and beyond every bound."""


def paths_in(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in what JSON held."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from paths_in(value, (*path, key))


def mutated(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path."""
    made = copy.deepcopy(data)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def without(data: Any, path: tuple[Any, ...]) -> Any:
    """A copy without what is at a path."""
    made = copy.deepcopy(data)
    place = made
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return made


def damage_table(path: Path, random_: random.Random) -> str:
    """Damage a Parquet file in one of many ways; which, in words."""
    kinds = (
        "byte", "bytes", "cut", "empty", "dropped", "typed", "nested", "extra", "doubled", "shuffled", "none", "rows",
    )  # fmt: skip
    kind = random_.choice(kinds)
    content = bytearray(path.read_bytes())
    if kind in ("byte", "bytes"):
        for _ in range(1 if kind == "byte" else 20):
            content[random_.randrange(len(content))] ^= 1 << random_.randrange(8)
        path.write_bytes(content)
        return kind
    if kind == "cut":
        path.write_bytes(content[: random_.randrange(len(content))])
        return kind
    frame = pd.read_parquet(path)
    column = random_.choice(list(frame.columns))
    if kind == "empty":
        frame = frame.iloc[:0]
    elif kind == "dropped":
        frame = frame.drop(columns=column)
    elif kind == "typed":
        frame[column] = random_.choice(["text", 1.5, -(2**40), 2**62, True, np.inf, b"\xff", pd.Timestamp(0)])
    elif kind == "nested":
        frame[column] = [[{"a": 1}]] * len(frame)
    elif kind == "extra":
        frame["more"] = "=1"
    elif kind == "doubled":
        frame = pd.concat([frame, frame])
    elif kind == "shuffled":
        frame[column] = frame[column].sample(frac=1, random_state=random_.randrange(2**31)).to_numpy()
    elif kind == "none":
        frame[column] = None
    else:
        frame = frame.iloc[: random_.randrange(len(frame) + 1)]
    frame.to_parquet(path)
    return f"{kind} {column}"


def commands(run: Path, sound: Path, out: Path) -> list[list[str]]:
    """Everything that reads a run: ``run`` is damaged, ``sound`` is not, and both lie in one folder."""
    forms = ("csv", "parquet", "json", "pytest-benchmark", "junit", "step-summary")
    return [
        ["report", str(run), str(sound)],
        ["report", str(run), "--json"],
        ["report", str(run), "--leaderboard", str(out / "board.md")],
        *(["export", str(run), "--to", form, "--out", str(out / form)] for form in forms),
        ["compare", str(run)],
        ["compare", str(sound), str(run), "--json"],
        ["gate", str(run), "--baseline", str(sound), "--no-follow-up", "--json"],
        ["gate", str(sound), "--baseline", str(run), "--no-follow-up"],
        ["baseline", "save", str(run), "--to", str(out / "base.json")],
        ["history", str(run.parent)],
        ["history", str(run.parent), "--csv"],
        ["merge", str(run), "--out", str(out / "merged")],
    ]


def ended(arguments: list[str]) -> int:
    """The exit code of a command, run in this process as ``main`` runs it; -1 for an error that says nothing.

    Raises:
        Exception: what would have been exit code 70.
    """
    from alexbench.harness.cli import cli
    from alexbench.harness.errors import AlexBenchError

    try:
        cli.main(arguments, standalone_mode=False)
    except AlexBenchError as error:
        return error.exit_code if str(error).strip() else -1
    except click.ClickException as error:
        return error.exit_code
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def copied(run: Path, to: Path) -> Path:
    """A run in another folder."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(run, to)
    return to
