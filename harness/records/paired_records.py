"""What a comparison of two rows found, as data: :mod:`alexbench.harness.comparison.compare` fills it, reports show it.

Accuracies and differences are in percent and points. ``base`` is what the ``other`` row is compared with: ``lost``
images are those that the base alone has right, ``gained`` those that the other row alone has right.
"""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Measure

Metric = Literal["top1", "top5"]
Verdict = Literal["equivalent", "different", "different, but within the margin", "undecided"]


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two rows by one metric on the same ``images``.

    ``base_interval``, ``other_interval``: of each accuracy, 95 %. ``difference``: other less base; ``interval``: its
    Tango interval, 95 %. ``equivalence_interval``: at 90 %, which inside +-``margin`` shows equivalence at 5 %.
    ``mcnemar_p``: exact. ``keeps_99_percent``: MLPerf's rule, other at least 0.99 x base. ``images_for_*``: of an
    undecided pair, the images that would decide at the same rates; None where it is decided, or no number would.
    """

    metric: Metric
    images: int
    base_correct: int
    base_interval: tuple[float, float]
    other_correct: int
    other_interval: tuple[float, float]
    lost: int
    gained: int
    difference: float
    interval: tuple[float, float]
    margin: float
    equivalence_interval: tuple[float, float]
    mcnemar_p: float
    verdict: Verdict
    keeps_99_percent: bool
    images_for_equivalence: int | None
    images_for_difference: int | None

    @property
    def base(self) -> float:
        """Percent."""
        return 100 * self.base_correct / self.images

    @property
    def other(self) -> float:
        """Percent."""
        return 100 * self.other_correct / self.images


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences with its interval and standard error, over ``images`` images."""

    mean: float
    low: float
    high: float
    error: float
    images: int

    @property
    def above(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def lead(self) -> float:
        """How many standard errors the mean is above 0, negative below; 0 where every difference is 0."""
        return self.mean / self.error if self.error > 0 else 0.0

    @property
    def below(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high < 0


@dataclass(frozen=True, slots=True)
class RowPair:
    """Two rows of one run, by name, on the same images."""

    base: str
    other: str
    top1: PairedTest
    top5: PairedTest


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A row of a run. ``name``: its name among those compared, its ``system`` behind A or B (``which``) of two runs.

    ``system``: its label in its run.
    """

    name: str
    which: str
    run: str
    system: str
    runtime: str
    version: str
    precision: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the five best of an image.

    ``index``: class 0..999, -1 for background. ``score``: as the row gave it; None where that is not finite.
    """

    index: int
    name: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Flip:
    """An image to which two rows have different first answers.

    ``margin_sigma``: how far apart float64 has the two, in standard deviations of its logits; None where it was not
    asked. ``explained``: no farther than rounding could turn, twice the tolerance; None likewise.
    """

    sample: str
    label: int
    label_name: str
    base: tuple[Answer, ...]
    other: tuple[Answer, ...]
    margin_sigma: float | None
    explained: bool | None


@dataclass(frozen=True, slots=True)
class SpeedChange:
    """How another row's p50 latency or FPS differs from its base's, in percent of the base's.

    ``low`` and ``high``: at 95 %. ``apart``: the difference is beyond doubt.
    """

    of: Measure
    change: float
    low: float
    high: float
    apart: bool

    @property
    def faster(self) -> bool:
        """Whether the other row is the faster one, by the estimate."""
        return (self.change > 0) == (self.of == "images/s")

    @property
    def resolves(self) -> float:
        """The least difference, in percent, that such an interval tells apart: half its width."""
        return 100 * (sqrt((100 + self.high) / (100 + self.low)) - 1) if self.low > -100 else inf


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows compared.

    ``speeds``: by the run that both are rows of; empty for rows of two runs. ``bound_sigma``: the widest margin that is
    rounding; None where a row has no tolerance. ``flips_below``: the rate, in percent, that no mismatch at all leaves
    possible at 95 %; None if there are mismatches.
    """

    base: ComparedRow
    other: ComparedRow
    top1: PairedTest
    top5: PairedTest
    bound_sigma: float | None
    flips: tuple[Flip, ...]
    flips_below: float | None
    speeds: tuple[SpeedChange, ...] = ()

    @property
    def explained(self) -> int:
        """Mismatches that rounding can have made."""
        return sum(flip.explained is True for flip in self.flips)

    @property
    def unexplained(self) -> int:
        """Mismatches that it cannot."""
        return sum(flip.explained is False for flip in self.flips)

    @property
    def not_examined(self) -> int:
        """Mismatches that were not computed in float64."""
        return sum(flip.explained is None for flip in self.flips)

    @property
    def alarming(self) -> bool:
        """Whether two rows that both say fp32 differ by more than rounding."""
        return self.unexplained > 0 and self.base.precision == self.other.precision == "fp32"

    @property
    def undecided(self) -> bool:
        """Whether these images are too few, for either metric."""
        return "undecided" in (self.top1.verdict, self.top5.verdict)


@dataclass(frozen=True, slots=True)
class PairedReport:
    """All pairs of one comparison, on the same images. ``synthetic``: they, or the weights, are a program's.

    ``invalid``: why the speeds of the run that all rows are of are unreliable.
    """

    model: str
    data: str
    images: int
    synthetic: bool
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()
    invalid: tuple[Reason, ...] = ()
