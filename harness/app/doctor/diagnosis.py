"""What the doctor says: findings, what is ruled out, what the pictures cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from alexbench.harness.app.doctor.reading import Change
from alexbench.harness.judge.evidence import Difference
from alexbench.harness.judge.paired import SIGNIFICANT
from alexbench.harness.paired_records import PairedTest

Verdict = Literal["ill", "healthy", "none of these"]

LEAST_IMAGES: Final = 32
"""Below, a reading that halves accuracy may still win by chance; a right one wins over a killed one at 16."""
POOR: Final = 10.0
"""Percent top-1 below which nobody calls an AlexNet well; guessing has 0.1, every published one 54 or more."""
EXIT_CODES: Final[dict[Verdict, int]] = {"ill": 1, "healthy": 0, "none of these": 1}


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake that was found.

    ``worth``: evidence (nats a picture) that its mend adds, all others mended; None where no labels were needed.
    """

    change: Change
    worth: Difference | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """A reading near the best one: what it has otherwise, and its evidence less the best one's."""

    changes: tuple[Change, ...]
    difference: Difference
    excluded: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """The top-1 that was expected, percent, and who says so.

    ``paired``: a row's answers to the same pictures (the base) against the patient's.
    """

    top1: float
    source: str
    paired: PairedTest | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole answer.

    ``accuracy``: top-1 as given against as mended, paired; the same twice where nothing is to be mended.
    ``alternatives``: best first. ``held_db``: signal to noise against float64, None where weights are not known.
    ``card``: a card whose preprocessing the mended one is. ``not_examined``: what could not be looked into, and why.
    """

    verdict: Verdict
    said: str
    model: str
    backend: str
    data: str
    images: int
    synthetic: bool
    findings: tuple[Finding, ...]
    accuracy: PairedTest
    expected: Expected | None
    alternatives: tuple[Alternative, ...]
    held_db: float | None
    card: str | None
    not_examined: tuple[str, ...]
    inferences: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 ill, or less than it should be and nobody knows why."""
        return EXIT_CODES[self.verdict]

    @property
    def not_excluded(self) -> tuple[Alternative, ...]:
        """Readings that these pictures cannot tell from the best one."""
        return tuple(one for one in self.alternatives if not one.excluded)


def verdict(expected: Expected | None, findings: Sequence[Finding], accuracy: PairedTest) -> tuple[Verdict, str]:
    """The verdict, and a sentence or two on why.

    What only reads better beyond chance is no illness where top-1 is as expected and its gain may be none.
    """
    found = f"top-1 is {accuracy.base:.1f} % ({accuracy.base_interval[0]:.1f} to {accuracy.base_interval[1]:.1f})"
    said = "" if expected is None else f", {expected.top1:g} % was expected ({expected.source})"
    reached = expected is not None and not _below(expected, accuracy.base_interval)
    seen = [one for one in findings if one.worth is None]
    if reached and findings and not seen and accuracy.mcnemar_p >= SIGNIFICANT:
        better = "; ".join(one.change.mend for one in findings)
        return "healthy", f"{found}{said}. Labels are likelier with {better}, but top-1 does not show it."
    if findings:
        count = "one mistake was" if len(findings) == 1 else f"{len(findings)} mistakes were"
        after = "" if expected is None else f" {_after_the_mend(expected, accuracy)}"
        return "ill", f"{count} found: {'; '.join(one.change.found for one in findings)}.{after}"
    unknown = "and none of the mistakes known here explains it"
    if expected is None and accuracy.base < POOR:
        return "none of these", f"{found}, which no trained AlexNet is content with, {unknown}."
    if expected is not None and not reached:
        return "none of these", f"{found}{said}, {unknown}."
    if expected is None:
        return "healthy", f"{found}, and nothing that was tried answers better. Enough? --expected tells."
    return "healthy", f"{found}{said}, and nothing that was tried answers better."


def _below(expected: Expected, interval: tuple[float, float]) -> bool:
    """Whether what was found is less than expected, and not by chance."""
    if expected.paired is not None:
        return expected.paired.difference < 0 and expected.paired.mcnemar_p < SIGNIFICANT
    return interval[1] < expected.top1


def _after_the_mend(expected: Expected, accuracy: PairedTest) -> str:
    low, high = accuracy.other_interval
    reached = f"Mended, top-1 is {accuracy.other:.1f} % ({low:.1f} to {high:.1f})"
    if high < expected.top1:
        return f"{reached}, still below the {expected.top1:g} % that were expected: something else is wrong, too."
    return f"{reached}; {expected.top1:g} % were expected."
