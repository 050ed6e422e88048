"""Rows of runs compared: which are paired, what is counted, and the text of mismatches."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.harness.comparison.compare import Compared, compare, flipped, to_json
from alexbench.harness.comparison.rows_of_runs import split
from alexbench.harness.errors import AlexBenchError, UsageError
from alexbench.harness.records.paired_records import Pair
from tests.support.records import data, effective, parity
from tests.support.runs import SIGMA, Asked, answers, write_run

IMAGES = 1000


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two fp32 rows that differ on images 7 and 8, of which float64 was asked."""
    rows = {"onnxruntime": answers(IMAGES, wrong=[7, 8]), "torch": answers(IMAGES)}
    # To image 7 the two classes are 1e-4 sigma apart, to image 8 half a sigma.
    reference = {
        7: Asked((7, 107, 1, 2, 3), (9.0, 9.0 - 1e-4 * SIGMA, 1.0, 0.9, 0.8)),
        8: Asked((8, 108, 1, 2, 3), (9.0, 9.0 - 0.5 * SIGMA, 1.0, 0.9, 0.8)),
    }
    flips = {("onnxruntime", 7): 1e-4, ("onnxruntime", 8): 0.5}
    return write_run(tmp_path / "run", rows, reference=reference, flips=flips)


def pair_of(*arguments: str | Path, **options: Any) -> Pair:
    found = compare([str(one) for one in arguments], **options).report.pairs
    assert len(found) == 1
    return found[0]


def names(compared: Compared) -> list[tuple[str, str]]:
    return [(pair.base.name, pair.other.name) for pair in compared.report.pairs]


def test_every_row_of_a_run_is_compared_with_torch(tmp_path: Path) -> None:
    rows = dict.fromkeys(("onnxruntime", "tensorflow", "torch"), answers(IMAGES))
    folder = write_run(tmp_path / "run", rows, failed=["openvino"])
    compared = compare([str(folder)])
    assert names(compared) == [("torch", "onnxruntime"), ("torch", "tensorflow")]
    assert compared.report.notes == ("openvino is not compared: worker openvino was killed by SIGKILL",)
    assert names(compare([str(folder)], base="tensorflow"))[0] == ("tensorflow", "onnxruntime")
    assert names(compare([f"{folder}:tensorflow"]))[0] == ("tensorflow", "onnxruntime")


def test_without_torch_the_first_row_that_has_an_accuracy_is_the_base(tmp_path: Path) -> None:
    rows = dict.fromkeys(("onnxruntime", "tensorflow"), answers(IMAGES))
    assert names(compare([str(write_run(tmp_path / "run", rows))])) == [("onnxruntime", "tensorflow")]


def test_of_two_runs_rows_of_the_same_name_are_paired(tmp_path: Path) -> None:
    first = write_run(tmp_path / "old", dict.fromkeys(("onnxruntime", "torch"), answers(IMAGES)))
    second = write_run(tmp_path / "new", dict.fromkeys(("openvino", "torch"), answers(IMAGES)))
    compared = compare([str(first), str(second)])
    assert names(compared) == [("A torch", "B torch")]
    assert [pair.base.run for pair in compared.report.pairs] == [str(first)]
    assert compared.report.notes == (
        f"{first} alone has onnxruntime: not compared.",
        f"{second} alone has openvino: not compared.",
    )
    assert names(compare([f"{first}:onnxruntime", f"{second}:openvino"])) == [("A onnxruntime", "B openvino")]
    assert names(compare([f"{first}:torch", str(second)])) == [("A torch", "B torch")]
    assert names(compare([f"{first}:onnxruntime", f"{first}:torch"])) == [("onnxruntime", "torch")]


def test_a_colon_in_a_path_is_no_row(tmp_path: Path) -> None:
    odd = write_run(tmp_path / "a:torch", {"torch": answers(10), "x": answers(10)})
    plain = write_run(tmp_path / "a", {"torch": answers(10), "x": answers(10)})
    assert split(str(odd)) == (odd, None)
    assert split(f"{odd}:x") == (odd, "x")
    assert split(f"{odd}:x cuda:0") == (odd, "x cuda:0")
    assert split(f"{plain}:x") == (plain, "x")
    assert split(str(tmp_path / "no:where")) == (tmp_path / "no:where", None)


def test_counts_are_of_images_that_only_one_row_has_right(run: Path) -> None:
    pair = pair_of(run)
    assert (pair.top1.lost, pair.top1.gained, pair.top1.images) == (2, 0, IMAGES)
    assert (pair.top5.lost, pair.top5.gained, pair.top5.verdict) == (0, 0, "equivalent")
    assert pair.top1.difference == pytest.approx(-0.2)
    assert (pair.top1.base, pair.top1.other) == (100.0, 99.8)


