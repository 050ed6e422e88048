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


_UNPACK: Final = "unpack it, and name the file in it"
_AGAIN: Final = "fetch the file anew"
_BEGINNINGS: Final = (
    b"version https://git-lfs",
    b"<!doctype html",
    b"<html",
    b"<?xml",
    b"\x89hdf\r\n",
    b"\x1f\x8b",
    b"bzh",
    b"\xfd7zxz",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"rar!\x1a\x07",
    b"\x89png\r\n",
    b"\xff\xd8\xff",
    b"gif8",
    b"%pdf-",
    b"\x7felf",
    b"\x93numpy",
)
"""In lower case, without blanks in front: people write HTML as they like."""
_OTHERS: Final = (
    OtherContent("a Git LFS pointer, not the file itself", "git lfs pull, or fetch anew"),
    OtherContent("a web page, not weights or a model", _AGAIN),
    OtherContent("a web page, not weights or a model", _AGAIN),
    OtherContent("an XML text (an OpenVINO IR, or a server's error), not weights", "run an IR with --artifact openvino="
                 "FILE.xml, fetch any other file anew"),
    OtherContent("an HDF5 file", "load it in its framework, and save a SavedModel or safetensors"),
    OtherContent("compressed (gzip)", _UNPACK),
    OtherContent("compressed (bzip2)", _UNPACK),
    OtherContent("compressed (xz)", _UNPACK),
    OtherContent("compressed (zstd)", _UNPACK),
    OtherContent("a 7z archive", _UNPACK),
    OtherContent("a RAR archive", _UNPACK),
    OtherContent("an image (PNG), not weights or a model", "name the file of the model"),
    OtherContent("an image (JPEG), not weights or a model", "name the file of the model"),
    OtherContent("an image (GIF), not weights or a model", "name the file of the model"),
    OtherContent("a PDF, not weights or a model", "name the file of the model"),
    OtherContent("a compiled program (ELF), not weights or a model", "name the file of the model"),
    OtherContent("one NumPy array (.npy), or a pickle in one", "save the arrays with numpy.savez(FILE, **arrays)"),
)  # fmt: skip
"""What begins so, in the same order."""
_EMPTY: Final = OtherContent("empty (0 bytes)", "fetch or save it again")


def other_content(path: Path) -> OtherContent | None:
    """The kind of a file without weights, or in a container that is not opened; None if it may be a weights file."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return _EMPTY
    shown = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    place = next((place for place, begins in enumerate(_BEGINNINGS) if shown.startswith(begins)), None)
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
