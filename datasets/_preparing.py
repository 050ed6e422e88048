"""The labour of preparing: pictures into a mapped file, in this process or in several child processes.

The children are plain ``python -m alexbench.datasets._preparing`` processes and not multiprocessing's: a spawned child
imports the parent's ``__main__`` again, with whatever runtime a user's script imports at its top, and outlives a parent
that is killed. These import NumPy and Pillow only, and end when their standard input does. JSON lines go in and out;
pixels go through the map.
"""

import contextlib
import hashlib
import json
import os
import queue
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import AlexBenchError, CardError, DataError
from alexbench.harness.models.preprocessing import Preprocessing

_POOL_FROM = 64  # pictures; below, starting a child (0.3 s) takes longer than it saves
_CHUNK_AT_MOST = 64
_CHUNKS_PER_WORKER = 4  # at least, so that no worker idles long at the end


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the manifest: ``path`` relative to the root, and its size when the manifest was taken."""

    path: str
    size_bytes: int


def prepare_into(
    target: Path, root: Path, pictures: Sequence[Picture], preprocessing: Preprocessing, *, workers: int
) -> Generator[list[str], None, None]:
    """Prepare ``pictures`` into the .npy file ``target``, (N, crop, crop, 3) uint8, which exists in full size.

    Yields, in order, chunk by chunk as they are done, the SHA-256 of each picture's file in hexadecimal. Closing the
    iterator early ends all children at once.

    Raises:
        DataError: a picture that cannot be prepared, the first in order; or a child that was killed.
        CardError: the crop does not fit.
    """
    size = min(_CHUNK_AT_MOST, max(1, -(-len(pictures) // (workers * _CHUNKS_PER_WORKER))))
    chunks = [(start, pictures[start : start + size]) for start in range(0, len(pictures), size)]
    if workers == 1 or len(pictures) < _POOL_FROM:
        pixels = np.load(target, mmap_mode="r+")
        for start, chunk in chunks:
            yield _prepare_chunk(pixels, root, start, chunk, preprocessing)
        return

    idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()

    def work(start: int, chunk: Sequence[Picture]) -> list[str]:
        child = idle.get()
        try:
            return child.prepare(start, chunk)
        finally:
            idle.put(child)

    with contextlib.ExitStack() as on_exit:
        # Left in reverse: no new chunk, then the children, then the threads, which wait for nothing any more.
        threads = on_exit.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="alexbench-prepare"))
        for _ in range(min(workers, len(chunks))):
            child = _Child(target, root, preprocessing)
            on_exit.callback(child.end)
            idle.put(child)
        on_exit.callback(threads.shutdown, wait=False, cancel_futures=True)
        # In order: an error is that of the first bad picture, whichever child met its own first.
        for future in [threads.submit(work, start, chunk) for start, chunk in chunks]:
            yield future.result()


def _prepare_chunk(
    pixels: NDArray[np.uint8], root: Path, start: int, chunk: Sequence[Picture], preprocessing: Preprocessing
) -> list[str]:
    digests = []
    for place, picture in enumerate(chunk, start):
        file = root / picture.path
        try:
            data = file.read_bytes()
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror or error})") from error
        if len(data) != picture.size_bytes:
            raise DataError(f"{file}: changed while the set was being prepared; run again")
        pixels[place] = prepare_picture(data, preprocessing, name=str(file))
        digests.append(hashlib.sha256(data).hexdigest())
    return digests


class _Child:
    """A child process, seen from the parent. Used by one thread at a time."""

    def __init__(self, target: Path, root: Path, preprocessing: Preprocessing) -> None:
        self._process = subprocess.Popen(
            # -P: from the repository's root, `import datasets` of some library would otherwise find ours.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C at the terminal is for the parent alone, which then ends its children.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._errors: dict[str, type[AlexBenchError]] = {kind.__name__: kind for kind in (DataError, CardError)}
        self._first = {"target": os.fspath(target), "root": os.fspath(root), "preprocessing": asdict(preprocessing)}

    def prepare(self, start: int, chunk: Sequence[Picture]) -> list[str]:
        """Have ``chunk`` prepared to ``start`` and the following places; the digests of the files."""
        message = {"start": start, "chunk": [[picture.path, picture.size_bytes] for picture in chunk], **self._first}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, message)
            line = self._process.stdout.readline()
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            status = self._process.wait()
            if status >= 0:  # its traceback stands on standard error
                raise RuntimeError(f"a process preparing pictures failed with exit status {status}")
            raise DataError(
                f"a process preparing pictures was killed (signal {-status}), perhaps for want of memory; free some"
                " and run again"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise self._errors[answer["error"]](answer["message"])
        digests: list[str] = answer["digests"]
        return digests

    def end(self) -> None:
        """End the process, whatever it is doing: what it wrote is whole or thrown away."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _send(pipe: IO[bytes], message: dict[str, Any]) -> None:
    # ASCII with escapes: a file name may hold bytes that are no text.
    pipe.write(json.dumps(message).encode("ascii") + b"\n")
    pipe.flush()


def _serve(commands: IO[bytes], answers: IO[bytes]) -> None:
    """A child's whole life: a chunk a line, until the parent is gone."""
    pixels: NDArray[np.uint8] | None = None
    for line in commands:
        message = json.loads(line)
        if pixels is None:
            opened: NDArray[np.uint8] = np.load(message["target"], mmap_mode="r+")
            pixels = opened
        fields = message["preprocessing"]
        preprocessing = Preprocessing(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})
        chunk = [Picture(path, size) for path, size in message["chunk"]]
        try:
            digests = _prepare_chunk(pixels, Path(message["root"]), message["start"], chunk, preprocessing)
        except (DataError, CardError) as error:
            _send(answers, {"error": type(error).__name__, "message": str(error)})
        else:
            _send(answers, {"digests": digests})


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        _serve(sys.stdin.buffer, sys.stdout.buffer)
