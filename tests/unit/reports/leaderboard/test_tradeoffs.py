"""Speed against accuracy: paired points, and who is beaten in both beyond the intervals."""

import io
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from PIL import Image

from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Difference
from alexbench.harness.systems import System
from alexbench.reports.leaderboard.price import price_table
from alexbench.reports.leaderboard.tradeoffs import tradeoffs, untold
from alexbench.reports.plots.run_plots import BLUE, draw_tradeoff
from tests.support.records import of_system, ok_row, performance, run_record

RIGHT: Final = np.arange(1000) < 600
RATES: Final = {"fp32": 100.0, "int8": 200.0, "bf16": 99.0}


def pair(other: str, *, lost: int) -> RowPair:
    answers = RIGHT.copy()
    answers[:lost] = False
    test = paired_test("top1", RIGHT, answers)
    return RowPair("torch", other, test, test)


def priced(lost: int = 20) -> RunRecord:
    """fp32; int8, twice as fast; bf16, as fast as fp32; both lose ``lost`` images."""
    systems = {precision: System("torch", 2, precision) for precision in RATES}
    rows = [
        ok_row(
            "torch" if name == "fp32" else f"torch {name}",
            performance=performance(RATES[name]),
            **of_system(system),
        )
        for name, system in systems.items()
    ]
    return run_record(*rows, pairs=tuple(pair(row.name, lost=lost) for row in rows[1:]))


def test_each_row_has_the_points_that_it_loses_of_the_bases_top1() -> None:
    found = {one.row.entry.name: one for one in tradeoffs(priced())}
    assert {name: one.points for name, one in found.items()} == {"torch": 0.0, "torch int8": -2.0, "torch bf16": -2.0}
    low, high = found["torch int8"].points_interval
    assert low < -2.0 < high < 0


def test_a_row_is_beaten_by_one_that_is_faster_and_loses_no_more() -> None:
    assert {one.row.entry.name for one in tradeoffs(priced()) if one.beaten} == {"torch bf16"}


def test_the_price_of_a_precision_is_shown_even_where_it_is_nothing() -> None:
    record = priced(lost=0)
    assert untold(record, tradeoffs(record)) == ""


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({}, "torch int8 is slower than fp32 here; --rigor standard shows in which layer."),
        ({"conv1": 1.0, "fc6": 9.0}, "torch int8 is slower than fp32 here, most of all in fc6: 9.00 ms, fp32 2.00 ms."),
    ],
)
def test_int8_that_is_slower_than_fp32_names_the_layer(layers: dict[str, float], said: str) -> None:
    fp32, int8, _ = priced().systems
    speeds = performance(100.0, layers_ms={"conv1": 1.5, "fc6": 2.0}), performance(50.0, layers_ms=layers)
    pair = Difference("images/s", "torch", "torch int8", 0.5, 0.4, 0.6, apart=True)
    rows = replace(fp32, performance=speeds[0]), replace(int8, performance=speeds[1])
    assert price_table(run_record(*rows, differences=(pair,))).caption == [said]


def test_the_plot_has_a_mark_of_each_colour() -> None:
    picture = draw_tradeoff(priced())
    assert picture is not None
    assert BLUE.lower() in picture.svg.decode().lower()
    with Image.open(io.BytesIO(picture.png)) as image:
        assert image.width == 1350


def test_a_run_without_pairs_has_no_plot() -> None:
    assert draw_tradeoff(run_record(ok_row("torch"), ok_row("openvino"))) is None
