"""An ablation for people (terminal, Markdown) and for programs (JSON, CSV)."""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, TextIO

from alexbench.harness.files.plain_text import cell as harmless_cell
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.ablation_records import AXES, Ablation, Axis, Cell, Choice, Effect, Interaction
from alexbench.harness.records.paired_records import Difference
from alexbench.reports.ablation.answer import answer
from alexbench.reports.ablation.map_cells import ACROSS, DOWN, clear, heat_map, said, varied
from alexbench.reports.markdown import escape, listed, table_text
from alexbench.reports.plots import heat_map as drawing
from alexbench.reports.table import Table, table_of_rows
from alexbench.reports.terminal import Terminal
from alexbench.reports.text.wording import ABSENT

EXTREMES: Final = 3
"""Combinations shown from either end; the CSV and the JSON have all."""


def print_ablation(ablation: Ablation, stream: TextIO | None = None) -> None:
    """Print the answer, facts, tables and remarks."""
    terminal = Terminal(stream)
    terminal.answer(answer(ablation))
    terminal.facts(_facts(ablation))
    for table in tables(ablation):
        if terminal.fits(table):
            terminal.table(table)
        else:
            terminal.line(f"\n{table.title}", "bold")
            terminal.line("Too wide for this terminal; --out FOLDER writes it.")
    terminal.remarks(list(_remarks(ablation)))


def markdown(ablation: Ablation, picture: str) -> str:
    """The same as a page, with the heat map's file ``picture``; the same text for the same ablation."""
    synthetic = " on SYNTHETIC data" if ablation.synthetic else ""
    parts = [
        f"# AlexBench ablation: {escape(ablation.model)}{synthetic}",
        " ".join(map(escape, answer(ablation))),
        "\n".join(f"- **{name[:1].upper()}{name[1:]}** {escape(line)}" for name, line in _facts(ablation)),
        f"![Points of top-1 of every combination]({picture})",
        *(f"## {escape(table.title)}\n\n{table_text(table)}" for table in tables(ablation)),
        listed(_remarks(ablation)),
    ]
    return "\n\n".join(parts) + "\n"


def tables(ablation: Ablation) -> Iterator[Table]:
    """Main effects, the best and worst combinations, all as a map of numbers, and what does not add up."""
    headings: tuple[str, ...] = ("axis", "level", "top-1 %", "points (95 %)", "p", "evidence, nats (95 %)", "in words")
    rows = [_effect(one) for one in ablation.effects]
    yield table_of_rows(
        "Each choice alone, compared with the card's own", headings, rows, (2, 3, 4, 5), extra=(4, 5, 6)
    )
    others = sorted(
        (cell for cell in ablation.cells if cell.choice != ablation.own),
        key=lambda cell: (-cell.test.difference, -cell.evidence.mean),
    )
    if len(others) > 2 * EXTREMES:
        headings = ("combination", "top-1 %", "points (95 %)", "evidence, nats (95 %)")
        title = f"The best {EXTREMES} and the worst {EXTREMES} of the {len(others)} other combinations"
        rows = [_extreme(ablation, one) for one in (*others[:EXTREMES], *others[-EXTREMES:])]
        yield table_of_rows(title, headings, rows, (1, 2, 3), extra=(3,))
    yield _map(ablation)
    if ablation.interactions:
        headings = ("together", "points alone", "sum", "together", "together less the sum (95 %)")
        title = f"Choices whose costs do not add up: the largest beyond chance of {ablation.pairs} pairs"
        yield table_of_rows(title, headings, [_interaction(one) for one in ablation.interactions], (1, 2, 3, 4))


def ablation_json(ablation: Ablation) -> str:
    """All of it, the answer first."""
    return json_text({"answer": answer(ablation), **asdict(ablation)}) + "\n"


