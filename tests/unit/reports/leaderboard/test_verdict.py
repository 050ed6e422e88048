"""The first sentences of a report: who won, by how much, and whether to believe it."""

from dataclasses import replace

from alexbench.harness.records.reasons import Reason
from alexbench.reports.leaderboard.verdict import verdict
from tests.support.ranks import with_ranks
from tests.support.records import (
    effective,
    error_row,
    ok_row,
    older_run,
    parity,
    performance,
    run_record,
    synthetic_run,
)


def rows_at(*rates: float, **changes):  # type: ignore[no-untyped-def]
    names = ("torch", "onnxruntime", "openvino", "tensorflow")
    rows = tuple(ok_row(name, performance=performance(rate)) for name, rate in zip(names, rates, strict=False))
    return with_ranks(run_record(systems=rows, **changes), spread=0.001)


def test_the_winner_is_named_with_how_far_it_is_ahead_of_the_base() -> None:
    said = verdict(rows_at(100, 150, 200))
    assert said[0] == "Fastest: openvino (200 FPS); 2.00x torch (100)."
    assert "All three match the float64 reference." in said


def test_rows_that_are_tied_are_named_together() -> None:
    first = verdict(rows_at(100, 150.01, 150))[0]
    assert first == "Fastest: onnxruntime (150 FPS) and openvino (150), tied; 1.50x torch (100)."


def test_where_all_are_tied_nobody_won() -> None:
    assert verdict(rows_at(100, 100.01))[0] == "No winner: onnxruntime (100 FPS) and torch (100) are tied."


def test_where_the_base_won_the_slowest_is_named() -> None:
    assert verdict(rows_at(200, 150, 100))[0] == "Fastest: torch (200 FPS); 2.00x openvino (100)."


def test_an_invalid_measurement_names_no_winner_and_says_what_to_do() -> None:
    said = verdict(replace(rows_at(100, 200), invalid=(Reason("suspended", measured=12.0),)))
    assert said[0] == "Not ranked: the machine was suspended for 12.0 s. Re-run on a quiet machine."
    assert not any("Fastest" in line for line in said)


def test_a_row_that_is_another_function_or_failed_is_named() -> None:
    record = run_record(
        systems=(ok_row("torch", parity=parity(passed=False)), ok_row("openvino"), error_row("tensorflow"))
    )
    said = verdict(record)
    assert "torch does not match the float64 reference." in said
    assert "tensorflow failed (see the notes)." in said


def test_without_speed_the_most_accurate_is_named() -> None:
    rows = tuple(ok_row(name, performance=None) for name in ("torch", "openvino"))
    assert verdict(run_record(systems=rows))[0] == "Both have the same top-1: 56.50 %."


def test_rows_that_ran_unlike_have_winners_of_their_own() -> None:
    bf16 = effective(precision=("bf16", "measured"))
    rows = (
        ok_row("torch", performance=performance(100)),
        ok_row("openvino", performance=performance(200)),
        ok_row("torch bf16", effective=bf16, performance=performance(300)),
        ok_row("openvino bf16", effective=bf16, performance=performance(400)),
    )
    said = verdict(run_record(*rows))
    assert said[0].startswith("Fastest (bf16): openvino bf16 (400 FPS)")
    assert said[1].startswith("Fastest (fp32): openvino (200 FPS)")


def test_a_single_row_has_no_winner() -> None:
    assert verdict(rows_at(100))[0] == "torch: 100 FPS."
    failed = run_record(ok_row("torch", performance=performance(100)), error_row("tensorflow"))
    assert verdict(failed)[0] == "torch: 100 FPS; no other row is ranked."


def test_a_record_without_ranks_reports_it() -> None:
    assert verdict(older_run(ok_row("torch"), ok_row("openvino")))[0].startswith("Not ranked: an older version")


def test_synthetic_data_is_the_last_sentence() -> None:
    assert verdict(synthetic_run(ok_row("torch")))[-1] == "Synthetic data: accuracy says nothing about ImageNet."
