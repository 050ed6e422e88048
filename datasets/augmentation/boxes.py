"""Random boxes of an image, as torchvision and TensorFlow draw them."""

import math
from typing import Final, NamedTuple

import numpy as np

from alexbench.datasets.augmentation.draws import Draws


class Box(NamedTuple):
    """A part of an image in pixels."""

    top: int
    left: int
    height: int
    width: int


# RandomResizedCrop's defaults (torchvision/transforms/transforms.py).
_AREA: Final = (0.08, 1.0)
_RATIO: Final = (3.0 / 4.0, 4.0 / 3.0)
_ATTEMPTS: Final = 10

# train_image (tf_cnn_benchmarks/preprocessing.py); the kernel computes in float32.
_TF_AREA: Final = (np.float32(0.05), np.float32(1.0))
_TF_RATIO: Final = (np.float32(0.75), np.float32(1.33))
_TF_ATTEMPTS: Final = 100
_TF_COVERED: Final = np.float32(0.1)
_TF_EPSILON: Final = float(np.float32(1e-7))


def random_resized_crop(width: int, height: int, draws: Draws) -> Box:
    """RandomResizedCrop.get_params of torchvision for an image of ``width`` x ``height``.

    8 to 100 % of the area, an aspect ratio of 3/4 to 4/3 uniform in its logarithm. After ten attempts that do not fit:
    the largest box in the centre within these ratios.
    """
    low, high = (float(np.log(np.float32(ratio))) for ratio in _RATIO)
    for _ in range(_ATTEMPTS):
        area = width * height * draws.uniform(*_AREA)
        ratio = float(np.exp(np.float32(draws.uniform(low, high))))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            top = draws.below(height - down + 1)
            return Box(top, draws.below(width - across + 1), down, across)
    across, down = width, height
    if width / height < _RATIO[0]:
        down = round(width / _RATIO[0])
    elif width / height > _RATIO[1]:
        across = round(height * _RATIO[1])
    return Box((height - down) // 2, (width - across) // 2, down, across)


def distorted_bounding_box(width: int, height: int, draws: Draws) -> Box:
    """tf.image.sample_distorted_bounding_box with the arguments of tf_cnn_benchmarks, the whole image as the object.

    An aspect ratio of 0.75 to 1.33, uniform; a height uniform between those of 5 and 100 % of the area. At least 10 %
    of the object must be inside, so smaller boxes are drawn again. After 100 attempts: the whole image.
    Source: tensorflow/core/kernels/image/sample_distorted_bounding_box_op.cc.
    """
    for _ in range(_TF_ATTEMPTS):
        ratio = np.float32(draws.uniform(0.0, 1.0)) * (_TF_RATIO[1] - _TF_RATIO[0]) + _TF_RATIO[0]
        box = _tensorflow_box(width, height, ratio, draws)
        if box is not None and np.float32(box.width * box.height) / np.float32(width * height) >= _TF_COVERED:
            return box
    return Box(0, 0, height, width)


def _tensorflow_box(width: int, height: int, ratio: np.float32, draws: Draws) -> Box | None:
    """GenerateRandomCrop of the kernel; None if the constraints cannot be met."""
    least, most = (share * np.float32(width) * np.float32(height) for share in _TF_AREA)
    down = _rounded(np.sqrt(least / ratio))
    highest = min(_highest(width, _rounded(np.sqrt(most / ratio)), ratio), height)
    down = min(down, highest)
    if down < highest:
        down += draws.below(highest - down + 1)
    across = _rounded(np.float32(down) * ratio)
    if across * down < least:
        down += 1
        across = _rounded(np.float32(down) * ratio)
    if across * down > most:
        down -= 1
        across = _rounded(np.float32(down) * ratio)
    if not least <= across * down <= most or across > width or down > height or across <= 0 or down <= 0:
        return None
    top = draws.below(height - down) if down < height else 0
    return Box(top, draws.below(width - across) if across < width else 0, down, across)


def _highest(width: int, highest: int, ratio: np.float32) -> int:
    """The largest height whose width fits into ``width``."""
    if _rounded(np.float32(highest) * ratio) <= width:
        return highest
    highest = int((width + 0.5 - _TF_EPSILON) / float(ratio))
    return highest - (_rounded(np.float32(highest) * ratio) > width)


def _rounded(value: np.float32) -> int:
    """C's lrintf: to the nearest, ties to even."""
    return int(np.rint(value))
