"""Answers kept batch by batch while a backend is evaluated, so that a killed run goes on where it was.

Mapped files: the answers of every image, all logits of a few, and for each batch of the grid whether it is done, how
long it took and a checksum of its answers. A killed process loses nothing that it wrote to a map; a machine that lost
power may have written one file and not the other, which the checksum tells.
"""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.judge.top_k import top_k

ANSWER: Final = np.dtype([("classes", np.int32, 5), ("scores", np.float32, 5)])
"""What is kept of an image: top-5 outputs and their logits; -1 and NaN beyond the last of fewer outputs."""

_BATCH: Final = np.dtype([("done", np.uint32), ("checksum", np.uint32), ("seconds", np.float64)])


class StoredAnswers:
    """The answers of one backend to ``images`` images, evaluated in batches of ``batch_size``.

    ``answers``: (images,) of ANSWER. For the images ``whole`` (increasing places) all ``outputs`` logits are kept too,
    for parity. Opening files of another size starts again.
    """

    def __init__(self, stem: Path, images: int, batch_size: int, *, whole: Sequence[int], outputs: int) -> None:
        self._batch_size, self._images = batch_size, images
        self._whole = np.asarray(whole, dtype=np.int64)
        self.answers = _mapped(_file(stem, "answers"), (images,), ANSWER)
        self._logits = _mapped(_file(stem, "logits"), (len(whole), outputs), np.dtype(np.float32))
        self._batches = _mapped(_file(stem, "batches"), (-(-images // batch_size),), _BATCH)
        for batch in np.flatnonzero(self._batches["done"]).tolist():
            if self._batches["checksum"][batch] != self._checksum(batch):
                self._batches[batch] = (0, 0, 0.0)

    @property
    def missing(self) -> list[int]:
        """The batches that are not done, by their place in the grid."""
        places: list[int] = np.flatnonzero(self._batches["done"] == 0).tolist()
        return places

    @property
    def seconds(self) -> float:
        """How long the batches that are done took."""
        return float(self._batches["seconds"].sum())

    @property
    def images_done(self) -> int:
        """The images in the batches that are done."""
        done = np.flatnonzero(self._batches["done"])
        return sum(min(self._batch_size, self._images - int(batch) * self._batch_size) for batch in done)

    def place(self, batch: int) -> slice:
        """The images of a batch."""
        return slice(batch * self._batch_size, min((batch + 1) * self._batch_size, self._images))

    def keep(self, batch: int, logits: NDArray[Any], *, seconds: float) -> None:
        """Keep the answers of a batch: its ``logits`` are (images of the batch, outputs)."""
        where = self.place(batch)
        self.answers["classes"][where], self.answers["scores"][where] = _top_5(logits)
        rows = self._rows(batch)
        self._logits[rows] = logits[self._whole[rows] - where.start]
        self._batches[batch] = (1, self._checksum(batch), seconds)

    def close(self) -> Self:
        """Write what is mapped to the disk."""
        for mapped in (self.answers, self._logits, self._batches):
            mapped.flush()
        return self

    def _rows(self, batch: int) -> slice:
        """Which of the whole logits are of a batch."""
        where = self.place(batch)
        first, last = np.searchsorted(self._whole, [where.start, where.stop]).tolist()
        return slice(first, last)

    def _checksum(self, batch: int) -> int:
        return zlib.crc32(
            self._logits[self._rows(batch)].tobytes(), zlib.crc32(self.answers[self.place(batch)].tobytes())
        )


def _top_5(logits: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The five best outputs and their scores; of fewer than five outputs, -1 and NaN for the rest."""
    classes, scores = top_k(logits, 5)
    missing = ((0, 0), (0, 5 - classes.shape[1]))
    return np.pad(classes, missing, constant_values=-1), np.pad(scores, missing, constant_values=np.nan)


def read_answers(stem: Path) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """What :class:`StoredAnswers` left in files: the answers (images,) of ANSWER, and the whole logits."""
    return np.load(_file(stem, "answers")), np.load(_file(stem, "logits"))


def files_of(stem: Path) -> list[Path]:
    """The files that :class:`StoredAnswers` keeps the answers in."""
    return [_file(stem, kind) for kind in ("answers", "logits", "batches")]


def _file(stem: Path, kind: str) -> Path:
    return stem.with_name(f"{stem.name}-{kind}.npy")


def _mapped(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.memmap[Any, Any]:
    """The array of the file, mapped for writing; made anew, all zero, where it is not of that kind."""
    try:
        found = np.load(path, mmap_mode="r+")
        if isinstance(found, np.memmap) and (found.shape, found.dtype) == (shape, dtype):
            return found
        del found
    except (OSError, ValueError, EOFError):
        pass
    # All of its space is taken: writing to a map on a full disk would kill the process (SIGBUS).
    made: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    made[...] = np.zeros((), dtype)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return made
