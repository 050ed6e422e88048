"""Which images are calibrated with: a balanced draw, never among the scored ones."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.errors import DataError
from alexbench.harness.quantization.calibration import balanced_draw, listed_places, lists_others, overlap

NAMES = [f"val/n0144{place}/ILSVRC2012_val_0000000{place}.JPEG" for place in range(5)]
GOOD = np.array([True, True, True, True, False])


@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=80),
    count=st.integers(1, 80),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_a_draw_is_of_good_images_as_many_of_each_class_as_can_be(
    labels: list[int], count: int, seed: int, data: st.DataObject
) -> None:
    good = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
    given_labels = np.array(labels, np.int64)
    drawn = balanced_draw(given_labels, good, count, seed)
    assert good[drawn].all()
    assert len(set(drawn.tolist())) == len(drawn) == min(count, int(good.sum()))
    assert drawn.tolist() == sorted(drawn.tolist())
    there, taken = Counter(given_labels[good].tolist()), Counter(given_labels[drawn].tolist())
    most = max(taken.values(), default=0)
    # A class with fewer than the fullest one less one has given all that it has.
    assert all(taken[one] >= most - 1 or taken[one] == there[one] for one in there)


def test_a_draw_depends_on_the_seed_alone() -> None:
    labels, good = np.repeat(np.arange(50), 4), np.ones(200, dtype=np.bool_)
    first, again, other = (balanced_draw(labels, good, 60, seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize("shared", [0, 1, 3])
def test_overlap_is_found_by_the_digests_of_pixels(shared: int) -> None:
    digests = np.random.default_rng(1).integers(0, 256, (8, 32), dtype=np.uint8)
    calibration = np.concatenate([digests[:shared], digests[5:]])
    assert overlap(calibration, digests[:5]).tolist() == [True] * shared + [False] * 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ILSVRC2012_val_00000003.JPEG\nILSVRC2012_val_00000001.JPEG\n", [1, 3]),  # as MLPerf's lists
        ("\ufeffval/ILSVRC2012_val_00000002.JPEG 65\r\n\r\n", [2]),
        ("elsewhere/one.JPEG\nelsewhere/two.JPEG\n", None),
        ("", None),
        ("\x00\udcff", None),
    ],
    ids=["names", "with labels", "other images", "empty", "not text"],
)
def test_a_list_of_scored_images_says_which_are_kept_out(tmp_path: Path, text: str, wanted: list[int] | None) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    found = listed_places(path, NAMES, GOOD)
    assert (None if found is None else found.tolist()) == wanted


@pytest.mark.parametrize("absent", ["ILSVRC2012_val_00000009.JPEG", "ILSVRC2012_val_00000004.JPEG"])
def test_a_list_with_an_image_that_is_not_there_or_not_readable_is_refused(tmp_path: Path, absent: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"ILSVRC2012_val_00000001.JPEG\n{absent}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"1 of its 2 images are not among those of --data, as {absent}"):
        listed_places(path, NAMES, GOOD)


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    assert listed_places(tmp_path, NAMES, GOOD) is None


@pytest.mark.parametrize(("text", "others"), [("train/1.jpg\n", True), ("val/1.jpg\n", False), ("1.jpg\n", False)])
def test_a_list_of_files_elsewhere_is_of_other_images_whatever_they_are_called(
    text: str, others: bool, tmp_path: Path
) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "1.jpg").touch()
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    assert lists_others(tmp_path / "list.txt", str(tmp_path / "val")) is others
