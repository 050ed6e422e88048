"""One leaderboard of many runs, for a file that is committed: a section of each set of runs that may be compared.

Runs of one set have the same card, network, weights, preprocessing, pictures and machine. The text is the same whatever
order the runs are named in, and says nothing of when or where it was made.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from alexbench.harness.records.machine_key import machine_key
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.boards import board
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.noise_banner import noise_banner
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.markdown import escape, listed, noted
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.table import Notes, Table
from alexbench.reports.text import wording
from alexbench.reports.text.reason_words import group_words

_SHOWN_DIFFERENCES: Final = 6
_INTRODUCTION: Final = (
    "Sections are of different models, weights, pictures or machines: figures of two sections are not to be compared."
    " Inside a section, `#` and bold are within each run, whose rows took turns in the same rounds; between its runs"
    " stand hours or days, and what is listed as different."
)


def many_runs(records: Sequence[RunRecord]) -> str:
    """``LEADERBOARD.md`` of these runs."""
    synthetic = sum(_synthetic(record) for record in records)
    title = "# AlexBench leaderboard"
    if synthetic:
        title += " on SYNTHETIC data" if synthetic == len(records) else ", SYNTHETIC data in part"
    sets: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        sets.setdefault(_key(record), []).append(record)
    found: list[tuple[str, list[str]]] = []
    before: dict[tuple[str, str], tuple[str, ...]] = {}
    for key in sorted(sets):
        apart = _apart(before.get((key[0], key[3])), key)
        before[key[0], key[3]] = key
        found.append(_section(sorted(sets[key], key=_age, reverse=True), apart))
    # What holds in one section only is said there.
    common = [line for line in found[0][1] if all(line in sentences for _, sentences in found)]
    parts = [title, _INTRODUCTION]
    for text, sentences in found:
        own = [line for line in sentences if line not in common]
        parts += [text, *([f"### How to read this section\n\n{listed(own)}"] if own else [])]
    parts += [f"## How to read all of it\n\n{listed(common)}"] if common else []
    return "\n\n".join(parts) + "\n"


def _synthetic(record: RunRecord) -> bool:
    return record.model.synthetic or record.data.synthetic


_PARTS: Final = (
    "card", "network", "description of the pictures", "processor", "weights", "preprocessing",
    "preprocessing, decoders or labels", "names or labels of the pictures", "pixels", "machine",
)  # fmt: skip
"""What the parts of a key are called."""


def _apart(before: tuple[str, ...] | None, key: tuple[str, ...]) -> str:
    """Why a section is not one with the one before of the same card and processor; empty where there is none."""
    if before is None:
        return ""
    return ", ".join(name for name, one, other in zip(_PARTS, before, key, strict=True) if one != other)


def _key(record: RunRecord) -> tuple[str, ...]:
    """What must be equal, in the order of the sections."""
    model, data = record.model, record.data
    return (
        model.card,
        model.network,
        data.description,
        str(record.machine.get("cpu")),
        model.weights_digest,
        model.preprocessing,
        model.recipe_digest,
        data.names_digest or data.source_digest,
        data.pixels_digest,
        _fingerprint(record.machine),
    )


def _fingerprint(machine: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(machine_key(machine), sort_keys=True).encode()).hexdigest()


def _age(record: RunRecord) -> tuple[str, str, str]:
    """By start; runs of one second by what they say."""
    return record.started, record.finished or "", repr(record)


def _section(records: Sequence[RunRecord], apart: str) -> tuple[str, list[str]]:
    """Of the runs of one set, the newest first; and how its tables are read. ``apart``: from the section before."""
    newest = records[0]
    names = [_letter(place) for place in range(len(records))]
    heading = f"## {escape(newest.model.card)}{' on SYNTHETIC data' if _synthetic(newest) else ''}, "
    heading += escape(str(newest.machine.get("cpu")))
    facts = {
        "Model": wording.model_line(newest),
        "Data": wording.data_line(newest),
        "Machine": f"{wording.hardware_line(newest)}; fingerprint {_fingerprint(newest.machine)[:12]}",
    }
    if apart:
        facts["Apart"] = f"from the section above of this card and processor, for these differ: {apart}"
    head = [f"- **{name}** {escape(line)}" for name, line in facts.items()]
    runs = dict(zip(names, records, strict=True))
    head += [f"- **Run {name}** {escape(_run_line(record, newest))}" for name, record in runs.items()]
    tables = _boards(runs)
    parts = [heading, "\n".join(head), *(f"### {escape(one.title)}\n\n{noted(one)}" for one in tables)]
    for title, lines in (("Published for this card", wording.published_lines(newest)), ("Remarks", _remarks(runs))):
        if lines:
            parts.append(f"### {title}\n\n{listed(lines)}")
    sentences = dict.fromkeys(line for record in records for line in explanations(record, tables))
    return "\n\n".join(parts), list(sentences)


def _letter(place: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)


def _run_line(record: RunRecord, newest: RunRecord) -> str:
    line = f"{wording.when_line(record)}; asked for: {wording.asked_for(record)}"
    line += f"; Python {record.environment.get('python')}"
    line += (
        f"; rows that differ by more than {wording.resolved(record.resolutions)} are told apart"
        if record.resolutions
        else ""
    )
    if record is newest:
        return line
    here, there = _flat(record.environment), _flat(newest.environment)
    differs = sorted(key for key in {*here, *there} if here.get(key) != there.get(key))
    shown = [f"{key} {here.get(key, 'none')} (A: {there.get(key, 'none')})" for key in differs[:_SHOWN_DIFFERENCES]]
    if len(differs) > len(shown):
        shown.append(f"{len(differs) - len(shown)} more")
    return f"{line}; environment: {', '.join(shown) if shown else 'as of A'}"


def _flat(facts: Any, path: str = "") -> dict[str, str]:
    """Nested tables as one: ``packages.numpy`` -> its version."""
    if not isinstance(facts, dict):
        return {path: str(facts)}
    found: dict[str, str] = {}
    for key, value in facts.items():
        found |= _flat(value, f"{path}.{key}" if path else str(key))
    return found


def _boards(runs: dict[str, RunRecord]) -> list[Table]:
    """A table of each group of rows that ran alike, those of all runs side by side; below, what is not ranked."""
    groups: dict[tuple[str, str], list[Row]] = {}
    unranked = []
    for row in (row for name, record in runs.items() for row in rows_of(record, name)):
        if row.rank is not None:
            size = str(row.record.configuration.get("batch_size", ""))
            groups.setdefault((group_words(row.entry.group) if row.entry.group else "", size), []).append(row)
        else:
            unranked.append(row)
    notes = Notes()
    several = len({size for _, size in groups}) > 1
    tables = [
        board(f"{group}{f', batch {size}' if several else ''}", groups[group, size], notes)
        for group, size in sorted(groups)
    ]
    references = [(name, record.reference) for name, record in runs.items() if record.reference is not None]
    if unranked or references:
        tables.append(board("Not ranked", unranked, notes, references))
    return tables


def _unranked(record: RunRecord) -> list[str]:
    """Why no row of a run is ranked."""
    return [] if any(row.rank is not None for row in rows_of(record)) else verdict(record)[:1]


def _remarks(runs: dict[str, RunRecord]) -> list[str]:
    """Each with the runs that it is of."""
    said: dict[str, list[str]] = {}
    for name, record in runs.items():
        for line in filter(None, (*_unranked(record), noise_banner(record), *wording.run_remarks(record))):
            said.setdefault(line, []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in said.items()]
