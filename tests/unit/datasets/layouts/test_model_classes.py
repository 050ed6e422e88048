"""The classes of the user's own model: every form that people keep them in, and what is refused with the line named."""

import json
from pathlib import Path

import pytest

from alexbench.datasets.classes import class_list
from alexbench.datasets.layouts.model_classes import ModelClasses, read_model_classes
from alexbench.harness.errors import DataError

NAMES = ("daisy", "golden retriever", "rose")
IMAGENET = [one.name for one in class_list()]


def read(path: Path, text: str | bytes, name: str = "classes.txt") -> ModelClasses | None:
    file = path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return read_model_classes(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "daisy\ngolden retriever\nrose\n"),
        ("classes.txt", "daisy\ngolden retriever\nrose\n\n\n"),
        ("windows.txt", "\ufeffdaisy\r\ngolden retriever\r\nrose\r\n"),
        ("utf16.txt", "\ufeffdaisy\r\ngolden retriever\r\nrose".encode("utf-16-le")),
        ("numbered.txt", "0 daisy\n1 golden retriever\n2 rose\n"),
        ("colons.txt", "0: daisy\n1: golden retriever\n2: rose\n"),
        ("shuffled.txt", "2 rose\n0 daisy\n1 golden retriever\n"),
        ("from_one.txt", "1 daisy\n2 golden retriever\n3 rose\n"),
        ("class_to_idx.txt", "daisy 0\ngolden retriever 1\nrose 2\n"),
        ("python.txt", "{0: 'daisy',\n 1: 'golden retriever',\n 2: 'rose'}\n"),
        ("names.csv", "index,name\n0,daisy\n1,golden retriever\n2,rose\n"),
        ("names.tsv", "daisy\t0\ngolden retriever\t1\nrose\t2\n"),
        ("list.json", '["daisy", "golden retriever", "rose"]'),
        ("map.json", '{"0": "daisy", "2": "rose", "1": "golden retriever"}'),
        ("from_one.json", '{"1": "daisy", "2": "golden retriever", "3": "rose"}'),
        ("class_to_idx.json", '{"rose": 2, "daisy": 0, "golden retriever": 1}'),
        ("header.csv", "name\ndaisy\ngolden retriever\nrose\n"),
        ("described.csv", 'class_id,class_name,text\n0,daisy,"a, b"\n1,golden retriever,c\n2,rose,d\n'),
        ("half.csv", "0;daisy\n1;golden retriever\n2;rose\n"),
        ("comment.txt", "# mine\ndaisy\ngolden retriever\nrose\n"),
        ("list.txt", '["daisy", "golden retriever", "rose"]'),
        (
            "objects.json",
            '[{"id": 2, "name": "rose"}, {"id": 0, "name": "daisy"}, {"id": 1, "name": "golden retriever"}]',
        ),
        ("class_index.json", '{"0": ["d", "daisy"], "1": ["g", "golden retriever"], "2": ["r", "rose"]}'),
        ("names.json", '{"names": ["daisy", "golden retriever", "rose"]}'),
        (
            "hugging_face.json",
            json.dumps({"id2label": dict(enumerate(NAMES)), "label2id": {name: at for at, name in enumerate(NAMES)}}),
        ),
        ("config.json", '{"id2label": {"0": "daisy", "1": "golden retriever", "2": "rose"}, "other": 1}'),
    ],
)
def test_every_form_gives_the_classes_in_the_order_of_the_outputs(tmp_path: Path, name: str, text: str | bytes) -> None:
    found = read(tmp_path, text, name)
    assert found is not None
    assert (found.names, found.background, found.outputs) == (NAMES, None, 3)


@pytest.mark.parametrize(("place", "outputs"), [(0, 4), (3, 4)])
def test_an_output_that_is_no_class_is_called_background(tmp_path: Path, place: int, outputs: int) -> None:
    lines = [*NAMES]
    lines.insert(place, "background")
    found = read(tmp_path, "\n".join(lines))
    assert found is not None
    assert (found.names, found.background, found.outputs) == (NAMES, place, outputs)


def test_imagenets_own_classes_are_known_in_any_order(tmp_path: Path) -> None:
    own = read(tmp_path, "\n".join(IMAGENET))
    assert own is not None
    assert own.are_imagenets  # though two of its names are crane
    assert own.outputs == 1000
    with_background = read(tmp_path, "\n".join(["background", *IMAGENET]))
    assert with_background is not None
    assert (with_background.are_imagenets, with_background.outputs, with_background.background) == (True, 1001, 0)
    ids = read(tmp_path, "n01443537\nn01440764\n")
    assert ids is not None
    assert (ids.imagenet, ids.are_imagenets) == ((1, 0), False)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val.txt", "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\n"),
        ("LOC_val_solution.csv", "ImageId,PredictionString\nILSVRC2012_val_00000001,n01751748 1 2 3 4\n"),
        ("labels.txt", "a.png 3\nb.png 3\n"),
        ("labels.csv", "a.jpg,3\nb.jpg,3\n"),
        ("truth.txt", "65\n970\n65\n"),
        ("ids.txt", "n01440764\nn01440764\n"),
        ("no_suffix.txt", "one 7\ntwo 9\n"),
        ("empty.txt", ""),
    ],
)
def test_labels_of_images_are_another_thing(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, text, name) is None


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "daisy\n\nrose\n", "line 2 is empty"),
        ("a.txt", "daisy\nrose\nDaisy\n", "outputs 0 and 2 (lines 1 and 3) are both"),
        ("a.txt", "daisy\n", "names 1 class"),
        ("a.txt", "\n".join(f"class_{one}x" for one in range(1001)), "names 1,001 classes"),
        ("a.txt", "daisy\nbackground\nrose\n", "background is output 1 of 3"),
        ("a.txt", "0 daisy\n2 rose\n", "numbers its 2 classes 0 to 2, not 0 to 1 without a gap"),
        ("a.txt", "0 daisy\n0 rose\n", "number 0 stands twice"),
        ("a.txt", b"daisy\n\xff\xe9\n", "not text in UTF-8"),
        ("a.json", '{"0": "daisy", "0": "rose"}', "0 stands twice"),
        ("a.json", '{"0": "daisy", "7": "rose"}', "no list of class names"),
        ("a.json", '{"a": {"names": ["x", "y"]}, "b": {"names": ["z", "w"]}}', "2 lists of class names"),
        ("a.json", '["daisy", "rose"', "not valid JSON"),
        ("a.yaml", "names:\n  0: daisy\n", "not a form of class list"),
        ("labelmap.pbtxt", "item {\n  id: 1\n}\n", "not a form of class list"),
        ("a.json", json.dumps(["daisy", " "]), "the class of output 1 has no name"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_line(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text, name)
    assert said in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_model_classes(tmp_path / "gone.txt")
    assert read_model_classes(tmp_path) is None  # a devkit's folder