def test_an_image_lost_at_top_5_is_counted_there(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"torch": answers(100, wrong=[1]), "x": answers(100, missed=[1, 2])})
    pair = pair_of(folder)
    assert (pair.top5.lost, pair.top5.gained) == (2, 0)
    assert (pair.top1.lost, pair.top1.gained) == (1, 0)


def test_a_mismatch_is_explained_where_float64_has_the_two_answers_that_close(run: Path) -> None:
    pair = pair_of(run)
    assert [flip.sample for flip in pair.flips] == ["val_00007.JPEG", "val_00008.JPEG"]
    assert [flip.margin_sigma for flip in pair.flips] == pytest.approx([1e-4, 0.5])
    assert [flip.explained for flip in pair.flips] == [True, False]
    assert (pair.explained, pair.unexplained, pair.not_examined) == (1, 1, 0)
    assert pair.bound_sigma == 2e-4
    assert pair.alarming


def test_a_mismatch_shows_both_rows_five_best_by_name(run: Path) -> None:
    flip = pair_of(run).flips[0]
    assert (flip.label, flip.label_name) == (7, "cock")
    assert [answer.index for answer in flip.base] == [7, 107, 207, 307, 407]
    assert [answer.index for answer in flip.other] == [107, 7, 207, 307, 407]
    assert flip.base[0].name == flip.other[1].name == "cock"
    assert [answer.score for answer in flip.base] == [9, 8, 7, 6, 5]


def test_two_rows_that_both_left_float64_are_as_far_apart_as_their_margins(tmp_path: Path) -> None:
    rows = {"torch": answers(100, wrong=[7]), "x": answers(100)}
    rows["x"][7, :2] = 900, 7
    asked = {7: Asked((7, 1, 2, 3, 4), (9.0, 8.0, 7.0, 6.0, 5.0))}  # neither 107 nor 900 is among its five best
    folder = write_run(tmp_path / "run", rows, reference=asked, flips={("torch", 7): 3.0, ("x", 7): 3.5})
    (flip,) = pair_of(folder).flips
    assert flip.margin_sigma == pytest.approx(0.5)
    assert flip.explained is False


def test_the_wider_of_two_tolerances_explains(tmp_path: Path, run: Path) -> None:
    coarse = {"onnxruntime": {"parity": replace(parity(), tolerance_max_abs_over_sigma=0.4)}}
    rows = {"onnxruntime": answers(100, wrong=[7]), "torch": answers(100)}
    asked = {7: Asked((7, 107, 1, 2, 3), (9.0, 9.0 - 0.79 * SIGMA, 1.0, 0.9, 0.8))}
    folder = write_run(tmp_path / "coarse", rows, reference=asked, flips={("onnxruntime", 7): 0.79}, changes=coarse)
    pair = pair_of(folder)
    assert pair.bound_sigma == 0.8
    assert pair.flips[0].explained


def test_older_runs_leave_every_mismatch_unexamined(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"torch": answers(100), "x": answers(100, wrong=[3, 4])})
    pair = pair_of(folder)
    assert (pair.explained, pair.unexplained, pair.not_examined) == (0, 0, 2)
    assert pair.flips[0].margin_sigma is None
    assert not pair.alarming


def test_a_row_without_parity_has_no_tolerance_to_explain_by(tmp_path: Path) -> None:
    rows = {"onnxruntime": answers(100, wrong=[7]), "torch": answers(100)}
    asked = {7: Asked((7, 107, 1, 2, 3), (9.0, 9.0, 1.0, 0.9, 0.8))}
    folder = write_run(tmp_path / "run", rows, reference=asked, changes={"torch": {"parity": None}})
    pair = pair_of(folder)
    assert pair.bound_sigma is None
    assert pair.not_examined == 1


def test_between_runs_either_reference_will_do(tmp_path: Path) -> None:
    asked = {7: Asked((7, 107, 1, 2, 3), (9.0, 9.0 - 0.3 * SIGMA, 1.0, 0.9, 0.8))}
    old = write_run(tmp_path / "old", {"torch": answers(100)})
    new = write_run(tmp_path / "new", {"torch": answers(100, wrong=[7, 8])}, reference=asked, flips={("torch", 7): 0.3})
    for first, second in ((old, new), (new, old)):
        pair = pair_of(first, second)
        assert [flip.margin_sigma for flip in pair.flips] == [pytest.approx(0.3), None]
        assert (pair.unexplained, pair.not_examined) == (1, 1)


def test_other_weights_have_no_common_reference(tmp_path: Path) -> None:
    from tests.support.records import model

    asked = {7: Asked((7, 107, 1, 2, 3), (9.0, 9.0, 1.0, 0.9, 0.8))}
    old = write_run(tmp_path / "old", {"torch": answers(100)}, reference=asked)
    new = write_run(tmp_path / "new", {"torch": answers(100, wrong=[7])}, model=model(weights_digest="cd" * 32))
    with pytest.raises(UsageError, match=r"weights abababababab and cdcdcdcdcdcd; .*--different-weights$"):
        compare([str(old), str(new)])
    compared = compare([str(old), str(new)], different_weights=True)
    assert compared.report.pairs[0].not_examined == 1
    assert "The weights differ" in compared.report.notes[-1]


