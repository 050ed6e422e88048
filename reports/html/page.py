"""The page: a template filled with what a record and its folder say; style, script and charts are in it."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from alexbench.harness.files.plain_text import printable, strict_json
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.export.flat_table import csv_text, flat
from alexbench.reports.html import accuracy_charts, latency_charts, speed_charts
from alexbench.reports.html.bars import Bars, bars
from alexbench.reports.html.board import board, plain
from alexbench.reports.html.configuration import configuration
from alexbench.reports.html.drift_chart import drift
from alexbench.reports.html.figure import Figure, Missing
from alexbench.reports.html.mismatches import mismatches
from alexbench.reports.html.roofline import roofline
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.noise_banner import noise_banner
from alexbench.reports.leaderboard.tables import detail_tables
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.text import wording
from alexbench.reports.text.subtitle import subtitle

_HERE: Final = Path(__file__).parent
_CONTEXT: Final = ("machine", "environment", "conditions")


def html(folder: Path, record: RunRecord) -> str:
    """``report.html`` of a run; the same text for the same record and files.

    A sentence replaces what ``folder`` lacks or has damaged; the rest does not depend on it.
    """
    details = detail_tables(record)
    first = bars(record)
    figures = [first, *_figures(folder, record)]
    shown = mismatches(folder, record)
    context = [(name, list(_flat(getattr(record, name)))) for name in _CONTEXT]
    text: str = template("page.html").render(
        record=record,
        synthetic=record.model.synthetic or record.data.synthetic,
        subtitle=subtitle(record),
        verdict=list(filter(None, (*verdict(record), noise_banner(record)))),
        facts=wording.facts(record),
        remarks=wording.run_remarks(replace(record, invalid=())),
        explanations=explanations(record, [leaderboard(record), *details]),
        published=[] if record.comparisons else wording.published_lines(record),
        bars=first if isinstance(first, Bars) else None,
        board=board(record),
        tables=[plain(one) for one in details],
        figures=figures,
        missing=[one for one in figures if isinstance(one, Missing)],
        mismatches=shown,
        mismatched_rows=list(dict.fromkeys(name for one in shown.images for name in one.rows.split("\n") if name)),
        context=[*context, ("configuration", list(_flat(configuration(record))))],
        skipped=record.data.skipped,
        payload=in_script(_printable({"csv": {"leaderboard": csv_text(flat(record))}})),
        policy=_policy(),
        style=asset("style.css"),
        script=asset("script.js"),
    )
    return text


@cache
def _policy() -> Markup:
    """A Content-Security-Policy that lets our own style and script apply, by their digests, and nothing else."""
    digests = {
        kind: base64.b64encode(hashlib.sha256(asset(name).encode()).digest()).decode()
        for kind, name in (("style", "style.css"), ("script", "script.js"))
    }
    allowed = [f"{kind}-src 'sha256-{digest}'" for kind, digest in digests.items()]
    parts = ("default-src 'none'", "img-src data:", *allowed, "base-uri 'none'", "form-action 'none'")
    return Markup("; ".join(parts))  # noqa: S704 - no data in it


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
    """In the order of the page: speed, what it costs, then what explains it."""
    return [
        latency_charts.ridgelines(folder, record),
        speed_charts.throughput(record),
        accuracy_charts.pareto(record),
        latency_charts.slowest_calls(folder, record),
        roofline(record),
        speed_charts.layers(record),
        accuracy_charts.divergence(folder, record),
        drift(folder, record),
    ]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
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
        yield path, "not reported" if value is None else "none" if isinstance(value, Mapping) else str(value)


@cache
def asset(name: str) -> Markup:
    """One of our own files, as it is: none of them holds what would end its element."""
    return Markup((_HERE / name).read_text(encoding="utf-8"))  # noqa: S704 - no data in it


@cache
def template(name: str) -> Any:
    """One of our own templates. Jinja2 is imported here, so that reports are imported without it."""
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
    return environment.get_template(name)
