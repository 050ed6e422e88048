"""Scales, ticks and the drawing itself."""

import pytest

from alexbench.reports.html.svg import Scale, curve, linear, logarithmic, mark, rows_plot, text, tick_text


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0.0, 100.0), [0, 20, 40, 60, 80, 100]),
        (Scale(0.0, 0.31), [0, 0.1, 0.2, 0.3]),
        (Scale(-6.2, 5.1), [-5, 0, 5]),
        (Scale(12.1, 12.9), [12.2, 12.4, 12.6, 12.8]),
        (Scale(10.0, 14.0, log=True), [10, 11, 12, 13, 14]),
        (Scale(1.0, 100.0, log=True), [1, 3, 10, 30, 100]),
        (Scale(1e-9, 1e-3, log=True), [1e-9, 1e-7, 1e-5, 1e-3]),
    ],
)
def test_ticks_are_round_and_few(scale: Scale, ticks: list[float]) -> None:
    assert scale.ticks() == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.3, "0.3"), (1500, "1,500"), (1e-7, "1e-7"), (1.2e-4, "1.2e-4"), (2e6, "2e6"), (12.4, "12.4")],
)
def test_a_tick_is_short(value: float, said: str) -> None:
    assert tick_text(value) == said


def test_a_scale_of_one_value_has_a_width() -> None:
    for scale in (linear([5.0]), logarithmic([5.0]), linear([0.0]), linear([0.0], zero=True)):
        assert scale.high > scale.low
        assert scale.ticks()


def test_a_scale_from_zero_has_no_margin_below() -> None:
    assert linear([3.0, 7.0], zero=True).low == 0


def test_shares_are_of_the_width() -> None:
    assert Scale(10, 20).percent(15) == "50.00%"
    assert Scale(1, 100, log=True).share(10) == pytest.approx(0.5)
    assert not Scale(10, 20).holds(21)


def test_a_path_is_stretched_with_the_plot() -> None:
    assert curve("line s0", [(0.0, 5.0), (1.0, 7.25)]) == '<path class="line s0" d="M0.0 5.0L1000.0 7.2"/>'


@pytest.mark.parametrize("hostile", ["<script>", "a\x1b[2Jb", '"&'])
def test_names_are_text(hostile: str) -> None:
    made = [text("tick", "0%", 0, hostile), mark("0%", 0, 0, title=hostile)]
    made.append(rows_plot([(hostile, [])], Scale(0, 1), height=20, x_title=hostile))
    for one in made:
        assert hostile not in one
        assert "\x1b" not in one
