"""A file that the user names with ``--out`` or another flag: written whole, or not at all and said why."""

import os
from pathlib import Path

from alexbench.harness.errors import UsageError
from alexbench.harness.files.plain_text import encodable
from alexbench.harness.files.whole_file import write_whole


def check_place(path: Path, *, flag: str = "--out") -> None:
    """Whether what ``flag`` names can be a file there, said before any work.

    Raises:
        UsageError: it is a folder, or its folder is not there or cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{flag} {path} is a folder; name a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"{flag} {path}: the folder {path.parent} does not exist or cannot be written; name another file"
        )


def write_out(path: Path, content: str | bytes, *, flag: str = "--out") -> None:
    """Write the file that ``flag`` names, whole or not at all; text as UTF-8.

    Raises:
        UsageError: it is a folder, or cannot be written.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{flag} {path} is a folder; name a file")
        written = content if isinstance(content, bytes) else encodable(content).encode("utf-8")
        if path.exists() and not path.is_file():  # a device or a pipe, which nothing may take the place of
            path.write_bytes(written)
        else:
            write_whole(path.resolve(), written)  # through a symbolic link
    except OSError as error:
        raise UsageError(f"{flag} {path}: {error.strerror}; name a file that can be written") from error
