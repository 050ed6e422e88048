"""The noise certificate: what is beyond its limit is named, and nothing else."""

import pytest

from alexbench.harness.judge.noise import DEVIATION_LIMIT, FOREIGN_LIMIT, STEAL_LIMIT, certificate
from alexbench.harness.judge.timing import BlockOf
from alexbench.harness.speed_records import Control, Noise, Throughput

MS = 1_000_000
GOOD = (Control("torch", 1.0, 0.99, 1.01, 40, passed=True),)
SURE = Throughput(32, 100.0, 99.0, 101.0, windows=5)


def blocks(*medians_ms: float, process: int = 0) -> list[BlockOf]:
    return [BlockOf([int(ms * MS)] * 5, 1, process, number) for number, ms in enumerate(medians_ms)]


def certify(
    of: list[BlockOf] | None = None,
    *,
    steal: float | None = 0.0,
    foreign: float | None = 0.0,
    throttled: int | None = 0,
    controls: tuple[Control, ...] = GOOD,
    windows: Throughput = SURE,
) -> Noise:
    return certificate(
        of or blocks(*[15.0, 15.1] * 20),
        windows,
        steal=steal,
        foreign=foreign,
        throttled=throttled,
        controls=controls,
    )


def test_a_quiet_row_has_nothing_against_it() -> None:
    found = certify()
    assert found.failed == ()
    assert found.drift == 0
    assert found.deviation == pytest.approx(0.005, abs=0.001)


def test_what_the_machine_does_not_expose_is_absent_and_no_failure() -> None:
    found = certify(steal=None, foreign=None, throttled=None)
    assert (found.steal, found.foreign, found.throttled, found.failed) == (None, None, None, ())


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (certify(blocks(*[15.0] * 20, *[16.0] * 20)), "no steady state: latency drifted by 6.7 % (limit 5 %)"),
        (certify(blocks(*[10.0, 15.0, 20.0] * 10)), "blocks deviate by 49.4 % (limit 10 %)"),
        (certify(steal=0.06), "the hypervisor took 6.0 % of the cores' time (limit 5 %)"),
        (certify(foreign=0.5), "other processes used 50.0 % of the cores' time (limit 10 %)"),
        (certify(throttled=3), "a core was throttled (3 counted)"),
        (
            certify(controls=(Control("torch", 1.1, 1.09, 1.11, 40, passed=False),)),
            "the A/A control of latency differs from itself",
        ),
        (
            certify(controls=(Control("torch", 1.0, 0.8, 1.2, 5, passed=True, decides=False, of="images/s"),)),
            "the A/A control of images/s decides nothing",
        ),
        (certify(controls=()), "the A/A control is missing"),
        (certify(windows=Throughput(32, 100, 80, 120, windows=5)), "images/s are known to 20.0 % only (limit 10 %)"),
    ],
    ids=["drift", "deviation", "steal", "foreign", "throttled", "control", "wide control", "no control", "windows"],
)
def test_each_disturbance_is_named_with_its_limit(found: Noise, said: str) -> None:
    assert found.failed == (said,)


def test_limits_belong_to_what_is_allowed() -> None:
    assert certify(steal=STEAL_LIMIT, foreign=FOREIGN_LIMIT).failed == ()
    assert DEVIATION_LIMIT == 0.10


def test_the_worst_process_counts_and_processes_that_differ_do_not() -> None:
    apart = [*blocks(*[15.0] * 10), *blocks(*[15.6] * 10, process=1)]
    assert certify(apart).failed == ()
    drifting = [*blocks(*[15.0] * 10), *blocks(*[15.0] * 5, *[17.0] * 5, process=1)]
    assert certify(drifting).drift == pytest.approx(2 / 15)
