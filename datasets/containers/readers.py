"""The encoded bytes of an image, from any container. Use one reader per process: readers keep files open."""

from pathlib import Path
from typing import Protocol

from alexbench.datasets.containers.files import FileReader
from alexbench.datasets.containers.tar import TarReader
from alexbench.datasets.dataset import Container, Sample


class ImageReader(Protocol):
    """Reads the images of one data set. It is not thread-safe."""

    def read(self, sample: Sample) -> bytes:
        """The encoded bytes of ``sample``.

        Raises:
            DataError: the file is gone, changed or damaged; the message names the file, and the record if it has
                records.
        """
        ...


def reader_for(container: Container, root: Path) -> ImageReader:
    """The reader of a data set's container; ``root`` is the data set's."""
    if container == "files":
        return FileReader(root)
    if container == "tar":
        return TarReader(root)
    if container == "tfrecord":
        from alexbench.datasets.containers.tfrecord import TFRecordReader

        return TFRecordReader(root)
    from alexbench.datasets.containers.parquet import ParquetReader

    return ParquetReader(root)
