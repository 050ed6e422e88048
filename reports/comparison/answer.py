"""The answer of a comparison in a few sentences: which row is faster, and whether any prediction changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alexbench.harness.records.gate_records import GateReport, Judged
from alexbench.harness.records.paired_records import Pair, PairedReport, PairedTest, SpeedChange
from alexbench.harness.records.speed_records import Measure
from alexbench.reports.text.other_machine import machine_sentence
from alexbench.reports.text.reason_words import joined
from alexbench.reports.text.wording import first_few, short_version

_TIMED: Final[Mapping[str, Measure]] = {"images_per_second": "images/s", "latency_p50_ms": "latency"}
_NAMED: Final = 6
"""Rows that a sentence names."""


@dataclass(frozen=True, slots=True)
class _Speeds:
    """What is known of one pair's speeds.

    ``base``, ``other``: their names in a sentence; ``row``: that of both in a list, where the runs are known.
    """

    base: str
    other: str
    row: str
    fps: SpeedChange | None
    p50: SpeedChange | None

    @property
    def main(self) -> SpeedChange:
        """FPS, by which rows are ranked; latency where that alone was measured."""
        found = self.fps or self.p50
        assert found is not None
        return found

    @property
    def disagree(self) -> bool:
        """Whether batch 1 says something else than the configured batch."""
        fps, p50 = self.fps, self.p50
        if fps is None or p50 is None:
            return False
        return fps.apart != p50.apart or (fps.apart and fps.faster != p50.faster)


def answer(report: PairedReport, rest: GateReport | None = None) -> list[str]:
    """What is wrong, who is faster, what changed. ``rest``: what gate's rules say of two runs."""
    speeds = [*_speeds(report, rest)]
    said = [*_alarming(report)]
    if len(report.pairs) == 1:
        pair = report.pairs[0]
        said.append(_sentence("; ".join([*map(_speed, speeds), _answers(pair, report)])))
        said += [_sentence(_latency(one)) for one in speeds if one.disagree]
    else:
        said += [*_fastest(speeds, _base(report)), *_changed(report)]
    if not speeds:
        said += _no_speed(report, rest)
    if report.synthetic:
        said.append("Synthetic data: the accuracies say nothing about ImageNet.")
    return said


def speed_answer(rest: GateReport) -> list[str]:
    """The answer for two runs without predictions: which is faster."""
    speeds = []
    for row in dict.fromkeys(one.row for one in rest.judged if one.metric in _TIMED):
        found = _of_row(rest.judged, row)
        if found:
            base, other = _versions(row, rest.base.versions.get(row, ""), rest.head.versions.get(row, ""))
            speeds.append(_Speeds(base, other, row, found.get("images/s"), found.get("latency")))
    if not speeds:
        return [*_unmeasured(rest)] or ["Neither run has speeds to compare."]
    if len(speeds) > 1:
        return [*_fastest(speeds)]
    return [_sentence(_speed(speeds[0])), *(_sentence(_latency(one)) for one in speeds if one.disagree)]


def _speeds(report: PairedReport, rest: GateReport | None) -> Iterator[_Speeds]:
    for pair in report.pairs:
        found = {one.of: one for one in pair.speeds}
        if rest is not None and not found:
            found = _of_row(rest.judged, pair.other.system) or _of_row(rest.judged, pair.base.system)
        if found:
            base, other = _names(pair)
            yield _Speeds(base, other, pair.other.system, found.get("images/s"), found.get("latency"))


def _of_row(judged: Sequence[Judged], row: str) -> dict[Measure, SpeedChange]:
    """The speeds of a row of two runs that its times carry."""
    found: dict[Measure, SpeedChange] = {}
    for one in judged:
        if one.row != row or one.metric not in _TIMED or one.verdict == "INVALID":
            continue
        if one.change is not None and one.low_95 is not None and one.high_95 is not None:
            apart = one.low_95 > 0 or one.high_95 < 0
            of = _TIMED[one.metric]
            found[of] = SpeedChange(of, one.change, one.low_95, one.high_95, apart)
    return found


def _names(pair: Pair) -> tuple[str, str]:
    """Base and other in a sentence: by versions where one system has two, by run where not even these differ."""
    if not pair.base.which:
        return pair.base.system, pair.other.system
    if pair.base.system != pair.other.system:
        return pair.base.name, pair.other.name
    return _versions(pair.other.system, pair.base.version, pair.other.version)


def _versions(system: str, base: str, other: str) -> tuple[str, str]:
    before, after = short_version(base), short_version(other)
    if before == after:
        return f"{system} in A", f"{system} in B"
    return before, f"{system} {after}"


def _speed(one: _Speeds) -> str:
    """Such as "onnxruntime 1.31.1 is 4.2 % faster than 1.30.0 (FPS, 95 % interval 3.1 to 5.3 %)"."""
    found = one.main
    unit = "FPS" if found.of == "images/s" else "p50 latency"
    if not found.apart:
        return (
            f"{one.other} and {one.base} cannot be told apart in speed: {unit} differs by {abs(found.change):.1f} %,"
            f" and this pair resolves {found.resolves:.1f} %"
        )
    return f"{one.other} is {_by(found)} than {one.base} ({unit}, 95 % interval {_interval(found)})"


def _by(found: SpeedChange) -> str:
    return f"{abs(found.change):.1f} % {'faster' if found.faster else 'slower'}"


def _interval(found: SpeedChange) -> str:
    """The interval of the size of the change, from low to high."""
    ends = sorted(abs(end) for end in (found.low, found.high))
    return f"{ends[0]:.1f} to {ends[1]:.1f} %"


