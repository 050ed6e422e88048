"""Members of a plain tar, read in place."""

from pathlib import Path

from alexbench.datasets.containers.files import OpenFiles, check_size
from alexbench.datasets.dataset import Sample, said_place
from alexbench.harness.errors import DataError


class TarReader:
    """Members of a plain tar, read in place."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = OpenFiles(root)

    def read(self, sample: Sample) -> bytes:
        """See :class:`alexbench.datasets.containers.readers.ImageReader`."""
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
