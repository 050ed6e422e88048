"""The first layer that leaves float64, on arrays made by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.judge.layer_errors import (
    CHANNELS_NAMED,
    HEALTHY,
    MARGIN,
    MOST_BITS,
    bounds,
    layer_error,
    products,
    scales,
)
from alexbench.harness.judge.parity import FARTHEST
from alexbench.harness.models.network import get_network
from alexbench.harness.records.layer_records import LayerError, first_off
from alexbench.reports.divergence.tables import channels_off
from tests.support.toy_network import TOY

RANDOM = np.random.Generator(np.random.PCG64(8))
TRUTH = RANDOM.standard_normal((2, 6, 5, 5))


def judged(found: NDArray[np.float64], bound: float = 1e-3, truth: NDArray[np.float64] = TRUTH) -> LayerError:
    return layer_error("conv1", found, truth, sigma=float(truth.std()), bound=bound)


def test_products_are_counted_up_to_each_layer() -> None:
    found = products(TOY)
    assert [found[name] for name in ("conv1", "pool1", "conv2", "conv5", "flatten", "fc6", "relu7", "fc8")] == [
        *(1, 1, 2, 5, 5, 6, 7, 8)
    ]


def test_an_error_is_measured_by_the_last_layer_with_weights() -> None:
    found = scales(TOY)
    assert {found[name] for name in ("conv1", "relu1", "norm1", "pool1")} == {"conv1"}
    assert found["flatten"] == "conv5"
    assert found["fc8"] == "fc8"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_bounds_grow_with_the_root_of_the_products(precision: str) -> None:
    found = bounds(get_network("owt"), precision)  # type: ignore[arg-type]
    unit = {"fp32": 2.0**-24, "bf16": 2.0**-8}[precision]
    assert found["conv1"] == pytest.approx(MARGIN * HEALTHY[precision] * unit)  # type: ignore[index]
    assert found["conv4"] == pytest.approx(2 * found["conv1"])
    assert found["fc8"] == pytest.approx(math.sqrt(8) * found["conv1"])


def test_bounds_of_fp32_are_no_wider_than_parity_allows() -> None:
    assert bounds(get_network("owt"), "fp32")["fc8"] < 1e-4


def test_no_error_is_no_error() -> None:
    found = judged(TRUTH.copy())
    assert (found.max_abs_over_sigma, found.relative_rms, found.bits) == (0.0, 0.0, MOST_BITS)
    assert found.within
    assert channels_off(found) == "in no channel"


def test_the_figures_are_those_of_their_definitions() -> None:
    error = 1e-4 * RANDOM.standard_normal(TRUTH.shape)
    found = judged(TRUTH + error)
    assert found.max_abs_over_sigma == pytest.approx(np.abs(error).max() / TRUTH.std())
    assert found.relative_rms == pytest.approx(np.sqrt(np.mean(error**2) / np.mean(TRUTH**2)), rel=1e-6)
    assert found.bits == pytest.approx(-np.log2(found.relative_rms))


@pytest.mark.parametrize(("bits", "kept"), [(24, np.float32), (11, np.float16)])
def test_bits_are_those_of_the_precision(bits: int, kept: type[np.floating[np.generic]]) -> None:
    """Rounding to the nearest is off by half of the last bit at most, and by less on average: 1.5 to 2 bits more."""
    found = judged(TRUTH.astype(kept).astype(np.float64))
    assert bits <= found.bits <= bits + 2.5


def test_one_value_that_is_off_is_seen_and_its_channel_named() -> None:
    found = TRUTH.copy()
    found[1, 4, 2, 2] += 0.01
    error = judged(found)
    assert not error.within
    assert error.worst == ((4, pytest.approx(0.01 / TRUTH.std())),)
    assert channels_off(error) == "in 1 of 6 channels: 4"
    assert error.relative_rms < 1e-3  # a mean would not have seen it


def test_the_worst_channels_come_first_and_no_more_than_a_few() -> None:
    truth = RANDOM.standard_normal((3, 20))
    found = truth.copy()
    found[0, 5:15] += np.arange(1, 11)
    error = judged(found, truth=truth)
    assert error.off == 10
    assert [channel for channel, _ in error.worst] == [14, 13, 12, 11, 10]
    assert len(error.worst) == CHANNELS_NAMED
    assert channels_off(error) == "in 10 of 20 channels, the worst: 14, 13, 12, 11, 10"


def test_all_channels_off_are_said_to_be_all() -> None:
    assert channels_off(judged(TRUTH * 1.1 + 0.1)) == "in all 6 channels"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_as_far_off_as_can_be(bad: float) -> None:
    found = TRUTH.copy()
    found[0, 3] = bad
    error = judged(found)
    assert error.max_abs_over_sigma == FARTHEST
    assert error.worst[0] == (3, FARTHEST)
    assert error.off == 1
    assert error.bits == 0.0
    assert not error.within


def test_a_layer_that_is_zero_everywhere_is_right_or_as_wrong_as_can_be() -> None:
    zero = np.zeros((2, 6))
    assert judged(zero, truth=zero).max_abs_over_sigma == 0.0
    assert judged(zero + 1e-9, truth=zero).max_abs_over_sigma == FARTHEST


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^conv1 is of shape \(2, 5, 5, 6\), wanted \(2, 6, 5, 5\)$"):
        judged(TRUTH.transpose(0, 2, 3, 1))


def test_the_first_layer_over_its_bound_is_named_though_later_ones_are_worse() -> None:
    def of(layer: str, error: float) -> LayerError:
        return LayerError(layer, error, error, 8.0, bound=1.0, channels=4, off=0)

    errors = [of("conv1", 0.9), of("conv2", 1.1), of("conv3", 5.0)]
    assert first_off(errors) is errors[1]
    assert first_off(errors[:1]) is None
    assert first_off([]) is None
