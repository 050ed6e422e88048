"""A narrow terminal shows less and wraps nothing: what goes first, and names cut so that they stay different."""

import pytest
from rich.cells import cell_len

from alexbench.reports.narrowing import SHORT_NAME, elided, narrowed
from alexbench.reports.table import Cell, Table


def table(*names: str) -> Table:
    found = Table("T", narrowing=("rate~", "top1", "rate"))
    found.add("system", [Cell(name, asides=("[1]",)) for name in names], numeric=False)
    found.add("FPS", [Cell("160.8", 160.8, ("(157.1-164.7)",)) for _ in names], name="rate")
    found.add("top-1 %", ["56.60" for _ in names], name="top1")
    found.add("checks", ["ok" for _ in names])
    return found


def lines(found: Table) -> list[str]:
    return ["  ".join(row) for row in (tuple(found.headings), *found.rows)]


def test_nothing_goes_where_all_fits() -> None:
    found, left_out = narrowed(table("torch", "openvino"), 80)
    assert (found.rows, left_out) == (table("torch", "openvino").rows, [])


def test_intervals_go_first_then_columns_in_their_order() -> None:
    assert narrowed(table("torch"), 40)[0].columns[1] == ["160.8"]
    assert narrowed(table("torch"), 40)[1] == []
    assert narrowed(table("torch"), 27)[1] == ["top-1 %"]
    assert narrowed(table("torch"), 18)[1] == ["top-1 %", "FPS"]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_long_names_are_cut_in_the_middle_and_keep_their_notes(width: int) -> None:
    names = [f"onnxruntime@a-rather-long-label int8 tuned quantized-{number}.onnx" for number in (1, 2)]
    found, _ = narrowed(table(*names), width)
    assert max(map(cell_len, lines(found))) <= width
    first, second = (row[0] for row in found.rows)
    assert first != second
    assert first.startswith("onnx")
    assert first.endswith("1.onnx [1]")


@pytest.mark.parametrize(
    "names",
    [
        ["a" * 60 + "1", "a" * 60 + "2"],
        ["1" + "a" * 60, "2" + "a" * 60],
        ["a" * 30 + "1" + "b" * 30, "a" * 30 + "2" + "b" * 30],
        ["模型" * 30 + "1", "模型" * 30 + "2"],
        ["same", "same"],
        [],
    ],
    ids=["end", "beginning", "middle", "wide letters", "equal", "none"],
)
def test_different_names_stay_different(names: list[str]) -> None:
    cut = elided(names, SHORT_NAME)
    assert len(set(cut)) == len(set(names))


def test_extra_columns_are_left_out_on_a_narrow_terminal_the_last_first() -> None:
    found = Table("t")
    found.add("system", ["a" * 10])
    found.add("one", ["b" * 10], extra=True)
    found.add("two", ["c" * 10], extra=True)
    found.add("last", ["d" * 10])
    widths = {80: ["system", "one", "two", "last"], 40: ["system", "one", "last"], 20: ["system", "last"]}
    for width, headings in widths.items():
        assert narrowed(found, width)[0].headings == headings
    assert found.headings == ["system", "one", "two", "last"]
