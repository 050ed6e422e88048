"""The gate rule, on numbers: what fails, what passes, what is left open, and how often chance alone fails."""

from math import ceil, floor

import numpy as np
import pytest

from alexbench.harness.judge.gate import (
    Allowed,
    LossFinding,
    anchored_times,
    change_of,
    lost_pictures,
    paired_times,
    value_verdict,
)

Times = dict[tuple[int, int], float]


def times(ms: float, *, rounds: int = 40, processes: int = 1, spread: float = 0.01, seed: int = 0) -> Times:
    random = np.random.default_rng(seed)
    return {
        (process, number): ms * float(np.exp(random.normal(0, spread)))
        for process in range(processes)
        for number in range(rounds)
    }


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "PASS"), (1.2, "FAIL"), (0.8, "PASS"), (1.03, "PASS")])
def test_what_is_slower_by_more_than_is_allowed_fails(factor: float, verdict: str) -> None:
    found = paired_times(times(10), times(10 * factor, seed=1), Allowed(5, "lower-is-better"))
    assert found.verdict == verdict
    assert found.ratio.value == pytest.approx(factor, rel=0.01)
    assert found.ratio.low <= found.ratio.value <= found.ratio.high


def test_two_sided_fails_what_got_faster_too() -> None:
    found = paired_times(times(10), times(8, seed=1), Allowed(5, "two-sided"))
    assert found.verdict == "FAIL"


def test_across_the_tolerance_it_is_open_and_says_how_many_rounds_would_decide() -> None:
    base, head = times(10, spread=0.2), times(10.3, spread=0.2, seed=1)
    found = paired_times(base, head, Allowed(5, "lower-is-better"))
    assert found.verdict == "INCONCLUSIVE"
    assert found.ratio.low < 1.05 < found.ratio.high
    assert found.more_rounds is not None
    more = times(10, rounds=found.more_rounds * 3, spread=0.2)
    head = times(10.2, rounds=found.more_rounds * 3, spread=0.2, seed=9)
    after = paired_times(more, head, Allowed(5, "lower-is-better"))
    width = (found.ratio.high - found.ratio.low, after.ratio.high - after.ratio.low)
    assert width[1] < width[0], "more rounds narrow the interval"


def test_an_estimate_at_the_tolerance_itself_is_not_promised_to_be_decided() -> None:
    base = times(10)
    head = {place: 10.5 * (1.01 if place[1] % 2 else 0.99) * value / 10 for place, value in base.items()}
    found = paired_times(base, head, Allowed(5, "lower-is-better"))
    assert found.verdict == "INCONCLUSIVE"
    assert found.more_rounds is None
    assert "at the tolerance itself" in found.why


def test_what_is_detectable_is_what_would_just_fail() -> None:
    base = times(10)
    found = paired_times(base, times(10, seed=1), Allowed(5, "lower-is-better"))
    slower = {place: value * found.detectable * 1.001 / found.ratio.value for place, value in times(10, seed=1).items()}
    faster = {place: value * found.detectable * 0.999 / found.ratio.value for place, value in times(10, seed=1).items()}
    assert paired_times(base, slower, Allowed(5, "lower-is-better")).verdict == "FAIL"
    assert paired_times(base, faster, Allowed(5, "lower-is-better")).verdict != "FAIL"


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
    found = {factor: paired_times(times(10), times(10 * factor, seed=1), allowed).verdict for factor in factors}
    assert found == factors


def test_a_fine_tolerance_needs_restarts_for_what_is_near_it() -> None:
    base, same, near = times(10), times(10, seed=1), times(10.25, spread=0.001, seed=1)
    for head in (same, near):
        found = paired_times(base, head, Allowed(2, "lower-is-better"))
        assert found.verdict == "INCONCLUSIVE"
        assert "--rigor standard" in found.why
    assert paired_times(base, times(11, seed=1), Allowed(2, "lower-is-better")).verdict == "FAIL"
    base, head = times(10, processes=3), times(10.6, processes=3, seed=1)
    assert paired_times(base, head, Allowed(2, "lower-is-better")).verdict == "FAIL"


def test_where_processes_differ_their_number_counts_and_not_that_of_rounds() -> None:
    head = {(process, number): 10 * factor for process, factor in enumerate((0.95, 1.0, 1.12)) for number in range(40)}
    found = paired_times(times(10, processes=3, spread=0.001), head, Allowed(5, "lower-is-better"))
    assert found.ratio.high - found.ratio.low > 0.2, "120 rounds of three processes are three"


def test_a_few_windows_have_students_interval_and_one_has_none() -> None:
    few = paired_times(times(10, rounds=4), times(12, rounds=4, seed=1), Allowed(5, "lower-is-better"))
    assert few.verdict == "FAIL"
    one = paired_times({(0, 0): 10.0}, {(0, 0): 20.0}, Allowed(5, "lower-is-better"))
    assert one.verdict == "INCONCLUSIVE"


def test_without_a_shared_round_nothing_is_paired() -> None:
    with pytest.raises(ValueError, match="share no round"):
        paired_times({(0, 0): 1.0}, {(1, 0): 1.0}, Allowed(5, "lower-is-better"))


def test_two_runs_are_held_against_each_other_by_their_anchors() -> None:
    base, head = times(3.0), times(3.6, seed=1)
    assert anchored_times(base, head, Allowed(10, "lower-is-better")).verdict == "FAIL"
    same = anchored_times(base, times(3.0, seed=2), Allowed(10, "lower-is-better"))
    paired = paired_times(base, times(3.0, seed=2), Allowed(10, "lower-is-better"))
    assert same.verdict == "PASS"
    assert same.ratio.value == pytest.approx(1, abs=0.01)
    assert (same.ratio.high - same.ratio.low) < 0.03 > (paired.ratio.high - paired.ratio.low)


@pytest.mark.parametrize("rounds", [4, 40])
def test_chance_alone_fails_at_most_as_often_as_the_interval_promises(rounds: int) -> None:
    """At the tolerance itself 5 % of measurements may FAIL; a little more, for medians of few are coarse."""
    failed = sum(
        paired_times(
            times(10, rounds=rounds, spread=0.05, seed=2 * number),
            times(10.5, rounds=rounds, spread=0.05, seed=2 * number + 1),
            Allowed(5, "lower-is-better"),
        ).verdict
        == "FAIL"
        for number in range(150)
    )
    assert failed <= 15


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
        (64, 1, 0.1, "PASS"),  # one picture is 1.6 points, and rounding turns one
        (64, 2, 0.1, "FAIL"),
    ],
)
def test_pictures_lost_are_counted(images: int, lost: int, tolerance: float, verdict: str) -> None:
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
def test_of_a_sample_so_many_more_pictures_decide(lost: int, gained: int, decided: str) -> None:
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
