"""The reports next to a run's raw files; they can be made again at any time."""

from pathlib import Path

from alexbench.harness.files.plain_text import encodable
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.file_names import LEADERBOARD, PAGE, REPORT
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.export.flat_table import csv_text, flat
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.output import markdown


def write_reports(folder: Path, record: RunRecord) -> list[Path]:
    """Write ``report.md``, ``report.html`` and ``leaderboard.csv`` into a run's folder, each whole or not at all.

    Returns their paths. The page also shows the folder's other files: timings, mismatches, thumbnails.
    """
    texts = {
        REPORT: markdown(record),
        PAGE: html(folder, record),
        LEADERBOARD: csv_text(flat(record)),
    }
    paths = []
    for name, text in texts.items():
        write_whole(folder / name, encodable(text).encode("utf-8"))
        paths.append(folder / name)
    return paths
