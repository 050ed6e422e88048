"""A folder for what a command needs while it runs, in the cache: gone with the command, or with the next one."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

STALE_S: Final = 86_400.0
"""No command of this kind takes a day: what is older was left by one that was killed."""


@contextmanager
def scratch(cache: Path, name: str) -> Iterator[Path]:
    """A new folder ``<name>-...`` in ``cache``, removed at the end; those that killed commands left are removed now."""
    for left in cache.glob(f"{name}-*"):
        if left.is_dir() and time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=cache) as folder:
        yield Path(folder)