def test_reduced_precision_may_have_mismatches_without_alarm(tmp_path: Path) -> None:
    rows = {"onnxruntime": answers(100, wrong=[7]), "torch": answers(100)}
    asked = {7: Asked((7, 107, 1, 2, 3), (9.0, 8.0, 1.0, 0.9, 0.8))}
    bf16 = {"onnxruntime": {"effective": effective(precision=("bf16", "reported"))}}
    pair = pair_of(write_run(tmp_path / "run", rows, reference=asked, changes=bf16))
    assert pair.unexplained == 1
    assert not pair.alarming


def test_too_few_images_to_decide_are_exit_code_3(tmp_path: Path) -> None:
    few = write_run(tmp_path / "few", dict.fromkeys(("torch", "x"), answers(40)))
    many = write_run(tmp_path / "many", dict.fromkeys(("torch", "x"), answers(1000)))
    assert compare([str(few)]).exit_code == 3
    assert compare([str(few)]).report.pairs[0].top1.images_for_equivalence == 598
    assert compare([str(few)], margin=10).exit_code == 0
    assert compare([str(many)]).exit_code == 0


def test_a_difference_that_shows_is_no_failure(tmp_path: Path) -> None:
    rows = {"torch": answers(200), "x": answers(200, missed=range(20))}
    compared = compare([str(write_run(tmp_path / "run", rows))])
    assert {compared.report.pairs[0].top1.verdict, compared.report.pairs[0].top5.verdict} == {"different"}
    assert compared.exit_code == 0


def test_a_part_of_the_validation_set_has_the_narrower_interval(tmp_path: Path) -> None:
    rows = dict.fromkeys(("torch", "x"), answers(1000, wrong=range(435)))
    loose = pair_of(write_run(tmp_path / "any", rows, data=data(images=1000, available_images=1000)))
    part = pair_of(write_run(tmp_path / "part", rows, data=data(images=1000, of_validation_set="part")))
    assert loose.top1.base_interval == pytest.approx((53.40, 59.54), abs=0.01)
    assert part.top1.base_interval == pytest.approx((53.43, 59.51), abs=0.01)
    assert loose.top1.interval == part.top1.interval


def test_json_has_all_of_it(run: Path) -> None:
    whole = json.loads(to_json(compare([str(run)])))
    (pair,) = whole["pairs"]
    assert (pair["explained"], pair["unexplained"], pair["alarming"]) == (1, 1, True)
    assert pair["top1"]["interval"][0] < -0.2 < pair["top1"]["interval"][1]
    assert [len(flip["base"]) for flip in pair["flips"]] == [5, 5]
    assert whole["exit_code"] == compare([str(run)]).exit_code
    assert "layers" not in whole
    assert json.loads(to_json(compare([str(run)]), layers=[{"a": 1}]))["layers"] == [{"a": 1}]


def test_json_knows_no_infinity(tmp_path: Path) -> None:
    import pandas as pd

    folder = write_run(tmp_path / "run", {"torch": answers(100), "x": answers(100, wrong=[3])})
    frame = pd.read_parquet(folder / "predictions.parquet")
    frame["score5"] = np.float32(-np.inf)
    frame.to_parquet(folder / "predictions.parquet")
    (flip,) = json.loads(to_json(compare([str(folder)])))["pairs"][0]["flips"]
    assert [answer["score"] for answer in flip["base"]] == [9, 8, 7, 6, None]


def test_the_images_for_layers_are_mismatches_and_the_unexplained_come_first(run: Path) -> None:
    compared = compare([str(run)])
    assert flipped(compared, 1) == ["val_00008.JPEG"]
    assert flipped(compared, 8) == ["val_00008.JPEG", "val_00007.JPEG"]
    assert [(found.folder, rows) for found, rows in compared.runs] == [(run, ["torch", "onnxruntime"])]


@pytest.mark.parametrize("margin", [0, -1, 100.5, float("nan"), float("inf")])
def test_a_margin_that_is_none_is_refused(run: Path, margin: float) -> None:
    with pytest.raises(UsageError, match=r"--margin .*: give points above 0, 100 at most"):
        compare([str(run)], margin=margin)


def test_what_is_refused_is_one_line(run: Path) -> None:
    for arguments, options in (
        ([run, run, run], {}),
        ([f"{run}:torch", f"{run}:torch"], {}),
        ([run], {"base": "caffe"}),
        ([run / "nothing"], {}),
    ):
        with pytest.raises(AlexBenchError) as refused:
            compare([str(one) for one in arguments], **options)  # type: ignore[arg-type]
        assert "\n" not in str(refused.value)
        assert refused.value.exit_code == 2
