"""One JSON file of ours, decoded, in the only schema that there is of its kind so far."""

from pathlib import Path
from typing import TypeVar

from alexbench.harness.errors import RecordError
from alexbench.harness.files.decoding import DecodeError, decode
from alexbench.harness.files.input_files import RECORD_BYTES_AT_MOST, json_data, read_file

T = TypeVar("T")


def read_json_record(kind: type[T], path: Path, *, key: str, newest: int) -> T:
    """Read ``path`` as a ``kind``. ``key``: that of its schema number, which is at most ``newest``.

    Raises:
        RecordError: it is missing, damaged, or written by a newer version.
    """
    try:
        data = json_data(read_file(path, str(path), RecordError, most=RECORD_BYTES_AT_MOST))
        version = data.get(key) if isinstance(data, dict) else None
        if isinstance(version, int) and version > newest:
            raise RecordError(
                f"{path} has schema {version}, newer than the {newest} this alexbench reads; upgrade alexbench"
            )
        return decode(kind, data)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    except (DecodeError, ValueError) as error:
        raise RecordError(f"{path} is damaged: {error}") from error
