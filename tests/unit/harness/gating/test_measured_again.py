"""Times that are measured again before a gate speaks: what counts, what confirms, and what does not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.gating.follow_up import check_same_thing
from alexbench.harness.gating.gate import GatedPair
from alexbench.harness.gating.gated_runs import gated_run_of
from alexbench.harness.gating.policy import read_policy
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Control
from tests.support.gates import HEAD, Again, ab, judged, timed_run, verdicts
from tests.support.records import codes, data, effective, model, system_called

BAD = Control("onnxruntime", 1.05, 1.04, 1.06, pairs=3, passed=False)
SUSPENDED = (Reason("suspended", measured=12.0),)
PACKAGES = {"packages": {"numpy": "2.4.6", "onnxruntime": "1.31.1"}}


def test_a_slowdown_fails_only_when_fresh_processes_confirm_it(tmp_path: Path) -> None:
    again = Again(tmp_path, 12)
    report = judged(ab(tmp_path, 12), again)
    assert (report.verdict, report.exit_code) == ("FAIL", 1)
    assert again.asked == [[system_called(HEAD)]]
    failed = next(one for one in report.judged if one.metric == "latency_p50_ms")
    assert codes(failed.why) == ["confirmed"]
    assert failed.change == pytest.approx(20, abs=1)
    assert report.follow_ups == (str(tmp_path / "again-1"),)


def test_a_slowdown_that_is_not_confirmed_is_no_failure(tmp_path: Path) -> None:
    again = Again(tmp_path, 10, 10, 10)
    report = judged(ab(tmp_path, 12), again)
    assert report.verdict == "INCONCLUSIVE"
    assert report.exit_code == 3
    assert len(again.asked) == 3, "half of all rounds show it, and half do not: it stays open"


def test_without_fresh_processes_there_is_no_failure(tmp_path: Path) -> None:
    report = judged(ab(tmp_path, 12), None)
    assert report.verdict == "INCONCLUSIVE"
    slow = next(one for one in report.judged if one.metric == "latency_p50_ms")
    assert codes(slow.why) == ["unconfirmed"]


def test_why_nothing_was_measured_again_is_said(tmp_path: Path) -> None:
    report = judged(ab(tmp_path, 12), Again(tmp_path))
    assert report.verdict == "INCONCLUSIVE"
    assert report.notes == (Reason("not_repeated", text="the runtime is gone"),)


def test_what_is_open_is_measured_again_until_it_is_decided(tmp_path: Path) -> None:
    # Three processes that deviate by 3 % cannot tell whether 4 % is within the 5 % that are allowed.
    sides = ab(tmp_path, 10.4, spread=0.03)
    assert judged(sides, None).verdict == "INCONCLUSIVE"
    again = Again(tmp_path, 9.9, 9.9, 9.9, spread=0.002)
    report = judged(sides, again)
    assert report.verdict == "PASS"
    assert 1 <= len(again.asked) <= 3


def test_an_advisory_slowdown_is_shown_and_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text("[latency_p50_ms]\nrequired = false\n[images_per_second]\nrequired = false\n", encoding="utf-8")
    again = Again(tmp_path, 12)
    report = judged(ab(tmp_path, 12), again, read_policy(path))
    assert report.verdict == "PASS"
    assert again.asked == []
    assert verdicts(report.judged)["onnxruntime", "latency_p50_ms"] == "INCONCLUSIVE"


def test_a_control_that_differs_voids_nothing(tmp_path: Path) -> None:
    sides = ab(tmp_path, 12, controls=(BAD, replace(BAD, of="images/s")))
    assert set(verdicts(judged(sides, None).judged).values()) == {"PASS", "INCONCLUSIVE"}
    assert judged(sides, Again(tmp_path, 12, controls=(BAD,))).verdict == "FAIL"


def test_a_machine_that_was_suspended_is_invalid_and_fresh_processes_decide_alone(tmp_path: Path) -> None:
    sides = ab(tmp_path, 12, invalid=SUSPENDED)
    report = judged(sides, None)
    assert (report.verdict, report.exit_code) == ("INVALID", 3)
    assert next(one for one in report.judged if one.metric == "latency_p50_ms").why == SUSPENDED
    assert judged(sides, Again(tmp_path, 10)).verdict == "PASS", "the first ones count for nothing"


def test_an_invalid_measurement_is_named_and_does_not_count(tmp_path: Path) -> None:
    report = judged(ab(tmp_path, 12), Again(tmp_path, 12, 12, 12, invalid=SUSPENDED))
    assert report.verdict == "INCONCLUSIVE"
    for metric in ("latency_p50_ms", "images_per_second"):
        assert sum((note.code, note.of) == ("repeat_invalid", metric) for note in report.notes) == 3
    assert codes(next(one for one in report.judged if one.metric == "latency_p50_ms").why) == ["unconfirmed"]


def test_a_base_that_nobody_can_believe_is_named_and_nothing_is_measured_for_it(tmp_path: Path) -> None:
    suspended = gated_run_of(timed_run(tmp_path / "suspended", {"onnxruntime": 10}, invalid=SUSPENDED))
    fine = gated_run_of(timed_run(tmp_path / "fine", {"onnxruntime": 10}, seed=1))
    again = Again(tmp_path, 10)
    report = judged(GatedPair(suspended, fine), again)
    found = next(one for one in report.judged if one.metric == "latency_p50_ms")
    assert found.verdict == "INVALID"
    assert found.why == (Reason("in_side", of="base", because=SUSPENDED),)
    assert found.would_change == Reason("other_base")
    assert again.asked == []
    of_head = judged(GatedPair(fine, suspended), None)
    assert next(one for one in of_head.judged if one.metric == "latency_p50_ms").why[0].of == "head"


@pytest.mark.parametrize(
    ("of_fresh", "said"),
    [
        ({"model": model(weights_digest="ff" * 32)}, "weights"),
        ({"data": data(images=600, subset_seed=None, pixels_digest="ff" * 32)}, "pixels"),
        ({"environment": {"packages": {**PACKAGES["packages"], "onnxruntime": "1.32.0"}}}, "onnxruntime packages: "),
        (
            {"environment": {**PACKAGES, "backends": {"onnxruntime": {"packages": {"numpy": "2.5"}}}}},
            "numpy 2.4.6 then, 2.5",
        ),
        ({"versions": "9.9.9"}, "onnxruntime: 1.31.1 then, 9.9.9 now"),
    ],
    ids=["weights", "pixels", "packages", "packages of its own interpreter", "version"],
)
def test_what_would_confirm_must_be_of_the_same(tmp_path: Path, of_fresh: dict[str, Any], said: str) -> None:
    def record(name: str, version: str = "1.31.1", **of_run: Any) -> RunRecord:
        whole = data(images=600, subset_seed=None)
        given = {"environment": PACKAGES, "model": model(), "data": whole, **of_run}
        run = read_run(timed_run(tmp_path / name, {"onnxruntime": 10}, **given))
        rows = [replace(row, effective=effective(version)) for row in run.systems]
        return replace(run, systems=tuple(rows))

    check_same_thing(record("gated"), record("same"))
    check_same_thing(record("of all"), record("of one", environment={"packages": {"numpy": "2.4.6"}}))
    drawn = [data(images=600, subset_seed=seed, names_digest=f"{seed}" * 64) for seed in (1, 2)]
    check_same_thing(record("drawn", data=drawn[0]), record("drawn anew", data=drawn[1]))
    version = of_fresh.pop("versions", "1.31.1")
    with pytest.raises(UsageError, match="its inputs have changed since") as error:
        check_same_thing(record("gated again"), record("fresh", version, **of_fresh))
    assert said in str(error.value)
