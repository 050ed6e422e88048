"""The encoded bytes of a picture, from whatever it lies in. One reader a process; readers keep files open."""

from pathlib import Path
from typing import IO, Final, Protocol

from alexbench.datasets.dataset import Container, Sample, said_place
from alexbench.harness.errors import DataError
from alexbench.harness.input_files import IMAGE_BYTES_AT_MOST, read_file

_OPEN_AT_MOST: Final = 16


def check_size(said: str, size: int) -> None:
    """Refuse an image of more bytes than any has, before memory is taken for it.

    Raises:
        DataError: it is so.
    """
    if size > IMAGE_BYTES_AT_MOST:
        raise DataError(f"{said}: {size:,} bytes, an image has {IMAGE_BYTES_AT_MOST:,} at most; take it out")


class PictureReader(Protocol):
    """Reads the pictures of one data set. Not for several threads at once."""

    def read(self, sample: Sample) -> bytes:
        """The encoded bytes of ``sample``.

        Raises:
            DataError: the file is gone, changed or damaged; the message names it, and the record where it is one.
        """
        ...


def reader_for(container: Container, root: Path) -> PictureReader:
    """The reader of a data set's container; ``root`` is the data set's."""
    if container == "files":
        return _FileReader(root)
    if container == "tar":
        return _TarReader(root)
    if container == "tfrecord":
        from alexbench.datasets.layouts.tfrecord import TFRecordReader

        return TFRecordReader(root)
    from alexbench.datasets.layouts.parquet import ParquetReader

    return ParquetReader(root)


class _FileReader:
    """A file a picture."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, sample: Sample) -> bytes:
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


class OpenFiles:
    """The last few files below ``root`` that were asked for, open for reading; closed with the object."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, IO[bytes]] = {}

    def get(self, name: str) -> IO[bytes]:
        """The file ``name``, standing anywhere. Raises OSError."""
        if name not in self._files:
            if len(self._files) == _OPEN_AT_MOST:
                self._files.pop(next(iter(self._files))).close()
            self._files[name] = (self._root / name).open("rb")
        return self._files[name]

    def __del__(self) -> None:
        for file in self._files.values():
            file.close()


class _TarReader:
    """Members of a plain tar, read in place."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = OpenFiles(root)

    def read(self, sample: Sample) -> bytes:
        said = said_place(self._root / sample.file, sample.name, sample.at, "tar")
        try:
            check_size(said, sample.size)
            archive = self._files.get(sample.file)
            archive.seek(sample.at)
            data = archive.read(sample.size)
        except OSError as error:
            raise DataError(f"{said}: cannot be read ({error.strerror or error})") from error
        if len(data) != sample.size:
            raise DataError(f"{said}: the archive ends within it; restore the archive")
        return data
