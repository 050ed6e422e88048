"""A run as JUnit XML: one test case per row, for tools that show test results of a build."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final
from xml.etree import ElementTree as ET

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.reports.text.reason_words import group_words, joined, words

_ILLEGAL: Final = re.compile(
    "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""Characters that XML 1.0 cannot hold, escaped or not (section 2.2), or discourages, and what turns text around."""


def junit_xml(record: RunRecord) -> str:
    """The XML text; the same for the same record.

    A row fails if ``alexbench run`` ends with exit code 1 for it (not the function of float64, or not compared with
    it), or if rounding cannot explain its top-1 mismatches. A row that ended in an error is in error; one that is not
    installed or was not measured is skipped. The user's own file is not checked for parity or mismatches.
    """
    cases = [_case(entry, record) for entry in record.systems]
    time = {"time": f"{sum(float(case.get('time', '0')) for case in cases):.3f}"}
    return document(
        "alexbench",
        f"alexbench {record.model.card}",
        cases,
        _properties(record).items(),
        of_all=time,
        of_suite={**time, "timestamp": _time(record.started)},
    )


def document(
    name: str,
    suite_name: str,
    cases: Sequence[ET.Element],
    properties: Iterable[tuple[str, str]],
    *,
    of_all: Mapping[str, str] = MappingProxyType({}),
    of_suite: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The XML text of one suite, its cases counted; ``of_all`` and ``of_suite``: more attributes of either element."""
    counts = {"tests": str(len(cases))}
    for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[plural] = str(sum(case.find(tag) is not None for case in cases))
    root = ET.Element("testsuites", {"name": name, **counts, **of_all})
    suite = ET.SubElement(root, "testsuite", {"name": clean(suite_name), **counts, **of_suite})
    listed = ET.SubElement(suite, "properties")
    for key, value in properties:
        ET.SubElement(listed, "property", {"name": clean(key), "value": one_line(value)})
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def failures(entry: SystemRecord, record: RunRecord) -> list[str]:
    """Why a row that ran is not as it should be, a line each."""
    if entry.status != "ok" or entry.artifact is not None:
        return []
    found = []
    parity = entry.parity
    if parity is not None and not parity.passed:
        found.append(
            f"parity with float64 failed: max error {parity.max_abs_over_sigma:.1e} sigma (at most"
            f" {parity.tolerance_max_abs_over_sigma:.1e}), SQNR {parity.sqnr_db:.1f} dB (at least"
            f" {parity.tolerance_sqnr_db:.1f})"
        )
    if parity is not None and parity.unexplained_flips:
        flips = parity.unexplained_flips
        found.append(f"{flips} top-1 mismatch{'es' * (flips != 1)} of {parity.flips} that rounding cannot explain")
    if parity is None and record.reference is None and record.configuration.get("only") != "performance":
        found.append("not compared with float64: the reference did not run")
    return found


def _case(entry: SystemRecord, record: RunRecord) -> ET.Element:
    seconds = (entry.load_s or 0.0) + (0.0 if entry.accuracy is None else entry.accuracy.seconds)
    name, classname = clean(entry.name), clean(f"alexbench.{record.model.card}")
    case = ET.Element("testcase", {"name": name, "classname": classname, "time": f"{seconds:.3f}"})
    reasons = failures(entry, record)
    if entry.status == "error":
        message = entry.error or "ended in an error"
        ET.SubElement(case, "error", {"type": "error", "message": one_line(message)}).text = clean(message)
    elif entry.status != "ok":
        message = entry.error or "the run ended before this row was measured"
        ET.SubElement(case, "skipped", {"message": one_line(message)})
    elif reasons:
        failure = ET.SubElement(case, "failure", {"type": "parity", "message": one_line("; ".join(reasons))})
        failure.text = clean("\n".join(reasons))
    figures = _figures(entry, record)
    if figures:
        ET.SubElement(case, "system-out").text = clean("\n".join(figures))
    return case


def _figures(entry: SystemRecord, record: RunRecord) -> list[str]:
    lines = []
    if entry.rank is not None and entry.group is not None and not record.invalid:
        lines.append(f"rank {entry.rank} in {group_words(entry.group)}")
    if entry.accuracy is not None:
        lines.append(f"top-1 {entry.accuracy.top1:.2f} %, top-5 {entry.accuracy.top5:.2f} %")
    if entry.performance is not None:
        latency, rate = entry.performance.latency, entry.performance.throughput
        lines.append(f"p50 {latency.p50_ms:.3f} ms ({latency.low_ms:.3f} to {latency.high_ms:.3f}) at batch 1")
        lines.append(
            f"{rate.images_per_second:.1f} images/s ({rate.low:.1f} to {rate.high:.1f}), batch {rate.batch_size}"
        )
        noise = entry.performance.noise
        lines += [] if noise is None else [f"noisy: {words(reason)}" for reason in noise.failed]
        lines += [f"INVALID: {words(reason)}" for reason in record.invalid]
    return lines


def _properties(record: RunRecord) -> dict[str, str]:
    found = {
        "started": record.started,
        "status": record.status,
        "alexbench": record.alexbench_version,
        "weights_digest": record.model.weights_digest,
        "pixels_digest": record.data.pixels_digest,
        "synthetic": "yes" if record.model.synthetic or record.data.synthetic else "no",
        "cpu": str(record.machine.get("cpu")),
    }
    found |= {
        f"{one.of.replace('/s', '_per_second')}_resolution_percent": f"{100 * (one.ratio - 1):.1f}"
        for one in record.resolutions
    }
    return found | ({"invalid": joined(record.invalid)} if record.invalid else {})


def _time(iso: str) -> str:
    """As the schema has it, without an offset: all are UTC."""
    try:
        return datetime.fromisoformat(iso).replace(tzinfo=None).isoformat(timespec="seconds")
    except ValueError:
        return one_line(iso)


def clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _ILLEGAL.sub("", text)


def one_line(text: str) -> str:
    """The same on one line, as an attribute holds it."""
    return " ".join(clean(text).split())
