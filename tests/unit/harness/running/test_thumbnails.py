"""Thumbnails: every image on which rows disagree, the widest margin first, and the same bytes again."""

import dataclasses
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alexbench.datasets.classes import class_list
from alexbench.harness.errors import RecordError
from alexbench.harness.records import file_names
from alexbench.harness.records.file_names import THUMBNAIL_FOLDER, THUMBNAILS
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.thumbnails import (
    MOST,
    SIDE,
    Thumbnail,
    disputed,
    join_thumbnails,
    jpeg,
    read_thumbnails,
    write_thumbnails,
)
from tests.support.runs import Asked, answers, write_run

IMAGES = 12


def run_inputs(images: int = IMAGES, *, skipped: int | None = None) -> Any:
    """As much of a run's inputs as thumbnails need: every image of one grey, its number."""
    pixels = np.zeros((images, 224, 224, 3), np.uint8) + np.arange(images, dtype=np.uint8)[:, None, None, None] * 20
    names = tuple(f"val_{place:05}.JPEG" for place in range(images))
    good = np.ones(images, bool)
    if skipped is not None:
        good[skipped] = False
    return SimpleNamespace(
        names=names, good=good, prepared=SimpleNamespace(pixels=pixels), data=SimpleNamespace(class_names=())
    )


def asked(place: int) -> Asked:
    """Float64 is right about the image, by a little."""
    return Asked(classes=tuple((place + step) % 1000 for step in (0, 100, 200, 300, 400)), scores=(9.0, 8.0, 7, 6, 5))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """torch is wrong about 3, 5 and 7 (by ever wider margins), openvino about 5 alone."""
    rows = {"torch": answers(IMAGES, wrong=(3, 5, 7)), "openvino": answers(IMAGES, wrong=(5,))}
    flips = {("torch", 3): 1e-5, ("torch", 5): 2e-5, ("torch", 7): 0.5, ("openvino", 5): 2e-5}
    return write_run(tmp_path / "run", rows, reference={place: asked(place) for place in (0, 3, 5, 7)}, flips=flips)


def shade(folder: Path, thumbnail: Thumbnail) -> int:
    image = Image.open(folder / thumbnail.file)
    assert image.size == (SIDE, SIDE)
    assert image.mode == "RGB"
    return round(float(np.asarray(image).mean()))


def test_the_widest_margin_comes_first_and_each_image_is_its_own(run: Path) -> None:
    write_thumbnails(run, run_inputs())
    found = read_thumbnails(run)
    assert [one.sample for one in found] == ["val_00007.JPEG", "val_00005.JPEG", "val_00003.JPEG"]
    assert [one.file for one in found] == [f"{THUMBNAIL_FOLDER}/000{number}.jpg" for number in (1, 2, 3)]
    assert sorted(path.name for path in (run / THUMBNAIL_FOLDER).iterdir()) == ["0001.jpg", "0002.jpg", "0003.jpg"]
    assert [shade(run, one) for one in found] == pytest.approx([140, 100, 60], abs=1)


def test_an_entry_says_what_everyone_answered(run: Path) -> None:
    write_thumbnails(run, run_inputs())
    first, second, _ = json.loads((run / THUMBNAILS).read_text(encoding="utf-8"))
    names = [one.name for one in class_list()]
    assert first == {
        "sample": "val_00007.JPEG",
        "file": "thumbnails/0001.jpg",
        "label": 7,
        "label_name": names[7],
        "reference": [names[place] for place in (7, 107, 207, 307, 407)],
        "answers": {
            "torch": [names[place] for place in (107, 7, 207, 307, 407)],
            "openvino": [names[place] for place in (7, 107, 207, 307, 407)],
        },
        "margin_sigma": {"torch": 0.5, "openvino": None},
        "explained": {"torch": False, "openvino": None},
    }
    assert second["explained"] == {"torch": True, "openvino": True}


def test_the_same_run_gives_the_same_bytes_and_an_interrupted_one_is_made_good(run: Path) -> None:
    write_thumbnails(run, run_inputs())
    before = {path: path.read_bytes() for path in [run / THUMBNAILS, *(run / THUMBNAIL_FOLDER).iterdir()]}
    (run / THUMBNAIL_FOLDER / "0099.jpg").write_bytes(b"of a run that was interrupted")
    write_thumbnails(run, run_inputs())
    assert {path: path.read_bytes() for path in [run / THUMBNAILS, *(run / THUMBNAIL_FOLDER).iterdir()]} == before
    assert not [path for path in run.iterdir() if "partial" in path.name]


def test_without_a_mismatch_the_list_is_empty_and_there_is_no_folder(tmp_path: Path) -> None:
    rows = {"torch": answers(IMAGES), "openvino": answers(IMAGES)}
    run = write_run(tmp_path / "run", rows, reference={0: asked(0)})
    write_thumbnails(run, run_inputs())
    assert json.loads((run / THUMBNAILS).read_text(encoding="utf-8")) == []
    assert not (run / THUMBNAIL_FOLDER).exists()


