"""Each card's whole contract, file to network input, against the libraries that define it, written as they do it.

``tfcnn``'s is in ``test_tensorflow_pixels``.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
import skimage.io
from numpy.typing import NDArray
from PIL import Image
from skimage.transform import resize as scikit_images_resize

from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.preprocessing import network_input
from tests.unit.datasets.encoded import encoded, jpeg, noise

Floats = NDArray[np.floating[Any]]


def torchvisions(file: Path) -> Floats:
    """Compose([Resize(256), CenterCrop(224), ToTensor(), Normalize(...)]) on ImageFolder's image."""
    values = _resized_and_cropped(file).astype(np.float32).transpose(2, 0, 1) / np.float32(255)
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return (values - mean[:, None, None]) / std[:, None, None]


def _resized_and_cropped(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = 256, int(256 * long / short)
    new_width, new_height = (new_short, new_long) if width <= height else (new_long, new_short)
    image = image.resize((new_width, new_height), Image.Resampling.BILINEAR)
    top, left = round((new_height - 224) / 2.0), round((new_width - 224) / 2.0)
    return np.asarray(image.crop((left, top, left + 224, top + 224)))


def opencvs(mean: list[float]) -> Callable[[Path], Floats]:
    """cv2.imread, cv2.resize to 256 x 256, 227 of them, minus the mean; BGR all along."""

    def prepare(file: Path) -> Floats:
        picture = cv2.resize(cv2.imread(str(file)), (256, 256), interpolation=cv2.INTER_LINEAR)
        return (picture[14 : 14 + 227, 14 : 14 + 227].astype(np.float32) - np.float32(mean)).transpose(2, 0, 1)

    return prepare


def caffes(file: Path) -> Floats:
    """caffe.io.load_image and Transformer.preprocess, with the defaults of scikit-image before 0.15 written out."""
    image = skimage.util.img_as_float(skimage.io.imread(file)).astype(np.float32)
    if image.ndim == 2:
        image = np.tile(image[:, :, np.newaxis], (1, 1, 3))
    elif image.shape[2] == 4:
        image = image[:, :, :3]
    least, greatest = image.min(), image.max()
    if greatest > least:
        standard = (image - least) / (greatest - least)
        resized = scikit_images_resize(standard, (227, 227), order=1, mode="constant", anti_aliasing=False)
        image = resized * (greatest - least) + least
    else:
        image = np.full((227, 227, 3), least, np.float32)
    mean = np.array([104.00699, 116.66877, 122.67891])[:, None, None]
    return image.astype(np.float32).transpose(2, 0, 1)[[2, 1, 0]] * 255 - mean


def modelhubs(file: Path) -> Floats:
    """The ONNX model's: LANCZOS straight to 224 x 224, RGB, minus 127.5."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB").resize((224, 224), Image.Resampling.LANCZOS)
    return np.asarray(picture).astype(np.float32).transpose(2, 0, 1) - np.float32(127.5)


def the_zoos(file: Path) -> Floats:
    """As the facts take it: torchvision's geometry, BGR, minus Caffe's rounded means."""
    bgr = _resized_and_cropped(file)[..., ::-1].astype(np.float32)
    return (bgr - np.float32([104, 117, 123])).transpose(2, 0, 1)


CONTRACTS: Final[dict[str, tuple[Callable[[Path], Floats], float]]] = {
    "torchvision": (torchvisions, 0),
    "omz": (opencvs([104, 117, 123]), 0),
    "bvlc": (opencvs([104.00699, 116.66877, 122.67891]), 0),
    "modelhub": (caffes, 0.5),
    "modelhub-onnx": (modelhubs, 0),
    "onnx-zoo": (the_zoos, 0),
    "onnx-zoo-int8": (the_zoos, 0),
    "onnx-zoo-qdq": (the_zoos, 0),
}
"""Card -> the preprocessing that defines it, to (3, side, side), and how many grey levels ours may be from it."""


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


PICTURES: Final = {
    **{
        f"{width} x {height}": jpeg(width, height, quality=95)
        for width, height in (
            *((500, 375), (375, 500), (499, 333), (333, 499), (227, 227), (224, 224), (256, 256), (1201, 803)),
            *((1, 1), (3, 2), (7, 5), (31, 17), (640, 41), (41, 640), (300, 620), (620, 300)),
        )
    },
    "smooth": encoded(Image.fromarray(noise(9, 7)).resize((500, 375), Image.Resampling.BICUBIC), "JPEG"),
    "gray": jpeg(333, 251, "L"),
    "progressive": jpeg(251, 333, progressive=True),
    "turned": jpeg(333, 251, exif=_turned(6)),
    "PNG under a JPEG's name": encoded(Image.fromarray(noise(251, 333))),
    "one colour": encoded(Image.new("RGB", (50, 40), (10, 10, 10)), "PNG"),
}


def test_every_card_is_held_to_its_contract() -> None:
    assert {*CONTRACTS, "tfcnn"} == set(card_names())


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("name", CONTRACTS)
def test_the_networks_input_is_the_defining_librarys(name: str, picture: str, tmp_path: Path) -> None:
    card = load_card(name).preprocessing
    prepare, allowed = CONTRACTS[name]
    file = tmp_path / "ILSVRC2012_val_00000001.JPEG"
    file.write_bytes(PICTURES[picture])
    expected = prepare(file)
    found = network_input(prepare_picture(file, card)[None], card, "NCHW")[0]
    assert found.shape == expected.shape == (3, card.crop, card.crop)
    one_level = 1 / (card.divide_by * np.array(card.std)[:, None, None])
    # Beyond what is allowed, float32's own rounding: a thousandth of a grey level.
    assert np.abs((found - expected) / one_level).max() <= allowed + 1e-3


@pytest.mark.parametrize("name", ["omz", "bvlc"])
def test_cmyk_is_opencvs_own(name: str, tmp_path: Path) -> None:
    file = tmp_path / "cmyk.JPEG"
    file.write_bytes(jpeg(333, 251, "CMYK"))
    card = load_card(name).preprocessing
    found = network_input(prepare_picture(file, card)[None], card, "NCHW")[0]
    assert np.abs(found - CONTRACTS[name][0](file)).max() <= 1e-3


@pytest.mark.parametrize("name", ["torchvision", "modelhub-onnx", "onnx-zoo"])
def test_cmyk_is_pillows_own(name: str, tmp_path: Path) -> None:
    data = jpeg(333, 251, "CMYK")
    rgb = encoded(Image.open(io.BytesIO(data)).convert("RGB"))
    card = load_card(name).preprocessing
    assert np.array_equal(prepare_picture(data, card), prepare_picture(rgb, card))
