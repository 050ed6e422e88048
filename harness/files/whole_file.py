"""Writes a file whole or not at all: under a temporary name in the same folder, renamed at the end."""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

STALE_S: Final = 86_400.0
"""Nothing of ours takes a day to write: what is older was left by a command that was killed."""
_NUMBERS: Final = itertools.count()


def is_stale(path: Path) -> bool:
    """Whether nobody can still be writing ``path``.

    Raises:
        OSError: it is gone.
    """
    return time.time() - path.stat().st_mtime > STALE_S


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write to. It becomes ``path`` when the block ends, and is gone when the block fails.

    Raises:
        OSError: the file cannot be written, or cannot be given its name. The error names ``path``.
    """
    partial = path.with_name(f".alexbench-{os.getpid()}-{next(_NUMBERS)}.partial")  # as short as any name that fits
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.filename == str(partial):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all, and onto the disk before it has its name.

    Raises:
        OSError: the disk is full, or the folder cannot be written to.
    """
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
