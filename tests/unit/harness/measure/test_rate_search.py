"""The search for the highest load, on a queue that is computed: Poisson arrivals, one server, a fixed service time."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.measure.rate_search import (
    RESOLUTION,
    Probe,
    SearchResult,
    highest_rate,
    refuse_bound_below_inference,
)
from alexbench.harness.records.reasons import Reason

SERVICE_MS = 10.0
BOUND_MS = 30.0
MANY = 200_000


def p99_of_a_queue(rate: float, queries: int, seed: int) -> float:
    """Milliseconds from arrival to answer at p99, by Lindley's recursion: W(k+1) = max(0, W(k) + S - A(k))."""
    gaps_ms = np.random.default_rng(seed).exponential(1000 / rate, queries)
    walk = np.cumsum(SERVICE_MS - gaps_ms)
    waits = walk - np.minimum.accumulate(np.minimum(walk, 0))
    return float(np.sort(waits + SERVICE_MS)[int(queries * 0.99)])


def queue(queries: int = MANY) -> Callable[[float, int], Probe]:
    def measure(rate: float, number: int) -> Probe:
        p99_ms = p99_of_a_queue(rate, queries, number)
        return Probe(rate, p99_ms, queries, valid=p99_ms <= BOUND_MS)

    return measure


def where_it_crosses() -> float:
    """The rate at which the queue's p99 is the bound, by plain bisection on one long stretch."""
    low, high = 1.0, 100.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if p99_of_a_queue(middle, 4 * MANY, 99) <= BOUND_MS else (low, middle)
    return low


def search(measure: Callable[[float, int], Probe], **changed: float) -> SearchResult:
    asked = {"start": 70.0, "low": 1.0, "high": 100.0, "steps": 20, **changed}
    return highest_rate(
        measure,
        start=asked["start"],
        low=asked["low"],
        high=asked["high"],
        steps=int(asked["steps"]),
        bound_ms=BOUND_MS,
    )


@pytest.mark.parametrize("start", [1.0, 40.0, 70.0, 100.0])
def test_the_rate_found_is_within_the_resolution_of_the_queues(start: float) -> None:
    true = where_it_crosses()
    found = search(queue(), start=start)
    assert found.highest is not None
    # 1 % more than the resolution: a stretch of 200,000 queries has noise of its own.
    assert true / (1 + RESOLUTION) * 0.99 <= found.highest <= true * 1.01
    assert found.resolved
    assert found.because is None


def test_the_answer_has_held_twice_and_everything_tried_is_kept() -> None:
    found = search(queue())
    at_answer = [probe for probe in found.probes if probe.load == found.highest]
    assert len(at_answer) == 2
    assert all(probe.p99_ms is not None and probe.p99_ms <= BOUND_MS for probe in at_answer)
    assert found.p99_ms == max(probe.p99_ms or 0 for probe in at_answer)
    over = [probe for probe in found.probes if probe.load == found.over]
    assert all(probe.p99_ms is not None and probe.p99_ms > BOUND_MS for probe in over)
    assert len({probe.load for probe in found.probes}) == len(found.probes) - 1


def test_noisy_probes_of_662_queries_answer_near_the_queues_rate() -> None:
    true = where_it_crosses()
    found = search(queue(662), steps=30)
    assert found.highest is not None
    assert 0.8 * true <= found.highest <= 1.15 * true


def test_a_lucky_probe_is_not_believed() -> None:
    def measure(rate: float, number: int) -> Probe:
        lucky = number == 0  # at the start, 70: really only 60 and less hold
        return Probe(rate, 1.0 if lucky or rate <= 60 else 99.0, 662, valid=True)

    found = search(measure)
    assert found.highest is not None
    assert 60 / (1 + RESOLUTION) <= found.highest <= 60
    assert found.over is not None
    assert found.over <= 70


def always(p99_ms: float | None, queries: int = 662) -> Callable[[float, int], Probe]:
    return lambda rate, _: Probe(rate, p99_ms, queries, valid=True)


def test_the_highest_allowed_rate_is_the_answer_where_it_holds() -> None:
    found = search(always(5.0))
    assert (found.highest, found.over, found.resolved) == (100, None, True)


def test_none_holds_is_no_answer_and_says_why() -> None:
    found = search(always(31.0))
    assert found.highest is None
    assert found.because == Reason("lowest_load_failed", measured=31.0, limit=1.0)
    assert found.probes[-1].load == 1


def test_a_probe_too_short_for_its_p99_is_no_answer() -> None:
    found = search(always(None, queries=661))
    assert found.highest is None
    assert found.because == Reason("too_few_queries", measured=70.0, count=661, total=662)
    assert len(found.probes) == 1


def test_probes_that_run_out_leave_a_coarser_answer_that_is_confirmed_all_the_same() -> None:
    found = search(queue(), steps=5, start=20.0)
    assert len(found.probes) <= 5
    assert found.highest is not None
    assert found.over is not None
    assert not found.resolved


def test_too_few_probes_to_confirm_are_no_answer() -> None:
    found = search(queue(), steps=2, start=20.0)
    assert found.highest is None
    assert found.because == Reason("no_load_held", limit=30.0, count=2)


@pytest.mark.parametrize("true", [1, 2, 7, 23])
@pytest.mark.parametrize("start", [1.0, 4.0, 32.0])
def test_whole_loads_are_found_exactly(true: int, start: float) -> None:
    def measure(samples: float, _: int) -> Probe:
        assert samples == int(samples)
        return Probe(samples, 10 * samples, 662, valid=True)

    found = highest_rate(measure, start=start, bound_ms=10 * true, low=1, high=64, steps=20, whole=True)
    assert (found.highest, found.over, found.p99_ms) == (true, true + 1, 10 * true)


def test_each_probe_has_a_number_of_its_own() -> None:
    numbers: list[int] = []

    def measure(rate: float, number: int) -> Probe:
        numbers.append(number)
        return Probe(rate, p99_of_a_queue(rate, MANY, number), MANY, valid=True)

    search(measure)
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize(("low", "high", "steps"), [(0.0, 9.0, 9), (9.0, 8.0, 9), (1.0, 2.0, 1), (math.nan, 2.0, 9)])
def test_a_range_that_is_none_is_refused(low: float, high: float, steps: int) -> None:
    with pytest.raises(ValueError, match="no search"):
        search(always(1.0), low=low, high=high, steps=steps)


def test_a_bound_below_one_inference_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        refuse_bound_below_inference(5, "openvino", 12.61)
    assert str(refused.value) == "--latency-bound 5: one inference of openvino takes 12.6 ms here; give more"
    refuse_bound_below_inference(12.7, "openvino", 12.61)
