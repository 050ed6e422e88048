"""A TOML file that the user names with a flag."""

import tomllib
from pathlib import Path
from typing import Any

from alexbench.harness.errors import UsageError
from alexbench.harness.input_files import TEXT_BYTES_AT_MOST, read_file


def read_toml(path: Path, flag: str) -> dict[str, Any]:
    """What is in it.

    Raises:
        UsageError: it is missing, or no TOML; the message names ``flag`` and the file.
    """
    try:
        return tomllib.loads(read_file(path, f"{flag} {path}", UsageError, most=TEXT_BYTES_AT_MOST).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{flag} {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits and brackets in brackets, too
        raise UsageError(f"{flag} {path} is no valid TOML: {error}") from error
