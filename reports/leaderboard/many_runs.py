"""One leaderboard of many runs, for a file that is committed: a table, and a section of each set of like runs.

Runs of one set have the same card, network, weights, preprocessing, images and machine; the table has a column for what
differs between runs. The text does not depend on the order of the runs, nor on when or where it was made.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TextIO

from alexbench.harness.records.machine_key import machine_key
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.training_speed_records import TrainingSpeed
from alexbench.reports import row_cells
from alexbench.reports.columns import BOARD, Column
from alexbench.reports.leaderboard.boards import board
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.noise_banner import noise_banner
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.markdown import escape, listed, noted
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Table
from alexbench.reports.terminal import Terminal
from alexbench.reports.text import wording
from alexbench.reports.text.wording import ABSENT
from alexbench.reports.training.speed_output import section
from alexbench.reports.training.speed_tables import answer

_SHOWN_DIFFERENCES: Final = 6
_INTRODUCTION: Final = (
    "Do not compare rows that differ in model, data, batch or machine: a column shows these differences. `#` and bold"
    " rank the rows of one run, which took turns in the same rounds. Different runs are hours or days apart, and differ"
    " as listed."
)


def many_runs(records: Sequence[RunRecord], trained: Sequence[TrainingSpeed] = ()) -> str:
    """``LEADERBOARD.md`` of these runs, and a section for each benchmark of training."""
    synthetic = sum(_synthetic(record) for record in records)
    title = "# AlexBench leaderboard"
    if synthetic:
        title += " on SYNTHETIC data" if synthetic == len(records) else ", SYNTHETIC data in part"
    runs = in_order(records)
    table = board_of(records) if runs else None
    sets: dict[tuple[str, ...], dict[str, RunRecord]] = {}
    for name, record in runs.items():
        sets.setdefault(_key(record), {})[name] = record
    parts = [title] if table is None else [title, _INTRODUCTION, f"## Leaderboard\n\n{noted(table)}"]
    before: dict[tuple[str, str], tuple[str, ...]] = {}
    for key, mine in sets.items():
        parts.append(_section(mine, _apart(before.get((key[0], key[3])), key)))
        before[key[0], key[3]] = key
    sentences: dict[str, list[str]] = {}
    for name, record in runs.items():
        for line in explanations(record, [] if table is None else [table]):
            sentences.setdefault(line, []).append(name)
    lines = [line if len(of) == len(runs) else f"{', '.join(of)}: {line}" for line, of in sentences.items()]
    parts += [f"## How to read it\n\n{listed(lines)}"] if lines else []
    return "\n\n".join([*parts, *(_trained(one) for one in sorted(trained, key=_begun))]) + "\n"


def _begun(speed: TrainingSpeed) -> tuple[str, str]:
    return speed.started, repr(speed)


def _trained(speed: TrainingSpeed) -> str:
    """A benchmark of training: never in one table with runs, which time inference."""
    title = f"## Training {escape(speed.card)}{' on SYNTHETIC data' if speed.synthetic else ''}"
    cpu = escape(str(speed.machine.get("cpu")))
    return "\n\n".join([f"{title}, {cpu}", " ".join(map(escape, answer(speed))), *section(speed, level=3)])


def in_order(records: Sequence[RunRecord]) -> dict[str, RunRecord]:
    """The runs by the letters that name them: set by set, in each the newest first."""
    ordered = sorted(sorted(records, key=_age, reverse=True), key=_key)
    return {_letter(place): record for place, record in enumerate(ordered)}


def board_of(records: Sequence[RunRecord]) -> Table:
    """The rows of all runs in one table."""
    runs = in_order(records)
    rows = [row for name, record in runs.items() for row in rows_of(record, name)]
    references = [(name, record.reference) for name, record in runs.items() if record.reference is not None]
    told = row_cells.unlike_groups([row.entry.group for row in rows])
    ran_as = replace(_RAN_AS, of=lambda row: told.get(row.entry.group))
    place = BOARD.index(_RAN_AS)
    columns = (*BOARD[:place], *_differing(runs), ran_as, *BOARD[place + 1 :])
    return board("Leaderboard of many runs", rows, references, columns=columns)


_RAN_AS: Final = next(column for column in BOARD if column.name == "ran_as")
_Told = tuple[str, Callable[[RunRecord], str]]
_DIFFERING: Final[dict[str, tuple[_Told, ...]]] = {
    "model": (
        ("", lambda record: record.model.card),
        ("weights ", lambda record: record.model.weights_digest[:6] or ABSENT),
        ("prepared ", lambda record: record.model.recipe_digest[:6] or ABSENT),
    ),
    "data": (
        ("", lambda record: f"{record.data.images} images"),
        ("", lambda record: "synthetic" if record.data.synthetic else record.data.name),
        ("names ", lambda record: record.data.names_digest[:6] or ABSENT),
    ),
    "batch": (("", lambda record: str(record.configuration.get("batch_size", ABSENT))),),
    "machine": (
        ("", lambda record: str(record.machine.get("cpu"))),
        ("", lambda record: _fingerprint(record.machine)[:6]),
    ),
}
"""Heading -> what runs may differ in, the coarsest first."""


def _differing(runs: Mapping[str, RunRecord]) -> Iterator[Column]:
    """A column for each of these in which not all runs are alike; its cells say no more than tells them apart."""
    for heading, keys in _DIFFERING.items():
        said = {name: ", ".join(_told_apart(record, list(runs.values()), keys)) for name, record in runs.items()}
        if any(said.values()):
            yield Column(heading, str, lambda row, said=said: said[row.run] or None, heading=heading)  # type: ignore[misc]


def _told_apart(record: RunRecord, among: Sequence[RunRecord], keys: Sequence[_Told]) -> Iterator[str]:
    for words, of in keys:
        if len({of(one) for one in among}) > 1:
            yield words + of(record)
        among = [one for one in among if of(one) == of(record)]


def _synthetic(record: RunRecord) -> bool:
    return record.model.synthetic or record.data.synthetic


_PARTS: Final = (
    "card", "network", "description of the images", "processor", "weights", "preprocessing",
    "preprocessing, decoders or labels", "names or labels of the images", "pixels", "machine",
)  # fmt: skip
"""What the parts of a key are called."""


def _apart(before: tuple[str, ...] | None, key: tuple[str, ...]) -> str:
    """How a section differs from the one before of the same card and processor; empty if there is none."""
    if before is None:
        return ""
    return ", ".join(name for name, one, other in zip(_PARTS, before, key, strict=True) if one != other)


def _key(record: RunRecord) -> tuple[str, ...]:
    """What must be equal, in the order of the sections."""
    model, data = record.model, record.data
    return (
        model.card,
        model.network,
        data.description,
        str(record.machine.get("cpu")),
        model.weights_digest,
        model.preprocessing,
        model.recipe_digest,
        data.names_digest or data.source_digest,
        data.pixels_digest,
        _fingerprint(record.machine),
    )


def _fingerprint(machine: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(machine_key(machine), sort_keys=True).encode()).hexdigest()


def _age(record: RunRecord) -> tuple[str, str, str]:
    """By start; runs that started in the same second by their content."""
    return record.started, record.finished or "", repr(record)


def _section(runs: Mapping[str, RunRecord], apart: str) -> str:
    """The facts about the runs of one set, newest first. ``apart``: how it differs from the section before."""
    first, newest = next(iter(runs.items()))
    heading = f"## {escape(newest.model.card)}{' on SYNTHETIC data' if _synthetic(newest) else ''}, "
    heading += escape(str(newest.machine.get("cpu")))
    facts = {
        "Model": wording.model_line(newest),
        "Data": wording.data_line(newest),
        "Machine": f"{wording.hardware_line(newest)}; fingerprint {_fingerprint(newest.machine)[:12]}",
    }
    if apart:
        facts["Differs"] = f"from the section above of this card and processor in: {apart}"
    head = [f"- **{name}** {escape(line)}" for name, line in facts.items()]
    head += [f"- **Run {name}** {escape(_run_line(record, newest, first))}" for name, record in runs.items()]
    parts = [heading, "\n".join(head)]
    for title, lines in (("Published for this card", wording.published_lines(newest)), ("Remarks", _remarks(runs))):
        if lines:
            parts.append(f"### {title}\n\n{listed(lines)}")
    return "\n\n".join(parts)


def _letter(place: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)


def _run_line(record: RunRecord, newest: RunRecord, first: str) -> str:
    """``first``: what the newest is called."""
    line = f"{wording.when_line(record)}; asked for: {wording.asked_for(record)}"
    line += f"; Python {record.environment.get('python')}"
    line += (
        f"; it can tell apart rows that differ by more than {wording.resolved(record.resolutions)}"
        if record.resolutions
        else ""
    )
    if record is newest:
        return line
    here, there = _flat(record.environment), _flat(newest.environment)
    differs = sorted(key for key in {*here, *there} if here.get(key) != there.get(key))
    shown = [
        f"{key} {here.get(key, 'none')} ({first}: {there.get(key, 'none')})" for key in differs[:_SHOWN_DIFFERENCES]
    ]
    if len(differs) > len(shown):
        shown.append(f"{len(differs) - len(shown)} more")
    return f"{line}; environment: {', '.join(shown) if shown else f'same as {first}'}"


def _flat(facts: Any, path: str = "") -> dict[str, str]:
    """Nested tables as one: ``packages.numpy`` -> its version."""
    if not isinstance(facts, dict):
        return {path: str(facts)}
    found: dict[str, str] = {}
    for key, value in facts.items():
        found |= _flat(value, f"{path}.{key}" if path else str(key))
    return found


def _unranked(record: RunRecord) -> list[str]:
    """Why no row of a run is ranked."""
    return [] if any(row.rank is not None for row in rows_of(record)) else verdict(record)[:1]


def _remarks(runs: Mapping[str, RunRecord]) -> list[str]:
    """Each remark with the runs that have it."""
    said: dict[str, list[str]] = {}
    for name, record in runs.items():
        for line in filter(None, (*_unranked(record), noise_banner(record), *wording.run_remarks(record))):
            said.setdefault(line, []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in said.items()]


def print_many_runs(records: Sequence[RunRecord], stream: TextIO | None = None) -> None:
    """Print the table of all runs, and what each is."""
    terminal = Terminal(stream)
    terminal.table(board_of(records))
    terminal.facts([(f"run {name}", wording.when_line(record)) for name, record in in_order(records).items()])
