"""Uses a complete cache that cannot be written (in a container image, or another user's).

Commands get a folder of links to its files, with room for their locks and logs. What they must make again goes into
that folder, which is removed when the command ends.
"""

import atexit
import functools
import tempfile
from pathlib import Path
from typing import Final

_WRITTEN: Final = (".lock", ".log", ".part", ".partial")
"""Files that are written in place are not linked to."""


@functools.cache
def linked(cache: Path) -> Path:
    """A folder that can be written to and has what ``cache`` holds: one a process.

    The folders of a cache are made; what is in them is a link, so that a data set's folder is known by its own path.

    Raises:
        OSError: there is no place for it, or no links.
    """
    made = tempfile.TemporaryDirectory(prefix="alexbench-cache-", ignore_cleanup_errors=True)
    atexit.register(made.cleanup)
    for folder in (one for one in cache.absolute().iterdir() if one.is_dir()):
        inside = Path(made.name) / folder.name
        inside.mkdir()
        for one in folder.iterdir():
            if not one.name.endswith(_WRITTEN):
                (inside / one.name).symlink_to(one)
    return Path(made.name)
