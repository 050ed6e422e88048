"""What a file is wrapped in: zip files, which have a CRC-32 of each member, and what is no weights file at all."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.harness.errors import WeightsError
from alexbench.harness.input_files import WEIGHTS_BYTES_AT_MOST


@dataclass(frozen=True, slots=True)
class OtherContent:
    """What a file is instead of weights, and what to do, in words."""

    begins: bytes
    what: str
    fix: str


_UNPACK: Final = "unpack it, and name the file in it"
_OTHERS: Final = (
    OtherContent(b"version https://git-lfs", "a Git LFS pointer, not the file itself", "git lfs pull, or fetch anew"),
    OtherContent(b"<!DOCTYPE", "a web page, not weights", "fetch the file anew"),
    OtherContent(b"<html", "a web page, not weights", "fetch the file anew"),
    OtherContent(b"\x89HDF\r\n", "an HDF5 file", "load it in its framework, and save a SavedModel or safetensors"),
    OtherContent(b"\x1f\x8b", "compressed (gzip)", _UNPACK),
    OtherContent(b"BZh", "compressed (bzip2)", _UNPACK),
    OtherContent(b"\xfd7zXZ", "compressed (xz)", _UNPACK),
    OtherContent(b"\x28\xb5\x2f\xfd", "compressed (zstd)", _UNPACK),
)


def other_content(path: Path) -> OtherContent | None:
    """What a file is that holds no weights, or weights in a wrapping that is not opened; None where it may be one."""
    with path.open("rb") as file:
        head = file.read(32)
    return next((one for one in _OTHERS if head.startswith(one.begins)), None)


def check_zip(path: Path) -> bool:
    """Whether the file is a zip file; if so, every member was held against its CRC.

    Raises:
        WeightsError: a member does not have the CRC that the file says it has; it is named.
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
