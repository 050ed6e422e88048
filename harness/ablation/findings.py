"""What an ablation found: every combination, each choice alone, and what does not add up."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.ablation.axes import Grid
from alexbench.harness.judge.evidence import paired_difference
from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.records.ablation_records import Ablation, Axis, Cell, Choice, Effect, Interaction

MOST_INTERACTIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """One combination, image by image: whether it is right (N,), and its evidence in nats (N,)."""

    hits: NDArray[np.bool_]
    evidence: NDArray[np.float64]


def judged(
    grid: Grid,
    answers: Mapping[Choice, Answers],
    *,
    model: str,
    weights: str,
    runtime: str,
    source: str,
    data: str,
    synthetic: bool,
    population: int | None = None,
) -> Ablation:
    """What the answers say: every combination, each level alone, and the pairs that do not add up.

    ``population``: what the images were drawn from, for the accuracies' own intervals.
    """
    base = answers[grid.own]
    cells = {
        choice: Cell(
            choice,
            paired_test("top1", base.hits, one.hits, population=population),
            paired_difference(one.evidence, base.evidence),
        )
        for choice, one in answers.items()
    }
    every = list(_pairs(grid, answers))
    # Two choices that cost 40 points each cannot cost 80 where there are 55: that shows nothing about the choices.
    left = 100 * base.hits.mean()
    pairs = [pair for pair in every if left + sum(cells[grid.own.but(*one)].test.difference for one in pair) > 0]
    interactions = [_interaction(grid, answers, pair, comparisons=len(pairs)) for pair in pairs]
    clear = [one for one in interactions if one.extra.above or one.extra.below]
    clear.sort(key=lambda one: -abs(one.extra.mean))
    return Ablation(
        model=model,
        weights=weights,
        runtime=runtime,
        source=source,
        data=data,
        images=len(base.hits),
        synthetic=synthetic,
        own=grid.own,
        levels=grid.levels,
        cells=tuple(cells.values()),
        effects=tuple(_effect(grid, cells, axis, level) for axis in grid.varied for level in grid.levels[axis]),
        interactions=tuple(clear[:MOST_INTERACTIONS]),
        pairs=len(pairs),
        exhausted=len(every) - len(pairs),
        inferences=sum(len(one.hits) for one in answers.values()),
    )


def _effect(grid: Grid, cells: Mapping[Choice, Cell], axis: Axis, level: str) -> Effect:
    """One level alone; an interpolation that is had only with antialias, or only without, with that."""
    choice, along = grid.own.but(axis, level), ""
    if axis == "interpolation" and choice not in cells:
        for antialias in grid.levels["antialias"]:
            if choice.but("antialias", antialias) in cells:
                choice, along = choice.but("antialias", antialias), f"antialias {antialias}"
    return Effect(
        axis=axis,
        level=level,
        words=grid.words.get((axis, level), ""),
        own=level == grid.own.of(axis),
        along=along,
        cell=cells.get(choice),
    )


Pair = tuple[tuple[Axis, str], tuple[Axis, str]]


def _pairs(grid: Grid, answers: Mapping[Choice, Answers]) -> Iterator[Pair]:
    """Two levels of two axes, neither the model's own, that there are alone and jointly."""
    alone: dict[tuple[Axis, str], Choice] = {
        (axis, level): grid.own.but(axis, level) for axis in grid.varied for level in grid.levels[axis]
    }
    there = [key for key, choice in alone.items() if choice in answers and choice != grid.own]
    for one, other in itertools.combinations(there, 2):
        if one[0] != other[0] and alone[one].but(*other) in answers:
            yield one, other


def _interaction(grid: Grid, answers: Mapping[Choice, Answers], pair: Pair, *, comparisons: int) -> Interaction:
    """In points: 100 for an image that is right; the four answers to each image are compared."""
    first, second = pair
    choices = (grid.own, grid.own.but(*first), grid.own.but(*second), grid.own.but(*first).but(*second))
    own, one, other, joint = (100.0 * answers[choice].hits for choice in choices)
    return Interaction(
        first=first,
        second=second,
        alone=(float((one - own).mean()), float((other - own).mean())),
        joint=float((joint - own).mean()),
        extra=paired_difference(joint + own, one + other, comparisons=comparisons),
    )
