"""Flags of alexbench train --benchmark: checked before anything is read, each error one line with its fix."""

from typing import Any

import pytest

from alexbench.harness.errors import AlexBenchError, UsageError
from alexbench.harness.judge.losses import LOSS_TOLERANCE, loss_error
from alexbench.harness.training.asking import asked_for
from alexbench.harness.training.benchmark import _counts


def test_the_recipe_is_the_one_that_fits_the_card() -> None:
    assert asked_for(None).recipe == "torchvision"
    assert asked_for("tfcnn").recipe == "tf-cnn"
    assert asked_for("bvlc").recipe == "tf-cnn"
    assert set(asked_for(None).backends) == {"tensorflow", "torch"}


@pytest.mark.parametrize(
    ("model", "flags", "said"),
    [
        ("torchvison", {}, "did you mean 'torchvision'"),
        (None, {"recipe": "tf-cnn"}, "give --recipe torchvision"),
        (None, {"recipe": "nothing.toml"}, "recipe nothing.toml cannot be read"),
        (None, {"backends": ("openvino",)}, "it cannot train; give tensorflow or torch"),
        (None, {"backends": ("pytorch",)}, "did you mean 'torch'"),
        (None, {"batch_size": 0}, "--batch-size 0: give 1 or more"),
        (None, {"limit": 0}, "--limit 0: give 1 or more"),
        (None, {"seed": -1}, "--seed -1: give 0 or more"),
        (None, {"threads": 0}, "--threads 0: give 1 or more"),
        (None, {"workers": -1}, "--workers -1: give 0 or more"),
        (None, {"processes": 0}, "--processes 0: give 1 or more"),
        (None, {"layout": "tar"}, "name --data PATH too"),
    ],
)
def test_what_makes_no_sense_is_refused(model: str | None, flags: dict[str, Any], said: str) -> None:
    with pytest.raises(AlexBenchError) as refused:
        asked_for(model, **flags)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == UsageError.exit_code


@pytest.mark.parametrize(("most", "counts"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (8, [1, 2, 4, 8])])
def test_scaling_is_measured_at_powers_of_two_and_at_the_most(most: int, counts: list[int]) -> None:
    assert _counts(most) == counts


def test_losses_are_compared_as_shares() -> None:
    assert loss_error([2.0, 4.0], [2.0, 4.0]) == 0.0
    assert loss_error([2.0, 4.0004], [2.0, 4.0]) == pytest.approx(LOSS_TOLERANCE)
    assert loss_error([2.0, float("nan")], [2.0, 4.0]) == loss_error([2.0], [2.0, 4.0]) == float("inf")
