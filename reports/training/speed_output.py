"""A benchmark of training as Markdown, and on the terminal."""

from pathlib import Path
from typing import TextIO

from alexbench.harness.files.plain_text import encodable
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.training_speed_records import TRAINING_SPEED_REPORT, TrainingSpeed
from alexbench.reports.markdown import escape, listed, noted
from alexbench.reports.terminal import Terminal
from alexbench.reports.training.speed_tables import answer, tables


def markdown(speed: TrainingSpeed) -> str:
    """``training-speed.md``; the same text for the same record."""
    synthetic = " on SYNTHETIC data" if speed.synthetic else ""
    parts = [f"# AlexBench: training {escape(speed.card)}{synthetic}", " ".join(map(escape, answer(speed)))]
    parts += section(speed, level=2)
    return "\n\n".join(parts) + "\n"


def section(speed: TrainingSpeed, *, level: int) -> list[str]:
    """Facts and tables, each under a heading of the ``level``."""
    mark = "#" * level
    parts = ["\n".join(f"- **{name}** {escape(line)}" for name, line in facts(speed))]
    parts += [f"{mark} {escape(table.title)}\n\n{noted(table)}" for table in tables(speed)]
    return [*parts, listed(speed.remarks)] if speed.remarks else parts


def write_report(folder: Path, speed: TrainingSpeed) -> Path:
    """Write ``training-speed.md`` into the folder of a benchmark, whole or not at all."""
    path = folder / TRAINING_SPEED_REPORT
    write_whole(path, encodable(markdown(speed)).encode("utf-8"))
    return path


def print_speed(speed: TrainingSpeed, stream: TextIO | None = None) -> None:
    """Print the answer, the tables, and what was measured."""
    terminal = Terminal(stream)
    terminal.answer(answer(speed))
    for table in tables(speed):
        terminal.table(table)
    terminal.facts(facts(speed))
    terminal.remarks(list(speed.remarks))


def facts(speed: TrainingSpeed) -> list[tuple[str, str]]:
    """What was measured, on what."""
    versions = ", ".join(f"{row.name} {row.version}" for row in speed.rows if row.version)
    return [
        ("recipe", f"{speed.recipe}, batch {speed.batch}, seed {speed.seed}"),
        ("data", speed.data),
        ("weights", speed.weights_digest[:12]),
        ("machine", f"{speed.machine.get('cpu')}, {speed.machine.get('usable_cores')} cores"),
        ("rounds", f"{speed.rounds} in each of {speed.replicates} replicates, runtimes in turns"),
        ("versions", versions),
    ]
