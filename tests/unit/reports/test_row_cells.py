"""A leaderboard's row as text: what the row is called."""

import pytest

from alexbench.harness.records.run_records import SystemRecord
from alexbench.reports.row_cells import called
from alexbench.reports.rows import Row
from tests.support.records import artifact, effective, missing_row, ok_row, run_record


def name(entry: SystemRecord) -> str:
    return called(Row(entry, run_record(entry))).text


@pytest.mark.parametrize(
    ("backend", "version", "said"),
    [
        ("onnxruntime", "1.31.1", "onnxruntime 1.31.1"),
        ("torch", "2.13.0+cpu", "torch 2.13.0"),
        ("openvino@head", "2026.4.1-22982-abc", "openvino@head 2026.4.1"),
        ("onnxruntime@1.31.1", "1.31.1", "onnxruntime@1.31.1"),
        ("onnxruntime@1.31.1", "1.30.0", "onnxruntime@1.31.1 1.30.0"),
    ],
)
def test_a_version_is_said_once(backend: str, version: str, said: str) -> None:
    assert name(ok_row(backend, effective=effective(version))) == said


def test_a_row_that_never_ran_has_no_version() -> None:
    assert name(missing_row("torch")) == "torch"


def test_an_artifact_stands_next_to_it() -> None:
    row = ok_row("torch", effective=effective("2.13.0"), artifact=artifact("models/a.pt2"))
    assert name(row) == "torch 2.13.0 (a.pt2)"
