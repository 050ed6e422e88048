"""Model cards: the packaged ones say what was published, and a wrong one is refused by the key that is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.errors import CardError, UsageError
from alexbench.harness.models.card import DEFAULT_CARD, WeightsSource, card_names, load_card
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
    "omz": replace(OMZ, decode="opencv"),
    "bvlc": replace(BVLC, decode="opencv"),
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
BVLC_ALEXNET = (
    "bvlc_alexnet.caffemodel",
    243_862_414,
    "f102235bc9d8f422a04d5254a21fd1862986eae91c7337714fd5d78dcf37f835d05ed7943e80056ae19ca9e9c054c181",
)
ZOO_FILES = {
    "onnx-zoo": (
        "bvlcalexnet-12.onnx",
        243_863_787,
        "6b0da9510f27f234ee96a85dc3809dd210150fdefad87f6850f9788513216945",
    ),
    "onnx-zoo-int8": (
        "bvlcalexnet-12-int8.onnx",
        60_984_008,
        "d53bbedf100be79277cf55d78c72bdcb67d88786988561bf5d530f038e443c7b",
    ),
    "onnx-zoo-qdq": (
        "bvlcalexnet-12-qdq.onnx",
        61_009_072,
        "c103c0f7b8f9d8d64b400e0899d5934d2a13d1f08368ba1907285aa0691f4cbb",
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

[[weights]]
file = "mine.pth"
format = "pth"
urls = ["https://example.org/mine.pth"]
size = 10
sha256_prefix = "01234567"

[[published]]
source = "myself"
top1 = 50
top5 = 75.5
"""


def refusal(folder: Path, old: str, new: str) -> str:
    """The error for MINE with ``old`` replaced."""
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


def test_sizes_are_published_with_their_sources() -> None:
    metadata, index = load_card("torchvision").published
    assert (metadata.gmacs, metadata.flops) == (0.714, None)
    assert (index.flops, index.parameters) == (1_429_383_808, 61_100_840)
    assert "8x V100" in index.other
    (omz,) = load_card("omz").published
    assert (omz.gflops, omz.mparams) == (1.5, 60.965)


def test_weights_are_those_of_the_facts() -> None:
    current, older = load_card("torchvision").weights
    assert (current.file, current.sha256_prefix) == ("alexnet-owt-7be5be79.pth", "7be5be79")
    assert (older.file, older.sha256_prefix) == ("alexnet-owt-4df8aa71.pth", "4df8aa71")
    for name in ("omz", "bvlc"):
        (source,) = load_card(name).weights
        assert (source.file, source.size, source.sha384) == BVLC_ALEXNET
        assert len(source.urls) == 2
    assert load_card("bvlc").weights[0].urls[0].startswith("http://dl.caffe.berkeleyvision.org/")
    assert load_card("omz").weights[0].urls[0].startswith("https://storage.openvinotoolkit.org/")
    for name, facts in ZOO_FILES.items():
        (source,) = load_card(name).weights
        assert (source.file, source.size, source.sha256) == facts
        assert source.urls[0].endswith(f"/{source.file}")
        assert source.artifact == (name != "onnx-zoo")
    assert load_card("tfcnn").weights == ()
    assert [one.sha256 for one in load_card("modelhub-onnx").weights] == [None]


def test_inputs_and_outputs_are_named_where_they_are_published() -> None:
    named = {name: (load_card(name).input_name, load_card(name).output_name) for name in card_names()}
    assert named["omz"] == named["bvlc"] == ("data", "prob")
    assert named["onnx-zoo"] == ("data_0", "softmaxout_1")
    softmax = {name for name in card_names() if load_card(name).output == "softmax"}
    assert softmax == set(card_names()) - {"torchvision", "tfcnn"}


def test_what_is_wrong_in_a_published_card_is_said() -> None:
    (mistakes, *_) = load_card("modelhub-onnx").notes
    for mistake in ("RGB goes into a network trained on BGR", "127.5 is subtracted", "LANCZOS"):
        assert mistake in mistakes
    assert any("does not state the preprocessing" in note for note in load_card("onnx-zoo").notes)


