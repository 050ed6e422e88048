"""What disturbed a run, once for all of its rows, with how far apart tied rows may be."""

from collections.abc import Mapping, Sequence
from typing import Final

from alexbench.harness.records.reasons import Code, Reason
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.text.reason_words import words
from alexbench.reports.text.wording import ties_line

_WORDS: Final[Mapping[Code, str]] = {
    "foreign": "other processes used {range} of the CPU",
    "steal": "the hypervisor took {range} of the CPU",
    "throttled": "the CPU throttled its clock",
    "drift": "latency drifted by {range}",
    "deviation": "block times varied by {range}",
}
"""Noise check -> what happened; causes come before symptoms."""


def noise_banner(record: RunRecord) -> str:
    """Two or three sentences; "" where no noise check failed, and in an invalid run, whose verdict says it."""
    found = disturbances(record)
    if not found or record.invalid:
        return ""
    ties = ties_line(record)
    said = f" {ties[0].upper()}{ties[1:]}." if ties else ""
    return f"Noisy machine: {found}.{said} Re-run on a quiet machine."


def disturbances(record: RunRecord) -> str:
    """What the noise checks of all rows found, each kind once; "" for nothing."""
    speeds = [row.performance for row in record.systems if row.performance is not None]
    failed = [one for speed in speeds if speed.noise is not None for one in speed.noise.failed]
    unsteady = any(speed.noise is None and not speed.steady for speed in speeds)
    known = [_words(code, [one for one in failed if one.code == code]) for code in _WORDS]
    others = dict.fromkeys(words(one) for one in failed if one.code not in _WORDS)
    return ", ".join(filter(None, (*known, *others))) or ("no steady state" if unsteady else "")


def _words(code: Code, found: Sequence[Reason]) -> str:
    """One phrase for all rows, with the range of what was measured."""
    if not found:
        return ""
    measured = sorted(round(abs(one.measured)) for one in found)
    low, high = measured[0], measured[-1]
    return _WORDS[code].format(range=f"{low} %" if low == high else f"{low}-{high} %")
