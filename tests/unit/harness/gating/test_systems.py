"""Gates over runs of several systems of a backend: rows are matched by what they are, not by what they are called."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.comparison.compare import compare
from alexbench.harness.errors import UsageError
from alexbench.harness.gating.baseline import read_baseline, save
from alexbench.harness.gating.gate import compare_files, gate, sides_of
from alexbench.harness.gating.policy import Policy, read_policy
from alexbench.harness.records.gate_records import GateReport
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.running import folder as run_folder
from alexbench.harness.systems import ModelFile, System
from tests.support.gates import Again, timed_run, verdicts
from tests.support.records import codes, error_row
from tests.support.systems import FILES, PRECISIONS, run_of

BASELINES = Path(__file__).parents[3] / "baselines"
SLOW, FAST = System("openvino", 1), System("openvino", 2)


def judged(base: Path, head: Path, policy: Policy | None = None) -> GateReport:
    return compare_files(base, head, policy or read_policy(None))


def test_a_row_is_compared_with_its_own_system_whatever_it_is_called(tmp_path: Path) -> None:
    base = run_of(tmp_path / "base", (SLOW, FAST))
    head = run_of(tmp_path / "head", (FAST,), slower=0.1, seed=1)
    found = verdicts(judged(base, head).judged)
    assert found["openvino 2 threads", "latency_p50_ms"] == "PASS"
    assert found["openvino 1 thread", "ran"] == "INCONCLUSIVE", "the head was not asked for it"
    gone = next(one for one in judged(base, head).judged if one.metric == "ran")
    assert gone.would_change == Reason("run_system", of="openvino 1 thread")
    assert Reason("head_alone", of="openvino 1 thread") in judged(head, base).notes


def test_two_runs_of_four_systems_of_a_backend_are_gated_row_by_row(tmp_path: Path) -> None:
    base, head = run_of(tmp_path / "base", PRECISIONS), run_of(tmp_path / "head", PRECISIONS[::-1], seed=1)
    saved = save(base, tmp_path / "base.json", "")[0].path
    for one in (base, saved):
        report = judged(one, head)
        names = {name for name, _ in verdicts(report.judged) if name}
        assert names == {f"openvino{bits} {threads}" for bits in ("", " bf16") for threads in ("1 thread", "2 threads")}
        assert "head_alone" not in codes(report.notes)
        values = {one.row: one.base for one in report.judged if one.metric == "latency_p50_ms"}
        assert values["openvino 1 thread"] == pytest.approx(10, rel=0.03)
        assert values["openvino bf16 2 threads"] == pytest.approx(13, rel=0.03)


def test_the_rules_of_a_backend_hold_for_each_of_its_systems(tmp_path: Path) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text("[backend.openvino.latency_p50_ms]\ntolerance = 300\n", encoding="utf-8")
    base = run_of(tmp_path / "base", (*PRECISIONS, System("torch", 2)))
    report = judged(base, run_of(tmp_path / "head", (*PRECISIONS, System("torch", 2)), seed=1), read_policy(policy))
    tolerances = {one.row: one.rule.tolerance for one in report.judged if one.metric == "latency_p50_ms"}
    assert [tolerances.pop("torch"), set(tolerances.values())] == [10, {300}]


def test_another_file_is_refused_and_the_same_one_elsewhere_is_not(tmp_path: Path) -> None:
    base = run_of(tmp_path / "base", FILES)
    moved = [replace(one, artifact=replace(one.artifact, path=f"/elsewhere/{place}.onnx"))
             for place, one in enumerate(FILES) if one.artifact is not None]  # fmt: skip
    assert judged(base, run_of(tmp_path / "moved", moved, seed=1)).refused == ()
    changed = replace(FILES[1], artifact=ModelFile("/models/b/alexnet.onnx", "c" * 64))
    report = judged(base, run_of(tmp_path / "changed", (FILES[0], changed), seed=1))
    assert report.refused == (Reason("other_file", of=report.judged[-1].row, base=12 * "b", head=12 * "c"),)
    assert report.verdict == "INVALID"


def test_the_only_system_of_a_backend_under_other_settings_is_shown_without_a_verdict_on_times(tmp_path: Path) -> None:
    base, head = run_of(tmp_path / "base", (FAST,)), run_of(tmp_path / "head", (SLOW,), seed=1)
    report = judged(base, head)
    found = verdicts(report.judged)
    assert (found["openvino", "latency_p50_ms"], found["openvino", "top1"]) == ("INVALID", "PASS")
    because = (Reason("other_setting", of="threads", base="2", head="1"),)
    assert Reason("row_times_not_gated", of="openvino", because=because) in report.notes


def test_what_a_runtime_cannot_do_is_not_gated_and_what_it_no_longer_does_fails(tmp_path: Path) -> None:
    one, two = (run_of(tmp_path / name, (SLOW, FAST), seed=seed) for seed, name in enumerate(("one", "two")))
    unsupported = replace(error_row("openvino bf16", "no bf16 on this CPU"), status="unsupported",
                          system=System("openvino", 2, "bf16"))  # fmt: skip
    for run in (one, two):
        record = read_run(run)
        run_folder.write_record(run, replace(record, systems=(*record.systems, unsupported)))
    assert judged(one, two).verdict == "PASS"
    assert judged(save(one, tmp_path / "one.json", "")[0].path, two).verdict == "PASS"
    able = run_of(tmp_path / "able", (SLOW, FAST, System("openvino", 2, "bf16")))
    report = judged(able, two)
    assert verdicts(report.judged)["openvino bf16 2 threads", "ran"] == "FAIL"
    assert next(one for one in report.judged if one.metric == "ran").why == (
        Reason("row_failed", text="no bf16 on this CPU"),
    )


def test_a_stored_baseline_of_an_older_schema_is_of_the_systems_that_a_run_has_now() -> None:
    (path,) = BASELINES.glob("*.json")
    rows = read_baseline(path).side.rows
    assert {name: row.entry.system for name, row in rows.items()} == {name: System(name, 2) for name in rows}


def test_two_environments_of_two_systems_are_gated_in_their_own_rounds(tmp_path: Path) -> None:
    systems = [replace(one, environment=label) for label in ("base", "head") for one in (SLOW, FAST)]
    sides = sides_of(run_of(tmp_path / "run", systems), None)
    report = gate(sides, read_policy(None), follow=None, say=lambda _: None)
    assert {one.row for one in report.judged} == {"", "openvino 1 thread", "openvino 2 threads"}
    assert {one.mode for one in report.judged if one.metric == "latency_p50_ms"} == {"paired"}


def test_what_is_measured_again_is_the_system_and_goes_to_its_row(tmp_path: Path) -> None:
    systems = [replace(System("onnxruntime", threads), environment=label)
               for label in ("base", "head") for threads in (1, 2)]  # fmt: skip
    names = [f"onnxruntime@{label} {threads}" for label in ("base", "head") for threads in ("1 thread", "2 threads")]
    ms = dict(zip(names, (20, 10, 20, 12), strict=True))
    run = timed_run(tmp_path / "run", ms, systems=dict(zip(names, systems, strict=True)))
    again = Again(tmp_path, 12)
    report = gate(sides_of(run, None), read_policy(None), follow=again, say=lambda _: None)
    assert again.asked == [[systems[3]]]
    failed = [one.row for one in report.judged if one.verdict == "FAIL"]
    assert set(failed) == {"onnxruntime 2 threads"}


def test_two_runs_are_compared_system_by_system(tmp_path: Path) -> None:
    base, head = run_of(tmp_path / "base", PRECISIONS), run_of(tmp_path / "head", (FAST, System("torch", 2)))
    report = compare([str(base), str(head)]).report
    assert [(one.base.name, one.other.name) for one in report.pairs] == [("A openvino 2 threads", "B openvino")]
    assert f"{head} alone has torch: not compared." in report.notes
    (pair,) = compare([f"{base}:openvino 2 threads", str(head)]).report.pairs
    assert pair.other.system == "openvino"
    (pair,) = compare([str(base), f"{head}:openvino"]).report.pairs
    assert pair.base.system == "openvino 2 threads"
    with pytest.raises(UsageError, match="has no row 'openvino bf16 1 thread'; known: openvino, torch"):
        compare([f"{base}:openvino bf16 1 thread", str(head)])


def test_a_run_is_compared_with_its_own_base_and_with_the_one_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", PRECISIONS, base="openvino bf16 1 thread")
    assert {one.base.name for one in compare([str(run)]).report.pairs} == {"openvino bf16 1 thread"}
    assert {one.base.name for one in compare([str(run)], base="openvino 1 thread").report.pairs} == {
        "openvino 1 thread"
    }
    with pytest.raises(UsageError, match="has no row 'openvino'; known: openvino 1 thread, openvino 2 threads"):
        compare([str(run)], base="openvino")
