"""What ``alexbench predict`` prints: for each image the answer, then a table with a column per backend."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TextIO

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.prediction.predict import Guess
from alexbench.reports.table import Table
from alexbench.reports.terminal import Terminal
from alexbench.reports.text.wording import ABSENT

Answers = Mapping[str, Mapping[str, Sequence[Guess]]]
"""Image -> label of a system -> its best classes, best first."""


def print_predictions(answers: Answers, *, as_json: bool, stream: TextIO | None = None) -> None:
    """To stdout: for each image what the backends answer and a table, or all as JSON."""
    if as_json:
        plain = {
            image: {backend: [asdict(one) for one in guesses] for backend, guesses in rows.items()}
            for image, rows in answers.items()
        }
        (stream or sys.stdout).write(json_text(plain) + "\n")
        return
    terminal = Terminal(stream)
    for place, (image, rows) in enumerate(answers.items()):
        if place:
            terminal.line()
        terminal.line(answer(image, rows), "bold")
        terminal.cells(table_of(rows))


def answer(image: str, rows: Mapping[str, Sequence[Guess]]) -> str:
    """The top-1 class, and whether all backends agree."""
    name = "standard input" if image == "-" else image
    first: dict[str, list[str]] = {}
    for backend, guesses in rows.items():
        first.setdefault(guesses[0].label, []).append(backend)
    if len(first) > 1:
        said = "; ".join(f"{label} ({', '.join(backends)})" for label, backends in first.items())
        return f"{name}: the backends disagree: {said}."
    chances = [guesses[0].probability for guesses in rows.values()]
    low, high = (f"{100 * one:.1f}" for one in (min(chances), max(chances)))
    share = f"{low} %" if low == high else f"{low} to {high} %"
    agree = f"; all {len(rows)} backends agree" if len(rows) > 1 else ""
    return f"{name}: {next(iter(first))} ({share}){agree}."


def table_of(rows: Mapping[str, Sequence[Guess]]) -> Table:
    """A line per class that a backend has among its best, the likeliest first; its percentages."""
    found = {backend: {one.index: one for one in guesses} for backend, guesses in rows.items()}
    classes = {one.index: one.label for guesses in rows.values() for one in guesses}
    best = {index: max(by[index].probability for by in found.values() if index in by) for index in classes}
    order = sorted(classes, key=lambda index: -best[index])
    table = Table("")
    table.add("top classes, %", [classes[index] for index in order], numeric=False)
    for backend, by in found.items():
        table.add(backend, [f"{100 * by[index].probability:.2f}" if index in by else ABSENT for index in order])
    return table
