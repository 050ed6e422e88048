"""Images of noise, encoded, and the cards' preprocessing in short: what the tests of pixels share."""

import base64
import io
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.harness.models.preprocessing import Preprocessing

TORCHVISION: Final = Preprocessing(
    name="torchvision-like",
    exif=False,
    resize="shorter-side",
    resize_to=256,
    interpolation="pillow-bilinear",
    crop=224,
    crop_rounding="round",
    channels="RGB",
    divide_by=255.0,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
LANCZOS: Final = replace(
    TORCHVISION, name="modelhub-onnx-like", resize="squash", resize_to=224, interpolation="pillow-lanczos"
)
OPENCV: Final = replace(
    TORCHVISION,
    name="omz-like",
    exif=True,
    resize="squash",
    interpolation="opencv-bilinear",
    crop=227,
    crop_rounding="floor",
)
SCIKIT_IMAGE: Final = replace(
    OPENCV, name="modelhub-like", exif=False, resize_to=227, interpolation="scikit-image-bilinear"
)
TF_CNN: Final = replace(
    OPENCV,
    name="tfcnn-like",
    exif=False,
    resize="tf-cnn",
    resize_to=0,
    interpolation="tensorflow1-bilinear",
    decode="libjpeg-fast",
)

# (width, height): odd and even, portrait and landscape, enlarged and shrunk, 1:1 and long.
SIZES: Final = [(500, 375), (333, 500), (64, 48), (257, 256), (256, 256), (259, 911), (1, 1), (3, 70), (1201, 803)]

# Nothing at hand writes arithmetic coding: 37 x 29 noise, by libjpeg-turbo's cjpeg -arithmetic -quality 75.
ARITHMETIC_JPEG: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5"
    "PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjL/yQAR"
    "CAAdACUDASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwDP1NPRQNZEq0E4KVWIQFHYMKz9AGYtckEcGSHcZSwiqU4OC+94T+n+"
    "5EjitPbSFxc5+wLKnswqDVCMc46GYC0tjGN3rTzehjkcdq4ULyQaVvZ+0lDN/dvc0KYAvgpaT92lZaCbqwGoWWg8zojjDpH1TvXuCv8A3b50"
    "DiWHf6iFdVS7jgMsEg+ZsWoMstoojgFCnHxAkUnK6FU01gGOQm9Jru61ffqwWxE/iNPJy14uH0NhozYK/vCgnFVUi12BveBtrDQjI13ARSZG"
    "d0F98YqTqyPu5+LcEbUrvHCxSjzS/wAT94d3pVw9a24Tn7CjmR77MF82XSa58eoUWpVoDVIooJmjueZR/wDq7TF7mj0EfvTiAHJCWj5QlMhf"
    "FTMizHHb/XpxYW2WrUXhTme//IoNzT3VFo/9Lzc0UH067vTSafgzQjcNxzVs+6m0uwmDXdxL1/6UOBduopRqJ47AQ+ap1OBIl6qe/wCJyPRO"
    "4OpSa7vdylW7nJUBqSp4mMYdizN+hgNDQOuvqm1dgm5b/wB1jaTj3jVF2m1/WWgKS6XvBGvJCRVVG9OFv3vFua2HxY3hFIMtBGeh9GwK1FXo"
    "pmfB4HbFI769EDxN5LwOzKbAWApPRYS/J00e11pCzs0+s82Pxz4N2B7enr6rXKvOO0i6Lq0OB5tjqv7Drs6rF72OACi2U9xbYQhqpwMdbjRS"
    "K/kfRKmOuU3ChcXtRZWxCjg5uR8byt+ER6iWqBzO5UQEi06BOuqfm9TuOVd1laklGNdfCjZhHTvRY4SzM4ke7NoSNklOr+oC6paPkkn31DuZ"
    "fws//NIgvjmV0DC7/L0ASg1bv5RyB+3EWz/5DasriqQK/wApd38YQXDoK5D/2Q=="
)


def noise(width: int, height: int, channels: int = 3) -> NDArray[np.uint8]:
    """Noise shows every mistake of interpolation at full height."""
    return np.random.RandomState(width * 10007 + height).randint(0, 256, (height, width, channels)).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    speed = {"compress_level": 1} if kind == "PNG" else {}
    image.save(buffer, kind, **speed, **options)
    return buffer.getvalue()


def jpeg(width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(Image.fromarray(noise(width, height)).convert(mode), "JPEG", **options)


def greys(pixels: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest difference in grey levels."""
    assert pixels.shape == expected.shape
    return float(np.abs(pixels.astype(np.float64) - expected.astype(np.float64)).max())
