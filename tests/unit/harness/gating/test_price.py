"""What a policy asks of int8 next to fp32, and int8 answers of another CPU."""

from pathlib import Path
from typing import Any, Final

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.gating.gate import compare_files
from alexbench.harness.gating.policy import Policy, read_policy
from alexbench.harness.records.gate_records import GateReport, Judged
from alexbench.harness.systems import System
from alexbench.reports.gate.metrics import allowed_text, check_name, outcome_text
from tests.support.gates import timed_run
from tests.support.runs import answers

SYSTEMS: Final = {"torch": System("torch", 2), "torch int8": System("torch", 2, "int8")}
MACHINE: Final = {"cpu": "one", "flags": ["avx2", "avx512f", "avx512_vnni"]}


def policy(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return read_policy(path)


def priced_run(folder: Path, *, ms: float = 5.0, lost: int = 0, **of: Any) -> Path:
    """fp32 with 10 ms an image, and int8 with ``ms``; ``lost``: images of 600 that only fp32 has right."""
    rows = {"torch": answers(600), "torch int8": answers(600, wrong=range(lost))}
    of.setdefault("machine", MACHINE)
    return timed_run(folder, {"torch": 10, "torch int8": ms}, rows=rows, systems=SYSTEMS, **of)


def prices(report: GateReport) -> dict[str, Judged]:
    return {one.metric: one for one in report.judged if one.metric in ("speed_up", "price_points")}


@pytest.mark.parametrize(
    ("run", "speed_up", "points"),
    [
        ({}, "PASS", "PASS"),
        ({"ms": 8.5}, "FAIL", "PASS"),
        ({"ms": 10 / 1.5}, "INCONCLUSIVE", "PASS"),
        ({"lost": 2}, "PASS", "FAIL"),
    ],
)
def test_int8_is_at_least_so_fast_and_loses_at_most_so_much(
    tmp_path: Path, run: dict[str, Any], speed_up: str, points: str
) -> None:
    base, head = priced_run(tmp_path / "base"), priced_run(tmp_path / "head", seed=3, **run)
    asked = policy(tmp_path, "[price.int8]\nspeed_up = 1.5\npoints = 0.2\n")
    found = prices(compare_files(base, head, asked))
    assert {name: one.verdict for name, one in found.items()} == {"speed_up": speed_up, "price_points": points}


def test_a_price_is_shown_with_what_was_asked(tmp_path: Path) -> None:
    base, head = priced_run(tmp_path / "base"), priced_run(tmp_path / "head", seed=3)
    one = prices(compare_files(base, head, policy(tmp_path, "[price.int8]\nspeed_up = 1.5\n")))["speed_up"]
    assert (check_name(one), outcome_text(one)) == ("torch int8 speed-up over fp32", "2.01x")
    assert allowed_text(one) == "at least 1.5x"


def test_a_precision_that_no_row_has_is_not_passed(tmp_path: Path) -> None:
    base, head = priced_run(tmp_path / "base"), priced_run(tmp_path / "head", seed=3)
    found = prices(compare_files(base, head, policy(tmp_path, "[price.bf16]\npoints = 1\n")))
    assert found["price_points"].verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[price.fp32]\npoints = 1", "price.fp32 is not a precision below fp32; known: "),
        ("[price.int8]", "price.int8 asks for nothing"),
        ("[price.int8]\nspeed_up = 0", "price.int8.speed_up = 0: give a number above 0"),
        ("[price.int8]\npoints = -1", "price.int8.points = -1: give points of accuracy"),
        ("[price.int8]\nspeedup = 1", "price.int8.speedup"),
    ],
)
def test_a_price_that_cannot_be_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        policy(tmp_path, text)


def test_int8_answers_of_other_instructions_are_not_gated(tmp_path: Path) -> None:
    base = priced_run(tmp_path / "base")
    head = priced_run(tmp_path / "head", lost=100, machine={"cpu": "two", "flags": ["avx2"]}, seed=3)
    report = compare_files(base, head, policy(tmp_path, 'other_machine = "accuracy"'))
    verdicts = {(one.row, one.metric): one for one in report.judged}
    assert verdicts["torch int8", "top1"].verdict == "NOT GATED"
    (why,) = verdicts["torch int8", "top1"].why
    assert (why.code, why.head) == ("other_instructions", "avx2")
    assert verdicts["torch", "top1"].verdict == "PASS"
    assert report.verdict == "PASS"
