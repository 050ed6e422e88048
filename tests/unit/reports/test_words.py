"""What a run's reports say, word for word: one run in which everything occurs, and what other runs say instead."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Final, get_args

import pytest
from syrupy.assertion import SnapshotAssertion

from alexbench.harness.records.reasons import Code, Reason
from alexbench.harness.records.record_files import read_run
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.output import markdown, print_leaderboard
from alexbench.reports.text.reason_words import words
from tests.support.records import (
    accuracy,
    artifact,
    ceiling,
    control,
    effective,
    error_row,
    generated,
    missing_row,
    noise,
    ok_row,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
    throughput,
)
from tests.support.terminals import on_a_terminal

FIXTURES: Final = Path(__file__).parents[2] / "fixtures"
EVERYTHING: Final = run_record(
    ok_row("openvino", accuracy=accuracy(interval=True), performance=performance(160.0, p50_ms=13.0, noise=noise())),
    ok_row("torch", performance=performance(110.0, p50_ms=19.0, noise=noise("drift", "throttled"))),
    ok_row(
        "onnxruntime",
        artifact=artifact(),
        parity=parity(effective_bits=20.0, flips=1),
        performance=performance(offline=throughput(180.0, way="a queue of four"), generated=(generated(),)),
    ),
    ok_row(
        "tensorflow",
        effective=effective(threads=("1", "measured")),
        parity=parity(effective_bits=7.4, passed=False, flips=3, unexplained=2),
    ),
    error_row("openvino@next"),
    missing_row("torch@next"),
    ceiling=ceiling(),
    controls=(control(),),
    notes=reasons("a note"),
)
OTHERS: Final = {
    "synthetic": synthetic_run(ok_row("torch"), ok_row("openvino", performance=performance(180.0))),
    "accuracy alone": run_record(ok_row("torch", performance=None), ok_row("openvino", performance=None)),
    "invalid": run_record(ok_row("torch"), invalid=reasons("the machine slept")),
    "nothing went well": run_record(error_row(), missing_row(), reference=None),
    **{folder.name: read_run(folder) for folder in sorted(FIXTURES.glob("schema-*"))},
}


class Words(HTMLParser):
    """The text of a page, a line for each piece; no styles, scripts and drawings."""

    UNREAD: Final = ("script", "style", "svg")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._inside = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._inside += tag in self.UNREAD

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag in self.UNREAD

    def handle_data(self, data: str) -> None:
        if not self._inside and data.strip():
            self.lines.append(" ".join(data.split()))


def test_markdown(snapshot: SnapshotAssertion) -> None:
    assert markdown(EVERYTHING) == snapshot


@pytest.mark.parametrize("columns", [80, 120])
def test_terminal(columns: int, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    assert on_a_terminal(lambda stream: print_leaderboard(EVERYTHING, stream), columns, monkeypatch) == snapshot


def test_html(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(Words(html(tmp_path, EVERYTHING)).lines) == snapshot


@pytest.mark.parametrize("name", OTHERS)
def test_other_runs(name: str, snapshot: SnapshotAssertion) -> None:
    assert markdown(OTHERS[name]) == snapshot


def test_reasons(snapshot: SnapshotAssertion) -> None:
    """The words of every code, of a reason that has all values."""
    values = {"measured": 3.0, "limit": 2.0, "count": 3, "total": 4, "text": "its text"}
    names = {"of": "threads", "base": "5", "head": "6"}
    every = [Reason(code, **values, **names) for code in get_args(get_args(Code)[0])]  # type: ignore[arg-type]
    assert "\n".join(f"{one.code}: {words(one)}" for one in every) == snapshot
