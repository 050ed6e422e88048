"""The reports that stand beside a run's raw files; they may be made again at any time."""

from pathlib import Path
from typing import Final

from alexbench.harness.records import RunRecord
from alexbench.reports.leaderboard import leaderboard
from alexbench.reports.markdown import markdown

REPORT_FILE: Final = "report.md"
LEADERBOARD_FILE: Final = "leaderboard.csv"


def write_reports(folder: Path, record: RunRecord) -> list[Path]:
    """Write ``report.md`` and ``leaderboard.csv`` into a run's folder, each whole or not at all; their paths."""
    texts = {
        REPORT_FILE: markdown(record),
        LEADERBOARD_FILE: leaderboard(record).to_csv(index=False, lineterminator="\n"),
    }
    paths = []
    for name, text in texts.items():
        partial = folder / f".{name}.partial"
        try:
            partial.write_text(text, encoding="utf-8", newline="\n")
            partial.replace(folder / name)
        finally:
            partial.unlink(missing_ok=True)
        paths.append(folder / name)
    return paths
