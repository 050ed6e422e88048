"""What activation ranges say of the calibration: drawn from images that are alike, read wrongly, few, or others."""

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.judge.ranges import FileRanges, Reached, cause_of, images_cut, of_calibration
from alexbench.harness.records.quantization_records import LOSS_DB

LAYERS = 8
PLACES = ("input", *("inner",) * LAYERS, "output")
FORMULAS = (0, 0, 1, 2)
"""The formula of each reading: right, with swapped channels, on 0..1, on 0..255."""


def reached(
    seed: int, images: int = 64, *, scale: float = 1.0, input_ends: tuple[float, float] = (-2.1, 2.6)
) -> Reached:
    """What images reach: layers ten percent apart from image to image."""
    rng = np.random.default_rng(seed)
    highest = scale * 10 * np.exp(0.1 * rng.standard_normal((images, LAYERS + 2)))
    lowest = -highest
    lowest[:, 0], highest[:, 0] = input_ends
    return Reached(lowest.astype(np.float32), highest.astype(np.float32))


def file_of(given: Reached) -> FileRanges:
    """The file of a tool that takes the least and the most."""
    low = given.lowest.min(axis=0).astype(np.float64)
    low[1:-1] = 0  # a ReLU
    return FileRanges(low, given.highest.max(axis=0).astype(np.float64), PLACES)


def readings(seed: int) -> list[Reached]:
    """The right one, with swapped channels, on 0..1 and on 0..255."""
    return [
        reached(seed),
        _shifted(reached(seed)),
        reached(seed, scale=0.3, input_ends=(0, 1)),
        reached(seed, scale=80, input_ends=(0, 255)),
    ]


def _shifted(given: Reached) -> Reached:
    by: NDArray[np.float64] = np.exp(0.2 * np.where(np.arange(LAYERS + 2) % 2, 1, -1))
    by[0] = 1
    return Reached((given.lowest * by).astype(np.float32), (given.highest * by).astype(np.float32))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("calibrated", "named"),
    [
        ({"scale": 0.3, "input_ends": (0, 1)}, "normalisation"),
        ({"scale": 80, "input_ends": (0, 255)}, "normalisation"),
        ({"images": 1}, "few_images"),
        ({"images": 2}, "few_images"),
        ({"scale": 2}, "other_images"),
        ({"scale": 0.4}, "other_images"),
        ({"scale": 7, "input_ends": (-10, 10)}, "unknown"),
    ],
)  # fmt: skip
def test_a_cause_is_named_where_the_evidence_decides(seed: int, calibrated: dict[str, object], named: str) -> None:
    file = file_of(reached(100 + seed, **calibrated))  # type: ignore[arg-type]
    found = cause_of(file, reached(seed), readings(seed), FORMULAS, 8.0)
    assert found is not None
    assert found.cause == named
    if named == "few_images":
        assert found.images is not None
        assert found.images < 5


@pytest.mark.parametrize("images", [30, 100, 500])
@pytest.mark.parametrize("seed", range(5))
def test_ranges_that_lose_nothing_have_no_cause_and_ranges_like_these_images_have_no_wrong_one(
    images: int, seed: int
) -> None:
    file = file_of(reached(100 + seed, images))
    assert cause_of(file, reached(seed), readings(seed), FORMULAS, LOSS_DB - 0.1) is None
    found = cause_of(file, reached(seed), readings(seed), FORMULAS, LOSS_DB)
    assert found is not None
    assert found.cause == "unknown"


@pytest.mark.parametrize(
    ("calibrated", "cause"), [(0, None), (1, "channels"), (2, "normalisation"), (3, "normalisation")]
)
def test_by_the_very_images_of_the_calibration_swapped_channels_are_seen(calibrated: int, cause: str | None) -> None:
    confirmed, found = of_calibration(file_of(readings(1)[calibrated]), readings(1), FORMULAS)
    assert confirmed
    assert (found and found.cause) == cause


def test_few_calibration_images_are_counted_and_other_images_are_not_confirmed() -> None:
    few = reached(1, images=4)
    confirmed, found = of_calibration(file_of(few), [few], [0])
    assert confirmed
    assert found is not None
    assert (found.cause, found.images) == ("few_images", 4)
    assert of_calibration(file_of(reached(2)), [reached(1)], [0]) == (False, None)


def test_the_share_of_clipped_images_is_that_beyond_either_end_and_a_relu_clips_nothing() -> None:
    lowest, highest = np.array([[-3, -9, 0], [-1, -9, 0]]), np.array([[1, 1, 5], [1, 5, 5]])
    given = FileRanges(np.array([-2.0, 0, 0]), np.array([2.0, 3, 4]), ("input", "inner", "output"))
    assert images_cut(given, Reached(lowest, highest)).tolist() == [0.5, 0.5, 1.0]