def _latency(one: _Speeds) -> str:
    assert one.p50 is not None
    if not one.p50.apart:
        return f"At batch 1 they cannot be told apart: p50 differs by {abs(one.p50.change):.1f} %"
    way = "lower" if one.p50.change < 0 else "higher"
    return f"At batch 1 its p50 is {abs(one.p50.change):.1f} % {way} (95 % interval {_interval(one.p50)})"


def _fastest(speeds: Sequence[_Speeds], base: str = "") -> Iterator[str]:
    """Several pairs, by who is faster. ``base``: of all of them; empty where each is of runs A and B."""
    apart = [one for one in speeds if one.main.apart]
    for word, faster in (("Faster", True), ("Slower", False)):
        found = [one for one in apart if one.main.faster == faster]
        found.sort(key=lambda one: abs(one.main.change), reverse=True)
        if found:
            rows = _listed(f"{one.row} ({_signed(one.main)})" for one in found)
            yield f"{word} {f'than {base}' if base else 'in B'}: {rows}."
    alike = [one for one in speeds if not one.main.apart]
    if alike:
        resolved = max(one.main.resolves for one in alike)
        rows = _listed(one.row for one in alike)
        whose = f"with {base}" if base else "between A and B"
        yield f"Tied {whose} in speed: {rows} (differences below {resolved:.1f} % cannot be shown here)."


def _signed(found: SpeedChange) -> str:
    return f"{'FPS' if found.of == 'images/s' else 'p50'} {found.change:+.1f} %"


def _base(report: PairedReport) -> str:
    """The one row that all others of a run are compared with; empty where rows of two runs are compared."""
    bases = {pair.base.system for pair in report.pairs if not pair.base.which}
    return bases.pop() if len(bases) == 1 else ""


def _changed(report: PairedReport) -> Iterator[str]:
    """Several pairs, by whether predictions changed; each that differs has a sentence."""
    same = [pair for pair in report.pairs if not pair.flips]
    base = _base(report)
    others = [pair for pair in report.pairs if pair.flips]
    for pair in others[:_NAMED]:
        yield _sentence(f"{pair.other.name}: {_answers(pair, report)}")
    if len(others) > _NAMED:
        yield f"{len(others) - _NAMED} more rows have predictions that differ; see the tables."
    if same:
        rows = "" if len(same) == len(report.pairs) else f" of {_listed(pair.other.system for pair in same)}"
        whose = f"from {base}'s" if base else "between the runs"
        yield f"No top-1 prediction{rows} differs {whose} in {report.images:,} images{_few(same)}."


def _few(same: Sequence[Pair]) -> str:
    """How many images would show equivalence where these are too few."""
    needed = max((pair.top1.images_for_equivalence or 0 for pair in same), default=0)
    return f" (too few to show equivalence, which takes {needed:,})" if needed else ""


def _answers(pair: Pair, report: PairedReport) -> str:
    """Whether predictions of one pair differ, and what that does to top-1."""
    count, test = len(pair.flips), pair.top1
    if not count:
        return f"no top-1 prediction changed in {report.images:,} images{_few([pair])}"
    known = ", all within rounding" if pair.explained == count else ""
    if pair.unexplained:
        known = f", {pair.unexplained} beyond rounding"
    return f"{count:,} of {report.images:,} top-1 predictions changed{known}; {_accuracy(test)}"


def _accuracy(test: PairedTest) -> str:
    low, high = test.interval
    size = f"{test.difference:+.2f} points (95 % interval {low:+.2f} to {high:+.2f})"
    if test.verdict == "equivalent":
        return f"top-1 is equivalent within {test.margin:g} points"
    if test.verdict == "undecided":
        return f"top-1 is undecided: {size}{_would_decide(test)}"
    within = ", within the margin" if test.verdict != "different" else ""
    return f"top-1 changes by {size}{within}"


def _would_decide(test: PairedTest) -> str:
    needed = [one for one in (test.images_for_equivalence, test.images_for_difference) if one is not None]
    return f"; about {min(needed):,} images would decide" if needed else ""


def _alarming(report: PairedReport) -> Iterator[str]:
    for pair in report.pairs:
        if pair.alarming:
            found = f"{pair.unexplained} top-1 mismatch{'' if pair.unexplained == 1 else 'es'}"
            yield (
                f"Not rounding: {pair.other.name} and {pair.base.name} both report fp32 and have {found} that rounding"
                " cannot explain; --layers shows where they come from."
            )


def _no_speed(report: PairedReport, rest: GateReport | None) -> Iterator[str]:
    if report.invalid:
        yield f"Speed was not compared: the run is INVALID ({joined(report.invalid)})."
    elif rest is not None:
        yield from _unmeasured(rest)


def _unmeasured(rest: GateReport) -> Iterator[str]:
    """Why no time of two runs was compared; nothing where neither has one."""
    machine = machine_sentence(rest)
    if machine:
        yield machine
        return
    times = [one for one in rest.judged if one.metric in _TIMED and one.verdict != "NOT GATED"]
    why = joined(dict.fromkeys(reason for one in times for reason in one.why))
    if why:
        yield f"Speed was not compared: {why}."


def _listed(names: Iterable[str]) -> str:
    return first_few(list(names), _NAMED)


def _sentence(text: str) -> str:
    """With its first letter large, unless that is a system's name."""
    begins = text.startswith(("no ", "top-1 ", "at "))
    return f"{text[0].upper() if begins else text[0]}{text[1:]}."
