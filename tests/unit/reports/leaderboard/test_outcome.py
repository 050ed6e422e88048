"""What the exit code of a run means: which rows failed, or why the timings are invalid."""

import pytest

from alexbench.harness.errors import ExitCode
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.outcome import outcome_words
from tests.support.records import error_row, ok_row, parity, reasons, run_record


@pytest.mark.parametrize(
    ("code", "record", "said"),
    [
        (ExitCode.OK, run_record(), ""),
        (ExitCode.FAILED, run_record(ok_row("a"), error_row("b"), error_row("c")), "b and c failed"),
        (ExitCode.FAILED, run_record(ok_row("a", parity=parity(passed=False))), "a does not match"),
        (ExitCode.FAILED, run_record(ok_row("a"), reference=None), "parity"),
        (ExitCode.INCONCLUSIVE, run_record(ok_row("a"), invalid=reasons("asleep")), "the timings"),
    ],
)
def test_it_says_what_happened(code: ExitCode, record: RunRecord, said: str) -> None:
    assert outcome_words(code, record).startswith(said)
    assert bool(outcome_words(code, record)) == bool(said)
