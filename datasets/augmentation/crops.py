"""One image -> the pixels that a network trains on: a random box, resized, and mirrored half of the time."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets.augmentation.boxes import distorted_bounding_box, random_resized_crop
from alexbench.datasets.augmentation.draws import Draws
from alexbench.datasets.decode import decode_picture, rgb
from alexbench.datasets.preprocess import prepare_picture
from alexbench.datasets.resize import two_taps
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.recipes import AugmentationName


def training_pixels(
    data: bytes, said: str, augmentation: AugmentationName, preprocessing: Preprocessing, draws: Draws
) -> NDArray[np.uint8]:
    """The pixels of an encoded image for one epoch: (crop, crop, 3) uint8 RGB, of the size of ``preprocessing``.

    ``none``: the pixels that are scored. The others decode as torchvision's and TensorFlow's decoders do by default,
    without regard to EXIF. ``said``: the name of the image in errors.

    Raises:
        DataError: unreadable, damaged, truncated or too large.
    """
    if augmentation == "none":
        return prepare_picture(data, preprocessing, name=said)
    pixels = decode_picture(data, said, decoder="libjpeg", exif=False)
    if augmentation == "random-resized-crop":
        return _as_torchvision(pixels, preprocessing.crop, draws)
    return _as_tf_cnn(pixels, preprocessing.crop, draws)


def _as_torchvision(pixels: NDArray[np.uint8], side: int, draws: Draws) -> NDArray[np.uint8]:
    """RandomResizedCrop and RandomHorizontalFlip on (H, W, 4) uint8: Pillow's crop and its bilinear resize."""
    height, width, _ = pixels.shape
    top, left, down, across = random_resized_crop(width, height, draws)
    part = np.ascontiguousarray(pixels[top : top + down, left : left + across])
    image = Image.frombuffer("RGBX", (across, down), part, "raw", "RGBX", 0, 1)
    resized = rgb(np.asarray(image.resize((side, side), Image.Resampling.BILINEAR)))
    return resized[:, ::-1] if draws.uniform(0.0, 1.0) < 0.5 else resized


def _as_tf_cnn(pixels: NDArray[np.uint8], side: int, draws: Draws) -> NDArray[np.uint8]:
    """train_image without colour distortion: it mirrors before it resizes, and has no half-pixel centres."""
    height, width, _ = pixels.shape
    top, left, down, across = distorted_bounding_box(width, height, draws)
    part = pixels[top : top + down, left : left + across]
    part = np.ascontiguousarray(part[:, ::-1] if draws.uniform(0.0, 1.0) < 0.5 else part)
    return two_taps.resize_and_crop(part, (side, side), (0, 0), side, "tensorflow1-bilinear")
