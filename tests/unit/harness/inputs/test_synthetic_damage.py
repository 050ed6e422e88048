"""Synthetic images that are used are those that were drawn; damage that leaves sizes as they are is found."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.synthetic import expected
from alexbench.datasets.synthetic.draw import draw
from alexbench.datasets.synthetic.write import PROGRESSIVE_EVERY, encode, write_classes
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.inputs import synthetic

CLASSES = [(one.index, one.wnid) for one in class_list()[:4]]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four classes, drawn in this process."""
    monkeypatch.setattr(
        synthetic,
        "_draw_in_workers",
        lambda split, folder, log, advance: write_classes(folder, split, 1, CLASSES, advance),
    )


def flip(file: Path) -> bytes:
    """Change a byte in the middle; what it was before."""
    whole = file.read_bytes()
    place = len(whole) // 2
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    return whole


def first(dataset: Dataset) -> Dataset:
    """A part: what a limit or a shard leaves."""
    return Dataset(dataset.name, dataset.root, dataset.layout, dataset.samples[:1])


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("drawn_before", [False, True])
def test_damage_in_what_is_used_is_found_and_drawn_again(tmp_path: Path, drawn_before: bool) -> None:
    said = io.StringIO()
    display = PlainDisplay(said)
    pictures = synthetic.synthetic_pictures("val", tmp_path, log=tmp_path / "log", display=display)
    folder = tmp_path / synthetic.NAME
    if drawn_before:  # by a version that noted sizes alone: the published digests stand in
        (folder / "val.digests.json").unlink()
    files = [pictures.root / sample.file for sample in pictures.samples]
    whole = flip(files[0])
    again = synthetic.undamaged_pictures("val", tmp_path, first, log=tmp_path / "log", display=display)
    assert files[0].read_bytes() == whole
    assert "1 images are not as they were drawn" in said.getvalue()
    assert len(again) == len(CLASSES)
    damaged = flip(files[1])
    synthetic.undamaged_pictures("val", tmp_path, first, log=tmp_path / "log", display=display)
    assert files[1].read_bytes() != damaged  # it is not used, and stays
    synthetic.undamaged_pictures("val", tmp_path, lambda every: every, log=tmp_path / "log", display=display)
    assert files[1].read_bytes() == damaged


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("note", ["", "[]", "3", "[" * 100_000, '{"n01440764/n01440764_val_0.JPEG": 3}'])
def test_a_note_that_is_none_is_written_anew(tmp_path: Path, note: str) -> None:
    display, folder = PlainDisplay(io.StringIO()), tmp_path / synthetic.NAME
    pictures = synthetic.synthetic_pictures("val", tmp_path, log=tmp_path / "log", display=display)
    for name in ("val.json", "val.digests.json"):
        (folder / name).write_text(note, encoding="utf-8")
    again = synthetic.undamaged_pictures("val", tmp_path, lambda whole: whole, log=tmp_path / "log", display=display)
    assert again.samples == pictures.samples
    (folder / "val.digests.json").write_text(note, encoding="utf-8")  # the published digests stand in
    synthetic.undamaged_pictures("val", tmp_path, lambda whole: whole, log=tmp_path / "log", display=display)


def test_the_published_digest_of_each_image_is_a_part_of_that_of_all() -> None:
    published = expected.by_name("pictures")
    assert len(published) == 1000
    for index in (0, 20, 999):
        wnid = class_list()[index].wnid
        data = encode(draw(index, "val", 0), progressive=index % PROGRESSIVE_EVERY == 0)
        assert hashlib.sha256(data).hexdigest().startswith(published[f"{wnid}/{wnid}_val_0.JPEG"])
    assert all(len(expected.by_name(card)) == 1000 for card in expected.PIXELS)
    assert expected.by_name("omz") == {}


def test_a_part_that_differs_is_said_and_counted() -> None:
    names = list(expected.by_name("pictures"))[:12]

    def digests(column: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        rows = [bytes.fromhex(expected.by_name(column)[name]) + bytes(24) for name in names]
        return np.frombuffer(b"".join(rows), np.uint8).reshape(12, 32).copy()

    pictures, pixels = digests("pictures"), digests("torchvision")
    assert expected.part_differences(card="torchvision", names=names, pictures=pictures, pixels=pixels) == []
    pictures[[2, 5, 7], 0] ^= 1
    pixels[3, 0] ^= 1
    said = expected.part_differences(card="torchvision", names=names, pictures=pictures, pixels=pixels)
    assert [(one.count, one.total, one.of) for one in said] == [(3, 12, "images"), (1, 12, "prepared pixels")]
    assert len(expected.part_differences(card="omz", names=names, pictures=pictures, pixels=pixels)) == 1
