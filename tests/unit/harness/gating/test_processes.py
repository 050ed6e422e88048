"""Gates over made-up runs: processes are what their times are known by."""

from pathlib import Path

import pytest

from alexbench.harness.gating.gate import compare_files
from alexbench.harness.gating.policy import read_policy
from alexbench.harness.records.gate_records import Judged
from tests.support.gates import timed_run
from tests.support.records import codes


def latency(base: Path, head: Path, policy: Path | None = None) -> Judged:
    """What a gate of two runs says of the latency of their only row."""
    return next(one for one in compare_files(base, head, read_policy(policy)).judged if one.metric == "latency_p50_ms")


@pytest.mark.parametrize(("processes", "verdict"), [(1, "INCONCLUSIVE"), (3, "PASS")])
def test_a_fine_tolerance_takes_processes_and_not_a_level(tmp_path: Path, processes: int, verdict: str) -> None:
    given = {"processes": processes, "spread": 0.001}
    base, head = (timed_run(tmp_path / name, {"torch": 10}, seed=at, **given) for at, name in enumerate("ab"))
    policy = tmp_path / "gate.toml"
    policy.write_text("[latency_p50_ms]\ntolerance = 3\n", encoding="utf-8")
    one = latency(base, head, policy)
    assert one.verdict == verdict
    assert one.would_change is not None
    assert one.would_change.code == ("more_processes" if verdict == "INCONCLUSIVE" else "detectable")


def test_a_run_whose_processes_differ_widens_what_is_gated_with_it(tmp_path: Path) -> None:
    runs = {
        spread: [timed_run(tmp_path / f"{spread}-{seed}", {"torch": 10}, spread=spread, seed=seed) for seed in (0, 1)]
        for spread in (0.001, 0.05)
    }
    found = {spread: latency(*sides) for spread, sides in runs.items()}
    narrow, wide = (one.high - one.low for one in found.values() if one.high is not None and one.low is not None)
    assert wide > 2 * narrow
    assert found[0.05].detectable is not None
    assert found[0.05].detectable > 10 + wide / 3, "FAIL is beyond the tolerance and what can be told apart"


def test_an_older_run_that_says_nothing_of_its_processes_is_gated_by_the_prior(tmp_path: Path) -> None:
    older = {"processes": 1, "resolutions": ()}
    base = timed_run(tmp_path / "base", {"torch": 10}, **older)
    for ms, verdict in ((10, "PASS"), (10.7, "INCONCLUSIVE"), (13, "INCONCLUSIVE")):
        head = timed_run(tmp_path / f"{ms}", {"torch": ms}, spread=0.001, seed=1, **older)
        one = latency(base, head)
        assert one.verdict == verdict
    assert codes(one.why) == ["unconfirmed"], "13 would FAIL"
