"""Runs that cannot be compared, and the error: it names the first difference."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.comparison.compare import compare
from alexbench.harness.errors import DataError, RecordError, UsageError
from alexbench.harness.records.record_files import read_run, to_json
from alexbench.harness.records.run_records import PartRecord
from tests.support.records import artifact, data, model
from tests.support.runs import Asked, answers, write_run

IMAGES = 20
NAMES = [f"val_{place:05}.JPEG" for place in range(IMAGES)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", {"onnxruntime": answers(IMAGES), "torch": answers(IMAGES)})


def another(run: Path, **changes: Any) -> Path:
    """Another run, with one row."""
    return write_run(run.parent / "another", {"torch": answers(changes.pop("images", IMAGES))}, **changes)


def refusal(kind: type[Exception], *arguments: str | Path, **options: Any) -> str:
    with pytest.raises(kind) as refused:
        compare([str(one) for one in arguments], **options)
    return str(refused.value)


def part(number: int) -> PartRecord:
    return PartRecord(number, 2, 20 * (number - 1), 20 * number, 40, "", "", "")


def test_other_images_are_refused_by_the_first_that_differs(run: Path) -> None:
    other = another(run, samples=[*NAMES[:5], "else.JPEG", *NAMES[6:]])
    said = refusal(DataError, run, other)
    assert said == (
        f"{run} and {other} cannot be compared: image 6 is val_00005.JPEG in one and else.JPEG in the other;"
        " run both on the same images"
    )


def test_fewer_images_are_refused_by_the_first_that_is_missing(run: Path) -> None:
    said = refusal(DataError, run, another(run, images=IMAGES - 2))
    assert "image 19 is val_00018.JPEG in one and none in the other (20 and 18 images)" in said


def test_other_labels_are_refused_by_the_first_that_differs(run: Path) -> None:
    labels = np.arange(IMAGES)
    labels[[3, 9]] = 700, 701
    said = refusal(DataError, run, another(run, labels=labels))
    assert "val_00003.JPEG has label 3 in one and 700 in the other; run both on the same labels" in said


def test_other_pixels_are_refused_by_the_first_image(run: Path) -> None:
    said = refusal(DataError, run, another(run, pixels={4: "00" * 32, 5: "11" * 32}))
    assert "the pixels of val_00004.JPEG differ (2 of 20 images)" in said


def test_old_runs_are_held_to_the_digest_of_all_pixels(run: Path) -> None:
    other = another(run, data=data(images=IMAGES, pixels_digest="00" * 32))
    (run / "samples.parquet").unlink()
    assert not (other / "samples.parquet").exists()
    assert "the pixels that the rows were given differ" in refusal(DataError, run, other)


def test_another_preprocessing_is_refused(run: Path) -> None:
    other = another(run, model=model(card="bvlc", preprocessing="caffe", recipe_digest="bb" * 32))
    said = refusal(UsageError, run, other)
    assert "preprocessing, decoders or network differ (torchvision: torchvision, owt; bvlc: caffe, owt)" in said


def test_a_recipe_that_an_old_record_does_not_have_is_no_difference(run: Path) -> None:
    assert compare([str(run), str(another(run, model=model(recipe_digest="")))]).report.pairs


def test_other_weights_are_refused_unless_they_are_meant(run: Path) -> None:
    other = another(run, model=model(recipe_digest="aa" * 32, weights_digest="99" * 32))
    assert refusal(UsageError, run, other).endswith(
        "weights abababababab and 999999999999; if that is meant: --different-weights"
    )
    assert compare([str(run), str(other)], different_weights=True).report.pairs


def test_of_files_that_ran_as_they_are_the_files_are_the_weights(run: Path) -> None:
    bare = model(weights_digest="", recipe_digest="aa" * 32)
    first = another(run, model=bare, changes={"torch": {"artifact": artifact(sha256="12" * 32)}})
    changes = {"torch": {"artifact": artifact(sha256="34" * 32)}}
    second = write_run(run.parent / "third", {"torch": answers(IMAGES)}, model=bare, changes=changes)
    assert "weights 121212121212 and 343434343434" in refusal(UsageError, first, second)
    assert compare([str(first), str(second)], different_weights=True).report.pairs


def test_parts_of_a_data_set_are_to_be_joined_first(run: Path) -> None:
    other = another(run, data=data(images=IMAGES, part=part(2)))
    assert refusal(DataError, run, other).endswith(
        "all of it and part 2 of 2 of a data set; join the parts first: alexbench merge RUN..."
    )


def test_the_same_part_may_be_compared(run: Path) -> None:
    first = another(run, data=data(images=IMAGES, part=part(1)))
    second = write_run(run.parent / "third", {"torch": answers(IMAGES)}, data=data(images=IMAGES, part=part(1)))
    assert compare([str(first), str(second)]).report.pairs


def test_a_row_is_not_compared_with_itself(run: Path) -> None:
    said = f"{run}:torch is compared with itself; name another row or run"
    assert refusal(UsageError, f"{run}:torch", f"{run}:torch") == said
    assert "is compared with itself" in refusal(UsageError, run, run)
    assert "is compared with itself" in refusal(UsageError, f"{run}:torch", f"{run.parent}/./run:torch")


def test_an_unknown_row_is_refused_with_the_known_ones(run: Path) -> None:
    said = f"{run} has no row 'caffe'; known: onnxruntime, torch"
    assert refusal(UsageError, f"{run}:caffe", f"{run}:torch") == said
    assert refusal(UsageError, run, base="caffe") == said
    assert refusal(UsageError, f"{run}:caffe") == said


def test_a_row_in_error_has_nothing_to_compare(run: Path) -> None:
    other = another(run, failed=["openvino"])
    said = refusal(UsageError, other, base="openvino")
    assert "openvino has no accuracy (worker openvino was killed by SIGKILL); those with one: torch" in said


def test_a_run_without_accuracy_is_refused(run: Path) -> None:
    record = read_run(run)
    rows = tuple(replace(row, accuracy=None) for row in record.systems)
    (run / "run.json").write_text(to_json(replace(record, systems=rows)), encoding="utf-8")
    assert refusal(UsageError, run) == (
        f"{run} has no accuracy to compare: its accuracy was not measured; its speeds: alexbench report {run}"
    )
    (run / "run.json").write_text(to_json(replace(record, systems=rows, status="interrupted")), encoding="utf-8")
    assert "it is interrupted; first: alexbench run --resume" in refusal(UsageError, run)


def test_a_run_of_one_row_has_nothing_to_compare_it_with(run: Path) -> None:
    assert refusal(UsageError, another(run)).endswith("has no row but torch to compare; name a second run")


def test_runs_without_a_common_row_need_names(run: Path) -> None:
    other = write_run(run.parent / "third", {"openvino": answers(IMAGES)})
    assert refusal(UsageError, run, other).endswith("have no system in common; name rows: RUN:ROW RUN:ROW")
    assert compare([f"{run}:torch", f"{other}:openvino"]).report.pairs


def test_a_base_is_named_once_and_for_one_run(run: Path) -> None:
    assert "the first is the base" in refusal(UsageError, run, another(run), base="torch")
    assert "name the base once" in refusal(UsageError, f"{run}:torch", base="onnxruntime")


def test_a_folder_that_is_not_a_run_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "alone" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)  # where there are runs, the message names them
    assert refusal(RecordError, folder) == f"{folder} is not a run: it has no run.json; alexbench run makes one"
    assert "no such folder" in refusal(RecordError, f"{tmp_path}/none:torch")


def test_answers_that_the_record_does_not_count_are_refused(run: Path) -> None:
    frame = pd.read_parquet(run / "predictions.parquet")
    frame.loc[0, ["top1", "top2"]] = [frame.loc[0, "top2"], frame.loc[0, "top1"]]
    frame.to_parquet(run / "predictions.parquet")
    assert "the answers of onnxruntime are not those that run.json counts" in refusal(RecordError, run)


@pytest.mark.parametrize("name", ["predictions.parquet", "samples.parquet", "reference.parquet", "flips.parquet"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    asked = {1: Asked((1, 101, 2, 3, 4), (5.0, 4.0, 3.0, 2.0, 1.0))}
    rows = {"x": answers(IMAGES, wrong=[1]), "torch": answers(IMAGES)}
    first = write_run(tmp_path / "run", rows, reference=asked)
    second = write_run(tmp_path / "other", rows, reference=asked)
    (first / name).write_bytes(b"PAR1 and no more")
    said = refusal(RecordError, first, second)
    assert str(first / name) in said
    assert "damaged" in said


@pytest.mark.parametrize("name", ["predictions.parquet", "samples.parquet", "reference.parquet", "flips.parquet"])
def test_a_file_without_its_columns_is_named(tmp_path: Path, name: str) -> None:
    asked = {1: Asked((1, 101, 2, 3, 4), (5.0, 4.0, 3.0, 2.0, 1.0))}
    rows = {"x": answers(IMAGES, wrong=[1]), "torch": answers(IMAGES)}
    folder = write_run(tmp_path / "run", rows, reference=asked, flips={("x", 1): 0.5})
    pd.DataFrame({"other": [1]}).to_parquet(folder / name)
    assert "is damaged" in refusal(RecordError, folder)


def test_a_run_without_its_answers_is_refused(run: Path) -> None:
    (run / "predictions.parquet").unlink()
    said = refusal(RecordError, run)
    assert said.startswith(f"{run} has no predictions.parquet, which has each image's answer; restore it or run again")


@pytest.mark.parametrize(
    ("file", "column", "value", "said"),
    [
        ("predictions.parquet", "top1", 5000, "top1 has a value that is not a class"),
        ("reference.parquet", "score1", "much", "score1 has a value that is not a number"),
        ("flips.parquet", "margin_sigma", "far", "margin_sigma has a value that is not a number"),
    ],
)
def test_a_table_with_values_that_cannot_be_is_damaged(
    tmp_path: Path, file: str, column: str, value: object, said: str
) -> None:
    asked = {1: Asked((1, 2, 3, 4, 5), (9.0, 8.0, 7.0, 6.0, 5.0))}
    rows = {"onnxruntime": answers(IMAGES), "torch": answers(IMAGES, wrong=[1])}
    folder = write_run(tmp_path / "asked", rows, reference=asked, flips={("torch", 1): 0.5})
    table = pd.read_parquet(folder / file)
    pd.DataFrame({**table, column: value}).to_parquet(folder / file)
    with pytest.raises(RecordError, match=said):
        compare([str(folder)])
