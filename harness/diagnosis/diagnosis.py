"""What the doctor's findings come to: which of them are shown, and the verdict."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.judge.evidence import KINDS
from alexbench.harness.judge.paired_tests import SIGNIFICANT, more_right
from alexbench.harness.probing.reading import GEOMETRY
from alexbench.harness.records.diagnosis_records import Expected, Finding, Verdict
from alexbench.harness.records.paired_records import PairedTest

POOR: Final = 10.0
"""Percent top-1 below which nobody calls an AlexNet well; guessing has 0.1, every published one 54 or more."""


def is_proven(finding: Finding) -> bool:
    """Whether evidence, or in geometry right answers, show its fix to be better, and it raises top-1."""
    return raises_top1(finding) and (_by_evidence(finding) or _by_answers(finding))


def is_leaning(finding: Finding) -> bool:
    """Whether its fix makes labels likelier and is not shown to raise top-1."""
    return _by_evidence(finding) and not raises_top1(finding)


def raises_top1(finding: Finding) -> bool:
    """Whether its fix raises top-1 beyond chance: a fix that does not is none."""
    test = finding.top1
    return test is not None and test.difference > 0 and test.mcnemar_p < SIGNIFICANT


def _by_evidence(finding: Finding) -> bool:
    return finding.worth is not None and finding.worth.above


def _by_answers(finding: Finding) -> bool:
    test = finding.top1
    if test is None or finding.change.factor not in GEOMETRY:
        return False
    return more_right(test.lost, test.gained, comparisons=KINDS * finding.comparisons)


def verdict(expected: Expected | None, findings: Sequence[Finding], accuracy: PairedTest | None) -> Verdict:
    """By the findings; without any, by what top-1 is against what it should be. ``accuracy``: None, nothing scored."""
    if accuracy is None or findings:
        return "faulty"
    poor = accuracy.base < POOR if expected is None else _below(expected, accuracy.base_interval)
    return "unexplained" if poor else "healthy"


def _below(expected: Expected, interval: tuple[float, float]) -> bool:
    """Whether what was found is less than expected, and not by chance."""
    if expected.paired is not None:
        return expected.paired.difference < 0 and expected.paired.mcnemar_p < SIGNIFICANT
    return interval[1] < expected.top1
