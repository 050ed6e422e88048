"""A comparison of layers as a person reads it: a table with a line a layer and a column a row, and sentences."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final, TextIO

from alexbench.harness.records.layer_records import LayerComparison, LayerError, RowLayers
from alexbench.reports.markdown import escape, listed, table_text
from alexbench.reports.table import Table
from alexbench.reports.terminal import Terminal

TITLE: Final = "Max abs error of each layer over sigma (effective bits)"


def print_layers(result: LayerComparison, stream: TextIO | None = None) -> None:
    """Print the table and the sentences."""
    terminal, table = Terminal(stream), layer_table(result)
    if table.headings:
        terminal.table(table)
    for sentence in sentences(result):
        terminal.line(sentence)


def layers_markdown(result: LayerComparison) -> str:
    """The same as Markdown."""
    table = layer_table(result)
    parts = [f"## {escape(table.title)}", *([table_text(table)] if table.headings else []), listed(sentences(result))]
    return "\n\n".join(parts) + "\n"


def layers_json(result: LayerComparison) -> dict[str, Any]:
    """The same as plain data: rows with ``first`` (a layer's name or null) and ``where``, with the layers' figures."""
    rows = [
        {**asdict(row), "first": row.first and row.first.layer, "where": row.first and channels_off(row.first)}
        for row in result.rows
    ]
    return {**asdict(result), "rows": rows, "exit_code": result.exit_code}


def answer(result: LayerComparison) -> list[str]:
    """Which rows leave float64 and where, then which do not."""
    lines = [f"{row.name} leaves float64 at {first.layer}, {channels_off(first)}." for row, first in _off(result)]
    lines += [f"{row.name} could not be compared: {row.error}" for row in result.rows if row.error is not None]
    within = [row.name for row in result.rows if row.error is None and row.first is None]
    if within:
        names = " and ".join(filter(None, (", ".join(within[:-1]), within[-1])))
        lines.append(f"Every layer of {names} is within rounding of float64 on {_images(result)}.")
    return lines


def _images(result: LayerComparison) -> str:
    count = len(result.images)
    return f"{count} image{'s' if count > 1 else ''}"


def _off(result: LayerComparison) -> Iterator[tuple[RowLayers, LayerError]]:
    """Rows that leave float64, and their first layer that does."""
    return ((row, row.first) for row in result.rows if row.error is None and row.first is not None)


def sentences(result: LayerComparison) -> list[str]:
    """What was found, one a row, and what qualifies it."""
    said = [f"Compared on {_images(result)} ({result.chosen}): {', '.join(result.images)}."]
    for row in result.rows:
        said.append(_sentence(row))
        if row.error is None and not row.looking_within:
            said.append(
                f"{row.name}: reading inner layers changed the result: the last layer, as one output of many, differs"
                f" from the row's own predict by {row.looking:.1e} sigma."
            )
    return [*said, *(f"{note}." for note in result.notes)]


def channels_off(error: LayerError) -> str:
    """Which of a layer's channels are off."""
    if not error.off:
        return "in no channel"
    if error.off == error.channels:
        return f"in all {error.channels} channels"
    named = ", ".join(str(channel) for channel, _ in error.worst)
    if error.off == 1:
        return f"in 1 of {error.channels} channels: {named}"
    also = ", the worst" if error.off > len(error.worst) else ""
    return f"in {error.off} of {error.channels} channels{also}: {named}"


def layer_table(result: LayerComparison) -> Table:
    """Consecutive layers that are the same everywhere (flatten, dropout) share a line; nothing where no row has any."""
    table = Table(TITLE)
    rows = [row for row in result.rows if row.error is None]
    if not rows:
        return table
    across = zip(*(row.layers for row in rows), strict=True)
    place_of = {row.precision: place for place, row in reversed([*enumerate(rows)])}  # rows of one share its bounds
    bounds = {"bound" if len(place_of) == 1 else f"{name} bound": place for name, place in sorted(place_of.items())}
    lines = [
        (layers[0].layer, [*(f"{layers[place].bound:.1e}" for place in bounds.values()), *map(_cell, rows, layers)])
        for layers in across
    ]
    merged = [(", ".join(name for name, _ in same), cells) for cells, same in groupby(lines, key=lambda line: line[1])]
    table.add("layer", [name for name, _ in merged], numeric=False)
    for place, heading in enumerate([*bounds, *(row.name for row in rows)]):
        table.add(heading, [cells[place] for _, cells in merged])
    return table


def _sentence(row: RowLayers) -> str:
    if row.error is not None:
        return f"{row.name}: not compared: {row.error}"
    first = row.first
    if first is None:
        near = max(row.layers, key=lambda one: one.max_abs_over_sigma / one.bound)
        share = 100 * near.max_abs_over_sigma / near.bound
        near_to = f"{near.layer}, at {share:.0f} % of its bound"
        return f"{row.name}: all {len(row.layers)} layers are within {row.precision} rounding; nearest: {near_to}."
    after = sum(not layer.within for layer in row.layers) - 1
    have = "has" if after == 1 else "have"
    inherited = f" {after} of the layers after it {have} inherited the error." if after else ""
    return (
        f"{row.name} leaves float64 at {first.layer}: {first.max_abs_over_sigma:.1e} sigma where {row.precision} may "
        f"have {first.bound:.1e} ({first.bits:.1f} bits), {channels_off(first)}.{inherited}"
    )


def _cell(row: RowLayers, layer: LayerError) -> str:
    mark = "" if layer.within else " FIRST" if layer is row.first else " over"
    return f"{layer.max_abs_over_sigma:.1e} ({layer.bits:.0f}){mark}"
