"""The pixels of ``tfcnn`` against TensorFlow's own: its decoder's flags, its first resize, tf_cnn_benchmarks' crop.

TensorFlow runs in one process of its own, for no test imports a runtime.
"""

import importlib.util
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets.decode import decode_picture
from alexbench.datasets.preprocess import prepare_picture, resized_size
from alexbench.harness.models.card import load_card
from alexbench.harness.models.preprocessing import network_input
from tests.unit.datasets.encoded import ARITHMETIC_JPEG, SIZES, TF_CNN, encoded, greys, jpeg, noise

pytestmark = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")

SCRIPT = """
import json, sys
import numpy as np, tensorflow as tf

folder = sys.argv[1]
resize_images = tf.compat.v1.image.resize_images

def decoded(name):
    with open(f"{folder}/{name}.jpg", "rb") as file:
        return tf.image.decode_jpeg(file.read(), channels=3, fancy_upscaling=False, dct_method="INTEGER_FAST")

def evaluated(name):  # tf_cnn_benchmarks' eval_image, and its normalisation
    image = decoded(name)
    height, width = (tf.cast(side, tf.float32) for side in image.shape[:2])
    ratio = tf.maximum(227 / height, 227 / width)
    size = [int(tf.cast(side * ratio * 1.145, tf.int32)) for side in (height, width)]
    resized = resize_images(image, size, tf.image.ResizeMethod.BILINEAR, align_corners=False)
    top, left = (size[0] - 227) // 2, (size[1] - 227) // 2
    return resized[top : top + 227, left : left + 227] / 127.5 - 1

asked = json.load(open(f"{folder}/asked.json"))
out = {f"decoded {name}": decoded(name) for name in asked["decoded"]}
out |= {f"evaluated {name}": evaluated(name) for name in asked["evaluated"]}
for name, size in asked["resized"].items():
    image = tf.constant(np.load(f"{folder}/{name}.npy"))
    out[f"first {name}"] = resize_images(image, size, align_corners=False)
    out[f"second {name}"] = tf.image.resize(image, size)
np.savez(f"{folder}/out.npz", **{name: np.asarray(one) for name, one in out.items()})
"""

JPEGS = {
    **{
        f"{subsampling.replace(':', '')} {width} x {height} {'progressive' if progressive else 'baseline'}": jpeg(
            width, height, subsampling=subsampling, progressive=progressive, quality=50
        )
        for subsampling in ("4:4:4", "4:2:2", "4:2:0", "4:1:1")
        for width, height in ((1, 1), (1, 7), (17, 3), (33, 31), (499, 375))
        for progressive in (False, True)
    },
    "gray": jpeg(90, 71, "L"),
    "CMYK": jpeg(90, 71, "CMYK"),
    "restart": jpeg(90, 71, restart_marker_rows=1),
    "arithmetic": ARITHMETIC_JPEG,
    "bytes before the end, of which libjpeg warns": jpeg(90, 71)[:-2] + bytes(9) + jpeg(90, 71)[-2:],
}
# A photograph's smoothness, so that a mistake is not lost in noise.
BLOCKS = {
    f"blocks {width} x {height} {mode}": encoded(
        Image.fromarray(noise(9, 7)).resize((width, height), Image.Resampling.BICUBIC).convert(mode), "JPEG"
    )
    for width, height, mode in (
        *((500, 375, "RGB"), (375, 500, "RGB"), (333, 499, "L"), (227, 227, "RGB"), (64, 49, "RGB")),
        *((1201, 803, "RGB"), (640, 21, "RGB"), (21, 640, "RGB"), (1, 1, "RGB"), (300, 299, "CMYK")),
    )
}
RESIZED = {f"{width} x {height}": (width, height) for width, height in SIZES}


@pytest.fixture(scope="module")
def tensorflows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[Any]]:
    """What TensorFlow makes of all of it."""
    folder = tmp_path_factory.mktemp("tensorflow")
    for name, data in {**JPEGS, **BLOCKS}.items():
        (folder / f"{name}.jpg").write_bytes(data)
    sizes = {}
    for name, (width, height) in RESIZED.items():
        np.save(folder / f"{name}.npy", noise(width, height))
        sizes[name] = resized_size(width, height, TF_CNN)[::-1]
    asked = {"decoded": list(JPEGS), "evaluated": list(BLOCKS), "resized": sizes}
    (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    command = [sys.executable, "-P", "-c", SCRIPT, str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    with np.load(folder / "out.npz") as out:
        return dict(out)


@pytest.mark.parametrize("name", JPEGS)
def test_decoded_bit_for_bit(tensorflows: dict[str, NDArray[Any]], name: str) -> None:
    pixels = decode_picture(JPEGS[name], name, decoder="libjpeg-fast", exif=False)[..., :3]
    assert np.array_equal(pixels, tensorflows[f"decoded {name}"])


@pytest.mark.parametrize("name", RESIZED)
def test_resized_as_resize_images_rounded(tensorflows: dict[str, NDArray[Any]], name: str) -> None:
    expected = tensorflows[f"first {name}"]
    top, left = ((side - 227) // 2 for side in expected.shape[:2])
    pixels = prepare_picture(encoded(Image.fromarray(noise(*RESIZED[name]))), TF_CNN)
    assert greys(pixels, expected[top : top + 227, left : left + 227]) <= 0.501


def test_the_resize_of_tensorflow_2_is_another(tensorflows: dict[str, NDArray[Any]]) -> None:
    """Were they the same, the tests above would prove nothing."""
    apart = [greys(tensorflows[f"first {name}"], tensorflows[f"second {name}"]) for name in RESIZED]
    assert max(apart) > 100
    same = [name for name, one in zip(RESIZED, apart, strict=True) if one <= 1]
    assert same == ["259 x 911", "1 x 1"]  # not resized at all, and one colour whatever happens


@pytest.mark.parametrize("name", BLOCKS)
def test_the_whole_contract_within_half_a_grey_level(tensorflows: dict[str, NDArray[Any]], name: str) -> None:
    card = load_card("tfcnn").preprocessing
    found = network_input(prepare_picture(BLOCKS[name], card)[None], card, "NHWC")[0]
    assert greys(found * 127.5, tensorflows[f"evaluated {name}"] * 127.5) <= 0.501
