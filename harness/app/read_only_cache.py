"""A cache that is whole and cannot be written to (an image of a container, another user's) is used all the same.

Commands get a folder of links to its files, where their locks and logs can be; what they have to make again lies beside
the links, and is gone when the command ends.
"""

import atexit
import functools
import os
import tempfile
from pathlib import Path
from typing import Final

_NOT_LINKED: Final = (".lock", ".log", ".partial")
"""Files that are written in place."""


@functools.cache
def linked(cache: Path) -> Path:
    """A folder that can be written to and has all files of ``cache``: one a process.

    Raises:
        OSError: there is no place for it, or no links.
    """
    made = tempfile.TemporaryDirectory(prefix="alexbench-cache-", ignore_cleanup_errors=True)
    atexit.register(made.cleanup)
    for folder, _, files in os.walk(cache):
        inside = Path(made.name) / Path(folder).relative_to(cache)
        inside.mkdir(exist_ok=True)
        for name in files:
            if not name.endswith(_NOT_LINKED):
                (inside / name).symlink_to(Path(folder).absolute() / name)
    return Path(made.name)
