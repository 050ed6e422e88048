"""The cells of a leaderboard's row as text."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from alexbench.harness.records import environment_of
from alexbench.reports.speed_cells import rate
from alexbench.reports.wording import ABSENT

AT_CHANCE: Final = {"no better": "AT CHANCE", "too few": "TOO FEW PICTURES"}
"""What stands where top-1 is not shown to be better than guessing."""

Row = Mapping[str, Any]
"""Of :func:`alexbench.reports.leaderboard.leaderboard_rows`."""


def has(row: Row, column: str) -> bool:
    """Whether there is a value."""
    value = row[column]
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def text(row: Row, column: str) -> str:
    """As it is."""
    return str(row[column]) if has(row, column) else ABSENT


def number(row: Row, column: str, digits: int) -> str:
    """With so many decimals."""
    return f"{row[column]:.{digits}f}" if has(row, column) else ABSENT


def scientific(row: Row, column: str) -> str:
    """As 2.0e-6."""
    if not has(row, column):
        return ABSENT
    digits, exponent = f"{row[column]:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def accuracy(row: Row, column: str) -> str:
    """Percent and its interval, where there is one, and beside it how many pictures are not in it."""
    if not has(row, column):
        return ABSENT
    low, high = f"{column}_low", f"{column}_high"
    interval = f" ({row[low]:.1f}-{row[high]:.1f})" if has(row, low) else ""
    skipped = f" ({row['skipped']} skipped)" if has(row, "skipped") and row["skipped"] else ""
    return number(row, column, 2) + interval + skipped


def latency(row: Row) -> str:
    """The median and its interval, low to high: a bootstrap interval need not be symmetric."""
    if not has(row, "latency_p50_ms"):
        return ABSENT
    return f"{row['latency_p50_ms']:.2f} ({row['latency_low_ms']:.2f}-{row['latency_high_ms']:.2f})"


def throughput(row: Row) -> str:
    """Images/s and their interval."""
    if not has(row, "images_per_second"):
        return ABSENT
    return rate(row["images_per_second"], row["images_per_second_low"], row["images_per_second_high"])


def memory(row: Row) -> str:
    """When warm, and the most until then; older records have the latter alone."""
    warm = number(row, "rss_mib", 0)
    return f"{warm} ({row['peak_rss_mib']:.0f})" if has(row, "peak_rss_mib") else warm


def name(row: Row) -> str:
    """The runtime with its version, once where its environment is called so, and the artifact that it ran."""
    if not has(row, "version"):
        return str(row["backend"])
    # Build numbers and local parts (2026.4.1-22982-..., 2.13.0+cpu) are in the record.
    version = re.split("[-+]", row["version"])[0]
    said = "" if environment_of(row["backend"]) == version else f" {version}"
    file = f" ({row['artifact']})" if has(row, "artifact") else ""
    return f"{row['backend']}{said}{file}"


def checks(row: Row) -> str:
    """Chance, parity with float64, with the bits of a precision that the row does not say it has, and noise."""
    if row["status"] != "ok":
        return {"missing": "not installed", "pending": "not measured"}.get(row["status"], "ERROR")
    failed = [AT_CHANCE[row["chance"]]] if has(row, "chance") and row["chance"] in AT_CHANCE else []
    if has(row, "far_off") and row["far_off"]:
        failed.append(f"OFF BY {row['max_abs_over_sigma']:.2g} SIGMA")
    if has(row, "parity") and row["parity"] != "ok":
        # "8 bits": which format that may be stands among the notes.
        bits = f": {row['unmasked'].partition(' (')[0]}" if has(row, "unmasked") else ""
        failed.append(row["parity"] if row["parity"].startswith("quantized") else f"parity {row['parity']}{bits}")
    noisy = ["noisy"] if has(row, "noise") and bool(row["noise"]) else []
    if failed or has(row, "parity"):
        return ", ".join([*(failed or ["ok"]), *noisy])
    return (noisy or ["quiet"])[0] if has(row, "noise") else ABSENT


def known(row: Row, column: str, how: str) -> str:
    """A value, and behind it how it is known."""
    return f"{row[column]} ({row[how]})" if has(row, column) and has(row, how) else text(row, column)


def mfu(row: Row) -> str:
    """The share of the ceiling; above it, that the peak was not found."""
    if not has(row, "peak_found"):
        return ABSENT
    return f"{row['mfu']:.2f}" if row["peak_found"] else "peak not found"


def flips(row: Row) -> str:
    """How many, and how many rounding cannot explain."""
    if not has(row, "flips"):
        return ABSENT
    return f"{row['flips']}" + (f" ({row['unexplained_flips']} unexplained)" if row["unexplained_flips"] else "")
