"""The rows of a leaderboard in their order, and what follows of each from the others of its run."""

from dataclasses import dataclass

from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.plain_rows import plain_row
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Difference, Group
from alexbench.harness.systems import base_among


@dataclass(frozen=True, slots=True)
class Row:
    """What the record of a run says of one system, and the record. ``run``: what it is called among several runs."""

    entry: SystemRecord
    record: RunRecord
    run: str = ""

    @property
    def rank(self) -> int | None:
        """The record's (:mod:`alexbench.harness.judge.ranking`); an invalid measurement ranks nobody."""
        return None if self.record.invalid else self.entry.rank

    @property
    def peers(self) -> "list[Row]":
        """The ranked rows of its run that ran alike, itself among them."""
        rows = [Row(entry, self.record, self.run) for entry in self.record.systems]
        return [one for one in rows if one.rank is not None and one.entry.group == self.entry.group]

    @property
    def ranks(self) -> tuple[int, int] | None:
        """The best and the worst rank that it may have: of rows that cannot be told apart, each may be the faster one.

        A confidence set for the rank (Mogstad et al. 2024, Review of Economic Studies 91(1)), from the record's pairs.
        """
        if self.rank is None:
            return None
        peers = {one.entry.name: one for one in self.peers}
        if self.rate is None:  # by top-1, which is counted
            return self.rank, len(peers) - sum((one.rank or 0) > self.rank for one in peers.values())
        name = self.entry.name
        slower = {
            one.slower for one in self.record.differences if one.of == "images/s" and one.apart and name in _both(one)
        }
        return self.rank, max(self.rank, len(peers) - len(slower & peers.keys() - {name}))

    @property
    def rate(self) -> float | None:
        """Images/s at the configured batch size."""
        speed = self.entry.performance
        return None if speed is None else speed.throughput.images_per_second

    @property
    def p50_ms(self) -> float | None:
        """Median latency at batch 1."""
        speed = self.entry.performance
        return None if speed is None else speed.latency.p50_ms

    @property
    def base(self) -> "Row | None":
        """The row of its run that the others are compared with, None if there is none."""
        name = base_name(self.record) if len(self.record.systems) > 1 else None
        return next((Row(one, self.record, self.run) for one in self.record.systems if one.name == name), None)

    @property
    def plain(self) -> "Row | None":
        """The row of its own system in fp32 (:func:`plain_row`); None for none, and for that row itself."""
        found = plain_row(self.entry, self.record.systems)
        return None if found is None else Row(found, self.record, self.run)

    def speed_up(self, base: "Row | None") -> float | None:
        """Times the base's images/s; None where either of the two has none, or the measurement is invalid."""
        if base is None or base.entry.name == self.entry.name or self.record.invalid:
            return None
        if base.rate is None or self.rate is None or not base.entry.status == self.entry.status == "ok":
            return None
        return self.rate / base.rate

    def pair(self, base: "Row") -> RowPair | None:
        """Its accuracy against the base's, image by image."""
        names = base.entry.name, self.entry.name
        return next((one for one in self.record.pairs if (one.base, one.other) == names), None)


def _both(pair: Difference) -> tuple[str, str]:
    return pair.one, pair.other


def rows_of(record: RunRecord, run: str = "") -> list[Row]:
    """The group of the fastest row first, in it rows by rank, those of one rank by images/s; last, rows without a rank.

    In a run without speed rows of one rank are ordered by top-1.
    """
    rows = [Row(entry, record, run) for entry in record.systems]
    groups: dict[Group | None, float] = {}
    for row in rows:
        if row.rank is not None:
            groups[row.entry.group] = max(groups.get(row.entry.group, 0.0), row.rate or 0.0)
    heads = sorted(groups, key=lambda group: groups[group], reverse=True)
    return sorted(rows, key=lambda row: _order(row, heads))


def _order(row: Row, heads: list[Group | None]) -> tuple[bool, int, int, float, int, str]:
    ranked = row.rank is not None
    right = 0 if row.entry.accuracy is None else row.entry.accuracy.top1_correct
    place = heads.index(row.entry.group) if ranked else 0
    return not ranked, place, row.rank or 0, -(row.rate or 0.0), -right, row.entry.name


def base_name(record: RunRecord) -> str | None:
    """The row that the others are compared with: the one named, else torch's fp32 default, else the first that ended.

    None where none ended well.
    """
    if record.pairs:
        return record.pairs[0].base
    ended = {entry.name: entry.system for entry in record.systems if entry.status == "ok"}
    return record.base or base_among(ended)
