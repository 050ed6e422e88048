"""Every row of a run against one of them: which one, on which images, and into the record and back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.records import file_names
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.row_pairs import rebased, row_pairs
from alexbench.harness.systems import System, labels
from tests.support.records import data, of_system, ok_row, run_record
from tests.support.runs import answers, write_run

IMAGES = 400
ROWS = [ok_row(name) for name in ("openvino", "torch", "onnxruntime")]


def predictions(tmp_path: Path, **rows: tuple[int, ...]) -> pd.DataFrame:
    """Rows that are wrong about these images."""
    run = write_run(tmp_path / "run", {name: answers(IMAGES, wrong=wrong) for name, wrong in rows.items()})
    return pd.read_parquet(run / file_names.PREDICTIONS)


def test_torch_is_the_base_where_it_answered(tmp_path: Path) -> None:
    pairs = row_pairs(predictions(tmp_path, openvino=(1,), torch=(), onnxruntime=()), data(images=IMAGES), ROWS)
    assert [(one.base, one.other) for one in pairs] == [("torch", "openvino"), ("torch", "onnxruntime")]


def test_without_torch_the_first_row_is_the_base(tmp_path: Path) -> None:
    pairs = row_pairs(predictions(tmp_path, openvino=(1,), onnxruntime=()), data(images=IMAGES), ROWS)
    assert [(one.base, one.other) for one in pairs] == [("openvino", "onnxruntime")]


def test_a_pair_is_what_the_judge_says_of_it(tmp_path: Path) -> None:
    (pair,) = row_pairs(predictions(tmp_path, torch=(1, 2), openvino=(2, 3, 4)), data(images=IMAGES), ROWS)
    base, other = np.ones(IMAGES, bool), np.ones(IMAGES, bool)
    base[[1, 2]], other[[2, 3, 4]] = False, False
    assert pair.top1 == paired_test("top1", base, other, population=50_000)
    assert (pair.top1.lost, pair.top1.gained) == (2, 1)
    assert (pair.top5.lost, pair.top5.gained, pair.top5.base_correct) == (0, 0, IMAGES)


def test_a_single_row_is_paired_with_nobody(tmp_path: Path) -> None:
    assert row_pairs(predictions(tmp_path, torch=()), data(images=IMAGES), ROWS) == ()


def test_pairs_are_written_and_read_back(tmp_path: Path) -> None:
    pairs = row_pairs(predictions(tmp_path, torch=(1, 2), openvino=(2, 3, 4)), data(images=IMAGES), ROWS)
    record: RunRecord = run_record(pairs=pairs)
    folder = tmp_path / "written"
    folder.mkdir()
    run_folder.write_record(folder, record)
    assert read_run(folder) == record


def test_a_named_row_is_the_base_and_without_its_answers_there_are_no_pairs(tmp_path: Path) -> None:
    frame = predictions(tmp_path, openvino=(1,), torch=(), onnxruntime=())
    pairs = row_pairs(frame, data(images=IMAGES), ROWS, "onnxruntime")
    assert [(one.base, one.other) for one in pairs] == [("onnxruntime", "openvino"), ("onnxruntime", "torch")]
    assert row_pairs(frame, data(images=IMAGES), ROWS, "tensorflow") == ()


def test_a_row_is_compared_with_its_own_fp32_too(tmp_path: Path) -> None:
    systems = [System(name, 2, precision) for name in ("openvino", "torch") for precision in ("fp32", "bf16")]
    rows = [ok_row(name, **of_system(system)) for name, system in zip(labels(systems), systems, strict=True)]
    run = write_run(tmp_path / "run", {row.name: answers(IMAGES) for row in rows})
    frame = pd.read_parquet(run / file_names.PREDICTIONS)
    pairs = [(one.base, one.other) for one in row_pairs(frame, data(images=IMAGES), rows)]
    against_base = [("torch", name) for name in ("openvino", "openvino bf16", "torch bf16")]
    assert pairs == [*against_base, ("openvino", "openvino bf16")]
    pairs = [(one.base, one.other) for one in row_pairs(frame, data(images=IMAGES), rows, "torch bf16")]
    assert pairs[3:] == [("openvino", "openvino bf16"), ("torch", "torch bf16")]


def test_a_run_is_compared_with_another_of_its_rows(tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run",
        {row.name: answers(IMAGES) for row in ROWS},
        failed=["tensorflow"],
    )
    record = rebased(run, read_run(run), "openvino")
    assert record.base == "openvino"
    assert {(one.base, one.other) for one in record.pairs} == {("openvino", "torch"), ("openvino", "onnxruntime")}
    for name in ("jax", "tensorflow"):
        with pytest.raises(UsageError, match="known: onnxruntime, openvino, torch"):
            rebased(run, read_run(run), name)


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_older_records_have_no_pairs(schema: int) -> None:
    assert read_run(Path(__file__).parents[3] / "fixtures" / f"schema-{schema}").pairs == ()
