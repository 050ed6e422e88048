"""The row that shows a runtime as it ships, in fp32: what a lower precision or other settings are compared with."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.systems import DEFAULT_PROFILE, TUNED, System, plain_of, untuned


def precisions(row: SystemRecord) -> set[str]:
    """What it was asked to compute in, computes in, and has its weights stored in if that is less."""
    group = row.group
    ran = () if group is None else (group.precision, group.stored)
    return {row.system.precision, *ran} - {""}


def reduced(row: SystemRecord) -> bool:
    """Whether it computes in less than fp32, or its weights are stored in less; False where nobody knows."""
    group = row.group
    return group is not None and (group.precision != "fp32" or bool(group.stored))


def plain_row(row: SystemRecord, rows: Sequence[SystemRecord]) -> SystemRecord | None:
    """The row of the same system in fp32, as its runtime ships it; None for none, and for that row itself.

    A tuned row of less than fp32 is compared with the tuned fp32 row, where there is one: else the price of the
    precision would have the gain of tuning in it. A file of the user's that turns out to hold less than fp32 has no
    such system: then it is the row of another file on the same runtime that does compute in fp32, of several the one
    whose name begins alike, else the runtime's own row.
    """
    same = _tuned_alike(row, rows)
    if same is None:
        same = next((one for one in rows if one is not row and one.system == plain_of(row.system)), None)
    if same is not None or not reduced(row):
        return same
    alike = [one for one in rows if _where(one.system) == _where(row.system) and one.group and not reduced(one)]
    plain = [one for one in alike if plain_of(one.system) == one.system]
    return max(plain, key=lambda one: _likeness(row.system, one.system), default=None)


def untuned_row(row: SystemRecord, rows: Sequence[SystemRecord]) -> SystemRecord | None:
    """The row of the same system in the same precision, as its runtime ships it; None for none, and for itself."""
    wanted = untuned(row.system).key
    return None if row.system.key == wanted else next((one for one in rows if one.system.key == wanted), None)


def plain_pairs(rows: Sequence[SystemRecord]) -> list[tuple[str, str]]:
    """(the fp32 row, the row compared with it) by name, of every row that ended well and has one that did."""
    ended = [row for row in rows if row.status == "ok"]
    found = [(plain_row(row, ended), row) for row in ended]
    return [(plain.name, row.name) for plain, row in found if plain is not None]


def _tuned_alike(row: SystemRecord, rows: Sequence[SystemRecord]) -> SystemRecord | None:
    """The fp32 row that was tuned for the same goal, or for both."""
    if row.system.profile == DEFAULT_PROFILE or row.system.precision == "fp32":
        return None
    wanted = plain_of(row.system)
    tuned = {
        one.system.profile: one
        for one in rows
        if one.system.profile != DEFAULT_PROFILE and one.system.precision == "fp32" and plain_of(one.system) == wanted
    }
    return tuned.get(row.system.profile, tuned.get(TUNED))


def _where(one: System) -> tuple[str, int, str, str | None]:
    return one.backend, one.threads, one.device, one.environment


def _likeness(one: System, other: System) -> int:
    """How much two files' names have in common, from their beginnings; -1 where either runs no file."""
    if one.artifact is None or other.artifact is None:
        return -1
    letters = zip(Path(one.artifact.path).name, Path(other.artifact.path).name, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], letters))
