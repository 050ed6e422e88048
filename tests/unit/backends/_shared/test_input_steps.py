"""Operations that a graph begins with, as arithmetic by channel."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from alexbench.backends._shared.input_steps import (
    FIRST_LAYER,
    Reading,
    Step,
    batch_norm,
    branches,
    is_first_layer,
    pointwise,
    product,
    quantise,
    read_steps,
)
from alexbench.harness.models.network import Layout
from alexbench.harness.models.preprocessing import Normalisation

IMAGE = (3, 4, 5)
MEAN = np.array([1.0, 2.0, 3.0])
STD = np.array([4.0, 5.0, 8.0])


def along(values: np.ndarray, layout: Layout) -> np.ndarray:
    return values.reshape((1, 3, 1, 1) if layout == "NCHW" else (3,))


def normalisation(steps: Iterable[Step], layout: Layout, channels: int) -> Normalisation | None:
    """What steps up to a first layer are."""
    assert channels == IMAGE[0]
    reading = read_steps([*steps, FIRST_LAYER], layout, IMAGE)
    assert reading.unread == ""
    return reading.normalisation


def found(*steps: Step, layout: Layout = "NCHW") -> Normalisation:
    seen = normalisation(steps, layout, 3)
    assert seen is not None
    return seen


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_mean_and_deviation(layout: Layout) -> None:
    steps = (Step("subtract", along(MEAN, layout)), Step("divide", along(STD, layout)))
    assert found(*steps, layout=layout) == Normalisation(tuple(1 / STD), tuple(-MEAN / STD))


def test_scalars_reach_every_channel() -> None:
    assert found(Step("multiply", 2.0), Step("add", 1)) == Normalisation((2.0,) * 3, (1.0,) * 3)
    assert found(Step("subtract-from", 1.0)) == Normalisation((-1.0,) * 3, (1.0,) * 3)


def test_a_transposition_moves_the_channels() -> None:
    steps = (Step("subtract", MEAN), Step("transpose", [0, 3, 1, 2]), Step("divide", STD.reshape(3, 1, 1)))
    assert found(*steps, layout="NHWC") == Normalisation(tuple(1 / STD), tuple(-MEAN / STD))


@pytest.mark.parametrize("turn", [Step("reverse", [1]), Step("reverse", [-3]), Step("gather", [2, 1, 0], 1)], ids=str)
def test_a_reversal_is_told_and_the_values_are_in_the_order_behind_it(turn: Step) -> None:
    before = found(Step("subtract", along(MEAN, "NCHW")), turn)
    assert before == Normalisation((1.0,) * 3, tuple(-MEAN[::-1]), reverses_channels=True)
    behind = found(turn, Step("subtract", along(MEAN, "NCHW")))
    assert behind == Normalisation((1.0,) * 3, tuple(-MEAN), reverses_channels=True)


def test_two_reversals_are_none() -> None:
    assert normalisation([Step("reverse", [1]), Step("gather", [2, 1, 0], 1)], "NCHW", 3) is None


def test_a_whole_image_counts_by_its_channels_means() -> None:
    picture = np.random.RandomState(0).rand(3, 5, 5)
    seen = found(Step("subtract", picture))
    np.testing.assert_allclose(seen.shift, -picture.mean(axis=(1, 2)))
    assert (
        read_steps([Step("multiply", picture), FIRST_LAYER], "NCHW", IMAGE).unread == "multiply that is not per channel"
    )


def test_constant_statistics_are_a_product_and_a_sum() -> None:
    given = np.array([1.0, 2.0, 1.0]), np.array([0.0, 1.0, 0.0]), MEAN, STD**2
    for layout in ("NCHW", "NHWC"):
        seen = normalisation(batch_norm(*given, 0.0, layout), layout, 3)
        assert seen is not None
        np.testing.assert_allclose(seen.scale, given[0] / STD)
        np.testing.assert_allclose(seen.shift, given[1] - given[0] * MEAN / STD)


@pytest.mark.parametrize(
    "step",
    [
        Step("multiply", np.ones((2, 1, 1))),
        Step("add", np.ones((4, 3, 1, 1))),
        Step("add", np.ones((1, 1, 3, 1, 1))),
        Step("divide", 0.0),
        Step("add", np.nan),
        Step("transpose", [1, 0, 2, 3]),
        Step("transpose", [0, 1]),
        Step("reverse", [2]),
        Step("gather", [0, 0, 0], 1),
        Step("gather", [2, 1, 0], 2),
    ],
    ids=str,
)
def test_what_is_no_arithmetic_by_channel_leaves_the_file_unread(step: Step) -> None:
    steps = [Step("multiply", 2.0), step, Step("multiply", 3.0), FIRST_LAYER]
    assert read_steps(steps, "NCHW", IMAGE) == Reading(None, f"{step.kind} that is not per channel")


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_file_is_unread_unless_its_first_layer_is_reached(layout: Layout) -> None:
    steps = [Step("subtract", along(MEAN, layout))]
    assert read_steps(steps, layout, IMAGE).unread == "no convolution and no matrix product"
    assert read_steps([*steps, Step("unknown", "Clip"), FIRST_LAYER], layout, IMAGE) == Reading(None, "Clip")
    assert read_steps([*steps, FIRST_LAYER, Step("unknown", "Clip")], layout, IMAGE).unread == ""


def test_rows_and_columns_may_be_padded_and_channels_may_not() -> None:
    for layout, sides, channel in (("NCHW", [2, 3], 1), ("NHWC", [1, 2], 3)):
        assert read_steps([Step("pad", sides), FIRST_LAYER], layout, IMAGE) == Reading(None)
        assert read_steps([Step("pad", [channel]), FIRST_LAYER], layout, IMAGE).unread == "pad that is not per channel"
        assert read_steps([Step("pad", [0]), FIRST_LAYER], layout, IMAGE).unread == "pad that is not per channel"


def test_behind_a_flattening_only_a_matrix_product_is_known() -> None:
    whole = product(3 * 4 * 5)
    assert read_steps([Step("flatten"), Step("nothing"), whole], "NCHW", IMAGE) == Reading(None)
    assert read_steps([Step("flatten"), Step("multiply", 2.0), whole], "NCHW", IMAGE).unread != ""
    for part in (3, 4, 15, 60 + 1):  # a product of colours, rows or patches is not a first layer
        assert read_steps([Step("flatten"), product(part)], "NCHW", IMAGE).unread == "product that is not per channel"


@pytest.mark.parametrize(("layout", "order"), [("NCHW", [0, 1, 3, 2]), ("NHWC", [0, 2, 1, 3]), ("NCHW", [0, 3, 2, 1])])
def test_an_image_that_is_turned_leaves_the_file_unread(layout: Layout, order: list[int]) -> None:
    assert read_steps([Step("transpose", order), FIRST_LAYER], layout, IMAGE).unread != ""


def test_a_convolution_of_one_pixel_is_arithmetic_by_channel() -> None:
    weight = np.diag(1 / STD).reshape(3, 3, 1, 1)
    steps = pointwise(weight, -MEAN / STD, 1, "NCHW", 3)
    assert found(*steps) == Normalisation(tuple(1 / STD), tuple(-MEAN / STD))
    assert found(*pointwise((1 / STD).reshape(3, 1, 1, 1), -MEAN / STD, 3, "NCHW", 3)) == found(*steps)
    turned = found(*pointwise(weight[::-1], -MEAN / STD, 1, "NCHW", 3))
    assert turned == Normalisation(tuple(1 / STD[::-1]), tuple(-MEAN / STD), reverses_channels=True)


@pytest.mark.parametrize(
    "weight",
    [
        np.ones((3, 3, 1, 1)),
        np.ones((3, 3, 3, 3)),
        np.full((3, 1, 1, 1), np.nan),
        np.ones((1, 3, 1, 1)),
        np.ones((6, 3, 1, 1)),
        np.ones((6, 1, 1, 1)),
    ],
)
def test_a_convolution_that_mixes_colours_or_filters_leaves_the_file_unread(weight: np.ndarray) -> None:
    steps = pointwise(weight, None, 3 // weight.shape[1], "NCHW", 3)
    assert read_steps([*steps, FIRST_LAYER], "NCHW", IMAGE).unread != ""


def test_several_first_layers_side_by_side_are_one() -> None:
    assert branches([[FIRST_LAYER], [FIRST_LAYER]], ["Conv", "Conv"]) == [FIRST_LAYER]
    assert branches([[FIRST_LAYER], [Step("nothing")]], ["Conv", "Cast"])[0].kind == "unknown"
    assert branches([[FIRST_LAYER], None], ["Conv", "Clip"])[0].values == "Clip and Conv in parallel"


def test_nothing_is_none() -> None:
    assert normalisation([], "NCHW", 3) is None
    assert normalisation([Step("nothing"), Step("gather", [0, 1, 2], 1)], "NCHW", 3) is None
    assert normalisation([Step("multiply", 0.1), Step("multiply", 10.0)], "NCHW", 3) is None


def test_to_quantise_and_dequantise_is_nothing() -> None:
    scale = np.float32(0.0170005)
    steps = [Step("divide", scale), Step("add", 13), Step("subtract", 13), Step("multiply", scale)]
    assert normalisation(steps, "NCHW", 3) is None


def test_the_graph_is_read_no_further_than_needed() -> None:
    def steps() -> Iterator[Step]:
        yield Step("reverse", [2])
        raise AssertionError

    assert read_steps(steps(), "NCHW", IMAGE).unread == "reverse that is not per channel"


def test_a_first_layer_sees_more_than_a_pixel_and_a_channel() -> None:
    assert is_first_layer(64, (11, 11), 1)
    assert not is_first_layer(64, (1, 1), 1)
    assert not is_first_layer(6, (3, 3), 1)
    assert not is_first_layer(64, (3, 3), 3)


def test_what_a_quantiser_lets_through_is_told_in_terms_of_the_input() -> None:
    steps = [Step("subtract", along(MEAN, "NCHW")), *quantise(0.5, 10, 0, 255), Step("subtract", 10)]
    reading = read_steps([*steps, Step("multiply", 0.5), FIRST_LAYER], "NCHW", IMAGE)
    assert reading.clips == (-5 + 3, 122.5 + 1)  # what every channel lets through
    assert reading.normalisation == Normalisation((1.0,) * 3, tuple(-MEAN))
    assert read_steps([FIRST_LAYER], "NCHW", IMAGE).clips is None


def test_arithmetic_that_is_not_finite_is_unread() -> None:
    steps = [Step("multiply", along(np.array([1e300] * 3), "NCHW"))] * 2
    with np.errstate(over="ignore"):
        assert read_steps([*steps, FIRST_LAYER], "NCHW", IMAGE).unread == "arithmetic that is not finite"
