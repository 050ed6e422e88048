"""The gate rule, on numbers: what fails, what passes, what is left open, and how often chance alone fails."""

from dataclasses import replace
from math import ceil, exp, floor, log, sqrt

import numpy as np
import pytest
from scipy.stats import t as student

from alexbench.harness.judge.gate_rule import (
    Allowed,
    Known,
    LossFinding,
    anchored_times,
    change_of,
    known_of,
    lost_pictures,
    paired_times,
    value_verdict,
)
from alexbench.harness.judge.resolution import PRIOR_SD, Spread
from alexbench.harness.records.speed_records import Resolution

Times = dict[tuple[int, int], float]
NOTHING = Known(Spread(0.0, 0.0), prior_sd=0.015)
"""For a run older than resolutions: only the prior."""
FINE = Known(Spread(0.002**2, 12.0), prior_sd=0.002)
"""For a run whose processes were alike, on machines where they always are."""
FIVE = Allowed(5, "lower-is-better")


def times(
    ms: float, *, rounds: int = 5, processes: int = 3, spread: float = 0.001, rough: float = 0.01, seed: int = 0
) -> Times:
    """Times of processes that deviate by ``spread``, in rounds that deviate by ``rough``."""
    random = np.random.default_rng(seed)
    levels = random.normal(0, spread, processes)
    return {
        (process, number): ms * float(np.exp(levels[process] + random.normal(0, rough)))
        for process in range(processes)
        for number in range(rounds)
    }


def exactly(factor: float, processes: int) -> Times:
    """One round a process, of exactly that."""
    return {(process, 0): 10 * factor for process in range(processes)}


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "PASS"), (1.2, "FAIL"), (0.8, "PASS"), (1.02, "PASS")])
def test_what_is_slower_by_more_than_is_allowed_fails(factor: float, verdict: str) -> None:
    found = paired_times(times(10), times(10 * factor, seed=1), FIVE, FINE)
    assert found.verdict == verdict
    assert found.ratio.value == pytest.approx(factor, rel=0.01)
    assert found.ratio.low <= found.ratio.value <= found.ratio.high
    assert (found.rounds, found.processes) == (15, 3)


def test_two_sided_fails_what_got_faster_too() -> None:
    assert paired_times(times(10), times(8, seed=1), Allowed(5, "two-sided"), FINE).verdict == "FAIL"


def test_one_process_a_side_is_as_uncertain_as_the_prior_says() -> None:
    found = paired_times(exactly(1, 1), exactly(1.02, 1), FIVE, NOTHING)
    half = 2.132 * 0.015 * sqrt(2)  # t(0.95, 4) times the deviation of a difference of two processes
    assert found.ratio.low == pytest.approx(1.02 * exp(-half), rel=1e-4)
    assert found.ratio.high == pytest.approx(1.02 * exp(half), rel=1e-4)
    assert found.verdict == "INCONCLUSIVE"
    assert paired_times(exactly(1, 1), exactly(1, 1), FIVE, NOTHING).verdict == "PASS"
    assert paired_times(exactly(1, 1), exactly(1.09, 1), FIVE, NOTHING).verdict == "INCONCLUSIVE"
    assert paired_times(exactly(1, 1), exactly(1.11, 1), FIVE, NOTHING).verdict == "FAIL"


def test_rounds_of_one_process_narrow_nothing() -> None:
    few, many = (
        paired_times(times(10, rounds=rounds, processes=1), times(10, rounds=rounds, processes=1), FIVE, NOTHING)
        for rounds in (5, 500)
    )
    assert few.ratio.high - few.ratio.low == pytest.approx(many.ratio.high - many.ratio.low)


def test_more_processes_narrow_it_and_so_does_what_their_run_knows() -> None:
    base, head = exactly(1, 3), exactly(1.02, 3)
    widths = [
        found.ratio.high - found.ratio.low
        for found in (
            paired_times(exactly(1, 1), exactly(1.02, 1), FIVE, NOTHING),
            paired_times(base, head, FIVE, NOTHING),
            paired_times(base, head, FIVE, Known(Spread(0.005**2, 6.0), 0.015)),
        )
    ]
    assert widths == sorted(widths, reverse=True)
    rough = paired_times(base, head, FIVE, Known(Spread(0.05**2, 6.0), 0.015))
    assert rough.ratio.high - rough.ratio.low > widths[0], "a run whose processes differ by 5 % knows less"
    # 2 degrees of freedom of these, half of the 6 of their run, and no prior: 5 % are more than it.
    half = float(student.ppf(0.95, 5)) * 0.05 * sqrt(2 / 3)
    assert rough.ratio.high == pytest.approx(1.02 * exp(half))


