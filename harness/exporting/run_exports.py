"""A run in the formats of others: tables, benchmark results, test results, a workflow's page."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alexbench.harness.errors import RecordError, UsageError, unknown_name
from alexbench.harness.records import file_names
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import read_table
from alexbench.harness.running.table_checks import check_tables
from alexbench.reports.export.flat_table import csv_text, flat, parquet_bytes, rows_json
from alexbench.reports.export.junit import junit_xml
from alexbench.reports.export.pytest_benchmark import pytest_benchmark_json
from alexbench.reports.leaderboard.output import markdown

BINARY: Final = ("parquet",)


def export(folder: Path, form: str) -> bytes:
    """The run in ``folder`` in the format ``form``, one of FORMATS.

    Raises:
        UsageError: there is no such format, or the run has nothing for it.
        RecordError: the folder is not a run, or one of its files is damaged.
    """
    if form not in FORMATS:
        raise unknown_name("format", form, FORMATS)
    record = read_run(folder)
    check_tables(folder, record)
    return FORMATS[form](folder, record)


def _pytest_benchmark(folder: Path, record: RunRecord) -> bytes:
    if not any(row.performance is not None for row in record.systems):
        raise UsageError(f"{folder} has no timings to export: no row's speed was measured (--only accuracy?)")
    tables = []
    for name in (file_names.TIMINGS, file_names.BLOCKS):
        table = read_table(folder / name, columns=())
        if table is None:
            raise RecordError(f"{folder} has no {name}: restore it or run again")
        tables.append(table)
    try:
        return pytest_benchmark_json(record, *tables).encode()
    except RecordError as error:
        raise RecordError(f"{folder}: {error}") from error


FORMATS: Final[dict[str, Callable[[Path, RunRecord], bytes]]] = {
    "csv": lambda _, record: csv_text(flat(record)).encode(),
    "parquet": lambda _, record: parquet_bytes(flat(record)),
    "json": lambda _, record: rows_json(flat(record)).encode(),
    "pytest-benchmark": _pytest_benchmark,
    "junit": lambda _, record: junit_xml(record).encode(),
    "step-summary": lambda _, record: markdown(record).encode(),
}
