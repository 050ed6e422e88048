"""What a leaderboard says of a row where that is more than one figure of its record."""

from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import PurePath
from typing import Final, Literal

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Group, Performance
from alexbench.reports.rows import Row
from alexbench.reports.table import Cell, Tone, number
from alexbench.reports.text.reason_words import group_parts
from alexbench.reports.text.wording import ABSENT, noise_words, short_version

BASE: Final = "base"
AT_CHANCE: Final = {"no better": "AT CHANCE", "too few": "TOO FEW IMAGES"}
"""What stands where top-1 is not shown to be better than guessing."""
PARITY_FAILED: Final = "FAILED"
_DID_NOT_RUN: Final = {"missing": "not installed", "unsupported": "not supported", "pending": "not measured"}


def rank(row: Row) -> Cell:
    """A range where the row cannot be told from adjacent rows: 1-2 is first or second."""
    if row.ranks is None:
        return Cell(ABSENT)
    best, worst = row.ranks
    return Cell(str(best) if best == worst else f"{best}-{worst}", best)


def called(row: Row) -> Cell:
    """The row's name with its version, once where its environment is called so, and the artifact that it ran."""
    entry = row.entry
    if entry.effective is None:
        return Cell(entry.name, entry.name)
    version, system = short_version(entry.effective.version), entry.system
    plain = entry.name in (system.backend, f"{system.backend}@{system.environment}")
    said = "" if system.environment == version else f" {version}" if plain else f" ({version})"
    file = "" if entry.artifact is None or not plain else f" ({PurePath(entry.artifact.path).name})"
    return Cell(f"{entry.name}{said}{file}", f"{entry.name}{said}{file}")


def ran_as(row: Row) -> str | None:
    """Device, precision, threads and streams: those that differ between rows of the run; None if none do."""
    return unlike_groups([one.group for one in row.record.systems]).get(row.entry.group)


def unlike_groups(groups: Sequence[Group | None]) -> dict[Group | None, str]:
    """Each group by what not all of them have in common: fp32, 2 threads. Empty where they are alike."""
    parts = {group: group_parts(group) for group in groups if group is not None}
    unlike = [len(set(column)) > 1 for column in zip(*parts.values(), strict=True)]
    said = {group: ", ".join(compress(mine, unlike)) for group, mine in parts.items()}
    return {group: words for group, words in said.items() if words}


def precision(row: Row) -> Cell:
    """What products work in, and how that is known."""
    ran = row.entry.effective
    return Cell(ABSENT) if ran is None else Cell(f"{ran.precision[0]} ({ran.precision[1]})", ran.precision[0])


def parity(row: Row) -> str | None:
    """What a native row must not do, the user's own file may; how good a quantised one is, is an expectation."""
    found = row.entry.parity
    if found is None:
        return None
    if found.quantised:
        return f"quantized, {'within' if found.passed else 'outside'} expectation"
    return "ok" if found.passed else PARITY_FAILED if row.entry.artifact is None else "differs"


def checks(row: Row) -> str | None:
    """Chance, parity with float64, with the bits of a precision that the row does not say it has, and noise."""
    if row.entry.status != "ok":
        return _DID_NOT_RUN.get(row.entry.status, "ERROR")
    held, unusual = row.entry.parity, noise(row)
    chance = None if row.entry.accuracy is None else row.entry.accuracy.against_guessing
    failed = [AT_CHANCE[chance]] if chance in AT_CHANCE else []
    if held is not None and held.far_off:
        failed.append(f"OFF BY {held.max_abs_over_sigma:.2g} SIGMA")
    if held is not None and (held.quantised or not held.passed):
        # "8 bits": which format that may be stands among the notes.
        bits = "" if held.unmasked is None else f": {held.unmasked}"
        failed.append(f"{parity(row)}" if held.quantised else f"parity {parity(row)}{bits}")
    noisy = ["noisy"] if unusual else []
    if failed or held is not None:
        return ", ".join([*(failed or ["ok"]), *noisy])
    return None if unusual is None else (noisy or ["quiet"])[0]


def noise(row: Row) -> str | None:
    """What is unusual about the row's blocks, "" if nothing is; None where nobody looked."""
    return None if row.entry.performance is None else noise_words(row.entry.performance)


def checked(row: Row) -> Cell:
    """:func:`checks` with its colour."""
    said = checks(row)
    return Cell(ABSENT) if said is None else Cell(said, said, tone=_tone(row))


def _tone(row: Row) -> Tone:
    held = row.entry.parity
    if row.entry.status != "ok":
        return "bad" if row.entry.status == "error" else ""
    if is_doubted(row) or (held is not None and (held.far_off or not held.passed)):
        return "bad"
    return "warning" if is_noisy(row) else "good"


def is_noisy(row: Row) -> bool:
    """Whether :func:`checks` calls it so."""
    return row.entry.status == "ok" and bool(noise(row))


def is_doubted(row: Row) -> bool:
    """Whether :func:`checks` says that its top-1 is not shown to be better than guessing."""
    accuracy = row.entry.accuracy
    return row.entry.status == "ok" and accuracy is not None and accuracy.against_guessing in AT_CHANCE


def speed_up(row: Row) -> Cell:
    """How many times the base's images/s."""
    base = row.base
    if base is not None and base.entry.name == row.entry.name:
        return Cell(BASE, 1) if row.rate is not None and row.entry.status == "ok" else Cell(ABSENT)
    return _times(row, base)


