"""What the conformance kit found on a backend: for people, and for programs (JSON)."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, TextIO

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.conformance_records import Check, Conformance
from alexbench.reports.table import Cell, Shown, Table, Tone
from alexbench.reports.terminal import Terminal
from alexbench.reports.text.wording import first_few, listed

_NETWORKS: Final = 4

_OPTIONAL: Final = ("streams", "activations", "profiles", "settings", "preload", "artifacts", "export")

PROMISES: Final = {
    "parity": ("answers", "logits match float64 at every batch size, and the same pixels give the same bits"),
    "options": ("options", "threads, device and precision take effect or are refused; effective() says what ran"),
    "life": ("life cycle", "bad input is refused, NaN is not hidden, load() and close() may be repeated"),
    "isolation": ("isolation", "it prints nothing, ends by itself, and imports its runtime only in load()"),
    "streams": ("streams", "many batches at once: the same logits, in order, within the threads"),
    "device-memory": ("device memory", "on the CPU, nothing is kept on a device"),
    "activations": ("inner layers", "every layer matches float64, and reading it changes nothing"),
    "profiles": ("layer profiles", "every layer with weights has a time, and profiling changes nothing"),
    "settings": ("settings", "each value of a setting takes effect or is refused"),
    "preload": ("preloading", "a forked process answers as a fresh one does"),
    "files": ("model files", "a file that it writes is the network, and runs as a user's own"),
    "devices": ("device list", "it lists the devices that it can run on"),
    "artifacts": ("own files", "it runs a user's own file"),
    "export": ("export", "it writes model files"),
    "open-export": ("opens exports", "it opens exported files"),
    "quantize": ("int8", "it writes the network in int8"),
    "int8-emulation": ("int8 emulation", "it computes an int8 file in fp32"),
}
"""Code of a group of checks, or of a capability -> its name, and what a user may rely on when its checks passed."""


def print_conformance(found: Conformance, stream: TextIO | None = None) -> None:
    """Print the answer, what failed, and what a user may rely on."""
    terminal = Terminal(stream)
    terminal.answer(answer(found), "" if found.passed else "red")
    for check in found.of("failed"):
        terminal.line(f"  {_place(check)}: {check.said}")
        terminal.line(f"    expected: {check.promise}", "dim")
    terminal.table(_table(found))
    terminal.remarks(list(_remarks(found)))


def conformance_json(found: Conformance) -> str:
    """All of it, the answer first, and the exit code."""
    return json_text({"answer": answer(found), **asdict(found), "exit_code": found.exit_code}) + "\n"


def answer(found: Conformance) -> list[str]:
    """Whether it keeps the contract, and how many checks show it."""
    installed = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    name = f"{found.backend} ({installed})" if installed else found.backend
    failed = len(found.of("failed"))
    verdict = "keeps the contract" if found.passed else "breaks the contract"
    counts = f"{failed} of {len(found.checks)} checks failed" if failed else f"all {len(found.checks)} checks passed"
    return [f"{name} {verdict}: {counts}."]


def _place(check: Check) -> str:
    where = f" [{check.case}]" if check.case else ""
    return f"FAILED {PROMISES[check.group][0]}, {check.name}{where}" if check.group else f"FAILED {check.name}{where}"


def _groups(found: Conformance) -> dict[str, list[Check]]:
    groups: dict[str, list[Check]] = {}
    for check in found.checks:
        groups.setdefault(check.group, []).append(check)
    return groups


def _table(found: Conformance) -> Table:
    table = Table("What you may rely on", "conformance")
    rows = list(_groups(found).items())
    results = [_result(checks) for _, checks in rows]
    table.shown = [
        Shown("group", "checks", tuple(Cell(PROMISES[group][0]) for group, _ in rows), numeric=False),
        Shown("result", "result", tuple(Cell(text, tone=tone) for text, tone in results), numeric=False),
        Shown("promise", "promise", tuple(Cell(PROMISES[group][1]) for group, _ in rows), numeric=False),
    ]
    return table


def _result(checks: list[Check]) -> tuple[str, Tone]:
    failed = sum(check.outcome == "failed" for check in checks)
    return (f"{failed} of {len(checks)} failed", "bad") if failed else (f"{len(checks)} passed", "good")


def _remarks(found: Conformance) -> Iterator[str]:
    networks = list(dict.fromkeys(check.case.rpartition("-")[0] or check.case for check in found.checks if check.case))
    if networks:
        yield f"Networks: {first_few(networks, _NETWORKS)}."
    for feature in dict.fromkeys(check.feature for check in found.of("refused")):
        said = next(check.said for check in found.of("refused") if check.feature == feature)
        yield f"Not supported: {feature}. {said}"
    absent = [PROMISES[code][0] for code in _OPTIONAL if code not in found.declared]
    if absent:
        yield f"Optional, not declared, and so not checked: {listed(absent)}."
