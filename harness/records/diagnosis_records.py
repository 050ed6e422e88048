"""What the doctor found, as data: :mod:`alexbench.harness.diagnosis` fills it, reports show it."""

from dataclasses import dataclass
from typing import Literal

from alexbench.harness.errors import ExitCode
from alexbench.harness.records.paired_records import Difference, PairedTest
from alexbench.harness.records.quantization_records import QuantizedFile
from alexbench.harness.records.run_records import Parity

Verdict = Literal["faulty", "healthy", "unexplained"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a fixed reading has otherwise than the given one.

    ``factor``: a short fixed name of it. ``found``: what is wrong, in words. ``fix``: the exact key or flag; ``key``:
    the line of the card's ``[preprocessing]`` alone, where that is what is to be changed.
    """

    factor: str
    found: str
    fix: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake that was found.

    ``worth``: evidence (nats an image) that its fix adds, all others fixed; None where no labels were needed.
    ``top1``: what the fix does to top-1 then, paired; None likewise. ``comparisons``: of how many it is one.
    """

    change: Change
    worth: Difference | None
    top1: PairedTest | None = None
    comparisons: int = 1


@dataclass(frozen=True, slots=True)
class Alternative:
    """A reading near the best one: what it has otherwise, and its evidence less the best one's.

    ``lost``, ``gained``: images that the best one alone, and this one alone, has right.
    """

    changes: tuple[Change, ...]
    difference: Difference
    lost: int
    gained: int
    excluded: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected top-1, percent, and its source.

    ``paired``: a row's answers to the same images (the base) against those of the model under test.
    """

    top1: float
    source: str
    paired: PairedTest | None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The whole answer.

    ``leanings``: changes with which labels are likelier and top-1 is not shown to be higher: no findings. ``parity``:
    as a run judges it. ``accuracy``: top-1 as given against as fixed, paired; the same twice where nothing is to be
    fixed, None where nothing can be scored.
    ``alternatives``: best first. ``held_db``: signal to noise against float64, None where weights are not known.
    ``card``: a card whose preprocessing the fixed one is. ``not_examined``: what could not be looked into, and why.
    ``quantized``: of an int8 file with fixed activation ranges.
    """

    verdict: Verdict
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
    quantized: QuantizedFile | None = None

    @property
    def exit_code(self) -> ExitCode:
        """OK: healthy. FAILED: faulty, or less accurate than expected for no known reason."""
        return ExitCode.OK if self.verdict == "healthy" else ExitCode.FAILED

    @property
    def not_excluded(self) -> tuple[Alternative, ...]:
        """Readings that these images cannot tell from the best one."""
        return tuple(one for one in self.alternatives if not one.excluded)
