"""The checksums that containers carry: a zip file has a CRC-32 of each of its members."""

import zipfile
import zlib
from pathlib import Path

from alexbench.harness.errors import WeightsError
from alexbench.harness.input_files import WEIGHTS_BYTES_AT_MOST


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
