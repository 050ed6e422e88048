"""A comparison as tables and sentences, the same in Markdown and on the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from alexbench.harness.records.paired_records import Answer, ComparedRow, Flip, Metric, Pair, PairedReport, PairedTest
from alexbench.reports.table import Table
from alexbench.reports.text.wording import ABSENT, short_version

_TITLES: Final[dict[Metric, str]] = {"top1": "Top-1", "top5": "Top-5"}
_LEAST_FLIPS: Final = 6
"""Two-sided, 2 / 2^6 = 0.031 and 2 / 2^5 = 0.0625."""


def facts(report: PairedReport) -> list[tuple[str, str]]:
    """What stands above the tables: a word, and its line."""
    kind = "SYNTHETIC images or weights: " if report.synthetic else ""
    runs = {row.run: row.which for pair in report.pairs for row in (pair.base, pair.other)}
    named = [(f"run {which}".strip(), run) for run, which in runs.items()]
    return [("model", report.model), ("data", kind + report.data), *named]


def tables(report: PairedReport, *, flips: int | None = None) -> list[Table]:
    """Top-1, top-5, how many mismatches, and for each pair that has some the first ``flips`` of them (None: all)."""
    found = [_metric(report, "top1"), _metric(report, "top5"), _counts(report)]
    return found + [_flips(pair, flips) for pair in report.pairs if pair.flips and flips != 0]


def sentences(report: PairedReport) -> list[str]:
    """What qualifies the pairs; first what is wrong."""
    lines = [
        f"{_whose(pair)}: {pair.unexplained} unexplained top-1 mismatch{'es' * (pair.unexplained != 1)}, not rounding:"
        f" both rows report fp32, and float64 has the two answers over {pair.bound_sigma:.1g} sigma apart."
        for pair in report.pairs
        if pair.alarming
    ]
    lines += _undecided(report.pairs)
    for bound, same in _grouped((pair.flips_below, pair) for pair in report.pairs):
        if bound is not None:
            lines.append(
                f"{_pairs(same)}: no top-1 mismatch in {report.images:,} images; at 95 % confidence the rate is below"
                f" {bound:.2f} %."
            )
    unasked = [pair for pair in report.pairs if pair.not_examined]
    if unasked:
        counts = "; ".join(f"{_whose(pair)}: {pair.not_examined} of {len(pair.flips)}" for pair in unasked)
        lines.append(f"Mismatches not examined, as no run has float64 answers for these images: {counts}.")
    return [*lines, *report.notes]


def reading(report: PairedReport) -> list[str]:
    """How to read the tables."""
    margin = f"{report.pairs[0].top1.margin:.2f}"
    return [
        "%: with Wilson's 95 % interval, corrected for the finite population on a part of ImageNet's validation set.",
        "lost, gained: images that only the base has right, and that only the row has right.",
        "difference: the row less its base, in points, with Tango's 95 % score interval for paired shares.",
        "p: McNemar's exact test, two-sided. Six mismatches in one direction are the fewest that reach p < 0.05.",
        f"equivalent: Tango's 90 % interval lies within {margin} points, which is two one-sided tests at 5 %.",
        "different: p < 0.05. Each pair is judged by itself, without a correction for their number.",
        "of base: the row's accuracy as a share of the base's, and whether it keeps MLPerf's 99 %.",
        "margin: how far apart float64 has the two top-1 classes, in standard deviations of its logits.",
        "explained: the margin is at most twice the precision's tolerance, so rounding can have changed the class.",
    ]


def _metric(report: PairedReport, metric: Metric) -> Table:
    """A line for each row, its base above it."""
    lines: list[tuple[ComparedRow, PairedTest, bool]] = []
    for number, pair in enumerate(report.pairs):
        test = pair.top1 if metric == "top1" else pair.top5
        if not number or pair.base != report.pairs[number - 1].base:
            lines.append((pair.base, test, True))
        lines.append((pair.other, test, False))
    margin = f"{report.pairs[0].top1.margin:.2f}"
    table = Table(f"{_TITLES[metric]} on the same {report.images:,} images, margin {margin} points")
    table.add("row", [_row(row) for row, _, _ in lines], numeric=False)
    table.add("%", [f"{test.base if base else test.other:.2f}" for _, test, base in lines])
    table.add("95 % interval", [_interval(test, base=base) for _, test, base in lines], extra=True)
    table.add("lost", [ABSENT if base else f"{test.lost}" for _, test, base in lines], extra=True)
    table.add("gained", [ABSENT if base else f"{test.gained}" for _, test, base in lines], extra=True)
    table.add("difference (95 %)", [ABSENT if base else _difference(test) for _, test, base in lines])
    table.add("p", [ABSENT if base else _p(test.mcnemar_p) for _, test, base in lines], extra=True)
    table.add("of base", [ABSENT if base else _share(test) for _, test, base in lines], extra=True)
    table.add("verdict", ["base" if base else test.verdict for _, test, base in lines], numeric=False)
    return table


def _counts(report: PairedReport) -> Table:
    table = Table("Top-1 mismatches")
    table.add("base", [pair.base.name for pair in report.pairs], numeric=False)
    table.add("row", [pair.other.name for pair in report.pairs], numeric=False)
    table.add("images", [f"{len(pair.flips)}" for pair in report.pairs])
    table.add("%", [f"{100 * len(pair.flips) / report.images:.2f}" for pair in report.pairs])
    table.add("explained", [f"{pair.explained}" for pair in report.pairs])
    table.add("unexplained", [f"{pair.unexplained}" for pair in report.pairs])
    table.add("not examined", [f"{pair.not_examined}" for pair in report.pairs])
    return table


def _flips(pair: Pair, most: int | None) -> Table:
    """Two lines per image, one per row; unexplained ones first."""
    order = {False: 0, None: 1, True: 2}
    shown = sorted(pair.flips, key=lambda flip: (order[flip.explained], -(flip.margin_sigma or 0)))[:most]
    count = f"{len(pair.flips)}" if len(shown) == len(pair.flips) else f"{len(shown)} of {len(pair.flips)}"
    table = Table(f"Images with a top-1 mismatch, {_whose(pair)}: {count}")
    table.add("image", _twice((flip.sample, f"label: {flip.label_name}") for flip in shown), numeric=False)
    table.add("row", _twice((pair.base.name, pair.other.name) for _ in shown), numeric=False)
    for place in range(5):
        cells = _twice((_answer(flip.base[place]), _answer(flip.other[place])) for flip in shown)
        table.add(f"{place + 1}", cells, numeric=False, extra=place > 0)
    table.add("margin", _twice(_margin(flip) for flip in shown), numeric=False)
    return table


def _undecided(pairs: Sequence[Pair]) -> Iterator[str]:
    """What would decide each undecided test; those that need the same are one sentence."""
    needed: dict[tuple[Metric, str], list[Pair]] = {}
    for metric in _TITLES:
        for pair in pairs:
            test = pair.top1 if metric == "top1" else pair.top5
            if test.verdict == "undecided":
                needed.setdefault((metric, _needed(test)), []).append(pair)
    titles: dict[tuple[str, str], list[str]] = {}
    for (metric, needs), found in needed.items():
        titles.setdefault((_pairs(found), needs), []).append(_TITLES[metric].lower())
    for (names, needs), of in titles.items():
        yield f"Undecided, {' and '.join(of)} of {names}: {needs}"


def _needed(test: PairedTest) -> str:
    """What would decide one test."""
    ways = []
    if test.images_for_equivalence is not None:
        ways.append(f"{test.images_for_equivalence:,} images would show equivalence")
    if test.images_for_difference is not None:
        ways.append(f"about {test.images_for_difference:,} images would show a difference")
    text = f"at this rate of mismatches {' and '.join(ways)}." if ways else ""
    if test.images_for_equivalence is None:
        text += " No number of images would show equivalence: the difference itself is as wide as the margin."
    if test.lost + test.gained < _LEAST_FLIPS:
        text += (
            f" A difference needs at least {_LEAST_FLIPS} images that only one of the two has right;"
            f" {test.lost + test.gained} were found."
        )
    return text.strip()


def _pairs(pairs: Sequence[Pair]) -> str:
    """Several pairs by what they have in common."""
    bases = {pair.base.name for pair in pairs}
    if all(pair.base.which and pair.base.system == pair.other.system for pair in pairs):
        runs = f" ({pairs[0].base.which} and {pairs[0].other.which})"
        return ", ".join(pair.other.system for pair in pairs) + runs
    if len(bases) == 1:
        return f"{', '.join(pair.other.name for pair in pairs)} (base: {bases.pop()})"
    return "; ".join(map(_whose, pairs))


def _whose(pair: Pair) -> str:
    return f"{pair.other.name} and {pair.base.name}"


def _row(row: ComparedRow) -> str:
    return " ".join(filter(None, (row.name, short_version(row.version), row.precision)))


def _interval(test: PairedTest, *, base: bool) -> str:
    low, high = test.base_interval if base else test.other_interval
    return f"{low:.2f} to {high:.2f}"


def _difference(test: PairedTest) -> str:
    low, high = test.interval
    return f"{_signed(test.difference)} ({_signed(low)} to {_signed(high)})"


def _signed(points: float) -> str:
    """With its sign, none for what rounds to zero."""
    rounded = round(points, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def _share(test: PairedTest) -> str:
    if not test.base_correct:
        return ABSENT
    kept = "kept" if test.keeps_99_percent else "NOT kept"
    return f"{100 * test.other_correct / test.base_correct:.2f} % ({kept})"


def _answer(answer: Answer) -> str:
    return answer.name if answer.score is None else f"{answer.name} {answer.score:.6g}"


def _margin(flip: Flip) -> tuple[str, str]:
    """Its width, and what that means."""
    if flip.margin_sigma is None:
        return ABSENT, "not examined"
    return f"{flip.margin_sigma:.1e} sigma", "explained" if flip.explained else "UNEXPLAINED"


def _twice(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [cell for pair in pairs for cell in pair]


def _grouped(found: Iterable[tuple[float | None, Pair]]) -> list[tuple[float | None, Sequence[Pair]]]:
    groups: dict[float | None, list[Pair]] = {}
    for key, pair in found:
        groups.setdefault(key, []).append(pair)
    return list(groups.items())
