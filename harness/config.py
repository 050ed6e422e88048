"""What ``alexbench run`` was asked to do, as data; :mod:`alexbench.harness.resolving` makes it of flags."""

from dataclasses import dataclass, field
from typing import Final, Literal, Self

from alexbench.harness.capabilities import QuantizationOptions, RangeMethod
from alexbench.harness.errors import UsageError, known_words
from alexbench.harness.files.decoding import AnySize
from alexbench.harness.measure.rigor import FULL_ROWS, RIGORS, Rigor, RigorName
from alexbench.harness.models.card import DEFAULT_CARD
from alexbench.harness.models.network import Layout
from alexbench.harness.records.tuning_records import Tuning
from alexbench.harness.systems import ModelFile, System
from alexbench.harness.systems import labels as labels_of

Only = Literal["accuracy", "performance"]
Asked = Literal["SingleStream", "MultiStream", "Server", "Offline"]
OnBadImage = Literal["fail", "skip"]

ONLY: Final[tuple[Only, ...]] = ("accuracy", "performance")
ON_BAD_IMAGE: Final[tuple[OnBadImage, ...]] = ("fail", "skip")
SCENARIOS: Final[tuple[Asked, ...]] = ("SingleStream", "MultiStream", "Server", "Offline")
"""MLPerf's words. SingleStream is always measured; Offline and those of LoadGen where rigor or the user asks."""
PUBLISHED: Final = "published"
"""What --weights is given for the file that ``alexbench models fetch`` has fetched."""
DEFAULT_BATCH_SIZE: Final = 32
DEFAULT_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``of``."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The resolved configuration; it goes into the record.

    ``all_backends``: none was named, so one that is not installed is a row with that status. ``exact``: the labels of
    the systems that were named one by one, which must work. ``base``: the label of the row that the others are compared
    with, None for the default. ``pythons``: backend -> interpreter; ``environments``: label -> interpreter.
    ``tunings``: the searches that rows of profile tuned come from.
    """

    systems: tuple[System, ...]
    all_backends: bool = False
    exact: tuple[str, ...] = ()
    base: str | None = None
    model: str = DEFAULT_CARD
    weights: str | None = None
    weights_layout: Layout | None = None
    weights_key: str | None = None
    data: str | None = None
    layout: str | None = None
    labels: str | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    limit: int | None = None
    seed: AnySize = DEFAULT_SEED
    shard: Shard | None = None
    on_bad_image: OnBadImage = "fail"
    only: Only | None = None
    rigor: RigorName = "smoke"
    budget: float | None = None
    resolution: float | None = None
    calibration: str | None = None
    calibration_images: int | None = None
    calibrate_on_scored: bool = False
    per_tensor: bool = False
    reduce_range: bool = False
    range_method: RangeMethod = "minmax"
    silence_limit: float | None = None
    scenarios: tuple[Asked, ...] = ()
    latency_bound: float | None = None
    pythons: dict[str, str] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    out: str = "runs"
    tunings: tuple[Tuning, ...] = ()

    def __post_init__(self) -> None:
        if not self.systems:
            raise ValueError("systems names none")
        for one in self.systems:
            if one.environment is not None and one.environment not in self.environments:
                raise ValueError(f"environments has no {one.environment}")
        labels_of(self.systems)

    @property
    def by_label(self) -> dict[str, System]:
        """The systems by the names of their rows, in order."""
        return dict(zip(labels_of(self.systems), self.systems, strict=True))

    def with_base(self) -> Self:
        """The same; its base is one of its rows.

        Raises:
            UsageError: it is not.
        """
        if self.base is not None and self.base not in self.by_label:
            raise UsageError(f"--base {self.base} names no row; {known_words(self.base, self.by_label)}")
        return self

    def tuning_of(self, system: System) -> Tuning | None:
        """The search that a row of profile tuned comes from."""
        return next((one for one in self.tunings if system.key in one.rows), None)

    @property
    def named(self) -> tuple[System, ...]:
        """The systems that the user named, by a backend, a file or an interpreter; none: whatever is installed."""
        if not self.all_backends:
            return self.systems
        return tuple(one for one in self.systems if one.artifact is not None or one.backend in self.pythons)

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The user's own files, each once."""
        return tuple({one.artifact.path: one.artifact for one in self.systems if one.artifact is not None}.values())

    @property
    def threads(self) -> int:
        """The most that any system computes with; what is nobody's (the reference, the machine probe) has as many."""
        return max(one.threads for one in self.systems)

    def interpreter_of(self, system: System) -> str | None:
        """What a system runs on; None for the command's own interpreter."""
        if system.environment is not None:
            return self.environments[system.environment]
        return self.pythons.get(system.backend)

    @property
    def quantization(self) -> QuantizationOptions:
        """How systems of precision int8 are quantized."""
        return QuantizationOptions(
            per_channel=not self.per_tensor, reduce_range=self.reduce_range, method=self.range_method
        )

    @property
    def quantized(self) -> tuple[System, ...]:
        """The systems that are quantized here: of precision int8, without a file of the user's."""
        return tuple(one for one in self.systems if one.precision == "int8" and one.artifact is None)

    @property
    def level(self) -> Rigor:
        """``rigor`` with all that it means."""
        return RIGORS[self.rigor]

    def timing_s(self, spent_s: float) -> float:
        """Seconds that timing may take, where loading and answers took ``spent_s``: ``budget``, or the level's.

        Fewer rows than FULL_ROWS take their share of the level's. Its whole time holds for the synthetic images, as
        many as it asks for; answers on others take theirs.
        """
        if self.budget is not None:
            return self.budget
        budget = self.level.budget_s * min(1.0, len(self.systems) / FULL_ROWS)
        return budget if self.data else min(budget, self.level.whole_s - spent_s)

    @property
    def target(self) -> float:
        """What is to be told apart, as a share: ``resolution`` (percent), or the level's."""
        return self.level.target if self.resolution is None else self.resolution / 100

    @property
    def offline(self) -> bool:
        """Whether many batches at once are measured too, in each runtime's own way."""
        return self.level.offline or "Offline" in self.scenarios

    @property
    def generated(self) -> tuple[Asked, ...]:
        """The scenarios that LoadGen drives."""
        always: tuple[Asked, ...] = ("SingleStream", "Offline") if self.level.loadgen else ()
        queued: tuple[Asked, ...] = ("MultiStream", "Server")
        return tuple(one for one in SCENARIOS if one in always or (one in queued and one in self.scenarios))

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The batch sizes at which images/s is measured, ascending: the configured one, and 1 once."""
        return tuple(sorted({*self.level.sweep, self.batch_size}))

    @property
    def needs_weights(self) -> bool:
        """Whether any row is built from weights, or the user named some to compare artifacts with."""
        return self.weights is not None or any(one.artifact is None for one in self.systems)

    @property
    def accuracy(self) -> bool:
        """Whether accuracy is measured."""
        return self.only != "performance"

    @property
    def performance(self) -> bool:
        """Whether speed is measured."""
        return self.only != "accuracy"
