"""Model cards: the packaged ones say what was published, and a wrong one is refused by the key that is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.errors import CardError, UsageError
from alexbench.harness.models.card import DEFAULT_CARD, card_names, load_card
from alexbench.harness.models.preprocessing import Preprocessing

PUBLISHED = {
    "torchvision": {(56.522, 79.066), (56.55, 79.09)},
    "omz": {(56.598, 79.812)},
    "bvlc": {(57.1, 80.2)},
    "modelhub": set(),
    "modelhub-onnx": set(),
    "onnx-zoo": {(54.80, 78.23)},
    "onnx-zoo-int8": {(54.68, 78.23)},
    "onnx-zoo-qdq": {(54.71, 78.22)},
    "tfcnn": {(56.33, 79.64)},
}
INPUT_SIZES = {"torchvision": 224, "omz": 227, "bvlc": 227, "modelhub": 227, "tfcnn": 227}  # all others 224
NETWORKS = {"torchvision": "owt", "tfcnn": "tfcnn"}  # all others bvlc
TORCHVISION = Preprocessing(
    name="torchvision",
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
BVLC = Preprocessing(
    name="bvlc",
    exif=True,
    resize="squash",
    resize_to=256,
    interpolation="opencv-bilinear",
    crop=227,
    crop_rounding="floor",
    channels="BGR",
    divide_by=1.0,
    mean=(104.00699, 116.66877, 122.67891),
    std=(1.0, 1.0, 1.0),
)
OMZ = replace(BVLC, name="omz", mean=(104.0, 117.0, 123.0))
ZOO = replace(OMZ, name="onnx-zoo", exif=False, resize="shorter-side", interpolation="pillow-bilinear", crop=224)
ZOO = replace(ZOO, crop_rounding="round")
PREPARED = {
    "torchvision": TORCHVISION,
    "omz": OMZ,
    "bvlc": BVLC,
    "modelhub": replace(BVLC, name="modelhub", exif=False, resize_to=227, interpolation="scikit-image-bilinear"),
    "modelhub-onnx": replace(
        BVLC,
        name="modelhub-onnx",
        exif=False,
        resize_to=224,
        interpolation="pillow-lanczos",
        crop=224,
        channels="RGB",
        mean=(127.5, 127.5, 127.5),
    ),
    "onnx-zoo": ZOO,
    "onnx-zoo-int8": replace(ZOO, name="onnx-zoo-int8"),
    "onnx-zoo-qdq": replace(ZOO, name="onnx-zoo-qdq"),
    "tfcnn": Preprocessing(
        name="tfcnn",
        exif=False,
        resize="tf-cnn",
        resize_to=227,
        interpolation="tensorflow1-bilinear",
        crop=227,
        crop_rounding="floor",
        channels="RGB",
        divide_by=127.5,
        mean=(1.0, 1.0, 1.0),
        std=(1.0, 1.0, 1.0),
        decode="libjpeg-fast",
    ),
}
MINE = """
name = "mine"
title = "A card of my own"
network = "owt"
labels = 1000
licence = "none"
citation = "none"

[preprocessing]
exif = false
resize = "squash"
resize_to = 256
interpolation = "pillow-bilinear"
crop = 224
crop_rounding = "floor"
channels = "RGB"
divide_by = 255
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]

