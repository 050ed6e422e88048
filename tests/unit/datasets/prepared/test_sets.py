"""The prepared set: prepared once, and the same however it came about."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.prepared import building, pixels_digest, prepare, sets
from alexbench.datasets.prepared.cache import cached_sets
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import DataError
from tests.unit.datasets.drawn_images import SMALL, file_of

MANY = 96


def no_opening(*_: object, **__: object) -> NoReturn:
    raise AssertionError("an image was opened")


def test_the_pixels_are_those_of_each_image_in_order(few: Dataset, cache: Path) -> None:
    result = prepare(few, SMALL, cache)
    assert result.pixels.shape == (7, 32, 32, 3)
    assert result.pixels.dtype == np.uint8
    assert result.labels.tolist() == [0, 0, 1, 1, 2, 3, 4]
    for place in range(len(few)):
        assert np.array_equal(result.pixels[place], prepare_picture(file_of(few, place), SMALL))
    assert not result.from_cache


def test_the_pixels_are_a_read_only_map_of_a_plain_npy_file(few: Dataset, cache: Path) -> None:
    result = prepare(few, SMALL, cache)
    assert isinstance(result.pixels, np.memmap)
    assert not result.pixels.flags.writeable
    assert result.path.parent == cache
    assert np.array_equal(np.load(result.path), result.pixels)


def test_the_digests_are_what_anyone_can_compute(few: Dataset, cache: Path) -> None:
    result = prepare(few, SMALL, cache)
    pixels = [hashlib.sha256(picture.tobytes()).digest() for picture in result.pixels]
    assert result.digest == pixels_digest(result.pixels) == hashlib.sha256(b"".join(pixels)).hexdigest()
    files = [hashlib.sha256(file_of(few, place).read_bytes()).digest() for place in range(len(few))]
    assert result.source_digest == hashlib.sha256(b"".join(files)).hexdigest()
    facts = json.loads(result.path.with_suffix(".json").read_text())
    assert result.picture_digests.tobytes() == b"".join(sum(zip(files, pixels, strict=True), ()))
    assert facts["manifest_digest"] == result.manifest_digest
    assert facts["geometry_key"] == SMALL.geometry_key()
    assert facts["count"] == 7


def test_processes_prepare_the_same_as_one_alone(many: Dataset, cache: Path, tmp_path: Path) -> None:
    alone = prepare(many, SMALL, cache, workers=1)
    together = prepare(many, SMALL, tmp_path / "other", workers=3)
    assert (together.digest, together.source_digest) == (alone.digest, alone.source_digest)
    together.verify()


def test_progress_counts_up_to_the_whole(many: Dataset, cache: Path) -> None:
    said: list[tuple[int, int]] = []
    prepare(many, SMALL, cache, workers=2, on_progress=lambda done, total: said.append((done, total)))
    assert said[-1] == (MANY, MANY)
    assert [done for done, _ in said] == sorted({done for done, _ in said})
    assert len(said) > 2


# The cache.


def test_a_hit_reads_no_image(few: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(few, SMALL, cache)
    for place in range(len(few)):  # other bytes, but name, size and time as before
        file = file_of(few, place)
        status = file.stat()
        file.write_bytes(bytes(status.st_size))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setattr(building, "prepare_into", no_opening)
    second = prepare(few, SMALL, cache)
    assert second.from_cache
    assert (second.digest, second.source_digest) == (first.digest, first.source_digest)
    assert np.array_equal(second.pixels, first.pixels)


def test_a_hit_needs_no_right_to_write(few: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(few, SMALL, cache)
    monkeypatch.setattr(building, "FileLock", no_opening)
    assert prepare(few, SMALL, cache).from_cache


def test_arithmetic_and_name_of_a_card_do_not_matter(few: Dataset, cache: Path) -> None:
    prepare(few, SMALL, cache)
    assert prepare(few, replace(SMALL, name="other", channels="BGR", mean=(0.0, 0.0, 0.0)), cache).from_cache


@pytest.mark.parametrize(
    "change", [{"crop": 30}, {"resize": "squash"}, {"interpolation": "tensorflow1-bilinear"}, {"exif": True}]
)
def test_another_geometry_is_another_set(few: Dataset, cache: Path, change: dict[str, object]) -> None:
    prepare(few, SMALL, cache)
    assert not prepare(few, replace(SMALL, **change), cache).from_cache  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["CODE_VERSION", "pillow_version"])
def test_other_code_or_another_decoder_is_another_set(
    few: Dataset, cache: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(few, SMALL, cache)
    monkeypatch.setattr(sets, name, "another")
    assert not prepare(few, SMALL, cache).from_cache


def test_a_changed_image_changes_the_digests(few: Dataset, cache: Path) -> None:
    before = prepare(few, SMALL, cache)
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(file_of(few, 3))
    after = prepare(few, SMALL, cache)
    assert not after.from_cache
    assert after.digest != before.digest
    assert after.source_digest != before.source_digest
    assert after.manifest_digest != before.manifest_digest


def test_an_image_with_another_time_is_read_again(few: Dataset, cache: Path) -> None:
    first = prepare(few, SMALL, cache)
    file = file_of(few, 3)
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
    second = prepare(few, SMALL, cache)
    assert not second.from_cache
    assert second.source_digest == first.source_digest


def test_a_copy_elsewhere_is_not_taken_for_the_same(few: Dataset, cache: Path, tmp_path: Path) -> None:
    first = prepare(few, SMALL, cache)
    copy = open_dataset(shutil.copytree(few.root, tmp_path / "copy"))  # keeps the times
    second = prepare(copy, SMALL, cache)
    assert not second.from_cache
    assert (second.digest, second.manifest_digest) == (first.digest, first.manifest_digest)


def test_a_subset_is_a_set_of_its_own(few: Dataset, cache: Path) -> None:
    whole = prepare(few, SMALL, cache)
    part = few.subset(3, seed=1)
    places = [few.samples.index(sample) for sample in part.samples]
    assert np.array_equal(prepare(part, SMALL, cache).pixels, whole.pixels[places])


@pytest.mark.parametrize("damage", ["json gone", "json broken", "npy gone", "npy short", "npy of another shape"])
def test_a_damaged_cache_is_written_anew(few: Dataset, cache: Path, damage: str) -> None:
    first = prepare(few, SMALL, cache)
    digest, path, sidecar = first.digest, first.path, first.path.with_suffix(".json")
    del first
    if damage == "json gone":
        sidecar.unlink()
    elif damage == "json broken":
        sidecar.write_text('{"schema_version": 1')
    elif damage == "npy gone":
        path.unlink()
    elif damage == "npy short":
        path.write_bytes(path.read_bytes()[:500])
    else:
        np.save(path, np.zeros((6, 32, 32, 3), np.uint8))
    second = prepare(few, SMALL, cache)
    assert not second.from_cache
    assert second.digest == digest
    second.verify()


def test_verify_finds_a_changed_pixel(few: Dataset, cache: Path) -> None:
    result = prepare(few, SMALL, cache)
    result.verify()
    pixels = np.load(result.path, mmap_mode="r+")
    pixels[5, 7, 7, 1] ^= 1
    pixels.flush()
    with pytest.raises(DataError, match="not the pixels that were prepared"):
        result.verify()


@pytest.mark.parametrize("damage", ["skip list emptied", "another image skipped", "source digest", "pixel digest"])
def test_what_is_noted_of_a_set_cannot_be_changed_unseen(few: Dataset, cache: Path, damage: str) -> None:
    file_of(few, 3).write_bytes(b"no picture")
    first = prepare(few, SMALL, cache, on_bad_image="skip")
    digest, source, path = first.digest, first.source_digest, first.path
    del first
    sidecar, noted = path.with_suffix(".json"), path.with_suffix(".digests.npy")
    if damage.endswith("digest"):
        digests = np.load(noted)
        digests[0, 0 if damage.startswith("source") else 1, 0] ^= 1
        np.save(noted, digests)
    else:
        facts = json.loads(sidecar.read_text())
        facts["skipped"] = [] if damage.endswith("emptied") else [[2, *facts["skipped"][0][1:]]]
        sidecar.write_text(json.dumps(facts))
    (one,) = cached_sets(cache)
    assert one.state == "damaged"
    with pytest.raises(DataError, match="not a JPEG"):
        prepare(few, SMALL, cache)
    again = prepare(few, SMALL, cache, on_bad_image="skip")
    assert [one.place for one in again.skipped] == [3]
    assert again.digest == digest
    assert again.source_digest == source


def test_an_image_that_could_not_be_read_is_tried_again(few: Dataset, cache: Path, tmp_path: Path) -> None:
    whole = prepare(few, SMALL, cache / "other")
    file = file_of(few, 3)
    status = file.stat()
    file.rename(tmp_path / "aside")
    file.mkdir()
    assert [one.place for one in prepare(few, SMALL, cache, on_bad_image="skip").skipped] == [3]
    file.rmdir()
    (tmp_path / "aside").rename(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert prepare(few, SMALL, cache).digest == whole.digest


def test_an_image_rewritten_at_its_size_meanwhile_is_noticed(many: Dataset, cache: Path) -> None:
    def change(done: int, total: int) -> None:
        file = file_of(many, 0)
        data = file.read_bytes()
        file.write_bytes(data)
        os.utime(file, ns=(0, done))

    with pytest.raises(DataError, match="changed while the set was being prepared; run again"):
        prepare(many, SMALL, cache, on_progress=change)
