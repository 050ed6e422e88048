"""A TOML file that the user names with a flag."""

from pathlib import Path
from typing import Any

from alexbench.harness.errors import UsageError
from alexbench.harness.files.input_files import TEXT_BYTES_AT_MOST, read_file, toml_table


def read_toml(path: Path, flag: str) -> dict[str, Any]:
    """What is in it.

    Raises:
        UsageError: it is missing, or no TOML; the message names ``flag`` and the file.
    """
    said = f"{flag} {path}"
    try:
        return toml_table(read_file(path, said, UsageError, most=TEXT_BYTES_AT_MOST), said, UsageError)
    except FileNotFoundError as error:
        raise UsageError(f"{said}: no such file; name a TOML file") from error
    except OSError as error:
        raise UsageError(f"{said}: cannot be read ({error.strerror})") from error
