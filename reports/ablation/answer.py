"""The answer of an ablation in a few sentences: which choice of preprocessing matters most."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.ablation_records import Ablation, Axis, Cell, Effect
from alexbench.reports.ablation.map_cells import clear

_NAMED: Final = 4


def answer(ablation: Ablation) -> list[str]:
    """What costs most, what costs less, what gains, and which axes change nothing that these images can show."""
    effects = [one for one in ablation.effects if not one.own and one.cell is not None]
    worst = _one_per_axis([one for one in effects if _points(one) < 0 and clear(_cell(one))])
    gains = sorted((one for one in effects if _points(one) > 0 and clear(_cell(one))), key=_points, reverse=True)
    said = [*_costs(worst), *_gains(gains)]
    shown = {one.axis for one in (*worst, *gains)}
    rest = list(dict.fromkeys(one.axis for one in effects if one.axis not in shown))
    if not said:
        said.append(f"No choice changes top-1 beyond chance on these {ablation.images:,} images.")
    elif rest:
        said.append(f"No effect shown on these {ablation.images:,} images: {', '.join(rest)}.")
    if ablation.synthetic:
        said.append("Synthetic data: the figures say nothing about ImageNet.")
    return said


def _one_per_axis(effects: Sequence[Effect]) -> list[Effect]:
    """The costliest level of each axis, the costliest first."""
    worst: dict[Axis, Effect] = {}
    for one in sorted(effects, key=_points):
        worst.setdefault(one.axis, one)
    return list(worst.values())


def _costs(worst: Sequence[Effect]) -> list[str]:
    if not worst:
        return []
    first, others = worst[0], worst[1 : 1 + _NAMED]
    low, high = _cell(first).test.interval
    matters = "matter" if first.axis == "channels" else "matters"
    cost = f"{-_points(first):.1f} points of top-1 (95 % interval {-high:.1f} to {-low:.1f})"
    said = f"{first.axis.capitalize()} {matters} most: {first.level} costs {cost}."
    return [said, f"Then {', '.join(map(_short, others))}."] if others else [said]


def _gains(gains: Sequence[Effect]) -> list[str]:
    """What is better than the card's own choice."""
    return [f"Better than the card's own choice: {', '.join(map(_short, gains[:_NAMED]))}."] if gains else []


def _short(one: Effect) -> str:
    return f"{one.axis} {one.level} ({_points(one):+.1f} points)"


def _cell(one: Effect) -> Cell:
    assert one.cell is not None
    return one.cell


def _points(one: Effect) -> float:
    return _cell(one).test.difference
