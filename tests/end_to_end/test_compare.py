"""The comparison as a person asks for it: rows of a real run, on images whose answers are known."""

import json
import shutil
from pathlib import Path

import pandas as pd

from tests.end_to_end.conftest import PICTURES, Command, Ground


def test_sixteen_images_decide_nothing_and_the_number_that_would_is_said(
    command: Command, ground: Ground, answered: Path
) -> None:
    ended = command("compare", answered)
    assert ended.code == 3, ended.err
    assert "Undecided, top-1 and top-5 of openvino (base: torch): " in ended.out
    assert "598 images would show equivalence" in ended.out
    assert "too few to show equivalence, which takes 598" in ended.out.splitlines()[0]
    assert ended.out.splitlines()[-1] == "Exit code 3: too few images to decide every pair"


def test_a_margin_that_sixteen_can_decide(command: Command, ground: Ground, answered: Path) -> None:
    ended = command("compare", answered, "--margin", "20", "--json")
    assert ended.code == 0, ended.err
    (pair,) = json.loads(ended.out)["pairs"]
    assert (pair["base"]["name"], pair["other"]["name"]) == ("torch", "openvino")
    assert (pair["top1"]["base_correct"], pair["top5"]["base_correct"]) == (ground.top1, ground.top5)
    assert (pair["top1"]["lost"], pair["top1"]["gained"]) == (0, 0)
    assert pair["top1"]["verdict"] == pair["top5"]["verdict"] == "equivalent"
    assert pair["unexplained"] == 0


def test_an_answer_that_was_turned_is_called_unexplained(command: Command, answered: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned"
    shutil.copytree(answered, turned)
    picture = _turn(turned, "openvino")
    out = tmp_path / "comparison.md"
    ended = command("compare", f"{answered}:openvino", f"{turned}:openvino", "--out", out)
    assert ended.code == 3, ended.err
    assert "B openvino and A openvino: 1 unexplained top-1 mismatch, not rounding:" in ended.out
    assert picture in ended.out
    assert "UNEXPLAINED" in out.read_text(encoding="utf-8")
    assert f"wrote {out}" in ended.out


def _turn(folder: Path, backend: str) -> str:
    """Exchange a right answer of a parity image with float64's second best, in the answers and in the count."""
    answers = pd.read_parquet(folder / "predictions.parquet")
    mine = answers[(answers["backend"] == backend) & (answers["top1"] == answers["label"])]
    place = mine.index[0]
    answers.loc[place, ["top1", "top2"]] = answers.loc[place, ["top2", "top1"]].tolist()
    answers.to_parquet(folder / "predictions.parquet")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    row = next(row for row in record["systems"] if row["name"] == backend)
    row["accuracy"]["top1_correct"] -= 1
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return str(answers.loc[place, "sample"])


def test_what_cannot_be_compared_is_one_line_and_exit_code_2(command: Command, answered: Path, tmp_path: Path) -> None:
    for arguments in (
        (answered, answered),
        (f"{answered}:caffe",),
        (answered, "--margin", "0"),
        (answered, "--flips", "-1"),
        (answered, "--layers", "--images", "0"),
        (answered, "--out", tmp_path),
        (tmp_path,),
    ):
        ended = command("compare", *arguments)
        assert ended.code == 2, ended.err
        assert ended.last_line.startswith("alexbench: ")
        assert "Traceback" not in ended.err


def test_every_row_has_all_images(command: Command, answered: Path) -> None:
    ended = command("compare", f"{answered}:torch", f"{answered}:openvino", "--json")
    report = json.loads(ended.out)
    assert (report["images"], ended.code) == (PICTURES, report["exit_code"])