def csv_text(ablation: Ablation) -> str:
    """Every combination: its levels, top-1, points and evidence with their 95 % intervals."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    figures = ("images", "top1", "lost", "gained", "points", "points_low", "points_high", "p")
    writer.writerow([*AXES, "own", *figures, "evidence_nats", "evidence_nats_low", "evidence_nats_high"])
    for cell in ablation.cells:
        test, found = cell.test, cell.evidence
        values = (test.other, None, None, test.difference, *test.interval, test.mcnemar_p)
        figures_said = [f"{value:.6g}" if value is not None else "" for value in values]
        figures_said[1:3] = [str(test.lost), str(test.gained)]
        own = "yes" if cell.choice == ablation.own else "no"
        nats = [f"{value:.6g}" for value in (found.mean, found.low, found.high)]
        writer.writerow(
            [*(harmless_cell(cell.choice.of(axis)) for axis in AXES), own, test.images, *figures_said, *nats]
        )
    return out.getvalue()


def _facts(ablation: Ablation) -> Iterator[tuple[str, str]]:
    yield "model", f"{ablation.model}, {ablation.weights}, on {ablation.runtime}"
    yield "data", ("SYNTHETIC: " if ablation.synthetic else "") + f"{ablation.source}: {ablation.data}"
    own = ablation.cell(ablation.own)
    assert own is not None
    low, high = own.test.base_interval
    yield "card", f"top-1 {own.test.base:.1f} % ({low:.1f} to {high:.1f}): {said(ablation.own)}"
    yield "effort", f"{len(ablation.cells)} combinations, {ablation.inferences:,} inferences"


def _remarks(ablation: Ablation) -> Iterator[str]:
    widest = max(abs(bound) for cell in ablation.cells for bound in _half(cell))
    yield (
        "Points: top-1 less the card's own on the same images, with Tango's interval; p: McNemar's exact test. With"
        f" {ablation.images} images an interval reaches at most {widest:.1f} points to either side."
    )
    yield "Evidence: how much likelier the right label is, over all images; it shows what top-1 is too coarse for."
    if len(ablation.cells) > 2 * EXTREMES + 1:
        yield (
            f"Each interval is for one comparison: of {len(ablation.cells) - 1} some miss by chance, and the best of"
            " many looks better than it is."
        )
    if ablation.pairs and not ablation.interactions:
        yield f"All {ablation.pairs} pairs of levels cost together what they cost alone, as far as can be told."
    if ablation.exhausted:
        yield (
            f"Not checked whether they add up: {ablation.exhausted} pairs of levels whose costs add up to more than"
            " there is to lose."
        )
    if ablation.synthetic:
        yield "SYNTHETIC images or weights: these figures say nothing about ImageNet."


def _half(cell: Cell) -> tuple[float, float]:
    low, high = cell.test.interval
    return cell.test.difference - low, high - cell.test.difference


def _effect(effect: Effect) -> tuple[str, ...]:
    level = effect.level + (f" ({effect.along})" if effect.along else "")
    if effect.cell is None:
        return effect.axis, level, ABSENT, ABSENT, ABSENT, ABSENT, "no library resizes this way"
    top1 = f"{effect.cell.test.other:.1f}"
    if effect.own:
        return effect.axis, f"{level} (card)", top1, ABSENT, ABSENT, ABSENT, effect.words
    return effect.axis, level, top1, _points(effect.cell), _p(effect.cell), _nats(effect.cell.evidence), effect.words


def _extreme(ablation: Ablation, cell: Cell) -> tuple[str, ...]:
    changed: tuple[Axis, ...] = tuple(axis for axis in AXES if cell.choice.of(axis) != ablation.own.of(axis))
    return _said(cell.choice, changed), f"{cell.test.other:.1f}", _points(cell), _nats(cell.evidence)


def _map(ablation: Ablation) -> Table:
    """The heat map's numbers: a star where the interval is all on one side of 0, brackets around the own one."""
    drawn = heat_map(ablation)
    real = [y for y, row in enumerate(drawn.values) if any(value is not None for value in row)]
    table = Table("Points of top-1 of every combination; *: beyond chance at 95 %, [ ]: the card's own")
    for place, heading in enumerate(varied(ablation, DOWN)):
        table.add(heading, [drawn.rows[y][place] for y in real], numeric=False)
    for x, names in enumerate(drawn.columns):
        cells = []
        for y in real:
            text = drawing.said(drawn.values[y][x]) + ("*" if drawn.clear[y][x] else "")
            cells.append(f"[{text}]" if (y, x) == drawn.own else text)
        table.add(" ".join(names) if varied(ablation, ACROSS) else "points", cells, empty=True)
    return table


def _interaction(one: Interaction) -> tuple[str, ...]:
    first, second = one.alone
    names = f"{' '.join(one.first)}; {' '.join(one.second)}"
    extra = one.extra
    span = f"{extra.mean:+.1f} ({extra.low:+.1f} to {extra.high:+.1f})"
    return names, f"{first:+.1f}, {second:+.1f}", f"{first + second:+.1f}", f"{one.joint:+.1f}", span


def _said(choice: Choice, axes: tuple[Axis, ...]) -> str:
    return ", ".join(f"{axis} {choice.of(axis)}" for axis in axes)


def _points(cell: Cell) -> str:
    low, high = cell.test.interval
    return f"{drawing.said(cell.test.difference)} ({drawing.said(low)} to {drawing.said(high)})" + (
        "*" if clear(cell) else ""
    )


def _p(cell: Cell) -> str:
    return "<0.001" if cell.test.mcnemar_p < 0.001 else f"{cell.test.mcnemar_p:.3f}"


def _nats(found: Difference) -> str:
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
