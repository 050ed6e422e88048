"""What the doctor says: findings, what is ruled out, what the pictures cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from alexbench.harness.app.doctor.reading import GEOMETRY, Change
from alexbench.harness.errors import ExitCode
from alexbench.harness.judge.evidence import KINDS, Difference
from alexbench.harness.judge.paired import SIGNIFICANT, more_right
from alexbench.harness.paired_records import PairedTest
from alexbench.harness.records import Parity

Verdict = Literal["ill", "healthy", "none of these"]

LEAST_IMAGES: Final = 32
"""Below, a reading that halves accuracy may still win by chance; a right one wins over a killed one at 16."""
POOR: Final = 10.0
"""Percent top-1 below which nobody calls an AlexNet well; guessing has 0.1, every published one 54 or more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake that was found.

    ``worth``: evidence (nats a picture) that its mend adds, all others mended; None where no labels were needed.
    ``top1``: what the mend does to top-1 then, paired; None likewise. ``comparisons``: of how many it is one.
    """

    change: Change
    worth: Difference | None
    top1: PairedTest | None = None
    comparisons: int = 1

    @property
    def proven(self) -> bool:
        """Whether evidence, or in geometry right answers, show its mend to be better, and it raises top-1."""
        return self.raises_top1 and (self._by_evidence or self._by_answers)

    @property
    def leaning(self) -> bool:
        """Whether its mend makes labels likelier and is not shown to raise top-1."""
        return self._by_evidence and not self.raises_top1

    @property
    def _by_evidence(self) -> bool:
        return self.worth is not None and self.worth.above

    @property
    def _by_answers(self) -> bool:
        test = self.top1
        if test is None or self.change.factor not in GEOMETRY:
            return False
        return more_right(test.lost, test.gained, comparisons=KINDS * self.comparisons)

    @property
    def raises_top1(self) -> bool:
        """Whether its mend raises top-1 beyond chance: a mend that does not is none."""
        return self.top1 is not None and self.top1.difference > 0 and self.top1.mcnemar_p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Alternative:
    """A reading near the best one: what it has otherwise, and its evidence less the best one's.

    ``lost``, ``gained``: pictures that the best one alone, and this one alone, has right.
    """

    changes: tuple[Change, ...]
    difference: Difference
    lost: int
    gained: int
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

    ``leanings``: changes with which labels are likelier and top-1 is not shown to be higher: no findings. ``parity``:
    as a run judges it. ``accuracy``: top-1 as given against as mended, paired; the same twice where nothing is to be
    mended, None where nothing can be scored.
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
    leanings: tuple[Finding, ...]
    accuracy: PairedTest | None
    expected: Expected | None
    alternatives: tuple[Alternative, ...]
    held_db: float | None
    parity: Parity | None
    card: str | None
    not_examined: tuple[str, ...]
    inferences: int
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        """OK: healthy. FAILED: ill, or less than it should be and nobody knows why."""
        return ExitCode.OK if self.verdict == "healthy" else ExitCode.FAILED

    @property
    def not_excluded(self) -> tuple[Alternative, ...]:
        """Readings that these pictures cannot tell from the best one."""
        return tuple(one for one in self.alternatives if not one.excluded)


def verdict(
    expected: Expected | None,
    findings: Sequence[Finding],
    accuracy: PairedTest | None,
    leanings: Sequence[Finding] = (),
) -> tuple[Verdict, str]:
    """The verdict, and a sentence or two on why."""
    if accuracy is None:
        return "ill", f"{_count(findings)}; nothing can be scored."
    found = f"top-1 is {accuracy.base:.1f} % ({accuracy.base_interval[0]:.1f} to {accuracy.base_interval[1]:.1f})"
    said = "" if expected is None else f", {expected.top1:g} % was expected ({expected.source})"
    leaning = _leaning(leanings)
    if findings:
        after = "" if expected is None else f" {_after_the_mend(expected, accuracy)}"
        return "ill", f"{_count(findings)}.{after}"
    unknown = f"and none of the mistakes known here explains it.{leaning}"
    if expected is None and accuracy.base < POOR:
        return "none of these", f"{found}, which no trained AlexNet is content with, {unknown}"
    if expected is not None and _below(expected, accuracy.base_interval):
        return "none of these", f"{found}{said}, {unknown}"
    if expected is None:
        enough = "Whether that is enough, only you know: --expected PERCENT or --reference RUN:ROW."
        return "healthy", f"{found}, and nothing that was tried is shown to answer better.{leaning} {enough}"
    return "healthy", f"{found}{said}, and nothing that was tried is shown to answer better.{leaning}"


def _count(findings: Sequence[Finding]) -> str:
    count = "one mistake was" if len(findings) == 1 else f"{len(findings)} mistakes were"
    return f"{count} found: {'; '.join(one.change.found for one in findings)}"


def _leaning(leanings: Sequence[Finding]) -> str:
    """What only makes labels likelier, in a sentence."""
    if not leanings:
        return ""
    said = "; ".join(
        one.change.mend + ("" if one.top1 is None else f" ({one.top1.difference:+.1f} points)") for one in leanings
    )
    return f" Labels are likelier with {said}, but top-1 is not shown to be higher: no finding; show more pictures."


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
