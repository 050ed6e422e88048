"""The first sentences of a report: who won, by how much, and whether to believe it."""

from dataclasses import replace

from alexbench.harness.records.reasons import Reason
from alexbench.reports.leaderboard.verdict import verdict
from tests.support.ranks import with_ranks
from tests.support.records import error_row, ok_row, parity, performance, run_record


def rows_at(*rates: float, **changes):  # type: ignore[no-untyped-def]
    names = ("torch", "onnxruntime", "openvino", "tensorflow")
    rows = tuple(ok_row(name, performance=performance(rate)) for name, rate in zip(names, rates, strict=False))
    return with_ranks(run_record(systems=rows, **changes), spread=0.001)


def test_the_winner_is_named_with_how_far_it_is_ahead_of_the_base() -> None:
    said = verdict(rows_at(100, 150, 200))
    assert said[0] == "Fastest: openvino (200 FPS); 2.00x torch (100 FPS)."
    assert said[1].endswith("% apart in FPS are always told apart here (95 %).")
    assert "All three match the float64 reference." in said


def test_rows_that_are_tied_are_named_together() -> None:
    first = verdict(rows_at(100, 150.01, 150))[0]
    assert first == "Fastest: onnxruntime (150 FPS) and openvino (150 FPS), tied; 1.50x torch (100 FPS)."


def test_where_all_are_tied_nobody_won() -> None:
    assert verdict(rows_at(100, 100.01))[0] == "No winner: onnxruntime (100 FPS) and torch (100 FPS) are tied."


def test_where_the_base_won_the_slowest_is_named() -> None:
    assert verdict(rows_at(200, 150, 100))[0] == "Fastest: torch (200 FPS); 2.00x openvino (100 FPS)."


def test_an_invalid_measurement_names_no_winner_and_says_what_to_do() -> None:
    said = verdict(replace(rows_at(100, 200), invalid=(Reason("suspended", measured=12.0),)))
    assert said[0] == "Not ranked: the machine was suspended for 12.0 s. Run it again on a quiet machine."
    assert not any("Fastest" in line for line in said)


def test_a_row_that_is_another_function_or_failed_is_named() -> None:
    record = run_record(
        systems=(ok_row("torch", parity=parity(passed=False)), ok_row("openvino"), error_row("tensorflow"))
    )
    said = verdict(record)
    assert "torch does not match the float64 reference." in said
    assert "tensorflow failed; see the remarks." in said


def test_without_speed_the_most_accurate_is_named() -> None:
    rows = tuple(ok_row(name, performance=None) for name in ("torch", "openvino"))
    assert verdict(run_record(systems=rows))[0] == "Both have the same top-1, 56.50 %."