def test_a_card_of_ones_own_is_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    card = load_card(str(path))
    assert (card.name, card.network) == ("mine", "owt")
    assert card.weights == (
        WeightsSource("mine.pth", "pth", urls=("https://example.org/mine.pth",), size=10, sha256_prefix="01234567"),
    )
    assert (card.input_name, card.output_name, card.output) == (None, None, "logits")
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
        (
            'network = "owt"',
            'netwrok = "owt"',
            "unknown key 'netwrok'; did you mean 'network'? Known: name, title, network, labels",
        ),
        (
            "resize_to =",
            "resizeto =",
            "unknown key 'preprocessing.resizeto'; did you mean 'resize_to'? Known: name, exif, resize, resize_to",
        ),
        ("top1 =", "top_1 =", "unknown key 'published[0].top_1'; did you mean 'top1'? Known: source, top1, top5"),
        ('licence = "none"\n', "", "key 'licence' is missing"),
        ("crop = 224\n", "", "key 'preprocessing.crop' is missing"),
        ("labels = 1000", 'labels = "1000"', "labels = '1000', wanted a whole number"),
        ("crop = 224", "crop = 224.0", "preprocessing.crop = 224.0, wanted a whole number"),
        ("exif = false", "exif = 0", "preprocessing.exif = 0, wanted true or false"),
        ('channels = "RGB"', 'channels = "GBR"', "preprocessing.channels = 'GBR', wanted RGB or BGR"),
        ('resize = "squash"', 'resize = "stretch"', "preprocessing.resize = 'stretch', wanted shorter-side, squash or"),
        ("mean = [0.5, 0.5, 0.5]", "mean = [0.5]", "preprocessing.mean has 1 values, wanted 3"),
        ("mean = [0.5, 0.5, 0.5]", 'mean = [0.5, "a", 0.5]', "preprocessing.mean[1] = 'a', wanted a number"),
        ('network = "owt"', 'network = "vgg"', "unknown network 'vgg'; known: owt, bvlc, tfcnn"),
        ("labels = 1000", "labels = 1001", "labels = 1001, but network owt has 1000 outputs"),
        ('network = "owt"', 'network = "tfcnn"', "labels = 1000, but network tfcnn has 1001 outputs"),
        (
            "exif = false",
            'exif = false\ndecode = "jpeg"',
            "preprocessing.decode = 'jpeg', wanted libjpeg, libjpeg-fast or opencv",
        ),
        ('licence = "none"', 'licence = "none"\nnotes = "one"', "notes = 'one', wanted a list"),
        ("exif = false", "exif = ", "is not valid TOML"),
        (
            "[preprocessing]",
            "[preprocesing]",
            "unknown key 'preprocesing'; did you mean 'preprocessing'? Known: name, title",
        ),
        (
            "sha256_prefix =",
            "sha265 =",
            "unknown key 'weights[0].sha265'; did you mean 'sha256'? Known: file, format, urls, size, sha256, sha384",
        ),
        ('format = "pth"', 'format = "pt"', "weights[0].format = 'pt', wanted pth, caffemodel, onnx, tf-checkpoint"),
        ('file = "mine.pth"\n', "", "key 'weights[0].file' is missing"),
        ("size = 10", "size = 0", "weights[0].size = 0: wanted the file's bytes, 1 or more"),
        (
            '"https://example.org/mine.pth"',
            '"ftp://example.org/a"',
            "weights[0].urls[0] = 'ftp://example.org/a': wanted http",
        ),
        ('"https://example.org/mine.pth"', '"https:///a"', "weights[0].urls[0] = 'https:///a': wanted http"),
        ('file = "mine.pth"', 'file = "../mine.pth"', "weights[0].file = '../mine.pth': wanted a file's name"),
        ('name = "mine"', 'name = "../mine"', "name = '../mine': wanted letters, digits"),
        (
            '_prefix = "01234567"',
            ' = "01234567"',
            "weights[0].sha256 = '01234567': wanted 64 hexadecimal digits, it has 8",
        ),
        ('sha256_prefix = "01234567"', 'sha384 = "g"', "weights[0].sha384 = 'g': wanted 96 hexadecimal digits"),
        ('"01234567"', '"0123"', "weights[0].sha256_prefix = '0123': wanted the first 8 to 64 hexadecimal digits"),
        (
            '"01234567"',
            f'"01234567"\nsha256 = "{"f" * 64}"',
            "weights[0].sha256_prefix = '01234567': sha256 begins otherwise",
        ),
        (
            "[[published]]",
            '[[weights]]\nfile = "mine.pth"\nformat = "pth"\n[[published]]',
            "weights[1].file = 'mine.pth': another of the card's files has that name",
        ),
        ("top1 = 50", "top1 = 565", "published[0]: top1 = 565, top5 = 75.5: wanted percent"),
        ('title = "A card of my own"', 'title = "A"\noutput = "prob"', "output = 'prob', wanted logits or softmax"),
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
def test_a_value_that_no_image_survives_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refusal(tmp_path, old, new)


def test_a_card_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"gone\.toml cannot be read: No such file"):
        load_card(str(tmp_path / "gone.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CardError, match=r"bytes\.toml: text in UTF-16, not UTF-8; wanted TOML"):
        load_card(str(tmp_path / "bytes.toml"))
