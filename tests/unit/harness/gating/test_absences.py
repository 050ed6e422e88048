"""Gates where something was not measured, not requested or not installed: absence never passes."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.gating.gate import GatedPair, compare_files
from alexbench.harness.gating.gated_runs import Times, gated_run_of
from alexbench.harness.gating.policy import read_policy
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.running import folder as run_folder
from alexbench.reports.text.reason_words import joined
from tests.support.gates import CONFIGURATION, ab, judged, timed_run, verdicts
from tests.support.records import missing_row
from tests.support.runs import answers, write_run


def test_a_row_that_is_gone_fails(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10, "openvino": 8})
    head = timed_run(tmp_path / "head", {"torch": 10}, failed=("openvino",))
    report = compare_files(base, head, read_policy(None))
    assert verdicts(report.judged)["openvino", "ran"] == "FAIL"
    assert report.verdict == "FAIL"
    assert "SIGKILL" in joined(next(one for one in report.judged if one.metric == "ran").why)


def test_what_is_required_and_was_not_measured_has_not_passed(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = tmp_path / "head"
    write_run(head, {"torch": answers(600)}, changes={"torch": {"performance": None}}, configuration=CONFIGURATION)
    report = compare_files(base, head, read_policy(None))
    assert verdicts(report.judged)["torch", "latency_p50_ms"] == "INCONCLUSIVE"
    assert (report.verdict, report.exit_code) == ("INCONCLUSIVE", 3)
    assert next(one for one in report.judged if one.metric == "latency_p50_ms").why == (
        Reason("not_measured", of="head"),
    )


@pytest.mark.parametrize("required", [True, False])
def test_a_backend_that_the_policy_requires_has_not_passed_by_being_absent(tmp_path: Path, required: bool) -> None:
    base, head = (timed_run(tmp_path / name, {"torch": 10}) for name in ("base", "head"))
    policy = tmp_path / "gate.toml"
    policy.write_text(f"[backend.tensorflow.top1]\nrequired = {str(required).lower()}\n", encoding="utf-8")
    report = compare_files(base, head, read_policy(policy))
    assert report.verdict == ("INCONCLUSIVE" if required else "PASS")
    rows = [one for one in report.judged if one.row == "tensorflow"]
    assert [one.would_change for one in rows] == ([Reason("run_backend", of="tensorflow")] if required else [])


def test_a_backend_that_is_broken_on_both_sides_has_not_passed(tmp_path: Path) -> None:
    broken = {"failed": ("openvino",)}
    base = timed_run(tmp_path / "base", {"torch": 10}, **broken)
    head = timed_run(tmp_path / "head", {"torch": 10}, seed=1, **broken)
    report = compare_files(base, head, read_policy(None))
    assert verdicts(report.judged)["openvino", "ran"] == "INCONCLUSIVE"
    assert report.exit_code == 3
    assert "SIGKILL" in joined(next(one for one in report.judged if one.metric == "ran").why)


def test_a_backend_that_the_head_was_not_asked_for_is_open_and_one_that_is_not_installed_fails(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10, "openvino": 8})
    for number, (others, verdict) in enumerate((((), "INCONCLUSIVE"), ((missing_row("openvino"),), "FAIL"))):
        head = timed_run(tmp_path / f"{number}", {"torch": 10}, seed=1)
        record = read_run(head)
        run_folder.write_record(head, replace(record, systems=(*record.systems, *others)))
        found = verdicts(compare_files(base, head, read_policy(None)).judged)
        assert found["openvino", "ran"] == verdict


def test_a_head_without_answers_is_open_and_no_failure(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    sides = GatedPair(gated_run_of(base), gated_run_of(timed_run(tmp_path / "head", {"torch": 10}, seed=1)))
    row = sides.head.rows["torch"]
    for key in ("accuracy", "parity"):
        object.__setattr__(row.entry, key, None)
    for key in ("top1", "top5"):
        object.__setattr__(row, key, None)
    found = verdicts(judged(sides, None).judged)
    assert {found["torch", metric] for metric in ("top1", "top5", "parity")} == {"INCONCLUSIVE"}


def test_what_the_policy_requires_is_not_passed_by_being_absent(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text("[load_s]\nrequired = true\n", encoding="utf-8")
    base = timed_run(tmp_path / "base", {"torch": 10})
    sides = GatedPair(gated_run_of(base), gated_run_of(timed_run(tmp_path / "head", {"torch": 10}, seed=1)))
    object.__setattr__(sides.head.rows["torch"].entry, "load_s", None)
    assert judged(sides, None).verdict == "PASS"
    assert judged(sides, None, read_policy(path)).verdict == "INCONCLUSIVE"


@pytest.mark.parametrize("metric", ["top1", "parity", "latency_p50_ms"])
def test_what_a_policy_names_and_nobody_measured_is_open(tmp_path: Path, metric: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(f"[{metric}]\nrequired = true\n", encoding="utf-8")
    sides = ab(tmp_path, 10)
    for side in (sides.base, sides.head):
        ((name, row),) = side.rows.items()
        entry = replace(row.entry, parity=None, accuracy=None, performance=None)
        side.rows[name] = replace(row, entry=entry, times=Times(), top1=None, top5=None)
    report = judged(sides, None)
    assert report.verdict == "PASS"
    assert report.notes == (Reason("no_answers"), Reason("no_gate_times"))
    named = judged(sides, None, read_policy(path))
    assert named.verdict == "INCONCLUSIVE"
    assert next(one for one in named.judged if one.metric == metric).why == (Reason("not_measured", of="base or head"),)
