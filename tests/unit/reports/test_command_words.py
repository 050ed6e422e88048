"""What commands that answer a question print, word for word."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TextIO

import pytest
from syrupy.assertion import SnapshotAssertion

from alexbench.harness.ablation.axes import grid_of
from alexbench.harness.comparison.compare import compare
from alexbench.harness.models.card import load_card
from alexbench.harness.prediction.predict import Guess
from alexbench.harness.prediction.showing import print_predictions
from alexbench.harness.records.reasons import Reason
from alexbench.reports.ablation.tables import print_ablation
from alexbench.reports.comparison.answer import answer
from alexbench.reports.comparison.output import comparison_markdown, print_comparison
from alexbench.reports.diagnosis.page import print_diagnosis
from alexbench.reports.gate.output import gate_markdown, print_gate
from alexbench.reports.history.output import print_history
from tests.support.ablations import ablation_of, cost
from tests.support.diagnoses import accuracy, diagnosis
from tests.support.gate_reports import FINE, MEMORY, SLOW, gate_report
from tests.support.histories import HISTORY, SPEED
from tests.support.runs import answers, write_run
from tests.support.terminals import on_a_terminal

OPEN: Final = replace(
    SLOW, row="openvino", verdict="INCONCLUSIVE", why=(), would_change=Reason("more_processes", count=3)
)
ELSEWHERE: Final = Reason(
    "other_machine_without_baseline",
    head="runs/b",
    because=(Reason("field_differs", of="cpu", base="AMD EPYC", head="Intel Xeon"),),
)
GATES: Final = {
    "passed": gate_report(FINE, replace(SLOW, verdict="PASS", change=0.4, low=-1.0, high=1.8)),
    "failed": gate_report(FINE, SLOW, OPEN, MEMORY),
    "open": gate_report(FINE, OPEN),
    "invalid": gate_report(FINE, replace(SLOW, verdict="INVALID", why=(Reason("suspended", measured=12.0),))),
    "another machine": gate_report(FINE, replace(SLOW, verdict="INVALID", change=None, why=(ELSEWHERE,))),
    "not comparable": gate_report(FINE, refused=(Reason("other_weights", base="ab12", head="cd34"),)),
}


def lines_on_a_terminal(printing: Callable[[TextIO], None], columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Without the blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in on_a_terminal(printing, columns, monkeypatch).splitlines())


@pytest.mark.parametrize("name", GATES)
def test_gate(name: str, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    assert lines_on_a_terminal(lambda stream: print_gate(GATES[name], stream), 80, monkeypatch) == snapshot


def test_gate_in_full(monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    full = lines_on_a_terminal(lambda stream: print_gate(GATES["failed"], stream, details=True), 120, monkeypatch)
    assert full == snapshot
    assert gate_markdown(GATES["failed"]) == snapshot


def test_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    rows = {"onnxruntime": answers(500), "openvino": answers(500, wrong=range(4)), "torch": answers(500)}
    monkeypatch.chdir(tmp_path)
    report = compare([str(write_run(Path("run"), rows))]).report
    found = answer(report)
    text = lines_on_a_terminal(lambda stream: print_comparison(report, found, flips=1, stream=stream), 80, monkeypatch)
    assert text == snapshot
    assert comparison_markdown(report, found) == snapshot


@pytest.mark.parametrize("details", [False, True])
def test_history(monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion, *, details: bool) -> None:
    few = replace(SPEED, system="openvino", points=SPEED.points[:2], changes=())
    found = replace(HISTORY, series=(SPEED, few))
    text = lines_on_a_terminal(lambda stream: print_history(found, details=details, stream=stream), 80, monkeypatch)
    assert text == snapshot


@pytest.mark.parametrize("verdict", ["faulty", "healthy", "unexplained"])
def test_doctor(verdict: str, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    found = diagnosis(verdict)  # type: ignore[arg-type]
    if verdict != "faulty":
        found = replace(found, accuracy=accuracy(280 if verdict == "healthy" else 20))
    assert lines_on_a_terminal(lambda stream: print_diagnosis(found, stream), 80, monkeypatch) == snapshot


@pytest.mark.parametrize("columns", [80, 120])
def test_ablate(columns: int, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    grid = grid_of(load_card("torchvision").preprocessing, ())
    found = ablation_of(grid, cost(grid, {("crop", "kept 288"): 20, ("channels", "BGR"): 80}))
    assert lines_on_a_terminal(lambda stream: print_ablation(found, stream), columns, monkeypatch) == snapshot


def test_predict(monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    tabby, tiger = Guess(281, "n02123045", "tabby", 0.61), Guess(282, "n02123159", "tiger cat", 0.2)
    turned = [replace(tiger, probability=0.5), replace(tabby, probability=0.4)]
    found = {"cat.jpg": {"onnxruntime": [tabby, tiger], "torch": [tabby, tiger]}}
    found["-"] = {"onnxruntime": [tabby, tiger], "torch": turned}
    printing = lines_on_a_terminal(
        lambda stream: print_predictions(found, as_json=False, stream=stream), 80, monkeypatch
    )
    assert printing == snapshot
