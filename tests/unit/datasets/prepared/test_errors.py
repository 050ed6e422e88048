"""What cannot be prepared: one line, and nothing left behind."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.prepared import building, prepare
from alexbench.datasets.prepared.preparing import Work, _Child
from alexbench.harness.errors import CardError, DataError, UsageError
from tests.unit.datasets.drawn_images import SMALL, file_of


def left_in(cache: Path) -> list[str]:
    """What lies in the cache folder but the lock."""
    return sorted(file.suffix for file in cache.iterdir() if file.suffix != ".lock") if cache.exists() else []


def no_opening(*_: object, **__: object) -> NoReturn:
    raise AssertionError("an image was opened")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_unusable_image_is_named_and_nothing_is_left(many: Dataset, cache: Path, workers: int) -> None:
    for place in (90, 31, 60):
        file_of(many, place).write_bytes(b"no picture")
    with pytest.raises(DataError, match="not a JPEG") as refused:
        prepare(many, SMALL, cache, workers=workers)
    assert str(refused.value).startswith(str(file_of(many, 31)))
    assert left_in(cache) == []


def test_a_card_that_does_not_fit_is_said_to_be_one_also_by_a_child(many: Dataset, cache: Path) -> None:
    with pytest.raises(CardError, match="does not fit"):
        prepare(many, replace(SMALL, crop=50), cache, workers=2)
    assert left_in(cache) == []


def test_an_image_that_is_gone_is_named(few: Dataset, cache: Path) -> None:
    file_of(few, 2).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        prepare(few, SMALL, cache)


def test_an_image_that_changes_meanwhile_is_named(few: Dataset, cache: Path) -> None:
    last = file_of(few, -1)

    def change(done: int, total: int) -> None:
        assert done < total
        last.write_bytes(last.read_bytes() + b"more")

    with pytest.raises(DataError, match="changed while the set was being prepared"):
        prepare(few, SMALL, cache, on_progress=change)
    assert left_in(cache) == []


def test_a_full_disk_is_refused_before_the_work(few: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(few.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    monkeypatch.setattr(building, "prepare_into", no_opening)
    with pytest.raises(DataError, match=r"needs 0.02 GiB and 0.00 GiB are free; free some, use another cache folder"):
        prepare(few, SMALL, cache)
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_written_is_named(few: Dataset, cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(DataError, match=r"cache: cannot be written .*; use another cache folder"):
        prepare(few, SMALL, cache)


def test_no_image_and_no_worker_are_refused(few: Dataset, cache: Path) -> None:
    with pytest.raises(DataError, match="no image to prepare"):
        prepare(replace(few, samples=()), SMALL, cache)
    with pytest.raises(UsageError, match="0 workers"):
        prepare(few, SMALL, cache, workers=0)


def test_a_child_that_is_killed_is_an_error_of_ours(few: Dataset, tmp_path: Path) -> None:
    child = _Child(Work(tmp_path / "target.npy", few.root, "files", SMALL, skip=False))
    try:
        child._child._process.kill()
        with pytest.raises(DataError, match=r"was killed by SIGKILL .*; run again"):
            child.prepare([(0, few.samples[0])])
    finally:
        child.end()


# Bad images, skipped.


def damage(dataset: Dataset, *places: int) -> None:
    for place in places:
        file_of(dataset, place).write_bytes(b"no picture")


@pytest.mark.parametrize("workers", [1, 2])
def test_skipped_images_are_black_listed_and_do_not_count(many: Dataset, cache: Path, workers: int) -> None:
    whole = prepare(many, SMALL, cache)
    damage(many, 90, 31)
    result = prepare(many, SMALL, cache, workers=workers, on_bad_image="skip")
    assert [one.place for one in result.skipped] == [31, 90]
    assert result.skipped[0].name == many.samples[31].name
    assert "not a JPEG" in result.skipped[0].reason
    assert str(file_of(many, 31)) in result.skipped[0].reason
    assert np.flatnonzero(~result.good).tolist() == [31, 90]
    assert not result.pixels[[31, 90]].any()
    assert np.array_equal(result.pixels[result.good], whole.pixels[result.good])
    result.verify()


def test_a_set_with_skipped_images_is_none_for_who_wants_all(few: Dataset, cache: Path) -> None:
    damage(few, 2, 4)
    prepare(few, SMALL, cache, on_bad_image="skip")
    with pytest.raises(DataError, match=r"not a JPEG.*; 1 more are bad"):
        prepare(few, SMALL, cache)
    again = prepare(few, SMALL, cache, on_bad_image="skip")
    assert again.from_cache
    assert [one.place for one in again.skipped] == [2, 4]


def test_a_file_that_cannot_be_read_is_skipped_too(few: Dataset, cache: Path) -> None:
    file_of(few, 2).unlink()
    file_of(few, 2).mkdir()
    assert [one.place for one in prepare(few, SMALL, cache, on_bad_image="skip").skipped] == [2]


def test_nothing_but_bad_images_is_an_error(few: Dataset, cache: Path) -> None:
    damage(few, *range(7))
    with pytest.raises(DataError, match=r"no image can be prepared; the first: .*not a JPEG"):
        prepare(few, SMALL, cache, on_bad_image="skip")
    assert left_in(cache) == []


def test_a_part_of_a_set_knows_its_own_skipped_images(few: Dataset, cache: Path) -> None:
    damage(few, 1, 5)
    part = prepare(few, SMALL, cache, on_bad_image="skip").part(4, 7)
    assert [one.place for one in part.skipped] == [1]
    assert part.good.tolist() == [True, False, True]
