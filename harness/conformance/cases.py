"""Networks to load: seeded weights, seeded images, and the card's arithmetic that goes with each."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.network import Layout, Network, get_network
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import write_weights
from alexbench.harness.systems import Channels

WEIGHTS_SEED: Final = 20120930
PICTURES_SEED: Final = 4096
PICTURES: Final = 32

# What each network was published with: the scale of its input decides how much of LRN is visible.
_ARITHMETIC: Final[dict[str, tuple[Channels, float, tuple[float, float, float], tuple[float, float, float]]]] = {
    "owt": ("RGB", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "bvlc": ("BGR", 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
    "tfcnn": ("RGB", 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "tiny": ("RGB", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A network at an input size."""

    network: str
    input_size: int

    def __str__(self) -> str:
        return f"{self.network}-{self.input_size}"

    @property
    def description(self) -> Network:
        """The network as data."""
        return get_network(self.network, input_size=self.input_size)


PUBLISHED: Final = (Case("owt", 224), Case("bvlc", 227), Case("tfcnn", 227))
"""Each network at the input size it was published with."""
OTHER_SIZES: Final = (Case("bvlc", 224), Case("owt", 256))
"""Where ceil mode's last window hangs over the edge, and where adaptive pooling has something to average."""
TINY: Final = Case("tiny", 31)


def preprocessing(case: Case) -> Preprocessing:
    """The case's card, as far as a worker needs it: images come ready cut."""
    channels, divide_by, mean, std = _ARITHMETIC[case.network]
    return Preprocessing(
        name=str(case),
        exif=False,
        resize="squash",
        resize_to=case.input_size,
        interpolation="pillow-bilinear",
        crop=case.input_size,
        crop_rounding="round",
        channels=channels,
        divide_by=divide_by,
        mean=mean,
        std=std,
    )


def pictures(case: Case, count: int = PICTURES) -> NDArray[np.uint8]:
    """Prepared pixels (count, H, W, 3): coarse blocks, different in every image, under fine noise.

    Each image has its own stream, so that the first three are the same images however many are asked for.
    """
    _, height, width = case.description.input_shape
    return np.stack([_picture(height, width, index) for index in range(count)])


@cache
def _picture(height: int, width: int, index: int, blocks: int = 8) -> NDArray[np.uint8]:
    random = np.random.Generator(np.random.PCG64([PICTURES_SEED, height, index]))
    coarse = random.integers(32, 224, (blocks, blocks, 3), dtype=np.int64)
    rows, columns = (np.arange(side) * blocks // side for side in (height, width))
    noise = random.integers(-32, 32, (height, width, 3), dtype=np.int64)
    return (coarse[rows[:, None], columns[None, :]] + noise).astype(np.uint8)


def network_pixels(case: Case, layout: Layout, count: int = PICTURES) -> NDArray[np.float32]:
    """The same images as the network takes them: float32 (count, C, H, W) or (count, H, W, C)."""
    return network_input(pictures(case, count), preprocessing(case), layout)


def write_seeded_weights(network: str, folder: Path) -> Path:
    """A safetensors file of seeded weights for ``network``; they fit it at every input size."""
    path, _ = write_weights(seeded_weights(get_network(network).parameter_shapes, WEIGHTS_SEED), folder)
    return path
