"""What disturbed a run is reported once, with the range over all rows and how far apart tied rows may be."""

from dataclasses import replace

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Difference, Noise
from alexbench.reports.leaderboard.noise_banner import disturbances, noise_banner
from alexbench.reports.leaderboard.output import markdown
from alexbench.reports.leaderboard.verdict import verdict
from tests.support.records import noise, ok_row, performance, reasons, run_record


def disturbed(*measured: float) -> Noise:
    return replace(noise(), failed=tuple(Reason("foreign", measured=one, limit=5.0) for one in measured))


def rows_disturbed_by(*shares: float):  # type: ignore[no-untyped-def]
    return [
        ok_row(f"row{place}", performance=performance(100 + place, noise=disturbed(share)))
        for place, share in enumerate(shares)
    ]


def test_a_quiet_run_has_none() -> None:
    assert noise_banner(run_record(ok_row("a", performance=performance(noise=noise())))) == ""
    assert noise_banner(run_record()) == ""


def test_all_rows_share_one_banner_with_the_range_and_what_ties_may_hide() -> None:
    rows = [replace(row, rank=rank) for row, rank in zip(rows_disturbed_by(20.3, 24.6, 22.0), (1, 1, 3), strict=True)]
    pairs = [
        Difference("images/s", "row0", "row1", 1.02, 0.95, 1.13, apart=False),
        Difference("images/s", "row0", "row2", 1.5, 1.2, 1.9, apart=True),
    ]
    record = run_record(*rows, differences=pairs)
    assert noise_banner(record) == (
        "Noisy machine: other processes used 20-25 % of the CPU. Tied rows may differ by up to 13 % in FPS."
        " Re-run on a quiet machine."
    )
    assert markdown(record).count("other processes used 20-25 %") == 1


def test_causes_come_before_symptoms_and_each_kind_once() -> None:
    rows = [ok_row(name, performance=performance(noise=noise("drift", "steal", "throttled"))) for name in "ab"]
    assert disturbances(run_record(*rows)) == (
        "the hypervisor took 11 % of the CPU, the CPU throttled its clock, latency drifted by 11 %"
    )


def test_an_invalid_run_has_no_banner_and_a_verdict_that_says_both() -> None:
    record = run_record(*rows_disturbed_by(30.0), invalid=reasons("asleep"))
    assert noise_banner(record) == ""
    assert verdict(record)[0] == (
        "Not ranked: asleep; other processes used 30 % of the CPU. Re-run on a quiet machine."
    )


def test_an_older_record_that_knows_only_that_it_was_unsteady() -> None:
    record = run_record(ok_row("a", performance=performance(steady=False)))
    assert disturbances(record) == "no steady state"
