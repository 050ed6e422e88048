"""Answers kept batch by batch while a backend is evaluated, so that a killed run goes on where it was.

Two mapped files: the answers of every picture, and for each batch of the grid whether it is done, how long it took and
a checksum of its answers. A killed process loses nothing that it wrote to a map; a machine that lost power may have
written one file and not the other, which the checksum tells.
"""

import zlib
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

ANSWER: Final = np.dtype([("classes", np.int32, 5), ("scores", np.float32, 5)])
"""What is kept of a picture: top-5 outputs and their logits."""

_BATCH: Final = np.dtype([("done", np.uint32), ("checksum", np.uint32), ("seconds", np.float64)])


class KeptAnswers:
    """The answers of one backend to ``images`` pictures, evaluated in batches of ``batch_size``.

    ``answers``: (images,) of ANSWER. Opening files of another size begins anew.
    """

    def __init__(self, stem: Path, images: int, batch_size: int) -> None:
        self._batch_size, self._images = batch_size, images
        self.answers = _mapped(stem.with_name(f"{stem.name}-answers.npy"), images, ANSWER)
        self._batches = _mapped(stem.with_name(f"{stem.name}-batches.npy"), -(-images // batch_size), _BATCH)
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
        """The pictures in the batches that are done."""
        done = np.flatnonzero(self._batches["done"])
        return sum(min(self._batch_size, self._images - int(batch) * self._batch_size) for batch in done)

    def place(self, batch: int) -> slice:
        """The pictures of a batch."""
        return slice(batch * self._batch_size, min((batch + 1) * self._batch_size, self._images))

    def keep(self, batch: int, classes: NDArray[np.int32], scores: NDArray[np.float32], *, seconds: float) -> None:
        """Keep a batch: ``classes`` and ``scores`` are (pictures of the batch, 5)."""
        where = self.place(batch)
        self.answers["classes"][where], self.answers["scores"][where] = classes, scores
        self._batches[batch] = (1, self._checksum(batch), seconds)

    def close(self) -> Self:
        """Write what is mapped to the disk."""
        for mapped in (self.answers, self._batches):
            mapped.flush()
        return self

    def _checksum(self, batch: int) -> int:
        return zlib.crc32(self.answers[self.place(batch)].tobytes())


def read_answers(stem: Path) -> NDArray[Any]:
    """The answers that :class:`KeptAnswers` left in files, (images,) of ANSWER."""
    answers: NDArray[Any] = np.load(stem.with_name(f"{stem.name}-answers.npy"))
    return answers


def _mapped(path: Path, count: int, dtype: np.dtype[Any]) -> np.memmap[Any, Any]:
    """The array of the file, mapped for writing; made anew, all zero, where it is not of that kind."""
    try:
        found = np.load(path, mmap_mode="r+")
        if isinstance(found, np.memmap) and (found.shape, found.dtype) == ((count,), dtype):
            return found
        del found
    except (OSError, ValueError, EOFError):
        pass
    made: np.memmap[Any, Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(count,))
    return made