def speed_up_plain(row: Row) -> Cell:
    """The same of its own system in fp32, as its runtime ships it."""
    return _times(row, row.plain)


def _times(row: Row, base: Row | None) -> Cell:
    found = row.speed_up(base)
    return Cell(ABSENT) if found is None else Cell(f"{found:.2f}x", found)


def difference(row: Row) -> Cell:
    """The paired difference of top-1 to the base in points, with its 95 % interval."""
    base = row.base
    if base is not None and base.entry.name == row.entry.name:
        return Cell(BASE, 0) if row.entry.accuracy is not None and row.entry.status == "ok" else Cell(ABSENT)
    return _points(row, base)


def difference_plain(row: Row) -> Cell:
    """The same to its own system in fp32, as its runtime ships it."""
    return _points(row, row.plain)


def points(row: Row) -> float | None:
    """The paired difference of top-1 to the base."""
    return _difference(row, row.base)


def points_plain(row: Row) -> float | None:
    """The same to its own system in fp32."""
    return _difference(row, row.plain)


def _difference(row: Row, base: Row | None) -> float | None:
    pair = None if base is None else row.pair(base)
    return None if pair is None else pair.top1.difference


def _points(row: Row, base: Row | None) -> Cell:
    pair = None if base is None else row.pair(base)
    if pair is None:
        return Cell(ABSENT)
    low, high = pair.top1.interval
    return Cell(_signed(pair.top1.difference), pair.top1.difference, (f"({_signed(low)} to {_signed(high)})",))


def _signed(points: float) -> str:
    return f"{round(points, 2) + 0.0:+.2f}"


def skipped(row: Row) -> tuple[str, ...]:
    """How many images an accuracy leaves out."""
    count = len(row.record.data.skipped)
    return (f"({count} skipped)",) if count and row.entry.accuracy is not None else ()


def peak(row: Row) -> tuple[str, ...]:
    """The most memory until a row was warm; older records have it alone."""
    return () if row.entry.peak_rss_mib is None else (f"({row.entry.peak_rss_mib:.0f})",)


def blocks(row: Row) -> tuple[str, ...]:
    """How many blocks its samples at batch 1 are of."""
    return () if row.entry.performance is None else (f"({row.entry.performance.latency.blocks})",)


def several_processes(row: Row) -> int | None:
    """How many processes of it were timed, in a run that has more than one of any row."""
    speeds = [entry.performance for entry in row.record.systems if entry.performance is not None]
    several = any(speed.latency.processes > 1 for speed in speeds)
    return row.entry.performance.latency.processes if several and row.entry.performance is not None else None


def unexplained(row: Row) -> tuple[str, ...]:
    """How many top-1 mismatches rounding cannot explain."""
    held = row.entry.parity
    return (f"({held.unexplained_flips} unexplained)",) if held is not None and held.unexplained_flips else ()


def against_best(
    get: Callable[[Performance], float], best: Callable[[list[float]], float]
) -> Callable[[Row], float | None]:
    """Percent more or less than the best ranked row's value in the group, for ranked rows only."""

    def of(row: Row) -> float | None:
        speed = row.entry.performance
        if row.rank is None or speed is None:
            return None
        values = [get(one.entry.performance) for one in row.peers if one.entry.performance is not None]
        return 100 * (get(speed) / best(values) - 1)

    return of


def resolution(measure: Literal["latency", "images/s"]) -> Callable[[Row], float | None]:
    """By how many percent two rows of the run must differ to be told apart, the same in each timed row."""

    def of(row: Row) -> float | None:
        found = [100 * (one.ratio - 1) for one in row.record.resolutions if one.of == measure]
        return found[-1] if found and row.entry.performance is not None else None

    return of


def gflops(row: Row) -> float | None:
    """2 x MACs an image, in 1e9: of the card's network, or of the user's file; None where nobody knows."""
    return _gflops(row.record, row.entry)


def _gflops(record: RunRecord, entry: SystemRecord) -> float | None:
    file = entry.artifact
    if file is None or file.outputs is None:  # an older record: taken for the card's network
        return record.model.gflops or None
    return None if file.macs is None else 2 * file.macs / 1e9


def achieved(row: Row) -> float | None:
    """GFLOP/s."""
    each = gflops(row)
    return None if row.rate is None or each is None else row.rate * each


def peak_found(row: Row) -> bool | None:
    """Whether no row of the run is above its ceiling, at any batch size: one that is has shown it to be none."""
    ceiling = row.record.ceiling
    if ceiling is None or row.entry.performance is None:
        return None
    rates = [
        one.images_per_second * (_gflops(row.record, entry) or 0.0)
        for entry in row.record.systems
        if (speed := entry.performance) is not None
        for one in (speed.throughput, *speed.sweep, speed.offline)
        if one is not None
    ]
    return max(rates) <= ceiling.gflops_per_second


def mfu(row: Row) -> float | None:
    """Achieved over the run's own ceiling, where that was found."""
    found, ceiling = achieved(row), row.record.ceiling
    return None if found is None or ceiling is None or not peak_found(row) else found / ceiling.gflops_per_second


def mfu_cell(row: Row) -> Cell:
    """The share of the ceiling; above it, that the peak was not found."""
    return Cell("peak not found") if peak_found(row) is False else number(mfu(row), 2)