def test_a_run_without_answers_has_no_thumbnails(tmp_path: Path) -> None:
    write_thumbnails(tmp_path, run_inputs())
    assert not list(tmp_path.iterdir())


def test_of_a_thousand_mismatches_the_widest_two_hundred_are_shown(tmp_path: Path) -> None:
    wrong = range(1000)
    rows = {"torch": answers(1000, wrong=wrong), "openvino": answers(1000)}
    flips = {("torch", place): place / 1000 for place in wrong}
    run = write_run(tmp_path / "run", rows, reference={place: asked(place) for place in wrong}, flips=flips)
    shown = run_inputs(1000)
    shown.prepared.pixels = np.broadcast_to(np.uint8(9), (1000, 227, 227, 3))
    write_thumbnails(run, shown)
    found = read_thumbnails(run)
    assert len(found) == len(list((run / THUMBNAIL_FOLDER).iterdir())) == MOST
    assert (found[0].sample, found[-1].sample) == ("val_00999.JPEG", "val_00800.JPEG")


def test_rows_that_disagree_with_each_other_alone_are_shown_without_margins(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"torch": answers(IMAGES, wrong=(4,)), "openvino": answers(IMAGES)})
    write_thumbnails(run, run_inputs(skipped=2))
    (found,) = read_thumbnails(run)
    assert (found.sample, found.reference, found.widest) == ("val_00004.JPEG", (), -1.0)
    assert found.margin_sigma == {"torch": None, "openvino": None}


def test_a_background_answer_has_a_name() -> None:
    frame = pd.DataFrame({"backend": ["a", "b"], "sample": ["x", "x"], "label": [3, 3]})
    for place in range(1, 6):
        frame[f"top{place}"] = [-1, place] if place == 1 else [place, place]
    (found,) = disputed(frame, None, None)
    assert found.answers["a"][0] == "background"


def test_the_thumbnails_of_parts_are_those_of_the_whole(run: Path, tmp_path: Path) -> None:
    write_thumbnails(run, run_inputs())
    whole = pd.read_parquet(run / file_names.PREDICTIONS)
    parts = []
    for number, (first, last) in enumerate(((0, 6), (6, IMAGES))):
        part = tmp_path / f"part{number}"
        part.mkdir()
        names = [f"val_{place:05}.JPEG" for place in range(first, last)]
        run_folder.write_parquet(part / file_names.PREDICTIONS, whole[whole["sample"].isin(names)])
        for name in (file_names.REFERENCE, file_names.FLIPS):
            frame = pd.read_parquet(run / name)
            run_folder.write_parquet(part / name, frame[frame["sample"].isin(names)])
        write_thumbnails(part, run_inputs())
        parts.append(part)
    joined = tmp_path / "joined"
    joined.mkdir()
    assert join_thumbnails(parts, joined)
    assert (joined / THUMBNAILS).read_bytes() == (run / THUMBNAILS).read_bytes()
    for file in (run / THUMBNAIL_FOLDER).iterdir():
        assert (joined / THUMBNAIL_FOLDER / file.name).read_bytes() == file.read_bytes()


def test_parts_without_thumbnails_are_joined_to_none(run: Path, tmp_path: Path) -> None:
    write_thumbnails(run, run_inputs())
    (tmp_path / "older").mkdir()
    joined = tmp_path / "joined"
    joined.mkdir()
    assert not join_thumbnails([run, tmp_path / "older"], joined)
    assert not list(joined.iterdir())


@pytest.mark.parametrize("text", ["[{", '[{"sample": 1}]', "3", "[3]"])
def test_a_damaged_list_is_named(run: Path, text: str) -> None:
    (run / THUMBNAILS).write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"thumbnails\.json is damaged"):
        read_thumbnails(run)


def test_an_image_that_is_lost_is_named_when_parts_are_joined(run: Path, tmp_path: Path) -> None:
    write_thumbnails(run, run_inputs())
    (run / THUMBNAIL_FOLDER / "0002.jpg").unlink()
    joined = tmp_path / "joined"
    joined.mkdir()
    with pytest.raises(RecordError, match=r"0002\.jpg cannot be read"):
        join_thumbnails([run], joined)
    assert not (joined / THUMBNAILS).exists()
    assert not list(joined.iterdir())


def test_a_thumbnail_is_small_and_the_image_is_still_itself() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    blocks = np.kron(random.integers(0, 256, (7, 7, 3), dtype=np.uint8), np.ones((32, 32, 1), np.uint8))
    made = jpeg(blocks)
    assert made == jpeg(blocks)
    assert len(made) < 8000
    again = np.asarray(Image.open(io.BytesIO(made)).resize((224, 224)), dtype=np.int64)
    assert np.abs(again - blocks).mean() < 12


def test_every_field_of_a_thumbnail_is_in_the_file(run: Path) -> None:
    write_thumbnails(run, run_inputs())
    assert list(json.loads((run / THUMBNAILS).read_text(encoding="utf-8"))[0]) == [
        field.name for field in dataclasses.fields(Thumbnail)
    ]
