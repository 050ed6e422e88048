"""The page: a template filled with what a record and its folder say; style, script and chart library stand inside."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from alexbench.harness.files.plain_text import printable, strict_json
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.export.flat_table import csv_text, flat
from alexbench.reports.html import accuracy_charts, latency_charts, speed_charts
from alexbench.reports.html.board import board, plain
from alexbench.reports.html.figure import Figure, Missing
from alexbench.reports.html.flips import flips
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.tables import detail_tables
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.text import wording
from alexbench.reports.text.reason_words import joined

_HERE: Final = Path(__file__).parent
_CONTEXT: Final = ("machine", "environment", "conditions", "configuration")


def html(folder: Path, record: RunRecord) -> str:
    """``report.html`` of a run; the same text for the same record and files beside it.

    What ``folder`` does not have, or has damaged, is said in a sentence in its place: the rest does not depend on it.
    """
    details = detail_tables(record)
    figures = _figures(folder, record)
    pictures = flips(folder, record)
    plotted = {
        one.key: {"columns": one.columns, "rows": one.rows, "spec": one.spec}
        for one in figures
        if isinstance(one, Figure)
    }
    csv = {"leaderboard": csv_text(flat(record))}
    text: str = _template().render(
        record=record,
        synthetic=record.model.synthetic or record.data.synthetic,
        verdict=verdict(record),
        facts=wording.facts(record),
        invalid=joined(record.invalid),
        remarks=wording.run_remarks(replace(record, invalid=())),
        explanations=explanations(record, [leaderboard(record), *details]),
        published=[] if record.comparisons else wording.published_lines(record),
        board=board(record),
        tables=[plain(one) for one in details],
        figures=figures,
        flips=pictures,
        flipped_rows=list(dict.fromkeys(name for one in pictures.pictures for name in one.rows.split("\n") if name)),
        context=[(name, list(_flat(getattr(record, name)))) for name in _CONTEXT],
        skipped=record.data.skipped,
        payload=in_script(_printable({"figures": plotted, "csv": csv})),
        style=_asset("style.css"),
        script=_asset("script.js"),
        library=_asset("vega.js") if plotted else "",
    )
    return text


def in_script(data: Any) -> Markup:
    """JSON that nothing in it can end a script element with, or begin a comment."""
    text = strict_json(data, indent=None)
    for character in "<>&":  # in JSON they stand in strings only
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - nothing is left in it that HTML reads


def _printable(data: Any) -> Any:
    """All text in it as a page may show it."""
    if isinstance(data, str):
        return data if isinstance(data, Markup) else printable(data)
    if isinstance(data, Mapping):
        return {_printable(key): _printable(value) for key, value in data.items()}
    return [_printable(one) for one in data] if isinstance(data, list | tuple) else data


def _figures(folder: Path, record: RunRecord) -> list[Figure | Missing]:
    return [
        accuracy_charts.pareto(record),
        latency_charts.latency_histogram(folder, record),
        latency_charts.latency_percentiles(folder, record),
        speed_charts.throughput(record),
        speed_charts.roofline(record),
        speed_charts.layers(record),
        accuracy_charts.divergence(folder, record),
        latency_charts.drift(folder, record),
    ]


def _flat(value: Any, path: str = "") -> Any:
    """A tree as lines: the path to each leaf, and its value as text; lists of plain values are one line."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping | list | tuple) for one in value):
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{place}]")
    elif isinstance(value, list | tuple):
        yield path, ", ".join(map(str, value)) or "none"
    else:
        yield path, "not known" if value is None else "none" if isinstance(value, Mapping) else str(value)


@cache
def _asset(name: str) -> Markup:
    """One of our own files, as it is: none of them holds what would end its element."""
    return Markup((_HERE / name).read_text(encoding="utf-8"))  # noqa: S704 - no data in it


@cache
def _template() -> Any:
    """Jinja2 is imported here, so that reports are imported without it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["figure"] = lambda one: isinstance(one, Figure)
    return environment.get_template("page.html")
