"""Small sets of images, and a small preprocessing for them."""

from pathlib import Path

import numpy as np
from PIL import Image

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.models.preprocessing import Preprocessing

SMALL = Preprocessing(
    name="small",
    exif=False,
    resize="shorter-side",
    resize_to=40,
    interpolation="pillow-bilinear",
    crop=32,
    crop_rounding="round",
    channels="RGB",
    divide_by=255.0,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)


def draw(root: Path, count: int) -> Path:
    """``count`` PNG files of noise, in five class-index folders below ``root``."""
    for place in range(count):
        folder = root / f"{place % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(place).randint(0, 256, (48, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place:03}.png")
    return root


def drawn_set(root: Path, count: int) -> Dataset:
    """The data set of :func:`draw`."""
    return open_dataset(draw(root, count))


def file_of(dataset: Dataset, place: int) -> Path:
    """The file of the image at ``place``."""
    return dataset.root / dataset.samples[place].file