[[published]]
source = "myself"
top1 = 50
top5 = 75.5
"""


def refusal(folder: Path, old: str, new: str) -> str:
    """What is said of MINE with ``old`` replaced."""
    assert old in MINE
    path = folder / "mine.toml"
    path.write_text(MINE.replace(old, new), encoding="utf-8")
    with pytest.raises(CardError) as refused:
        load_card(str(path))
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_the_default_card_comes_first() -> None:
    assert card_names()[0] == DEFAULT_CARD == "torchvision"
    assert set(card_names()) == set(PUBLISHED)


@pytest.mark.parametrize("name", card_names())
def test_every_packaged_card_loads_and_fits_its_network(name: str) -> None:
    card = load_card(name)
    network = card.build_network()
    assert card.name == name
    assert card.network == NETWORKS.get(name, "bvlc")
    assert card.preprocessing.crop == INPUT_SIZES.get(name, 224)
    assert network.outputs == card.labels
    assert network.input_shape == (3, card.preprocessing.crop, card.preprocessing.crop)
    assert card.label_offset == (1 if name == "tfcnn" else 0)
    for text in (card.title, card.licence, card.citation):
        assert text


@pytest.mark.parametrize("name", card_names())
def test_published_figures_are_the_published_ones_each_with_its_source(name: str) -> None:
    card = load_card(name)
    assert {(one.top1, one.top5) for one in card.published} == PUBLISHED[name]
    assert all(one.source for one in card.published)


@pytest.mark.parametrize("name", card_names())
def test_preprocessing_is_that_of_the_facts(name: str) -> None:
    assert load_card(name).preprocessing == PREPARED[name]


@pytest.mark.parametrize("name", card_names())
def test_every_packaged_card_says_what_a_reader_of_its_figures_must_know(name: str) -> None:
    assert load_card(name).notes
    assert all("\n" not in note and note.endswith((".", ")")) for note in load_card(name).notes)


def test_what_is_wrong_in_a_published_card_is_said() -> None:
    (mistakes, *_) = load_card("modelhub-onnx").notes
    for mistake in ("RGB goes into a network trained on BGR", "127.5 is subtracted", "LANCZOS"):
        assert mistake in mistakes
    assert any("does not state the preprocessing" in note for note in load_card("onnx-zoo").notes)


def test_a_card_of_ones_own_is_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    card = load_card(str(path))
    assert (card.name, card.network, card.weights) == ("mine", "owt", ())
    assert card.preprocessing.name == "mine"
    assert card.preprocessing.divide_by == 255.0
    assert (card.published[0].top1, card.published[0].top5) == (50.0, 75.5)
    assert (card.notes, card.preprocessing.decode) == ((), "libjpeg")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match="unknown model 'alexnet'; known: bvlc, modelhub, modelhub-onnx, omz, onnx-zoo"
    ):
        load_card("alexnet")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('network = "owt"', 'netwrok = "owt"', "unknown key 'netwrok'; known: name, title, network, labels"),
        ("resize_to =", "resizeto =", "unknown key 'preprocessing.resizeto'; known: name, exif, resize, resize_to"),
        ("top1 =", "top_1 =", "unknown key 'published[0].top_1'; known: source, top1, top5"),
        ('licence = "none"\n', "", "key 'licence' is missing"),
        ("crop = 224\n", "", "key 'preprocessing.crop' is missing"),
        ("labels = 1000", 'labels = "1000"', "labels = '1000' is str, wanted int"),
        ("crop = 224", "crop = 224.0", "preprocessing.crop = 224.0 is float, wanted int"),
        ("exif = false", "exif = 0", "preprocessing.exif = 0 is int, wanted bool"),
        ('channels = "RGB"', 'channels = "GBR"', "preprocessing.channels = 'GBR'; known: RGB, BGR"),
        ('resize = "squash"', 'resize = "stretch"', "preprocessing.resize = 'stretch'; known: shorter-side, squash"),
        ("mean = [0.5, 0.5, 0.5]", "mean = [0.5]", "preprocessing.mean has 1 values, wanted 3"),
        ("mean = [0.5, 0.5, 0.5]", 'mean = [0.5, "a", 0.5]', "preprocessing.mean[1] = 'a' is str, wanted float"),
        ('network = "owt"', 'network = "vgg"', "unknown network 'vgg'; known: owt, bvlc, tfcnn"),
        ("labels = 1000", "labels = 1001", "labels = 1001, but network owt has 1000 outputs"),
        ('network = "owt"', 'network = "tfcnn"', "labels = 1000, but network tfcnn has 1001 outputs"),
        (
            "exif = false",
            'exif = false\ndecode = "jpeg"',
            "preprocessing.decode = 'jpeg'; known: libjpeg, libjpeg-fast",
        ),
        ('licence = "none"', 'licence = "none"\nnotes = "one"', "notes is str, wanted a list"),
        ("exif = false", "exif = ", "is no valid TOML"),
        ("[preprocessing]", "[preprocesing]", "unknown key 'preprocesing'; known: name, title"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_known(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refusal(tmp_path, old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0, 0.5]", "preprocessing.std"),
        ("divide_by = 255", "divide_by = 0", "preprocessing.divide_by"),
        ("crop = 224", "crop = 0", "preprocessing.crop"),
        ("crop = 224", "crop = 300", "preprocessing.crop"),
        ("crop = 224", "crop = 20", "preprocessing.crop"),
        ("resize_to = 256", "resize_to = -1", "preprocessing.resize_to"),
        ("mean = [0.5, 0.5, 0.5]", "mean = [nan, 0.5, 0.5]", "preprocessing.mean"),
    ],
)
def test_a_value_that_no_picture_survives_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refusal(tmp_path, old, new)


def test_a_card_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"gone\.toml cannot be read: No such file"):
        load_card(str(tmp_path / "gone.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CardError, match=r"bytes\.toml is no valid TOML"):
        load_card(str(tmp_path / "bytes.toml"))
