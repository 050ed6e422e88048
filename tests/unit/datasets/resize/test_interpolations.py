"""Each interpolation against the library that defines it; TensorFlow 1's is in ``test_tensorflow_pixels``."""

import sys
from dataclasses import replace
from typing import Final, get_args

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage.transform import resize as scikit_images_resize

from alexbench.datasets.preprocess import prepare_picture
from alexbench.datasets.resize import nearest
from alexbench.datasets.resize import opencv as opencv_resize
from alexbench.datasets.resize import pillow as pillow_resize
from alexbench.harness.errors import BackendUnavailableError
from alexbench.harness.models.preprocessing import Interpolation
from tests.unit.datasets.encoded import OPENCV, SCIKIT_IMAGE, SIZES, TORCHVISION, encoded, greys, noise

MORE_SIZES = [*SIZES, (227, 227), (226, 228), (40, 500), (500, 40), (2, 2)]


def png(pixels: NDArray[np.uint8]) -> bytes:
    return encoded(Image.fromarray(pixels))


# Pillow: bit for bit.

SIDE = st.integers(1, 700)
FILTERS = [
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
    Image.Resampling.HAMMING,
]
Asked = tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]


def picture(size: tuple[int, int], *, harsh: bool) -> NDArray[np.uint8]:
    """Noise with a fourth byte; ``harsh``: black and white alone, where cubics and Lanczos overshoot most."""
    pixels = noise(*size, 4)
    return np.where(pixels > 127, np.uint8(255), np.uint8(0)) if harsh else pixels


@st.composite
def crops(draw: st.DrawFn) -> Asked:
    """An image's size, the size it is resized to, and the corner and side of a crop of that."""
    before, after = draw(st.tuples(SIDE, SIDE)), draw(st.tuples(SIDE, SIDE))
    side = draw(st.integers(1, min(after)))
    left, top = (draw(st.integers(0, length - side)) for length in after)
    return before, after, (left, top), side


@given(crops(), st.sampled_from(FILTERS), st.booleans())
@example(((1024, 768), (341, 256), (58, 16), 224), Image.Resampling.BILINEAR, False)
@example(((1025, 768), (341, 256), (58, 16), 224), Image.Resampling.BILINEAR, False)  # left to Pillow: too large
@example(((300, 900), (256, 768), (16, 272), 224), Image.Resampling.BILINEAR, False)  # left to Pillow: too tall
@example(((300, 856), (256, 768), (16, 272), 224), Image.Resampling.BILINEAR, False)  # the tallest that is not
@example(((700, 3), (224, 224), (0, 0), 224), Image.Resampling.LANCZOS, True)
@example(((700, 3), (224, 224), (0, 0), 224), Image.Resampling.BICUBIC, True)
@example(((448, 448), (224, 224), (0, 0), 224), Image.Resampling.BOX, True)
def test_pillows_resize_and_crop_bit_for_bit(asked: Asked, resampling: Image.Resampling, harsh: bool) -> None:
    before, after, (left, top), side = asked
    pixels = picture(before, harsh=harsh)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    expected = image.resize(after, resampling).crop((left, top, left + side, top + side))
    found = pillow_resize.resize_and_crop(pixels, after, (left, top), side, resampling)
    assert found.flags.c_contiguous
    assert np.array_equal(found, np.asarray(expected))


@pytest.mark.parametrize("resampling", FILTERS)
@pytest.mark.parametrize(("before", "after"), [(500, 341), (375, 256), (100, 256), (1, 224), (224, 224), (3, 7)])
def test_pillows_weights_add_up_to_one(before: int, after: int, resampling: Image.Resampling) -> None:
    weights = pillow_resize._weights(before, after, 0, after, resampling)
    # Each was rounded for itself.
    assert np.abs(weights.matrix.sum(axis=1) / 2**22 - 1).max() < 2e-5


