"""The folder of what is generated, converted or fetched once and used by many runs."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from alexbench.harness.errors import UsageError
from alexbench.harness.files.plain_text import is_utf8


def cache_folder() -> Path:
    """Where generated and converted files are kept: ALEXBENCH_CACHE, or the platform's cache folder for us."""
    named = os.environ.get("ALEXBENCH_CACHE")
    if named and not is_utf8(named):
        raise UsageError(f"ALEXBENCH_CACHE {named}: this path is not UTF-8; name another folder")
    if named:
        return Path(named)
    with suppress(RuntimeError):
        usual = Path(platformdirs.user_cache_dir("alexbench", appauthor=False))
        if usual.parts[0] != "~":
            return usual
    # No HOME, and a user that the system does not know, as in a container.
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"alexbench-cache-{user}"
    if folder.exists() and folder.stat().st_uid != user:
        raise UsageError(f"HOME is not set, and {folder} is another user's; name a folder with ALEXBENCH_CACHE")
    return folder
