"""What a run's exit code means, for its last line."""

from alexbench.harness.errors import ExitCode
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.text.reason_words import joined
from alexbench.reports.text.wording import listed


def outcome_words(code: ExitCode, record: RunRecord) -> str:
    """Which rows failed, or why the timings are invalid; "" for 0."""
    if code == ExitCode.OK:
        return ""
    if code == ExitCode.INCONCLUSIVE:
        return f"the timings are invalid ({joined(record.invalid)})"
    failed = [row.name for row in record.systems if row.status == "error"]
    differ = [row.name for row in record.systems if row.parity is not None and not row.parity.passed]
    if failed:
        return f"{listed(failed)} failed"
    if differ:
        return f"{listed(differ)} {'does' if len(differ) == 1 else 'do'} not match the float64 reference"
    return "parity with the float64 reference was not measured"
