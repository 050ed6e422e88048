"""The answer of a diagnosis in a few sentences: the fault, the fix, and what the fix gains."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.diagnosis_records import Diagnosis, Expected, Finding
from alexbench.harness.records.paired_records import PairedTest

_TITLES: Final = {
    "calibration-channels": "calibrated with swapped channels",
    "calibration-data": "calibrated with other images",
    "calibration-images": "too few calibration images",
    "calibration-normalisation": "calibrated with wrong normalisation",
    "calibration-contrast": "calibrated with wrong contrast",
    "calibration-ranges": "wrong activation ranges",
    "channels": "swapped channels",
    "class-order": "wrong class order",
    "crop": "wrong crop size",
    "crop-position": "wrong crop position",
    "crop-rounding": "wrong crop rounding",
    "decoder": "another JPEG decoder",
    "dropout": "dropout is on",
    "exif": "wrong EXIF orientation",
    "failure": "the model failed",
    "flatten": "fc6's columns in the wrong order",
    "function": "another function",
    "groups": "groups ignored",
    "int8-kernels": "wrong int8 kernels",
    "interpolation": "wrong interpolation",
    "labels": "labels off by one",
    "layout": "wrong memory layout",
    "lrn": "wrong LRN",
    "normalisation": "wrong normalisation",
    "per-tensor": "one weight scale per layer",
    "pooling": "wrong pooling",
    "precision": "reduced precision",
    "resize": "wrong resize",
    "resize-to": "wrong resize size",
    "softmax": "softmax in the wrong place",
    "symptom": "unusable outputs",
    "tone": "wrong gamma",
    "weights": "scaled weights",
}
"""A fault's factor -> its name."""


def answer(diagnosis: Diagnosis) -> list[str]:
    """The fault with its fix and gain, or that the model is healthy, or that nothing known explains its accuracy."""
    if diagnosis.findings:
        return [*_faults(diagnosis.findings), *_gain(diagnosis)]
    assert diagnosis.accuracy is not None  # what cannot be scored has a finding
    word = "Healthy" if diagnosis.verdict == "healthy" else "Unexplained"
    return [f"{word}: {_state(diagnosis, diagnosis.accuracy)}.", *_leaning(diagnosis.leanings), *_enough(diagnosis)]


def _faults(findings: Sequence[Finding]) -> list[str]:
    """A sentence for one fault; for several a list of them, then each fix."""
    if len(findings) == 1:
        one = findings[0].change
        return [f"{_large(_title(findings[0]))}: {one.found}.", f"Fix: {one.fix}."]
    named = "; ".join(f"{_title(one)} ({one.change.found})" for one in findings)
    return [f"{len(findings)} faults: {named}.", f"Fixes: {'; '.join(one.change.fix for one in findings)}."]


def _title(finding: Finding) -> str:
    return _TITLES.get(finding.change.factor, finding.change.factor)


def _gain(diagnosis: Diagnosis) -> list[str]:
    """What the fix does to top-1, and whether that is enough."""
    test, expected = diagnosis.accuracy, diagnosis.expected
    if test is None:
        return []
    low, high = test.other_interval
    on = f"on these {test.images} images"
    if test.difference > 0:
        said = f"Top-1 rises from {test.base:.1f} % to {test.other:.1f} % {on}"
    else:
        said = f"Top-1 stays at {test.other:.1f} % {on}"
    if expected is None:
        return [f"{said}."]
    wanted = f"{expected.top1:g} % is expected ({expected.source})"
    if high < expected.top1:
        return [f"{said} (95 % interval {low:.1f} to {high:.1f}); {wanted}, so something else is wrong too."]
    return [f"{said}; {wanted}."]


def _state(diagnosis: Diagnosis, test: PairedTest) -> str:
    low, high = test.base_interval
    found = f"top-1 is {test.base:.1f} % (95 % interval {low:.1f} to {high:.1f}) on {test.images} images"
    if diagnosis.verdict == "healthy":
        return f"{found}{_expected(diagnosis.expected)}, and no known mistake explains a better one"
    wanted = _expected(diagnosis.expected) or ", too low for a trained AlexNet"
    return f"{found}{wanted}, and no known mistake explains it"


def _expected(expected: Expected | None) -> str:
    return "" if expected is None else f" ({expected.top1:g} % is expected: {expected.source})"


def _leaning(leanings: Sequence[Finding]) -> list[str]:
    """What makes labels likelier without more right answers."""
    if not leanings:
        return []
    fixes = "; ".join(
        one.change.fix + ("" if one.top1 is None else f" ({one.top1.difference:+.1f} points)") for one in leanings
    )
    return [f"Not a finding: labels are likelier with {fixes}, but top-1 is not shown to be higher. Use more images."]


def _enough(diagnosis: Diagnosis) -> list[str]:
    """How to have it checked whether a healthy model is good enough."""
    if diagnosis.verdict != "healthy" or diagnosis.expected is not None:
        return []
    return ["To check it against a figure, pass --expected PERCENT or --reference RUN:ROW."]


def _large(text: str) -> str:
    return text if text.startswith("fc6") else text[:1].upper() + text[1:]
