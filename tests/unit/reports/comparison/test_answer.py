"""What a comparison begins with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.comparison.compare import compare
from alexbench.harness.gating.gate import compare_files
from alexbench.harness.gating.policy import read_policy
from alexbench.harness.records.gate_records import GateReport
from alexbench.harness.records.paired_records import PairedReport
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.speed_records import Difference
from alexbench.harness.running.folder import write_record
from alexbench.reports.comparison.answer import answer, speed_answer
from tests.support.gates import timed_run
from tests.support.records import effective
from tests.support.runs import SIGMA, Asked, answers, write_run


def one_run(folder: Path, *differences: Difference, images: int = 1000, wrong: int = 0) -> PairedReport:
    rows = {"openvino": answers(images, wrong=range(wrong)), "torch": answers(images)}
    return compared(folder / "run", rows, differences)


def compared(folder: Path, rows: dict[str, NDArray[np.int64]], differences: tuple[Difference, ...]) -> PairedReport:
    """Rows of one run that differ in speed as given."""
    write_run(folder, rows)
    write_record(folder, replace(read_run(folder), differences=differences))
    return compare([str(folder)]).report


def fps(ratio: float, low: float, high: float, *, apart: bool = True) -> Difference:
    """How many times torch's time is openvino's."""
    return Difference("images/s", "torch", "openvino", ratio, low, high, apart)


def test_who_is_faster_and_that_nothing_changed_is_one_sentence(tmp_path: Path) -> None:
    said = answer(one_run(tmp_path, fps(1.042, 1.031, 1.053)))
    faster = "openvino is 4.2 % faster than torch (FPS, 95 % interval 3.1 to 5.3 %)"
    assert said == [f"{faster}; no top-1 prediction changed in 1,000 images."]


def test_the_order_of_the_rows_in_the_record_does_not_matter(tmp_path: Path) -> None:
    turned = Difference("images/s", "openvino", "torch", 1 / 1.042, 1 / 1.053, 1 / 1.031, apart=True)
    assert answer(one_run(tmp_path / "a", turned)) == answer(one_run(tmp_path / "b", fps(1.042, 1.031, 1.053)))


def test_a_slower_row_is_called_slower_with_the_size_of_the_change(tmp_path: Path) -> None:
    assert (
        "openvino is 4.0 % slower than torch (FPS, 95 % interval 3.0 to 5.0 %)"
        in (answer(one_run(tmp_path, fps(0.96, 0.95, 0.97)))[0])
    )


def test_rows_that_cannot_be_told_apart_have_the_difference_and_the_resolution(tmp_path: Path) -> None:
    said = answer(one_run(tmp_path, fps(1.012, 0.973, 1.052, apart=False)))[0]
    assert "cannot be told apart in speed: FPS differs by 1.2 %, and this pair resolves 4.0 %" in said


def test_latency_is_mentioned_where_batch_1_shows_something_else(tmp_path: Path) -> None:
    latency = Difference("latency", "torch", "openvino", 0.9, 0.88, 0.92, apart=True)  # openvino takes longer
    said = answer(one_run(tmp_path / "a", fps(1.042, 1.031, 1.053), latency))
    assert said[1].startswith("At batch 1 its p50 is 11.1 % higher")
    alike = replace(latency, ratio=1.05, low=1.04, high=1.06)
    assert len(answer(one_run(tmp_path / "b", fps(1.042, 1.031, 1.053), alike))) == 1


def test_predictions_that_changed_are_counted_with_what_they_do_to_top_1(tmp_path: Path) -> None:
    said = answer(one_run(tmp_path, wrong=40))[0]
    assert said.startswith("40 of 1,000 top-1 predictions changed; top-1 changes by -4.00 points (95 % interval ")


def test_too_few_images_are_reported_with_how_many_would_decide(tmp_path: Path) -> None:
    assert "too few to show equivalence, which takes 598" in answer(one_run(tmp_path, images=40))[0]


def test_mismatches_that_are_not_rounding_come_first(tmp_path: Path) -> None:
    rows = {"onnxruntime": answers(1000, wrong=[8]), "torch": answers(1000)}
    reference = {8: Asked((8, 108, 1, 2, 3), (9.0, 9.0 - 0.5 * SIGMA, 1.0, 0.9, 0.8))}
    said = answer(compare([str(write_run(tmp_path / "run", rows, reference=reference))]).report)
    assert said[0].startswith("Not rounding: onnxruntime and torch")


def test_of_an_invalid_run_no_row_is_called_faster(tmp_path: Path) -> None:
    report = replace(one_run(tmp_path), invalid=(Reason("suspended", measured=3.0),))
    said = answer(report)
    assert said[-1] == "Speed was not compared: the run is INVALID (the machine was suspended for 3.0 s)."


def test_several_rows_are_grouped(tmp_path: Path) -> None:
    rows = {name: answers(1000) for name in ("onnxruntime", "openvino", "tensorflow", "torch")}
    differences = [
        Difference("images/s", "torch", name, ratio, ratio * 0.98, ratio * 1.02, apart)
        for name, ratio, apart in (("onnxruntime", 1.4, True), ("openvino", 1.6, True), ("tensorflow", 1.01, False))
    ]
    said = answer(compared(tmp_path / "run", rows, tuple(differences)))
    assert said == [
        "Faster than torch: openvino (FPS +60.0 %), onnxruntime (FPS +40.0 %).",
        "Tied with torch in speed: tensorflow (differences below 2.0 % cannot be shown here).",
        "No top-1 prediction differs from torch's in 1,000 images.",
    ]


def two_runs(folder: Path, ms: float, *, version: str = "2.0", **of_run: object) -> tuple[PairedReport, GateReport]:
    old = timed_run(folder / "old", {"torch": 10.0}, **of_run)  # type: ignore[arg-type]
    new = timed_run(folder / "new", {"torch": ms}, seed=1)
    report = compare([str(old), str(new)]).report
    pair = report.pairs[0]
    report = replace(report, pairs=(replace(pair, other=replace(pair.other, version=version)),))
    return report, compare_files(old, new, read_policy(None))


def test_of_two_runs_of_one_system_the_versions_are_named(tmp_path: Path) -> None:
    report, rest = two_runs(tmp_path, 8.0)
    assert effective().version == report.pairs[0].base.version
    said = answer(report, rest)[0]
    assert said.startswith("torch 2.0 is ")
    assert f"% faster than {effective().version} (FPS, 95 % interval " in said


def test_without_two_versions_the_runs_are_named(tmp_path: Path) -> None:
    report, rest = two_runs(tmp_path, 8.0, version=effective().version)
    assert answer(report, rest)[0].startswith("torch in B is ")
    assert "than torch in A" in answer(report, rest)[0]


def test_other_settings_are_why_no_speed_was_compared(tmp_path: Path) -> None:
    configuration = {"batch_size": 16, "rigor": "smoke", "limit": 1000}
    report, rest = two_runs(tmp_path, 8.0, configuration=configuration)
    said = answer(report, rest)
    assert said[-1].startswith("Speed was not compared: ")
    assert "batch-size" in said[-1]


def test_the_95_interval_of_two_runs_is_wider_than_the_gates(tmp_path: Path) -> None:
    _, rest = two_runs(tmp_path, 8.0)
    one = next(one for one in rest.judged if one.metric == "images_per_second")
    assert one.low is not None
    assert one.high is not None
    assert one.low_95 is not None
    assert one.high_95 is not None
    assert one.low_95 < one.low < one.change < one.high < one.high_95  # type: ignore[operator]


def test_runs_of_speed_alone_are_compared_by_speed(tmp_path: Path) -> None:
    _, rest = two_runs(tmp_path, 8.0)
    assert "faster than" in speed_answer(rest)[0]
