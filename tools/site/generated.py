"""Parts of the documentation site that are made from the code: commands, exit codes, columns, records, model cards."""

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import click

from alexbench.backends.registry import backend_names
from alexbench.harness import __all__ as public_names
from alexbench.harness.cli import cli
from alexbench.harness.conformance.declared import CAPABILITIES, declared
from alexbench.harness.models.card import Card, card_names, load_card
from alexbench.harness.records.gate_records import GateReport
from alexbench.harness.records.paired_records import PairedReport
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.columns import COLUMNS

_WIDTH: Final = 80
"""Columns of a command's help, as on a terminal."""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return re.sub(r"\s+", " ", str(value)).replace("|", "\\|")


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(inner, (*path, name))


def _help(command: click.Command, path: Sequence[str]) -> str:
    """What ``--help`` prints, without colours."""
    info = " ".join(path)
    with click.Context(
        command, info_name=info, color=False, terminal_width=_WIDTH, max_content_width=_WIDTH
    ) as context:
        return click.unstyle(command.get_help(context))


def commands() -> str:
    """Every command's help, as the command prints it."""
    return "\n\n".join(
        f"{'#' * min(len(path) + 1, 4)} {' '.join(path)}\n\n```text\n{_help(command, path).rstrip()}\n```"
        for path, command in _commands(cli, ("alexbench",))
    )


def columns() -> str:
    """The columns of leaderboards and exports, in the order in which files have them."""
    kinds = {str: "text", bool: "true/false", int: "integer", float: "number"}
    rows = ((f"`{one.name}`", kinds[one.kind], one.unit, one.heading, one.explanation) for one in COLUMNS)
    return table(("name", "type", "unit", "heading in tables", "meaning"), rows)


def _reachable(kind: type[Any], found: dict[str, type[Any]]) -> dict[str, type[Any]]:
    """A dataclass and those that its fields hold, each once."""
    if kind.__name__ in found:
        return found
    found[kind.__name__] = kind
    for hint in typing.get_type_hints(kind).values():
        for inner in _classes_in(hint):
            _reachable(inner, found)
    return found


def _classes_in(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
    for inner in typing.get_args(hint):
        yield from _classes_in(inner)


def _type_words(hint: Any) -> str:
    """A type as a reader of JSON would say it."""
    if isinstance(hint, str):
        return hint
    words = re.sub(r"\b(?:[a-z_]\w*\.)+", "", inspect.formatannotation(hint))
    return re.sub(r"Annotated\[(\w+), [^\]]*\]", r"\1", words)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    return "empty" if field.default_factory is not dataclasses.MISSING else ""


def docstring(thing: Any) -> str:
    """A docstring as Markdown: roles become code."""
    return re.sub(r":[a-z]+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(thing.__doc__ or ""))


def _dataclass(kind: type[Any], level: int) -> str:
    hints = typing.get_type_hints(kind)
    rows = ((f"`{one.name}`", f"`{_type_words(hints[one.name])}`", _default(one)) for one in dataclasses.fields(kind))
    return f"{'#' * level} {kind.__name__}\n\n{docstring(kind)}\n\n{table(('field', 'type', 'default'), rows)}"


def _record(root: type[Any]) -> str:
    return "\n\n".join(_dataclass(kind, 3) for kind in _reachable(root, {}).values())


def run_record() -> str:
    """The dataclasses of ``run.json``."""
    return _record(RunRecord)


def comparison_record() -> str:
    """Those of ``compare --json``."""
    return _record(PairedReport)


def gate_record() -> str:
    """Those of ``gate --json``."""
    return _record(GateReport)


def _weights(card: Card) -> str:
    rows = []
    for one in card.weights:
        known = one.sha256 or (one.sha256_prefix and f"{one.sha256_prefix}...") or "no checksum is published"
        size = "" if one.size is None else f"{one.size:,} bytes"
        rows.append((f"`{one.file}`", one.format, size, f"`{known}`" if one.sha256 or one.sha256_prefix else known))
    return table(("file", "format", "size", "SHA-256"), rows) if rows else "No weights are published."


def _published(card: Card) -> str:
    rows = [(one.source, one.top1, one.top5) for one in card.published]
    return table(("source", "top-1 %", "top-5 %"), rows) if rows else "No accuracy is published."


def _card(name: str) -> str:
    card = load_card(name)
    network = card.build_network()
    facts = (
        ("network", f"`{card.network}`, input {card.preprocessing.crop} x {card.preprocessing.crop}"),
        ("parameters", f"{network.parameters:,}"),
        ("MACs per image", f"{network.macs:,}"),
        ("outputs", card.labels),
        ("licence", card.licence),
        ("citation", card.citation),
    )
    prepared = [
        (one.name, f"`{getattr(card.preprocessing, one.name)}`") for one in dataclasses.fields(card.preprocessing)
    ]
    notes = "".join(f"- {note}\n" for note in card.notes)
    tables = (table(("card", ""), facts), table(("preprocessing", ""), prepared), _weights(card), _published(card))
    parts = (f"## {card.name}", card.title, *tables, notes)
    return "\n\n".join(part for part in parts if part)


def model_cards() -> str:
    """The cards that come with AlexBench, from their TOML files."""
    return "\n\n".join(map(_card, card_names()))


def python_api() -> str:
    """What the builder's own generator (mkdocstrings) is told to show: the public names of ``alexbench.harness``."""
    return "\n\n".join(f"::: alexbench.harness.{name}" for name in public_names if not name.startswith("__"))


def capabilities() -> str:
    """What each backend of ours declares; CI runs the kit on each, so that what is declared is checked."""
    ours = {name: declared(name) for name in backend_names()}
    head = ["capability", *ours]
    rows = [[f"`{code}`", *("yes" if code in found else "" for found in ours.values())] for code in CAPABILITIES]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


GENERATED: Final[dict[str, Callable[[], str]]] = {
    "capabilities": capabilities,
    "columns": columns,
    "commands": commands,
    "comparison-record": comparison_record,
    "gate-record": gate_record,
    "model-cards": model_cards,
    "python-api": python_api,
    "run-record": run_record,
}
"""By the name in a page's marker, ``<!-- generated: NAME -->``."""
