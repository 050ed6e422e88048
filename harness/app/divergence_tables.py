"""A comparison of layers as a person reads it: a table with a line a layer and a column a row, and sentences."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from alexbench.harness.app.divergence import LayerComparison, RowLayers
from alexbench.harness.app.out_file import write_out
from alexbench.harness.console import console
from alexbench.harness.judge.divergence import LayerError
from alexbench.harness.plain_text import json_text
from alexbench.reports.html.data import LAYERS
from alexbench.reports.markdown import escape, listed

TITLE: Final = "Max abs error of each layer over sigma (effective bits)"
LOOKED: Final = "Looking changed what was looked at"


def print_layers(result: LayerComparison, *, as_json: bool = False) -> None:
    """To standard output: the table and the sentences, or all as JSON."""
    if as_json:
        sys.stdout.write(json_text(layers_json(result)) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown_on = console(width=None if sys.stdout.isatty() else 160)
    headings, lines = _table(result)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=TITLE, title_justify="left", title_style="")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for line in lines:
        table.add_row(*line)
    if lines:
        shown_on.print(table)
    for sentence in sentences(result):
        shown_on.print(sentence, soft_wrap=True)


def layers_markdown(result: LayerComparison) -> str:
    """The same as Markdown."""
    headings, lines = _table(result)
    parts = [f"## {TITLE}"]
    if lines:
        rule = "|---|" + "---:|" * (len(headings) - 1)
        parts.append("\n".join([_line(headings), rule, *map(_line, lines)]))
    parts.append(listed(sentences(result)))
    return "\n\n".join(parts) + "\n"


def layers_json(result: LayerComparison) -> dict[str, Any]:
    """The same as plain data: rows with ``first`` (a layer's name or null) and ``where`` beside the layers' figures."""
    rows = [
        {**asdict(row), "first": row.first and row.first.layer, "where": row.first and row.first.where}
        for row in result.rows
    ]
    return {**asdict(result), "rows": rows, "exit_code": result.exit_code}


def keep_layers(folder: Path, result: LayerComparison) -> Path:
    """Write the comparison into the folder of the run it is of, where ``alexbench report`` finds it; the file.

    Raises:
        UsageError: it cannot be written there.
    """
    path = folder / LAYERS
    write_out(path, json_text(layers_json(result)) + "\n", flag="--keep")
    return path


def sentences(result: LayerComparison) -> list[str]:
    """What was found, one a row, and what qualifies it."""
    count = len(result.images)
    said = [f"Looked at {count} picture{'s' if count > 1 else ''} ({result.chosen}): {', '.join(result.images)}."]
    for row in result.rows:
        said.append(_sentence(row))
        if row.error is None and not row.looking_within:
            said.append(
                f"{row.name}: {LOOKED}: the last layer, as one output of many, differs from its own predict by "
                f"{row.looking:.1e} sigma."
            )
    return [*said, *(f"{note}." for note in result.notes)]


def _sentence(row: RowLayers) -> str:
    if row.error is not None:
        return f"{row.name}: not looked at: {row.error}"
    first = row.first
    if first is None:
        near = max(row.layers, key=lambda one: one.max_abs_over_sigma / one.bound)
        share = 100 * near.max_abs_over_sigma / near.bound
        near_to = f"{near.layer}, at {share:.0f} % of its bound"
        return f"{row.name}: all {len(row.layers)} layers keep to what {row.precision} rounds; nearest: {near_to}."
    after = sum(not layer.within for layer in row.layers) - 1
    have = "has" if after == 1 else "have"
    inherited = f" {after} of the layers after it {have} inherited the error." if after else ""
    return (
        f"{row.name} leaves float64 at {first.layer}: {first.max_abs_over_sigma:.1e} sigma where {row.precision} may "
        f"have {first.bound:.1e} ({first.bits:.1f} bits), {first.where}.{inherited}"
    )


def _table(result: LayerComparison) -> tuple[list[str], list[list[str]]]:
    """Headings and lines; consecutive layers that are the same everywhere (flatten, dropout) share one."""
    rows = [row for row in result.rows if row.error is None]
    if not rows:
        return [], []
    lines = [[layers[0].layer, f"{layers[0].bound:.1e}", *map(_cell, rows, layers)] for layers in _across(rows)]
    merged = []
    for cells, same in groupby(lines, key=lambda line: line[1:]):
        merged.append([", ".join(line[0] for line in same), *cells])
    return ["layer", "bound", *(row.name for row in rows)], merged


def _across(rows: Sequence[RowLayers]) -> list[tuple[LayerError, ...]]:
    """Layer by layer, every row's."""
    return list(zip(*(row.layers for row in rows), strict=True))


def _cell(row: RowLayers, layer: LayerError) -> str:
    mark = "" if layer.within else " FIRST" if layer is row.first else " over"
    return f"{layer.max_abs_over_sigma:.1e} ({layer.bits:.0f}){mark}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"
