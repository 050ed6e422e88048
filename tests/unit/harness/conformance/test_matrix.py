"""The matrix of capabilities shows what the kit found on this machine, with the versions that are installed."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.backends.registry import availability
from alexbench.harness.conformance.matrix import keep, kept, matrix
from alexbench.harness.records.conformance_records import Check, Conformance
from alexbench.reports.conformance.page import answer, conformance_json, print_conformance

CHECKS = (
    Check("parity", "logits", "passed", "the logits are float64's", "owt-224"),
    Check("options", "threads", "failed", "threads take effect", "owt-224", said="2 threads computed, 1 was asked for"),
    Check("options", "bf16", "refused", "bf16 is obeyed or refused", feature="bf16", said="fp32 would have run"),
    Check("streams", "order", "passed", "in order"),
)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Conformance:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path))
    versions = dict(availability("onnxruntime").versions)
    return Conformance("onnxruntime", versions, "0.2.0", "3.11.7", ("streams",), CHECKS, 1.0)


def test_what_was_found_is_shown_until_the_runtime_changes(found: Conformance) -> None:
    keep(found)
    assert kept("onnxruntime") == found
    cells = {row["capability"]: row["onnxruntime"] for row in matrix()}
    assert {name: cells[name] for name in ("fp32", "options", "bf16", "fp16", "streams", "export")} == {
        "fp32": "passed",
        "options": "failed",
        "bf16": "refused",
        "fp16": "not checked",
        "streams": "passed",
        "export": "declared",
    }
    assert {row["litert"] for row in matrix() if row["capability"] == "streams"} == {""}
    keep(replace(found, versions={"onnxruntime": "0.1"}))
    assert kept("onnxruntime") is None


def test_a_damaged_result_counts_as_none(found: Conformance, tmp_path: Path) -> None:
    keep(found)
    (tmp_path / "conformance" / "onnxruntime.json").write_text("{", encoding="utf-8")
    assert kept("onnxruntime") is None


def test_the_report_names_what_failed(found: Conformance, capsys: pytest.CaptureFixture[str]) -> None:
    print_conformance(found)
    printed = capsys.readouterr().out
    assert "FAILED options, threads [owt-224]: 2 threads computed, 1 was asked for" in printed
    assert "Not supported: bf16" in printed
    assert "1 of 4 checks failed" in answer(found)[0]
    assert '"exit_code": 1' in conformance_json(found)
