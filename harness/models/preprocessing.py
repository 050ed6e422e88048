"""How a picture becomes pixels and pixels become a network's input: as data.

A :class:`Preprocessing` is what a model card says; ``alexbench.datasets`` carries the geometry out (to uint8, once)
and :func:`lookup_tables` carries the arithmetic (to float32, in the worker, before the clock starts).
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Channels = Literal["RGB", "BGR"]
Resize = Literal["shorter-side", "squash", "tf-cnn"]
Interpolation = Literal[
    "pillow-bilinear", "pillow-lanczos", "opencv-bilinear", "scikit-image-bilinear", "tensorflow1-bilinear"
]
Decoder = Literal["libjpeg", "libjpeg-fast"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A preprocessing contract.

    ``exif``: whether an EXIF orientation is applied before anything else. ``resize``: ``shorter-side`` keeps the
    aspect (shorter side to ``resize_to``), ``squash`` does not (``resize_to`` square), ``tf-cnn`` is
    tf_cnn_benchmarks' int(side x max(crop / height, crop / width) x 1.145). ``crop``: the side of the centre crop,
    which is the network's input size. ``crop_rounding``: how an odd margin is halved, ``round`` as torchvision does
    (Python's round, half to even) or ``floor``.

    ``interpolation``: named by the library that defines it. Pillow's have antialias; OpenCV's INTER_LINEAR, TensorFlow
    1's resize_images and scikit-image's order 1 as caffe.io.resize_image calls it have none. ``decode``: how JPEG
    becomes RGB, ``libjpeg`` as Pillow and OpenCV do it (exact transform, smooth upsampling of colour), ``libjpeg-fast``
    as TensorFlow with dct_method="INTEGER_FAST" and fancy_upscaling=False.

    A value v of channel c becomes (v / ``divide_by`` - mean[c]) / std[c], with ``mean`` and ``std`` in the order of
    ``channels``.
    """

    name: str
    exif: bool
    resize: Resize
    resize_to: int
    interpolation: Interpolation
    crop: int
    crop_rounding: Literal["round", "floor"]
    channels: Channels
    divide_by: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    decode: Decoder = "libjpeg"

    def geometry_key(self) -> str:
        """A digest of what decides the uint8 pixels (all but channel order and arithmetic, which come later)."""
        arithmetic = {"name", "channels", "divide_by", "mean", "std"}
        geometry = {key: value for key, value in asdict(self).items() if key not in arithmetic}
        return hashlib.sha256(json.dumps(geometry, sort_keys=True).encode()).hexdigest()[:16]


def lookup_tables(preprocessing: Preprocessing) -> NDArray[np.float32]:
    """The arithmetic of ``preprocessing`` as a (3, 256) float32 table, rows in the order of its channels.

    Computed in float64 and rounded once: a table lookup takes 0.35 ms a picture where arithmetic takes 1.56 ms.
    """
    values = np.arange(256, dtype=np.float64) / preprocessing.divide_by
    mean = np.asarray(preprocessing.mean, dtype=np.float64)[:, None]
    std = np.asarray(preprocessing.std, dtype=np.float64)[:, None]
    return np.asarray((values[None, :] - mean) / std, dtype=np.float32)


def network_input(
    pixels: NDArray[np.uint8], preprocessing: Preprocessing, layout: Literal["NCHW", "NHWC"]
) -> NDArray[np.float32]:
    """Prepared pixels (N, H, W, 3) uint8 RGB -> C-contiguous float32 in ``layout``, channels in the card's order."""
    tables = lookup_tables(preprocessing)
    count, height, width, _ = pixels.shape
    if layout == "NCHW":
        order = (0, 1, 2) if preprocessing.channels == "RGB" else (2, 1, 0)
        out = np.empty((count, 3, height, width), dtype=np.float32)
        for place, source in enumerate(order):
            for image in range(count):
                np.take(tables[place], pixels[image, ..., source], out=out[image, place], mode="clip")
        return out
    # One table after the other, and each value moved on to its channel's: 0.2 ms a picture, by planes it would be 0.4.
    out = np.empty((count, height, width, 3), dtype=np.float32)
    start = np.tile(np.arange(3, dtype=np.intp) * 256, height * width)  # written out: a third of broadcasting's time
    places = np.empty_like(start)
    for image in range(count):
        one = pixels[image] if preprocessing.channels == "RGB" else pixels[image][..., ::-1]
        np.add(one.reshape(-1), start, out=places)
        np.take(tables, places, out=out[image].reshape(-1), mode="clip")
    return out
