"""Reads one file per image. Also what all readers share: files that stay open, and a limit on an image's size."""

from pathlib import Path
from typing import IO, Final

from alexbench.datasets.dataset import Sample, said_place
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import IMAGE_BYTES_AT_MOST, read_file

_OPEN_AT_MOST: Final = 16


def check_size(said: str, size: int) -> None:
    """Refuse an image that is larger than any real image, before memory is allocated for it.

    Raises:
        DataError: the image is too large.
    """
    if size > IMAGE_BYTES_AT_MOST:
        raise DataError(f"{said}: {size:,} bytes, but an image has {IMAGE_BYTES_AT_MOST:,} at most; take it out")


class OpenFiles:
    """The last few files below ``root`` that were read. They stay open until the object is closed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, IO[bytes]] = {}

    def get(self, name: str) -> IO[bytes]:
        """The open file ``name``, at any position. Raises OSError."""
        if name not in self._files:
            if len(self._files) == _OPEN_AT_MOST:
                self._files.pop(next(iter(self._files))).close()
            self._files[name] = (self._root / name).open("rb")
        return self._files[name]

    def __del__(self) -> None:
        for file in self._files.values():
            file.close()


class FileReader:
    """Reads a set that has one file per image."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, sample: Sample) -> bytes:
        """See :class:`alexbench.datasets.containers.readers.ImageReader`."""
        file = self._root / sample.file
        try:
            data = read_file(file, self._said(sample), DataError, most=IMAGE_BYTES_AT_MOST)
        except OSError as error:
            raise DataError(f"{self._said(sample)}: cannot be read ({error.strerror or error})") from error
        if sample.size not in (-1, len(data)):
            raise DataError(f"{self._said(sample)}: changed while the set was being prepared; run again")
        return data

    def _said(self, sample: Sample) -> str:
        return said_place(self._root / sample.file, sample.name, sample.at, "files")
