"""The Parquet files of a run: written with a checksum of every page, read through one function that verifies them.

Tables that an older AlexBench wrote have no checksums, and are read without. The column ``backend`` holds the label of
a row's system.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from alexbench.harness.errors import RecordError
from alexbench.harness.records.file_names import BLOCKS, FLIPS, PREDICTIONS, REFERENCE, SAMPLES, TIMINGS

Kind = Literal["text", "digest", "class", "whole", "number", "flag", "optional"]
"""``class``: 0..999, -1 for background; ``digest``: SHA-256 in hexadecimal; ``optional``: text or null."""

ANCHOR: Final = "anchor"
"""What the machine probe is called among the rows of timings and blocks."""
TOP: Final = tuple(f"top{place}" for place in range(1, 6))
SCORES: Final = tuple(f"score{place}" for place in range(1, 6))
_SAMPLE: Final[dict[str, Kind]] = {"sample": "text", "label": "class"}
_ANSWER: Final[dict[str, Kind]] = {
    **_SAMPLE,
    **dict.fromkeys(TOP, "class"),
    **dict.fromkeys(SCORES, "number"),
}
_BLOCK: Final[dict[str, Kind]] = {
    "backend": "text",
    "scenario": "text",
    "batch": "whole",
    "way": "text",
    "process": "whole",
    "round": "whole",
    "settled": "flag",
}
COLUMNS: Final[dict[str, dict[str, Kind]]] = {
    PREDICTIONS: {"backend": "text", **_ANSWER},
    SAMPLES: {**_SAMPLE, "source_sha256": "digest", "pixels_sha256": "digest", "skipped": "optional"},
    REFERENCE: _ANSWER,
    FLIPS: {"backend": "text", "sample": "text", "margin_sigma": "number", "explained": "flag"},
    TIMINGS: {**_BLOCK, "ns": "whole"},
    BLOCKS: {**_BLOCK, "calls": "whole", "images": "whole", "median_ns": "number"},
}
"""File -> column -> what it holds, of the columns that anything is made from."""
_CLASSES: Final = 1000
_MOST_ROWS: Final = 50_000_000
"""More than any run has; a file of a few bytes can claim more."""


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a table; the same table gives the same bytes. Every page has a checksum (CRC-32)."""
    frame.to_parquet(path, engine="pyarrow", compression="zstd", index=False, write_page_checksum=True)


def read_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """A table of a run, all of it, None where there is no such file; ``columns``: those that it must have.

    Without ``columns``, those that a file of its name has. What they hold is of their kinds.

    Raises:
        RecordError: it is damaged; the message names the file, and the column where it is one.
    """
    try:
        frame = _read(path)
    except FileNotFoundError:
        return None
    except RecordError:
        raise
    except Exception as error:  # a damaged file makes pyarrow and pandas raise whatever they stumble over
        said = " ".join(str(error).split()) or type(error).__name__
        raise RecordError(f"{path} is damaged: {said[:300]}; {_fix(path)}") from error
    known = COLUMNS.get(path.name, {})
    for column in known if columns is None else columns:
        if list(frame.columns).count(column) != 1:
            raise RecordError(f"{path} is damaged: it has no column {column}; {_fix(path)}")
        problem = _problem(frame[column], known.get(column))
        if problem:
            raise RecordError(f"{path} is damaged: {column} {problem}; {_fix(path)}")
    return frame


def _fix(path: Path) -> str:
    return f"restore it, or run again: what {path.name} held cannot be made from the other files"


def _read(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    if not path.exists():
        raise FileNotFoundError(path)
    if not path.is_file():
        raise RecordError(f"{path} is not a file")
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        rows = file.metadata.num_rows
        if rows > _MOST_ROWS:
            raise RecordError(f"{path} is damaged: {rows:,} rows, more than a run has")
        frame: pd.DataFrame = file.read().to_pandas()
    if len(frame) != rows:
        raise RecordError(f"{path} is damaged: it has {len(frame):,} rows and says {rows:,}; {_fix(path)}")
    return frame.reset_index(drop=True)


def _problem(found: "pd.Series[Any]", kind: Kind | None) -> str:
    """What is wrong with a column's values, in words; empty where nothing is."""
    types = pd.api.types
    if kind in ("whole", "class") and not (types.is_integer_dtype(found) and not found.isna().any()):
        return "has a value that is not a whole number"
    if kind == "class" and not found.between(-1, _CLASSES - 1).all():
        return f"has a value that is not a class, -1 to {_CLASSES - 1}"
    if kind == "number" and not (types.is_float_dtype(found) or types.is_integer_dtype(found)):
        return "has a value that is not a number"
    if kind == "flag" and not (types.is_bool_dtype(found) and not found.isna().any()):
        return "holds what is neither true nor false"
    if kind in ("text", "optional", "digest"):
        given = found.dropna() if kind == "optional" else found
        if types.infer_dtype(given, skipna=False) not in ("string", "empty"):
            return "has a value that is not text"
        if kind == "digest" and len(given) and not given.str.fullmatch("[0-9a-f]{64}").all():
            return "has a value that is not a SHA-256"
    return ""
