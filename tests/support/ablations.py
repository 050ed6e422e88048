"""Ablations that nobody ran, of a given number of right answers under each choice."""

from collections.abc import Callable

import numpy as np

from alexbench.harness.ablation.axes import Grid
from alexbench.harness.ablation.findings import Answers, judged
from alexbench.harness.records.ablation_records import AXES, Ablation, Axis, Choice

IMAGES = 200


def answers_of(grid: Grid, right: Callable[[Choice], int]) -> dict[Choice, Answers]:
    """The first so many images right under each choice; evidence moves with it."""
    places = np.arange(IMAGES)
    noise = np.random.default_rng(7).normal(0, 0.1, IMAGES)
    return {
        choice: Answers(places < right(choice), noise + right(choice) / IMAGES + 0.01 * noise[:: (-1) ** right(choice)])
        for choice in grid.real()
    }


def ablation_of(grid: Grid, right: Callable[[Choice], int], *, synthetic: bool = True) -> Ablation:
    return judged(
        grid,
        answers_of(grid, right),
        model="torchvision",
        weights="synthetic weights",
        runtime="openvino 1.2.3 fp32 cpu",
        source="a set",
        data="200 images",
        synthetic=synthetic,
    )


def cost(grid: Grid, costs: dict[tuple[Axis, str], int]) -> Callable[[Choice], int]:
    """120 right of 200, less what each level costs; never below none."""
    return lambda choice: max(0, 120 - sum(costs.get((axis, choice.of(axis)), 0) for axis in AXES))
