"""The prepared sets in a cache: listed, verified, removed."""

import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.prepared import PreparedSet, prepare
from alexbench.datasets.prepared import sets as prepared_sets
from alexbench.datasets.prepared.cache import cached_sets, damaged_pictures, find_sets, remove_sets
from alexbench.harness.errors import DataError, UsageError
from tests.unit.datasets.drawn_images import SMALL


@pytest.fixture
def made(few: Dataset, cache: Path) -> PreparedSet:
    return prepare(few, SMALL, cache)


def interrupted(dataset: Dataset, cache: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, SMALL, cache, on_progress=interrupt)


def test_an_absent_cache_holds_nothing(cache: Path) -> None:
    assert cached_sets(cache) == []


def test_a_set_is_listed_with_what_it_is(few: Dataset, cache: Path, made: PreparedSet) -> None:
    (one,) = cached_sets(cache)
    assert (one.state, one.images, one.skipped, one.preprocessing) == ("whole", 7, 0, "small")
    assert (one.dataset, one.source, one.path) == (few.name, str(few.root), str(made.path))
    assert one.size_bytes == sum(file.stat().st_size for file in cache.iterdir() if file.suffix != ".lock")


def test_an_unfinished_set_is_listed_as_such(many: Dataset, cache: Path, made: PreparedSet) -> None:
    interrupted(many, cache)
    assert sorted(one.state for one in cached_sets(cache)) == ["unfinished", "whole"]


def test_a_set_of_another_decoder_is_outdated(cache: Path, made: PreparedSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared_sets, "pillow_version", "another")
    (one,) = cached_sets(cache)
    assert (one.state, one.images) == ("outdated", 7)


def test_a_set_of_an_older_alexbench_is_outdated(cache: Path, made: PreparedSet) -> None:
    sidecar = made.path.with_suffix(".json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "schema_version": 1}))
    (one,) = cached_sets(cache)
    assert one.state == "outdated"


def test_any_start_of_a_key_that_fits_one_names_it(many: Dataset, cache: Path, made: PreparedSet) -> None:
    prepare(many, SMALL, cache)
    (found,) = find_sets(cache, [made.path.stem[:6]])
    assert found.key == made.path.stem
    with pytest.raises(UsageError, match=r"'' matches no set"):
        find_sets(cache, [""])
    with pytest.raises(UsageError, match=r"'zz' matches no set .*; there are: "):
        find_sets(cache, ["zz"])


def test_changed_images_are_found_by_their_number(cache: Path, made: PreparedSet) -> None:
    (one,) = cached_sets(cache)
    assert damaged_pictures(one, threads=2) == []
    pixels = np.load(made.path, mmap_mode="r+")
    pixels[2, 0, 0, 0] ^= 1
    pixels[5, 31, 31, 2] ^= 128
    pixels.flush()
    assert damaged_pictures(one, threads=2) == [2, 5]


def test_an_unfinished_set_cannot_be_verified(few: Dataset, cache: Path) -> None:
    interrupted(few, cache)
    (one,) = cached_sets(cache)
    with pytest.raises(DataError, match="unfinished or damaged"):
        damaged_pictures(one, threads=1)


def test_removing_leaves_no_file_and_no_other_set(few: Dataset, many: Dataset, cache: Path, made: PreparedSet) -> None:
    prepare(many, SMALL, cache)
    sets = find_sets(cache, [made.path.stem])
    assert remove_sets(sets) == sets[0].size_bytes
    assert {one.images for one in cached_sets(cache)} == {len(many)}
    assert not list(cache.glob(f"{made.path.stem}*"))
    assert prepare(few, SMALL, cache).digest == made.digest


def test_a_set_that_is_being_built_is_not_removed(few: Dataset, cache: Path, made: PreparedSet) -> None:
    sets = cached_sets(cache)
    with FileLock(made.path.with_suffix(".lock")), pytest.raises(DataError, match="is being built; wait"):
        remove_sets(sets)
    assert prepare(few, SMALL, cache).from_cache
