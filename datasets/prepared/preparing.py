"""Prepares images into a mapped file, in this process or in several child processes."""

import contextlib
import hashlib
import queue
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.children import Child, ChildKilledError
from alexbench.datasets.containers.readers import ImageReader, reader_for
from alexbench.datasets.dataset import Container, Sample, said_place
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import AlexBenchError, DataError
from alexbench.harness.files.lines import Failure, error_from, failure, read, send
from alexbench.harness.models.preprocessing import Preprocessing

_POOL_FROM: Final = 64  # images; for fewer, starting a child (0.3 s) takes longer than it saves
_CHUNK_AT_MOST: Final = 64
_CHUNKS_PER_WORKER: Final = 4  # the fewest chunks per worker, so that no worker is idle for long at the end
OR_SKIP: Final = ", or go on without it: --on-bad-image skip"
_CHILD: Final = "alexbench.datasets.prepared"
NO_DIGEST: Final = bytes(32)
"""The digest of a file that could not be read."""


class PreparingKilledError(DataError):
    """A child was killed. What it had prepared by then is good."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all images of a set share. ``skip``: a bad image is reported and stays black; otherwise it raises."""

    target: Path
    root: Path
    container: Container
    preprocessing: Preprocessing
    skip: bool


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A line to a child: images, each with its place in the set. The first line has ``work``."""

    images: tuple[tuple[int, Sample], ...]
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """A line from a child. For each image: its place, both digests in hex and any fault; or else why there are none."""

    done: tuple[tuple[int, str, str, str | None], ...] = ()
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result for the image at ``place`` of the set: two SHA-256, and the fault if it is bad."""

    place: int
    source: bytes
    pixels: bytes
    bad: str | None = None


def prepare_into(
    work: Work, pictures: Sequence[tuple[int, Sample]], *, workers: int
) -> Generator[list[Prepared], None, None]:
    """Prepare ``pictures``, (place, sample) in file order, into ``work.target``, which exists in full size.

    The target is a .npy file (N, crop, crop, 3) uint8. Yields the result for each image, in the order given, chunk by
    chunk. Closing the iterator early ends all children at once.

    Raises:
        DataError: an image cannot be prepared and may not be skipped; the first in order is named.
        PreparingKilledError: a child was killed.
        CardError: the crop does not fit.
    """
    size = min(_CHUNK_AT_MOST, max(1, -(-len(pictures) // (workers * _CHUNKS_PER_WORKER))))
    chunks = [pictures[start : start + size] for start in range(0, len(pictures), size)]
    if workers == 1 or len(pictures) < _POOL_FROM:
        pixels, reader = np.load(work.target, mmap_mode="r+"), reader_for(work.container, work.root)
        for chunk in chunks:
            yield _prepare_chunk(pixels, reader, chunk, work)
        return

    idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()

    def prepare(chunk: Sequence[tuple[int, Sample]]) -> list[Prepared]:
        child = idle.get()
        try:
            return child.prepare(chunk)
        finally:
            idle.put(child)

    with contextlib.ExitStack() as on_exit:
        # The exit order is the reverse: no new chunk, then the children, then the threads, which no longer wait.
        threads = on_exit.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="alexbench-prepare"))
        for _ in range(min(workers, len(chunks))):
            child = _Child(work)
            on_exit.callback(child.end)
            idle.put(child)
        on_exit.callback(threads.shutdown, wait=False, cancel_futures=True)
        # Results are in order: the error names the first bad image of the set, not the first that a child met.
        for future in [threads.submit(prepare, chunk) for chunk in chunks]:
            yield future.result()


def _prepare_chunk(
    pixels: NDArray[np.uint8], reader: ImageReader, chunk: Sequence[tuple[int, Sample]], work: Work
) -> list[Prepared]:
    return [_prepare_one(pixels, reader, place, sample, work) for place, sample in chunk]


def _prepare_one(pixels: NDArray[np.uint8], reader: ImageReader, place: int, sample: Sample, work: Work) -> Prepared:
    said = said_place(work.root / sample.file, sample.name, sample.at, work.container)
    source, bad = NO_DIGEST, None
    try:
        data = reader.read(sample)
        source = hashlib.sha256(data).digest()
        pixels[place] = prepare_picture(data, work.preprocessing, name=said)
    except DataError as error:
        if not work.skip:
            raise DataError(f"{error}{OR_SKIP}") from error
        pixels[place], bad = 0, str(error)
    return Prepared(place, source, hashlib.sha256(pixels[place].data).digest(), bad)


class _Child:
    """A child process that prepares, seen from the parent. One thread at a time may use it."""

    def __init__(self, work: Work) -> None:
        self._child = Child(_CHILD)
        self._work: Work | None = work

    def prepare(self, chunk: Sequence[tuple[int, Sample]]) -> list[Prepared]:
        """Have ``chunk`` prepared. Returns the result for each image."""
        asked, self._work = _Chunk(tuple(chunk), self._work), None
        self._child.send(asked)
        try:
            answer = self._child.receive(_Answer)
        except ChildKilledError as error:
            raise PreparingKilledError(
                f"a process preparing images was killed by {error.by}; run again: what was prepared is kept"
            ) from error
        if answer.error is not None:
            raise error_from(answer.error)
        return [
            Prepared(place, bytes.fromhex(source), bytes.fromhex(pixels), bad)
            for place, source, pixels, bad in answer.done
        ]

    def end(self) -> None:
        """End the process at any point: an image counts only once the parent has its digests."""
        self._child.end()


def serve(commands: TextIO, answers: TextIO) -> None:
    """The main loop of a child: first a line with the work, then one chunk per line, until the parent ends."""
    line = commands.readline()
    if not line:
        return
    asked = read(_Chunk, line)
    work = asked.work
    assert work is not None
    pixels: NDArray[np.uint8] = np.load(work.target, mmap_mode="r+")
    reader = reader_for(work.container, work.root)
    while True:
        try:
            done = _prepare_chunk(pixels, reader, asked.images, work)
            answer = _Answer(tuple((one.place, one.source.hex(), one.pixels.hex(), one.bad) for one in done))
        except AlexBenchError as error:
            answer = _Answer(error=failure(error))
        send(answers, answer)
        line = commands.readline()
        if not line:
            return
        asked = read(_Chunk, line)
