"""Answers kept batch by batch: what is whole is kept, what is not is asked again."""

from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.worker.stored_answers import StoredAnswers, read_answers


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    return tmp_path / "a"


OUTPUTS = 8


def opened(stem: Path, batch_size: int = 4) -> StoredAnswers:
    return StoredAnswers(stem, 10, batch_size, whole=[1, 5, 6, 9], outputs=OUTPUTS)


def keep(stem: Path, *batches: int) -> StoredAnswers:
    """10 images in batches of 4, all logits of four of them; the best output of a batch is its number plus one."""
    kept = opened(stem)
    for batch in batches:
        logits = np.zeros((kept.place(batch).stop - kept.place(batch).start, OUTPUTS), np.float32)
        logits[:, batch + 1] = 2.5
        kept.keep(batch, logits, seconds=1.5)
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
    answers, logits = read_answers(stem)
    assert answers["classes"][:, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 3, 3]
    assert logits.argmax(axis=1).tolist() == [1, 0, 0, 3]


def test_a_batch_whose_answers_were_lost_is_missing(stem: Path) -> None:
    kept = keep(stem, 0, 1, 2)
    kept.answers["scores"][5, 0] += 1
    kept.close()
    assert keep(stem).missing == [1]


def test_a_batch_whose_logits_were_lost_is_missing(stem: Path) -> None:
    keep(stem, 0, 1, 2)
    logits = np.load(stem.with_name("a-logits.npy"), mmap_mode="r+")
    logits[3] = 0
    logits.flush()
    assert keep(stem).missing == [2]


@pytest.mark.parametrize("what", ["answers", "logits", "batches"])
@pytest.mark.parametrize("damage", ["gone", "short", "no array"])
def test_a_file_that_is_lost_makes_all_missing(stem: Path, what: str, damage: str) -> None:
    keep(stem, 0, 1, 2)
    file = stem.with_name(f"a-{what}.npy")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:128] if damage == "short" else b"text")
    assert keep(stem).missing == [0, 1, 2]


def test_another_grid_begins_anew(stem: Path) -> None:
    keep(stem, 0, 1, 2)
    assert opened(stem, batch_size=2).missing == [0, 1, 2, 3, 4]
