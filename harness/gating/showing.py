"""What baselines hold: ``alexbench baseline show``."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from alexbench.harness.errors import UsageError
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.gating.baseline import FOLDER, Baseline, Figures, read_baseline
from alexbench.reports.columns import BY_NAME, P50, Column
from alexbench.reports.table import Table
from alexbench.reports.terminal import Terminal
from alexbench.reports.text.wording import asked_for, hardware_line, short_version

_FIGURES: Final[tuple[tuple[Column, Callable[[Figures], float | None]], ...]] = (
    (BY_NAME["top1"], lambda row: row.top1),
    (P50, lambda row: row.latency_p50_ms),
    (BY_NAME["images_per_second"], lambda row: row.images_per_second),
)


def baselines(files: Sequence[Path]) -> list[Baseline]:
    """Those named, or in a folder named; without any, those in ``baselines/``.

    Raises:
        AlexBenchError: there is none, or one cannot be read.
    """
    found = [one for file in files or [FOLDER] for one in (sorted(file.glob("*.json")) if file.is_dir() else [file])]
    if not found or (not files and not FOLDER.is_dir()):
        where = ", ".join(map(str, files)) or f"{FOLDER}/"
        raise UsageError(f"no baseline in {where}; make one: alexbench baseline save RUN")
    return [read_baseline(path) for path in found]


def baselines_json(found: Sequence[Baseline]) -> str:
    """A list with an entry a file."""
    return json_text([_plain(one) for one in found]) + "\n"


def _plain(one: Baseline) -> dict[str, Any]:
    record = one.side.record
    return {
        "file": str(one.path),
        "model": record.model.card,
        "weights_digest": record.model.weights_digest,
        "pixels_digest": record.data.pixels_digest,
        "images": record.data.images,
        "rigor": record.configuration.get("rigor"),
        "machine": record.machine,
        "history": [asdict(entry) for entry in one.history],
    }


def print_baselines(found: Sequence[Baseline], stream: TextIO | None = None) -> None:
    """Each file: its run, its figures, and those that it replaced, the newest first."""
    terminal = Terminal(stream)
    for place, one in enumerate(found):
        record = one.side.record
        synthetic = "SYNTHETIC " if record.model.synthetic or record.data.synthetic else ""
        weights = f"{record.model.card}, weights {record.model.weights_digest[:12]}"
        terminal.line(("\n" if place else "") + str(one.path), "bold")
        terminal.facts(
            (
                ("model", f"{weights}; {synthetic}{record.data.description}"),
                ("machine", hardware_line(record)),
                ("asked", f"{asked_for(record)}, rigor {record.configuration.get('rigor')}"),
            )
        )
        terminal.cells(_history(one))


def _history(one: Baseline) -> Table:
    lines = [(entry, name, row) for entry in reversed(one.history) for name, row in entry.rows.items()]
    table = Table("history")
    table.add("saved (UTC)", [entry.saved[:16].replace("T", " ") for entry, _, _ in lines], numeric=False)
    table.add("system", [name for _, name, _ in lines], numeric=False)
    table.add("version", [short_version(row.version) for _, _, row in lines], numeric=False)
    for column, value_of in _FIGURES:
        table.add(column.heading, [column.text(value_of(row)) for _, _, row in lines])
    table.add("reason", [entry.reason for entry, _, _ in lines], numeric=False)
    return table
