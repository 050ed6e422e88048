"""The sentences right below a leaderboard: batch sizes, the base, what a rank like 1-2 means."""

from collections.abc import Sequence
from typing import Final

from alexbench.reports.rows import Row

_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def captions(rows: Sequence[Row], names: set[str]) -> list[str]:
    """At most three sentences, on the columns that the table has, by their ``names``."""
    said = [_units(rows, names), _base(rows, names), _ranks(rows) if "rank" in names else ""]
    return [line for line in said if line]


def _units(rows: Sequence[Row], names: set[str]) -> str:
    """The batch sizes of the speeds, and the GFLOPs per image."""
    sizes = dict.fromkeys(str(row.record.configuration.get("batch_size", "")) for row in rows)
    said = []
    if "images_per_second" in names:
        said.append(f"FPS: images per second at batch {' or '.join(sizes)}")
    if "latency_p50_ms" in names:
        said.append("p50: median latency at batch 1")
    shares = {row.record.model.gflops for row in rows}
    if "images_per_second" in names and len(shares) == 1:
        said.append(f"{shares.pop():.3f} GFLOPs per image")
    return "; ".join(said) + "." if said else ""


def _base(rows: Sequence[Row], names: set[str]) -> str:
    """Which row the others are compared with."""
    bases = dict.fromkeys(base.entry.name for base in (row.base for row in rows) if base is not None)
    compared = [heading for name, heading in _COMPARED.items() if name in names]
    if not compared or not bases:
        return ""
    base = next(iter(bases)) if len(bases) == 1 else "the base of each run"
    brackets = " In brackets: 95 % intervals." if "difference" in names else ""
    return f"{' and '.join(compared)}: relative to {base}.{brackets}"


_COMPARED: Final = {"speed_up": "speed-up", "difference": "top-1 diff (points)"}


def _ranks(rows: Sequence[Row]) -> str:
    """How to read the first rank that is a range."""
    found = [row.ranks for row in rows if row.ranks is not None]
    ranges = [(best, worst) for best, worst in found if best != worst]
    if not ranges:
        return ""
    best, worst = min(ranges, key=_span)
    places = f"{_ordinal(best)} or {_ordinal(worst)}" if worst == best + 1 else f"{_ordinal(best)} to {_ordinal(worst)}"
    why = "equal top-1" if all(row.rate is None for row in rows) else "the run cannot tell (95 %)"
    return f"Rank {best}-{worst}: {places}; {why}."


def _span(places: tuple[int, int]) -> tuple[int, int]:
    """The narrowest first: it is the easiest to read."""
    return places[1] - places[0], places[0]


def _ordinal(place: int) -> str:
    return _ORDINALS[place - 1] if place <= len(_ORDINALS) else f"place {place}"
