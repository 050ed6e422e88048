"""A file that the user names with ``--out`` or another flag: written whole, or not at all and said why."""

import os
from pathlib import Path

from alexbench.harness.errors import UsageError
from alexbench.harness.plain_text import encodable


def check_place(path: Path, *, flag: str = "--out") -> None:
    """Whether what ``flag`` names can be a file there, said before any work.

    Raises:
        UsageError: it is a folder, or its folder is not there or cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{flag} {path} is a folder; name a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"{flag} {path}: {path.parent} is no folder that can be written to; name another file")


def write_whole(path: Path, text: str, *, flag: str = "--out") -> None:
    """Write the file that ``flag`` names, whole or not at all.

    Raises:
        UsageError: it is a folder, or cannot be written.
    """
    partial = path.with_name(f".alexbench-{os.getpid()}.partial")  # any name that fits has a place for this
    try:
        if path.is_dir():
            raise UsageError(f"{flag} {path} is a folder; name a file")
        partial.write_text(encodable(text), encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{flag} {path}: {error.strerror}; name a file that can be written") from error
