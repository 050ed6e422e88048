"""An ablation as a heat map: how it is resized and decoded downwards, crop and channels across."""

import itertools
from typing import Final

from alexbench.harness.records.ablation_records import Ablation, Axis, Cell, Choice
from alexbench.reports.plots.heat_map import HeatMap

DOWN: Final[tuple[Axis, ...]] = ("interpolation", "antialias", "decoder")
ACROSS: Final[tuple[Axis, ...]] = ("channels", "crop")


def heat_map(ablation: Ablation) -> HeatMap:
    """Every combination, those that nobody has as None; an axis that is not varied is left out of the labels."""
    down, across = varied(ablation, DOWN), varied(ablation, ACROSS)
    rows, columns = list(_choices(ablation, DOWN)), list(_choices(ablation, ACROSS))
    cells = [[_cell(ablation, row, column) for column in columns] for row in rows]
    synthetic = "SYNTHETIC: " if ablation.synthetic else ""
    missing = ("-: no library resizes this way.",) if any(None in row for row in cells) else ()
    own = ablation.cell(ablation.own)
    assert own is not None
    return HeatMap(
        title=f"{ablation.model}: what each choice of preprocessing costs",
        lines=(
            f"{synthetic}{ablation.images} images of {ablation.source}, on {ablation.runtime}",
            f"framed: the card's own, top-1 {own.test.base:.1f} % ({said(ablation.own)})",
        ),
        row_heading=down or ("",),
        rows=tuple(tuple(row.of(axis) for axis in down) or ("as given",) for row in rows),
        columns=tuple(tuple(column.of(axis) for axis in across) or ("as given",) for column in columns),
        values=tuple(tuple(None if cell is None else cell.test.difference for cell in row) for row in cells),
        clear=tuple(tuple(cell is not None and clear(cell) for cell in row) for row in cells),
        own=(
            [_key(row, DOWN) for row in rows].index(_key(ablation.own, DOWN)),
            [_key(column, ACROSS) for column in columns].index(_key(ablation.own, ACROSS)),
        ),
        unit="points of top-1",
        notes=("Points of top-1 against the framed cell. Bold: the 95 % interval is all on one side of 0.", *missing),
    )


def said(choice: Choice) -> str:
    """A whole choice, shortly."""
    antialias = "with" if choice.antialias == "yes" else "without"
    return f"{choice.decoder}, {choice.interpolation} {antialias} antialias, {choice.crop}, {choice.channels}"


def clear(cell: Cell) -> bool:
    """Whether the whole interval of the points is on one side of 0."""
    low, high = cell.test.interval
    return low > 0 or high < 0


def varied(ablation: Ablation, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Those of ``axes`` that have a choice."""
    return tuple(axis for axis in axes if len(ablation.levels[axis]) > 1)


def _choices(ablation: Ablation, axes: tuple[Axis, ...]) -> list[Choice]:
    """The own choice with every combination of these axes' levels."""
    made = []
    for named in itertools.product(*(ablation.levels[axis] for axis in axes)):
        choice = ablation.own
        for axis, level in zip(axes, named, strict=True):
            choice = choice.but(axis, level)
        made.append(choice)
    return made


def _cell(ablation: Ablation, row: Choice, column: Choice) -> Cell | None:
    choice = row
    for axis in ACROSS:
        choice = choice.but(axis, column.of(axis))
    return ablation.cell(choice)


def _key(choice: Choice, axes: tuple[Axis, ...]) -> tuple[str, ...]:
    return tuple(choice.of(axis) for axis in axes)
