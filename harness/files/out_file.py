"""A file that the user names with ``--out`` or another flag: written whole, or not at all and said why."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alexbench.harness.errors import UsageError
from alexbench.harness.files.plain_text import encodable, is_utf8
from alexbench.harness.files.whole_file import write_whole

MARKDOWN: Final = (".md", ".markdown")
XML: Final = (".xml",)


def check_folder(out: Path) -> bool:
    """Whether the folder that ``--out`` names exists. Refuses one that cannot be made or written, before any work.

    Raises:
        UsageError: it is a file, or cannot be written.
    """
    if not is_utf8(out.absolute()):
        raise UsageError(
            f"--out {out}: this path is not UTF-8, and tables cannot be written there; name another folder"
        )
    there = next(one for one in (out.absolute(), *out.absolute().parents) if one.exists())
    if there == out.absolute() and not there.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder; name another")
    why = unwritable(there)
    if why is not None:
        raise UsageError(f"--out {out}: {why}; name a folder that can be written")
    return out.exists()


def check_place(path: Path, *, flag: str = "--out", suffixes: Sequence[str] = ()) -> None:
    """Whether what ``flag`` names can be a file there, said before any work. ``suffixes``: those of its format.

    Raises:
        UsageError: it is a folder, is named like another format, or its folder is not there or cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"{flag} {path} is a folder; name a file")
    if path.exists() and not path.is_file():  # a device or a pipe
        return
    if suffixes and path.suffix and path.suffix.lower() not in suffixes:
        raise UsageError(f"{flag} {path}: name a file that ends in {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        raise UsageError(f"{flag} {path}: the folder {path.parent} does not exist; make it, or name another file")
    why = unwritable(path.resolve().parent)
    if why is not None:
        raise UsageError(f"{flag} {path}: the folder {path.parent} cannot be written ({why}); name another file")


def unwritable(folder: Path) -> str | None:
    """Why nothing can be made in ``folder``, tried out: permissions do not tell of /proc or a read-only disk."""
    try:
        Path(tempfile.mkdtemp(prefix=".alexbench-", dir=folder)).rmdir()
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return None


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
