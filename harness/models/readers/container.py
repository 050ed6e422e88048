"""Recognises containers: zip files, which have a CRC-32 of each member, and files that are not weights."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST


@dataclass(frozen=True, slots=True)
class OtherContent:
    """What a file is instead of weights, and the fix, in words."""

    what: str
    fix: str


_UNPACK: Final = "unpack it and name the file in it"
_BEGINNINGS: Final = (
    b"version https://git-lfs",
    b"<!DOCTYPE",
    b"<html",
    b"\x89HDF\r\n",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
_OTHERS: Final = (
    OtherContent("a Git LFS pointer, not the file itself", "run git lfs pull, or fetch it again"),
    OtherContent("a web page, not weights", "fetch the file again"),
    OtherContent("a web page, not weights", "fetch the file again"),
    OtherContent("an HDF5 file", "load it in its framework, and save a SavedModel or safetensors"),
    OtherContent("compressed (gzip)", _UNPACK),
    OtherContent("compressed (bzip2)", _UNPACK),
    OtherContent("compressed (xz)", _UNPACK),
    OtherContent("compressed (zstd)", _UNPACK),
)
"""The first bytes of each kind, in the same order."""


def other_content(path: Path) -> OtherContent | None:
    """The kind of a file without weights, or in a container that is not opened; None if it may be a weights file."""
    with path.open("rb") as file:
        head = file.read(32)
    found = (place for place, begins in enumerate(_BEGINNINGS) if head.startswith(begins))
    place = next(found, None)
    return None if place is None else _OTHERS[place]


def check_zip(path: Path) -> bool:
    """Whether the file is a zip file. If so, the CRC of every member was checked.

    Raises:
        WeightsError: a member does not have the CRC in the file. The message names it.
    """
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > WEIGHTS_BYTES_AT_MOST:
                raise WeightsError(
                    f"{path} unpacks to {unpacked:,} bytes, {WEIGHTS_BYTES_AT_MOST:,} at most are read; save it again"
                )
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise WeightsError(f"{path} is damaged: {' '.join(str(error).split())}; fetch or save it again") from error
    if broken is not None:
        raise WeightsError(
            f"{path} is damaged: its member {broken} does not have the CRC-32 that the file says; "
            "fetch or save it again"
        )
    return True
