"""A folder for what a command needs while it runs, in the cache: gone with the command, or with the next one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alexbench.harness.files.whole_file import is_stale


@contextmanager
def scratch(cache: Path, name: str) -> Iterator[Path]:
    """A new folder ``<name>-...`` in ``cache``, removed at the end; those that killed commands left are removed now."""
    for left in cache.glob(f"{name}-*"):
        if left.is_dir() and is_stale(left):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=cache) as folder:
        yield Path(folder)