@given(crops())
@example(((1, 1), (224, 224), (0, 0), 224))
@example(((1500, 7), (699, 224), (475, 0), 224))
def test_pillows_nearest_bit_for_bit(asked: Asked) -> None:
    before, after, (left, top), side = asked
    pixels = picture(before, harsh=False)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    expected = image.resize(after, Image.Resampling.NEAREST).crop((left, top, left + side, top + side))
    found = nearest.resize_and_crop(pixels, after, (left, top), side, "pillow-nearest")
    assert found.flags.c_contiguous
    assert np.array_equal(found, np.asarray(expected))


# OpenCV: bit for bit.


def opencvs(pixels: NDArray[np.uint8], asked: Asked, flag: int) -> NDArray[np.uint8]:
    _, after, (left, top), side = asked
    resized = cv2.resize(np.ascontiguousarray(pixels[..., :3]), after, interpolation=flag)
    return np.asarray(resized, np.uint8)[top : top + side, left : left + side]


@st.composite
def shrunk_crops(draw: st.DrawFn) -> Asked:
    """As ``crops``, where no side grows: what INTER_AREA is for. Some factors are whole numbers, which OpenCV treats
    apart."""
    before, after, corner, side = draw(crops())
    factors = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    whole = draw(st.booleans())
    larger = [
        length * factor if whole else max(length, other)
        for length, factor, other in zip(after, factors, before, strict=True)
    ]
    return (larger[0], larger[1]), after, corner, side


FLAGS: Final[dict[Interpolation, int]] = {
    "opencv-bilinear": cv2.INTER_LINEAR,
    "opencv-area": cv2.INTER_AREA,
    "opencv-bicubic": cv2.INTER_CUBIC,
}


@pytest.mark.parametrize("interpolation", FLAGS)
@given(asked=st.one_of(shrunk_crops(), crops()), harsh=st.booleans())
@example(asked=((500, 375), (341, 256), (58, 16), 224), harsh=False)
@example(asked=((512, 512), (256, 256), (16, 16), 224), harsh=False)
@example(asked=((3, 2), (224, 256), (0, 32), 224), harsh=True)  # enlarged
@example(asked=((4, 700), (226, 226), (1, 1), 224), harsh=True)  # one side enlarged, one shrunk
@example(asked=((1, 1), (7, 7), (0, 0), 7), harsh=False)
@example(asked=((6000, 40), (3, 3), (0, 0), 3), harsh=False)  # means over 2000 places
def test_opencvs_resize_bit_for_bit(interpolation: Interpolation, asked: Asked, harsh: bool) -> None:
    before, after, corner, side = asked
    pixels = picture(before, harsh=harsh)
    found = opencv_resize.resize_and_crop(pixels, after, corner, side, interpolation)
    assert found.flags.c_contiguous
    assert np.array_equal(found, opencvs(pixels, asked, FLAGS[interpolation]))


@pytest.mark.parametrize("interpolation", FLAGS)
@pytest.mark.parametrize("factor", [2, 3, (2, 3), (4, 1)])
def test_opencvs_resize_by_a_whole_factor(interpolation: Interpolation, factor: int | tuple[int, int]) -> None:
    x, y = factor if isinstance(factor, tuple) else (factor, factor)
    asked: Asked = (120 * x, 90 * y), (120, 90), (7, 0), 90
    pixels = picture(asked[0], harsh=False)
    found = opencv_resize.resize_and_crop(pixels, *asked[1:], interpolation)
    assert np.array_equal(found, opencvs(pixels, asked, FLAGS[interpolation]))


def test_bicubic_without_opencv_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BackendUnavailableError, match=r"pip install 'alexbench\[opencv\]'"):
        opencv_resize.resize_and_crop(picture((5, 5), harsh=False), (4, 4), (0, 0), 4, "opencv-bicubic")