def test_across_the_tolerance_it_is_open_and_says_how_many_processes_would_decide() -> None:
    found = paired_times(exactly(1, 3), exactly(1.03, 3), FIVE, Known(Spread(0.02**2, 8.0), 0.015))
    assert found.verdict == "INCONCLUSIVE"
    assert found.ratio.low < 1.05 < found.ratio.high
    assert found.more_processes is not None
    enough = 3 + found.more_processes
    after = paired_times(exactly(1, enough), exactly(1.03, enough), FIVE, Known(Spread(0.02**2, 8.0), 0.015))
    assert after.verdict == "PASS"


def test_an_estimate_at_the_tolerance_itself_is_not_promised_to_be_decided() -> None:
    found = paired_times(exactly(1, 3), exactly(1.0505, 3), FIVE, NOTHING)
    assert found.verdict == "INCONCLUSIVE"
    assert found.more_processes is None
    assert found.at_tolerance


def test_what_is_detectable_is_what_would_just_fail() -> None:
    least = paired_times(exactly(1, 3), exactly(1, 3), FIVE, NOTHING).detectable
    assert least > 1.05
    assert paired_times(exactly(1, 3), exactly(least * 1.0001, 3), FIVE, NOTHING).verdict == "FAIL"
    assert paired_times(exactly(1, 3), exactly(least * 0.9999, 3), FIVE, NOTHING).verdict != "FAIL"


@pytest.mark.parametrize(
    ("allowed", "factors"),
    [
        (Allowed(20, "two-sided"), {0.82: "PASS", 1.18: "PASS", 0.78: "FAIL", 1.22: "FAIL"}),
        (Allowed(40, "two-sided", rate=True), {1 / 1.37: "PASS", 1 / 1.45: "FAIL", 1 / 0.63: "PASS", 1 / 0.57: "FAIL"}),
        (Allowed(10, "higher-is-better", rate=True), {0.5: "PASS", 1 / 0.92: "PASS", 1 / 0.88: "FAIL"}),
        (Allowed(150, "two-sided"), {0.01: "PASS", 2.4: "PASS", 2.6: "FAIL"}),
    ],
)
def test_what_is_allowed_is_in_percent_of_the_base_either_way(allowed: Allowed, factors: dict[float, str]) -> None:
    found = {factor: paired_times(times(10), times(10 * factor, seed=1), allowed, FINE).verdict for factor in factors}
    assert found == factors


def test_where_processes_differ_their_number_counts_and_not_that_of_rounds() -> None:
    head = {(process, number): 10 * factor for process, factor in enumerate((0.95, 1.0, 1.12)) for number in range(40)}
    found = paired_times(times(10, rounds=40), head, FIVE, NOTHING)
    assert found.ratio.high - found.ratio.low > 0.2, "120 rounds of three processes are three"


def test_a_block_that_was_disturbed_moves_nothing() -> None:
    head = times(10, seed=1)
    calm = paired_times(times(10), head, FIVE, FINE)
    found = paired_times(times(10), {**head, (0, 2): 900.0}, FIVE, FINE)
    assert found.ratio.value == pytest.approx(calm.ratio.value, rel=0.01)


def test_without_a_shared_round_nothing_is_paired() -> None:
    with pytest.raises(ValueError, match="share no round"):
        paired_times({(0, 0): 1.0}, {(1, 0): 1.0}, FIVE, NOTHING)


def test_two_runs_are_compared_with_each_other_by_their_machine_probes() -> None:
    base, ten = times(3.0), Allowed(10, "lower-is-better")
    assert anchored_times(base, times(3.6, seed=1), ten, [FINE, FINE]).verdict == "FAIL"
    same = anchored_times(base, times(3.0, seed=2), ten, [FINE, FINE])
    assert same.verdict == "PASS"
    assert same.ratio.value == pytest.approx(1, abs=0.01)


def test_the_widths_of_two_runs_add_as_squares_each_by_what_its_own_run_knows() -> None:
    def width(*known: Known) -> float:
        ratio = anchored_times(exactly(1, 3), exactly(1, 3), FIVE, known).ratio
        return log(ratio.high)

    rough = Known(Spread(0.05**2, 6.0), 0.015)
    one, two = width(FINE, FINE), width(rough, rough)
    assert width(FINE, rough) == width(rough, FINE) == pytest.approx(sqrt((one**2 + two**2) / 2))


def test_the_side_with_fewer_processes_is_what_more_are_asked_of() -> None:
    found = anchored_times(exactly(1, 1), exactly(1.04, 3), FIVE, [NOTHING, NOTHING])
    assert (found.verdict, found.processes) == ("INCONCLUSIVE", 1)
    assert found.more_processes is not None


