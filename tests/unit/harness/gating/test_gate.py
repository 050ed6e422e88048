"""Gates over made-up runs: what passes, what fails, and what may not be gated."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alexbench.harness.errors import AlexBenchError, RecordError, UsageError
from alexbench.harness.gating.gate import GatedPair, compare_files, sides_of
from alexbench.harness.gating.gated_runs import gated_run_of
from alexbench.harness.gating.policy import Policy, read_policy
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.systems import System
from alexbench.reports.text.reason_words import words
from tests.support.gates import BASE, HEAD, Again, ab, judged, lossy, timed_run, verdicts
from tests.support.records import codes, data, effective, model, parity
from tests.support.runs import answers


def test_an_environment_against_itself_passes(tmp_path: Path) -> None:
    report = judged(ab(tmp_path, 10), None)
    assert report.verdict == "PASS"
    assert report.exit_code == 0
    assert set(verdicts(report.judged).values()) == {"PASS"}
    assert {one.mode for one in report.judged if one.metric == "latency_p50_ms"} == {"paired"}


def test_a_suspended_machine_is_invalid(tmp_path: Path) -> None:
    sides = ab(tmp_path, 10, invalid=(Reason("suspended", measured=12.0),))
    report, head = judged(sides, None), sides.head
    assert report.verdict == "INVALID"
    assert any(one.why == head.record.invalid for one in report.judged)


def test_half_a_point_of_5000_images_fails_and_one_image_passes(tmp_path: Path) -> None:
    fine = answers(5000)
    for lost, verdict in ((25, "FAIL"), (1, "PASS")):
        rows = {BASE: fine, HEAD: lossy(5000, lost)}
        run = timed_run(tmp_path / f"{lost}", {BASE: 10, HEAD: 10}, rows=rows)
        report = judged(sides_of(run, None), None)
        assert verdicts(report.judged)["onnxruntime", "top1"] == verdict
        assert report.verdict == verdict


def test_a_row_that_is_no_longer_the_function_fails(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 10}, seed=3)
    sides = GatedPair(gated_run_of(base), gated_run_of(head))
    assert judged(sides, None).verdict == "PASS"
    row = sides.head.rows["torch"]
    object.__setattr__(row.entry, "parity", parity(passed=False, unexplained=3, max_abs_over_sigma=0.2))
    report = judged(sides, None)
    assert report.verdict == "FAIL"
    why = next(one for one in report.judged if one.metric == "parity").why
    assert why == (Reason("error", measured=0.2, limit=1e-4), Reason("mismatches", count=3))


def test_two_runs_are_compared_with_each_other_by_the_machine_probe(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10}, anchor_ms=5)
    # Everything 30 % slower, the machine probe too: a slower clock, not a slower runtime.
    head = timed_run(tmp_path / "head", {"torch": 13}, anchor_ms=6.5, seed=4)
    report = compare_files(base, head, read_policy(None))
    assert report.verdict == "PASS"
    slow = timed_run(tmp_path / "slow", {"torch": 13}, anchor_ms=5, seed=5)
    judged_slow = next(
        one for one in compare_files(base, slow, read_policy(None)).judged if one.metric == "latency_p50_ms"
    )
    assert judged_slow.mode == "anchored"
    assert judged_slow.change == pytest.approx(30, abs=2)


@pytest.mark.parametrize(
    ("of_head", "said"),
    [
        ({"model": model(recipe_digest="aa" * 32, weights_digest="99" * 32)}, "other weights: abababababab and 9999"),
        ({"data": data(images=600, pixels_digest="11" * 32)}, "other prepared pixels"),
        ({"data": data(images=600, names_digest="22" * 32)}, "other images or labels"),
        ({"model": model(recipe_digest="bb" * 32)}, "other preprocessing"),
    ],
)
def test_what_is_not_the_same_is_shown_and_not_gated(tmp_path: Path, of_head: dict[str, Any], said: str) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 20}, **of_head)
    report = compare_files(base, head, read_policy(None))
    assert (report.verdict, report.exit_code) == ("INVALID", 3)
    (refused,) = report.refused
    assert said in words(refused)
    assert set(verdicts(report.judged).values()) == {"NOT GATED"}
    assert next(one for one in report.judged if one.metric == "latency_p50_ms").head == pytest.approx(20, rel=0.01)


def test_on_another_machine_answers_are_gated_and_times_are_not(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 20}, machine={"cpu": "Another"})
    report = compare_files(base, head, read_policy(None))
    found = verdicts(report.judged)
    assert (found["torch", "top1"], found["torch", "latency_p50_ms"]) == ("PASS", "INVALID")
    assert (report.verdict, report.refused) == ("INVALID", ())
    assert report.notes[0].because[0].code == "other_machine_without_baseline"
    assert report.notes[0].because[0].head == str(head)


def test_a_loss_of_answers_fails_on_another_machine_too(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10}, rows={"torch": answers(600)})
    worse = {"torch": answers(600, missed=range(100, 160))}
    head = timed_run(tmp_path / "head", {"torch": 10}, rows=worse, machine={"cpu": "Another"})
    assert compare_files(base, head, read_policy(None)).verdict == "FAIL"


@pytest.mark.parametrize("now", [{"memory_mib": 23_999}, {"os": "Linux 6.19.2-generic"}])
def test_a_reboot_or_a_minor_update_makes_no_other_machine(tmp_path: Path, now: dict[str, Any]) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    machine = read_run(base).machine
    head = timed_run(tmp_path / "head", {"torch": 10}, machine={**machine, **now})
    assert verdicts(compare_files(base, head, read_policy(None)).judged)["torch", "latency_p50_ms"] == "PASS"


def test_a_policy_may_gate_answers_on_another_machine(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 20}, machine={"cpu": "Another"})
    report = compare_files(base, head, Policy(other_machine="accuracy"))
    assert report.verdict == "PASS"
    found = verdicts(report.judged)
    assert found["torch", "top1"] == "PASS"
    assert found["torch", "latency_p50_ms"] == "NOT GATED"
    assert "other_machine_without_baseline" in codes(report.notes)


def test_times_of_other_settings_are_not_gated(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 20}, systems={"torch": System("torch", 1)})
    report = compare_files(base, head, read_policy(None))
    assert verdicts(report.judged)["torch", "latency_p50_ms"] == "INVALID"
    assert report.verdict == "INVALID", "what is required and cannot be judged has not passed"
    assert report.notes[0].because == (Reason("other_setting", of="threads", base="2", head="1"),)


def test_times_that_are_gone_or_of_another_run_are_asked_back(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 12}, seed=1)
    shutil.copyfile(base / "timings.parquet", head / "timings.parquet")
    said = (
        r"does not belong to this run: torch has a p50 of (9|10)\.\d+ ms there, of 1[12]\.\d+ in run.json; restore it"
    )
    with pytest.raises(RecordError, match=said):
        compare_files(base, head, read_policy(None))
    (head / "timings.parquet").unlink()
    report = compare_files(base, head, read_policy(None))
    one = next(one for one in report.judged if one.metric == "latency_p50_ms")
    assert (report.verdict, one.verdict) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert one.why == (Reason("blocks_lost", of="head"),)
    assert one.would_change == Reason("restore", of="timings.parquet")


@pytest.mark.parametrize(
    ("column", "values"), [("ns", ["x", "1"]), ("ns", [float("inf")]), ("settled", ["yes"]), ("round", [0.5])]
)
def test_damaged_timings_are_one_line(tmp_path: Path, column: str, values: list[Any]) -> None:
    base, head = (timed_run(tmp_path / name, {"torch": 10}) for name in ("base", "head"))
    table = pd.read_parquet(head / "timings.parquet")
    table[column] = [values[place % len(values)] for place in range(len(table))]
    table.to_parquet(head / "timings.parquet")
    with pytest.raises(RecordError, match=r"timings.parquet is damaged: "):
        compare_files(base, head, read_policy(None))


def test_a_run_is_not_said_to_be_as_good_as_itself(tmp_path: Path) -> None:
    one = timed_run(tmp_path / "one", {"torch": 10})
    two = shutil.copytree(one, tmp_path / "two")
    report = compare_files(one, two, read_policy(None))
    assert "same_run" in codes(report.notes)
    other = timed_run(tmp_path / "other", {"torch": 10}, started="2026-11-01T00:00:00+00:00")
    assert "same_run" not in codes(compare_files(one, other, read_policy(None)).notes)


@pytest.mark.parametrize(
    ("direction", "said"),
    [
        ("higher-is-better", Reason("balance", of="lost", count=0, total=1)),
        ("two-sided", Reason("balance", of="gained", count=3, total=1)),
    ],
)
def test_what_may_be_gained_is_said_only_where_that_is_limited(tmp_path: Path, direction: str, said: Reason) -> None:
    rows = {"torch": lossy(600, 3)}, {"torch": answers(600)}
    base, head = (timed_run(tmp_path / str(number), {"torch": 10}, rows=rows[number]) for number in (0, 1))
    policy = tmp_path / "gate.toml"
    policy.write_text(f"[top1]\ndirection = '{direction}'\n", encoding="utf-8")
    report = compare_files(base, head, read_policy(policy))
    assert next(one for one in report.judged if one.metric == "top1").would_change == said


def test_how_rows_ran_is_among_what_changed(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    sides = GatedPair(gated_run_of(base), gated_run_of(timed_run(tmp_path / "head", {"torch": 10})))
    object.__setattr__(sides.head.rows["torch"].entry, "effective", effective(streams=("4", "reported")))
    assert judged(sides, None).changed == (Reason("ran_with", of="torch", text="streams", base="1", head="4"),)


def test_what_changed_in_the_environment_is_named(tmp_path: Path) -> None:
    environment = {
        "python": "3.11.7",
        "packages": {"numpy": "2.4.7", "onnx": "1"},
        "variables": {"OMP_X": "1"},
        "git": None,
    }
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 10}, environment=environment)
    report = compare_files(base, head, read_policy(None))
    assert report.changed == (
        Reason("changed", of="numpy", base="2.4.6", head="2.4.7"),
        Reason("changed", of="onnx", base="none", head="1"),
        Reason("changed", of="variable OMP_X", base="none", head="1"),
    )


def test_what_an_interpreter_of_a_backends_own_does_not_note_has_not_changed(tmp_path: Path) -> None:
    whole = {"packages": {"numpy": "2.4.6", "openvino": "2026.4.1", "onnxruntime": "1.30.0"}}
    own = {**whole, "backends": {"onnxruntime": {"packages": {"numpy": "2.4.6", "onnxruntime": "1.31.1"}}}}
    base = gated_run_of(timed_run(tmp_path / "base", {"onnxruntime": 10}, environment=whole))
    head = gated_run_of(timed_run(tmp_path / "head", {"onnxruntime": 10}, seed=1, environment=own))
    assert judged(GatedPair(base, head), None).changed == (
        Reason("changed", of="onnxruntime", base="1.30.0", head="1.31.1"),
    )


def test_a_runtime_that_the_head_was_not_asked_for_is_not_uninstalled(tmp_path: Path) -> None:
    packages = {"numpy": "2.4.6", "openvino": "2026.4.1"}
    base = timed_run(tmp_path / "base", {"torch": 10, "openvino": 8}, environment={"packages": packages})
    head = timed_run(tmp_path / "head", {"torch": 10}, environment={"packages": {"numpy": "2.4.7"}})
    assert compare_files(base, head, read_policy(None)).changed == (
        Reason("changed", of="numpy", base="2.4.6", head="2.4.7"),
    )


def test_a_run_of_one_environment_needs_a_baseline(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    with pytest.raises(UsageError, match="name --baseline FILE_OR_RUN"):
        sides_of(run, None)
    with pytest.raises(UsageError, match="has environments of its own"):
        sides_of(timed_run(tmp_path / "two", {BASE: 10, HEAD: 10}), run)


@pytest.mark.parametrize("status", ["interrupted", "running", "failed"])
def test_an_unfinished_run_is_not_gated(tmp_path: Path, status: str) -> None:
    run = timed_run(tmp_path / "run", {BASE: 10, HEAD: 10}, status=status)
    with pytest.raises(AlexBenchError, match=f"is {status}; first: alexbench run --resume"):
        sides_of(run, None)


def test_one_slow_load_is_no_failure_and_memory_is(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    sides = GatedPair(gated_run_of(base), gated_run_of(timed_run(tmp_path / "head", {"torch": 10}, seed=1)))
    for key, value in (("load_s", 2.0), ("peak_rss_mib", 2000.0)):
        object.__setattr__(sides.head.rows["torch"].entry, key, value)
    found = verdicts(judged(sides, None).judged)
    assert found["torch", "load_s"] == "INCONCLUSIVE"
    assert found["torch", "peak_rss_mib"] == "FAIL"
    assert judged(sides, None).verdict == "PASS", "both are advisory"


def test_a_parity_that_the_base_fails_too_is_no_regression(tmp_path: Path) -> None:
    base = timed_run(tmp_path / "base", {"torch": 10})
    sides = GatedPair(gated_run_of(base), gated_run_of(timed_run(tmp_path / "head", {"torch": 10}, seed=1)))
    for side in (sides.base, sides.head):
        object.__setattr__(side.rows["torch"].entry, "parity", parity(passed=False))
    found = next(one for one in judged(sides, None).judged if one.metric == "parity")
    assert found.verdict == "INCONCLUSIVE"
    assert found.why[-1] == Reason("base_no_better")


def test_with_another_numpy_the_machine_probe_is_another_unit(tmp_path: Path) -> None:
    environment = {"python": "3.11.7", "packages": {"numpy": "2.5.0"}, "variables": {}, "git": None}
    base = timed_run(tmp_path / "base", {"torch": 10})
    head = timed_run(tmp_path / "head", {"torch": 10}, seed=1, environment=environment)
    report = compare_files(base, head, read_policy(None))
    assert verdicts(report.judged)["torch", "latency_p50_ms"] == "INVALID"
    assert codes(report.notes)[:3] == ["times_not_gated", "other_probe", "other_numpy"]


def test_the_order_in_which_libraries_were_loaded_changes_no_machine_probe(tmp_path: Path) -> None:
    libraries = [{"library": "openblas", "version": version, "architecture": "Zen"} for version in ("0.3.30", "0.3.31")]
    environment = {"python": "3.11.7", "packages": {"numpy": "2.5.0"}, "variables": {}, "git": None}
    base, head = (
        timed_run(
            tmp_path / str(seed), {"torch": 10}, seed=seed, environment={**environment, "blas": libraries[::step]}
        )
        for seed, step in enumerate((1, -1))
    )
    report = compare_files(base, head, read_policy(None))
    assert verdicts(report.judged)["torch", "latency_p50_ms"] == "PASS"


def test_a_rate_may_fall_by_what_is_printed_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text("[images_per_second]\ntolerance = 30\n", encoding="utf-8")
    for number, (ms, verdict) in enumerate(((13.7, "PASS"), (15.0, "FAIL"))):  # the rate falls by 27 and by 33 %
        sides = sides_of(timed_run(tmp_path / f"{number}", {BASE: 10, HEAD: ms}, spread=0.001), None)
        again = Again(tmp_path / f"again{number}", ms, spread=0.001)
        found = next(one for one in judged(sides, again, read_policy(path)).judged if one.metric == "images_per_second")
        assert found.verdict == verdict, found


def test_two_of_several_environments_are_named(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch@1.0": 10, "torch@1.1": 10, "torch@1.2": 10})
    with pytest.raises(UsageError, match="name two, --base LABEL --head LABEL"):
        sides_of(run, None)
    sides = sides_of(run, None, base="1.1", head="1.0")
    assert (sides.base.label, sides.head.label) == ("1.1", "1.0")
    with pytest.raises(UsageError, match=r"--head 9: .* has the environments 1\.0, 1\.1, 1\.2"):
        sides_of(run, None, head="9")
    turned = timed_run(tmp_path / "turned", {"torch@head": 10, "torch@base": 10})
    assert sides_of(turned, None).base.label == "base", "by its name, not by its place"


def test_blocks_that_took_no_time_are_damage(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10}, anchor_ms=0)
    with pytest.raises(AlexBenchError, match=r"timings\.parquet is damaged: a block of the machine probe took 0"):
        gated_run_of(run)


def test_a_run_is_not_gated_against_itself_under_another_name(tmp_path: Path) -> None:
    run = timed_run(tmp_path / "run", {"torch": 10})
    with pytest.raises(UsageError, match="against itself"):
        sides_of(run, run / "run.json")
    with pytest.raises(UsageError, match="with itself"):
        compare_files(run / "run.json", run, read_policy(None))
