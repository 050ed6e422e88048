"""The noise checks: what is beyond its limit is named, and nothing else."""

import pytest

from alexbench.harness.judge.block_times import BlockOf
from alexbench.harness.judge.noise import DEVIATION_LIMIT, FOREIGN_LIMIT, STEAL_LIMIT, noise_checks
from alexbench.harness.records.speed_records import Noise

MS = 1_000_000


def blocks(*medians_ms: float, process: int = 0) -> list[BlockOf]:
    return [BlockOf([int(ms * MS)] * 5, 1, process, number) for number, ms in enumerate(medians_ms)]


def checked(
    of: list[BlockOf] | None = None,
    *,
    steal: float | None = 0.0,
    foreign: float | None = 0.0,
    throttled: int | None = 0,
) -> Noise:
    return noise_checks(of or blocks(*[15.0, 15.1] * 20), steal=steal, foreign=foreign, throttled=throttled)


def test_a_quiet_row_has_nothing_against_it() -> None:
    found = checked()
    assert found.failed == ()
    assert found.drift == 0
    assert found.deviation == pytest.approx(0.005, abs=0.001)


def test_what_the_machine_does_not_expose_is_absent_and_no_failure() -> None:
    found = checked(steal=None, foreign=None, throttled=None)
    assert (found.steal, found.foreign, found.throttled, found.failed) == (None, None, None, ())


@pytest.mark.parametrize(
    ("found", "code", "measured", "limit"),
    [
        (checked(blocks(*[15.0] * 20, *[16.0] * 20)), "drift", 6.67, 5.0),
        (checked(blocks(*[10.0, 15.0, 20.0] * 10)), "deviation", 49.4, 10.0),
        (checked(steal=0.06), "steal", 6.0, 5.0),
        (checked(foreign=0.5), "foreign", 50.0, 10.0),
        (checked(throttled=3), "throttled", 0.0, 0.0),
    ],
    ids=["drift", "deviation", "steal", "foreign", "throttled"],
)
def test_each_disturbance_is_named_with_its_limit(found: Noise, code: str, measured: float, limit: float) -> None:
    (one,) = found.failed
    assert (one.code, one.limit, one.count) == (code, limit, 3 if code == "throttled" else 0)
    assert one.measured == pytest.approx(measured, abs=0.05)


def test_limits_belong_to_what_is_allowed() -> None:
    assert checked(steal=STEAL_LIMIT, foreign=FOREIGN_LIMIT).failed == ()
    assert DEVIATION_LIMIT == 0.10


def test_processes_that_differ_are_neither_drift_nor_deviation() -> None:
    found = checked([*blocks(*[15.0] * 10), *blocks(*[18.0] * 10, process=1)])
    assert (found.drift, found.deviation, found.failed) == (0, 0, ())


def test_drift_is_of_all_processes_and_the_deviation_of_the_worst() -> None:
    drifting = [*blocks(*[15.0] * 10), *blocks(*[15.0] * 5, *[16.5] * 5, process=1)]
    assert checked(drifting).drift == pytest.approx(1.1**0.5 - 1)
    noisy = [*blocks(*[15.0] * 10), *blocks(*[10.0, 15.0, 20.0] * 4, process=1)]
    assert checked(noisy).deviation == pytest.approx(0.494, abs=0.001)
