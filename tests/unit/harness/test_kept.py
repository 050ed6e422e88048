"""Answers kept batch by batch: what is whole is kept, what is not is asked again."""

from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.app.kept import KeptAnswers, read_answers


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    return tmp_path / "a"


def keep(stem: Path, *batches: int) -> KeptAnswers:
    """10 pictures in batches of 4; the answers of a batch are its number plus one."""
    kept = KeptAnswers(stem, 10, 4)
    for batch in batches:
        count = kept.place(batch).stop - kept.place(batch).start
        kept.keep(batch, np.full((count, 5), batch + 1, np.int32), np.full((count, 5), 0.5, np.float32), seconds=1.5)
    return kept.close()


def test_nothing_is_kept_at_first(stem: Path) -> None:
    kept = keep(stem)
    assert kept.missing == [0, 1, 2]
    assert (kept.seconds, kept.images_done) == (0.0, 0)


def test_whole_batches_are_known_the_next_time(stem: Path) -> None:
    keep(stem, 0, 2)
    kept = keep(stem)
    assert kept.missing == [1]
    assert (kept.seconds, kept.images_done) == (3.0, 6)
    assert read_answers(stem)["classes"][:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 3, 3]


def test_a_batch_whose_answers_were_lost_is_missing(stem: Path) -> None:
    kept = keep(stem, 0, 1, 2)
    kept.answers["scores"][5, 0] += 1
    kept.close()
    assert keep(stem).missing == [1]


@pytest.mark.parametrize("what", ["answers", "batches"])
@pytest.mark.parametrize("damage", ["gone", "short", "no array"])
def test_a_file_that_is_lost_makes_all_missing(stem: Path, what: str, damage: str) -> None:
    keep(stem, 0, 1, 2)
    file = stem.with_name(f"a-{what}.npy")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:140] if damage == "short" else b"text")
    assert keep(stem).missing == [0, 1, 2]


def test_another_grid_begins_anew(stem: Path) -> None:
    keep(stem, 0, 1, 2)
    assert KeptAnswers(stem, 10, 2).missing == [0, 1, 2, 3, 4]
