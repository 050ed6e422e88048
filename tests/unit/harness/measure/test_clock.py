"""The timing seam, on a clock that is wound by hand."""

import gc

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.measure import clock
from alexbench.harness.measure.clock import (
    WARM_UP_ITERATIONS,
    first_inference_ns,
    quiet_interpreter,
    time_block,
    time_once,
    warm_up,
)

MS = 1_000_000
PIXELS = np.zeros((1, 3, 2, 2), np.float32)


class HandWound:
    """A clock, and a predict that takes as long as it is told."""

    def __init__(self, durations_ms: list[int]) -> None:
        self.now = 5 * MS
        self.readings: list[int] = []
        self.given: list[NDArray[np.float32]] = []
        self.gc_enabled: list[bool] = []
        self._durations = durations_ms

    def perf_counter_ns(self) -> int:
        self.readings.append(self.now)
        return self.now

    def process_time_ns(self) -> int:
        """Two threads, always at work."""
        return 2 * self.now

    def perf_counter(self) -> float:
        return self.now / 1e9

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        self.gc_enabled.append(gc.isenabled())
        self.given.append(pixels)
        self.now += self._durations[min(len(self.given), len(self._durations)) - 1] * MS
        return pixels


@pytest.fixture
def wound(monkeypatch: pytest.MonkeyPatch) -> HandWound:
    """First call 70 ms, then 10 ms each."""
    hand = HandWound([70, 10])
    monkeypatch.setattr(clock, "time", hand)
    return hand


def test_the_first_call_of_a_block_is_made_and_not_counted(wound: HandWound) -> None:
    assert time_block(wound.predict, PIXELS, seconds=0.17).ns == [10 * MS] * 10
    assert len(wound.given) == 11


def test_the_first_call_takes_its_time_from_the_block(wound: HandWound) -> None:
    started = wound.now
    time_block(wound.predict, PIXELS, seconds=0.1)
    assert wound.now - started == 100 * MS


def test_cpu_time_is_that_of_the_timed_calls_alone(wound: HandWound) -> None:
    assert time_block(wound.predict, PIXELS, seconds=0.1).cpu_ns == 2 * 3 * 10 * MS


def test_many_batches_at_once_are_one_reading(wound: HandWound) -> None:
    timed = time_once(lambda batches: [wound.predict(batch) for batch in batches], [PIXELS] * 4)
    assert timed.ns == [(70 + 3 * 10) * MS]
    assert timed.cpu_ns == 2 * (70 + 3 * 10) * MS


def test_the_sum_is_the_wall_time_of_the_window(wound: HandWound) -> None:
    ns = time_block(wound.predict, PIXELS, seconds=0.165).ns
    assert sum(ns) == wound.readings[-1] - wound.readings[1] == 100 * MS
    assert len(wound.readings) == 1 + len(ns) + 1  # the deadline; then back to back: nothing falls between two


def test_at_least_three_calls_are_timed_however_slow(wound: HandWound) -> None:
    assert time_block(wound.predict, PIXELS, seconds=0.0).ns == [10 * MS] * 3


def test_every_call_gets_the_very_same_input(wound: HandWound) -> None:
    time_block(wound.predict, PIXELS, seconds=0.05)
    assert all(given is PIXELS for given in wound.given)


def test_a_long_call_counts_from_the_first_and_may_be_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = HandWound([120])
    monkeypatch.setattr(clock, "time", hand)
    timed = time_block(hand.predict, PIXELS, seconds=0.1)
    assert timed.ns == [120 * MS]
    assert timed.cpu_ns == 2 * 120 * MS
    assert time_block(hand.predict, PIXELS, seconds=0.2).ns == [120 * MS] * 2


def test_a_slow_call_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    hand = HandWound([10, 10, 500, 10])
    monkeypatch.setattr(clock, "time", hand)
    assert time_block(hand.predict, PIXELS, seconds=0.54).ns == [10 * MS, 500 * MS, 10 * MS, 10 * MS]


def test_garbage_is_not_collected_inside_and_is_afterwards(wound: HandWound) -> None:
    assert gc.isenabled()
    before = gc.get_freeze_count()  # a test before this one may have frozen what it loaded
    time_block(wound.predict, PIXELS, seconds=0.03)
    assert not any(wound.gc_enabled)
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_whoever_had_collection_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with quiet_interpreter():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_collection_comes_back_when_predict_raises() -> None:
    def broken(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        raise RuntimeError("no")

    before = gc.get_freeze_count()
    with pytest.raises(RuntimeError):
        time_block(broken, PIXELS, seconds=0.1)
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_the_first_inference_is_one_call(wound: HandWound) -> None:
    assert first_inference_ns(wound.predict, PIXELS) == 70 * MS
    assert len(wound.given) == 1


@pytest.mark.parametrize(("each_ms", "calls"), [(10, 40), (1000, WARM_UP_ITERATIONS), (200, 3)])
def test_warm_up_lasts_both_calls_and_seconds(monkeypatch: pytest.MonkeyPatch, each_ms: int, calls: int) -> None:
    hand = HandWound([each_ms])
    monkeypatch.setattr(clock, "time", hand)
    assert warm_up(hand.predict, PIXELS) == calls == len(hand.given)