def test_a_record_says_how_its_processes_differed_and_an_older_one_says_nothing() -> None:
    latency = Resolution("latency", 1.04, 0.012, 0.01, 8.0, prior=True, processes=3)
    alone = replace(latency, of="images/s", measured=None, freedom=0.0)
    assert known_of([alone, latency], "latency").spread == Spread(pytest.approx(0.0001), 8.0)
    assert known_of([alone, latency], "images/s").spread == Spread(0.0, 0.0)
    assert known_of([], "latency") == Known(Spread(0.0, 0.0), PRIOR_SD["latency"])


@pytest.mark.parametrize("measured", [1e200, float("inf")])
def test_a_record_of_absurd_spread_leaves_everything_open(measured: float) -> None:
    known = known_of([Resolution("latency", 1.04, measured, measured, 8.0, prior=False, processes=3)], "latency")
    assert paired_times(exactly(1, 3), exactly(2, 3), FIVE, known).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize("processes", [1, 3, 6])
def test_chance_alone_fails_at_most_as_often_as_the_interval_promises(processes: int) -> None:
    """At the tolerance itself 5 % of measurements may FAIL, whatever the number of processes."""
    known = Known(Spread(0.015**2, 6.0), 0.015)
    failed = sum(
        paired_times(
            times(10, processes=processes, spread=0.015, seed=2 * number),
            times(10.5, processes=processes, spread=0.015, seed=2 * number + 1),
            FIVE,
            known,
        ).verdict
        == "FAIL"
        for number in range(300)
    )
    assert failed <= 24


def hits(images: int, wrong: int) -> np.ndarray:  # type: ignore[type-arg]
    found = np.ones(images, bool)
    found[:wrong] = False
    return found


@pytest.mark.parametrize(
    ("images", "lost", "tolerance", "verdict"),
    [
        (5000, 25, 0.1, "FAIL"),  # half a point
        (5000, 5, 0.1, "PASS"),
        (5000, 6, 0.1, "FAIL"),
        (1000, 1, 0.1, "PASS"),
        (64, 1, 0.1, "PASS"),  # one image is 1.6 points, and rounding turns one
        (64, 2, 0.1, "FAIL"),
    ],
)
def test_images_lost_are_counted(images: int, lost: int, tolerance: float, verdict: str) -> None:
    found = lost_pictures(
        hits(images, 0), hits(images, lost), tolerance=tolerance, direction="higher-is-better", sample=False
    )
    assert found.verdict == verdict
    assert found.change == pytest.approx(-100 * lost / images)
    assert found.low <= found.change <= found.high


def test_what_is_gained_is_no_loss_unless_any_change_is() -> None:
    kwargs = {"tolerance": 0.1, "sample": False}
    assert lost_pictures(hits(1000, 50), hits(1000, 0), direction="higher-is-better", **kwargs).verdict == "PASS"  # type: ignore[arg-type]
    assert lost_pictures(hits(1000, 50), hits(1000, 0), direction="two-sided", **kwargs).verdict == "FAIL"  # type: ignore[arg-type]


def test_of_a_sample_the_interval_decides() -> None:
    def sample(lost: int, images: int = 1000) -> str:
        return lost_pictures(
            hits(images, 0), hits(images, lost), tolerance=0.5, direction="higher-is-better", sample=True
        ).verdict

    assert sample(0) == "PASS"
    assert sample(3) == "INCONCLUSIVE"
    assert sample(30) == "FAIL"


@pytest.mark.parametrize(("lost", "gained", "decided"), [(8, 3, "FAIL"), (2, 3, "PASS"), (3, 3, "PASS")])
def test_of_a_sample_so_many_more_images_decide(lost: int, gained: int, decided: str) -> None:
    def sample(times: int) -> LossFinding:
        base, head = hits(1000 * times, gained * times), hits(1000 * times, 0)
        head[-lost * times :] = False
        return lost_pictures(base, head, tolerance=0.1, direction="higher-is-better", sample=True)

    found = sample(1)
    assert found.verdict == "INCONCLUSIVE"
    assert found.more_images is not None
    enough = 1 + found.more_images / 1000
    assert sample(ceil(1.3 * enough)).verdict == decided
    assert sample(max(1, floor(0.6 * enough))).verdict == "INCONCLUSIVE"


def test_a_value_is_judged_by_its_direction() -> None:
    assert change_of(100, 130) == pytest.approx(30)
    assert value_verdict(30, tolerance=20, direction="lower-is-better") == "FAIL"
    assert value_verdict(-30, tolerance=20, direction="lower-is-better") == "PASS"
    assert value_verdict(-30, tolerance=20, direction="two-sided") == "FAIL"
    assert value_verdict(30, tolerance=20, direction="higher-is-better") == "PASS"