@given(crops())
@example(((1, 1), (224, 224), (0, 0), 224))
@example(((639, 7), (213, 224), (0, 0), 213))
def test_opencvs_inter_nearest_bit_for_bit(asked: Asked) -> None:
    before, after, corner, side = asked
    pixels = picture(before, harsh=False)
    found = nearest.resize_and_crop(pixels, after, corner, side, "opencv-nearest")
    assert found.flags.c_contiguous
    assert np.array_equal(found, opencvs(pixels, asked, cv2.INTER_NEAREST))


# scikit-image: half a grey level, for ours are rounded.


def caffes_resize_image(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """caffe.io.resize_image, with scikit-image's defaults of before 0.15 written out."""
    least, greatest = image.min(), image.max()
    if greatest <= least:
        return np.full((side, side, 3), least, np.float32)
    standard = (image - least) / (greatest - least)
    resized = scikit_images_resize(standard, (side, side), order=1, mode="constant", cval=0, anti_aliasing=False)
    return np.asarray(resized * (greatest - least) + least, np.float32)


@pytest.mark.parametrize("size", MORE_SIZES)
@pytest.mark.parametrize(("low", "high"), [(0, 255), (60, 200)])  # the border is the image's darkest value, not 0
def test_scikit_images_order_1_as_caffe_calls_it(size: tuple[int, int], low: int, high: int) -> None:
    original = np.clip(noise(*size), low, high).astype(np.uint8)
    expected = 255 * caffes_resize_image((original / 255).astype(np.float32), 227)
    assert greys(prepare_picture(png(original), SCIKIT_IMAGE), expected) <= 0.501


def test_scikit_images_border_shows_where_an_image_is_enlarged() -> None:
    original = noise(20, 20)
    original[0, 0] = 0
    enlarged = prepare_picture(png(original + (original < 1)), SCIKIT_IMAGE)
    edge_repeated = prepare_picture(png(original), replace(SCIKIT_IMAGE, interpolation="opencv-bilinear"))
    assert greys(enlarged[11:-11, 11:-11], edge_repeated[11:-11, 11:-11]) <= 2  # OpenCV cuts on the way
    assert greys(enlarged, edge_repeated) > 50


def test_a_constant_image_stays_as_it_is() -> None:
    grey = np.full((30, 40, 3), 77, np.uint8)
    assert np.array_equal(prepare_picture(png(grey), SCIKIT_IMAGE), np.full((227, 227, 3), 77))


# All of them.


def test_those_without_antialias_on_a_ramp() -> None:
    """4 grey levels enlarged to 8, worked out by hand: half-pixel centres or not, the edge repeated or a constant."""
    ramp = png(np.broadcast_to(np.array([40, 80, 160, 240], np.uint8)[:, None], (4, 4, 3)).copy())
    card = replace(OPENCV, resize_to=8, crop=8)
    rows = {
        kind: prepare_picture(ramp, replace(card, interpolation=kind))[3, :, 0].tolist()
        for kind in get_args(Interpolation)
        if not kind.startswith("pillow")
    }
    assert rows == {
        "opencv-bilinear": [40, 50, 70, 100, 140, 180, 220, 240],
        "opencv-bicubic": [36, 46, 62, 100, 135, 187, 225, 248],
        "opencv-area": [40, 40, 80, 80, 160, 160, 240, 240],
        "opencv-nearest": [40, 40, 80, 80, 160, 160, 240, 240],
        "scikit-image-bilinear": [40, 50, 70, 100, 140, 180, 220, 190],  # 240 and a quarter of the way to 40
        "tensorflow1-bilinear": [40, 60, 80, 120, 160, 200, 240, 240],
    }


def test_they_differ_visibly() -> None:
    picture = png(noise(500, 375))
    found = [
        prepare_picture(picture, replace(TORCHVISION, interpolation=kind)).astype(int)
        for kind in get_args(Interpolation)
        if kind != "scikit-image-bilinear"  # OpenCV's, where nothing is enlarged
    ]
    for place, one in enumerate(found):
        assert min((np.abs(one - other).mean() for other in found[place + 1 :]), default=9) > 3
