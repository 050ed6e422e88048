"""What a run leaves behind, as data; its file is :mod:`alexbench.harness.records.record_files`.

Raw values are stored and statistics derived, with one exception: the few figures a leaderboard shows are kept in
``run.json`` next to the raw Parquet files, so that a leaderboard is rebuilt from one small file. Units are in the
names.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from alexbench.harness.files.decoding import AnySize
from alexbench.harness.records.artifact_records import ArtifactRecord
from alexbench.harness.records.effective import Effective
from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.precisions import FAR_OFF, QUANTISED, Arithmetic, coarsest
from alexbench.harness.records.quantization_records import KernelCheck, QuantizationRecord
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Ceiling, Control, Difference, Group, Performance, Resolution
from alexbench.harness.records.tuning_records import Tuning
from alexbench.harness.systems import System

SCHEMA_VERSION: Final = 6

Chance = Literal["better", "no better", "too few"]
_NONE_RIGHT: Final = 29
"""With this many images, a model that is right on one in ten gets one right in 95 of 100 draws."""

Status = Literal["running", "complete", "interrupted", "failed"]
SystemStatus = Literal["ok", "error", "missing", "unsupported", "pending"]


@dataclass(frozen=True, slots=True)
class Published:
    """Published figures with their source: accuracy in percent, and the figures published with it.

    ``flops`` and ``parameters`` are counts, ``gmacs`` and ``gflops`` 1e9 of them, ``mparams`` 1e6, as published: what
    each counts is its source's convention. ``other``: anything else, in words.
    """

    source: str
    top1: float
    top5: float
    flops: int | None = None
    gmacs: float | None = None
    gflops: float | None = None
    parameters: int | None = None
    mparams: float | None = None
    other: str = ""


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """Weights of ``alexbench train``: how many ``epochs`` on how many ``classes``, in the folder named ``run``.

    ``synthetic``: the training images were.
    """

    run: str
    epochs: float
    classes: int
    synthetic: bool


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """The network and weights of a run.

    ``weights_digest``: SHA-256 over names, shapes and bytes of the arrays; empty where all rows are artifacts.
    ``synthetic``: they are, or those in any row's artifact.
    ``weights_verified``: how the file is known to be right, in words; empty: it is not. ``weights_unwrapped``: what was
    around the arrays in the file (keys, prefixes), and from what they were cast. ``recipe_digest``: SHA-256 of all that
    turns an image into scores but images and weights: the whole preprocessing, the decoders, the network.
    ``network`` is empty, and ``parameters`` and ``macs`` are 0, where every row is a file with classes of its own.
    """

    card: str
    network: str
    weights: str
    weights_digest: str
    synthetic: bool
    parameters: int
    macs: int
    preprocessing: str
    published: tuple[Published, ...] = ()
    weights_verified: str = ""
    recipe_digest: str = ""
    weights_unwrapped: str = ""
    trained: TrainedHere | None = None

    @property
    def gflops(self) -> float:
        """2 x MACs an image, in 1e9."""
        return 2 * self.macs / 1e9


KEPT_OUT: Final = "used for int8 calibration"
"""The reason of an image that could be prepared, but was calibrated with."""


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """An image that does not count, since it could not be prepared or is :data:`KEPT_OUT`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A shard: part ``number`` (from 1) of ``of``, the images ``first`` up to ``last`` (not in it) of ``total``.

    ``whole_*``: the record of the whole set, so that parts of different sets are not joined and the joined run says
    what it is of.
    """

    number: int
    of: int
    first: int
    last: int
    total: int
    whole_names_digest: str
    whole_description: str
    whole_certificate: str
    whole_notes: tuple[str, ...] = ()
    whole_of_validation_set: Literal["full", "part", "no"] = "no"


@dataclass(frozen=True, slots=True)
class DataRecord:
    """The images of a run, and their dataset fingerprint.

    ``images``: those that count, without the ``skipped`` ones. ``names_digest``: SHA-256 of names and labels, the same
    in every layout. ``source_digest``: SHA-256 over the SHA-256 of each image's file. ``pixels_digest``: SHA-256 over
    the SHA-256 of each image's prepared uint8 pixels, which every backend was given; a skipped image is black.
    ``per_class``: how many classes have how many images. ``certificate``: a plain sentence on what set this is; empty
    for a synthetic one. ``of_validation_set``: whether it is ImageNet's, whole or a part of it, by names and labels.
    ``calibration``: how many of the ``skipped`` images int8 ranges were taken from; they are scored for no row.
    An empty digest: the record is older than the field. ``class_names``: of the user's own classes, which labels and
    answers are places of; empty where they are ImageNet's 1000.
    """

    name: str
    description: str
    synthetic: bool
    images: int
    available_images: int
    classes: int
    source_digest: str
    pixels_digest: str
    subset_seed: AnySize | None = None
    layout: str = ""
    labels_from: str = ""
    names_digest: str = ""
    per_class: dict[str, int] = field(default_factory=dict)
    certificate: str = ""
    of_validation_set: Literal["full", "part", "no"] = "no"
    skipped: tuple[SkippedRecord, ...] = ()
    part: PartRecord | None = None
    calibration: int = 0
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Counts over ``images`` images; ``seconds`` is the wall time of the pass, normalising included.

    ``top1_interval`` and ``top5_interval``: low and high at 95 %, percent. None: nothing was drawn, so that no sampling
    error stands between this and figures of the same images; or the record is older than the field.

    ``by_guessing``: how likely (0..1) an answer like these is right by luck; ``chance``: whether top-1 is better than
    that, see :mod:`alexbench.harness.judge.chance`. ``batch_size``: images at once, also of parity. All None in older
    records.
    """

    images: int
    top1_correct: int
    top5_correct: int
    seconds: float
    top1_interval: tuple[float, float] | None = None
    top5_interval: tuple[float, float] | None = None
    by_guessing: float | None = None
    chance: Chance | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"accuracy over {self.images} images")

    @property
    def against_guessing(self) -> Chance | None:
        """``chance``; of an older record only where nothing was right, by the rule for very many classes."""
        if self.chance is not None or self.top1_correct:
            return self.chance
        return "no better" if self.images >= _NONE_RIGHT else "too few"

    @property
    def top1(self) -> float:
        """Percent."""
        return 100 * self.top1_correct / self.images

    @property
    def top5(self) -> float:
        """Percent."""
        return 100 * self.top5_correct / self.images


@dataclass(frozen=True, slots=True)
class Parity:
    """Compared with float64 logits of standard deviation sigma, over ``images`` images.

    ``flips``: images, of all, where this backend's top-1 is not the float64 reference's; only images on which
    backends disagree, and the parity images, can be known to be such. ``unexplained_flips``: those whose float64
    margin is wider than twice the tolerance. ``kl``: mean divergence of the softmaxes, float64's || the row's, in nats.
    ``top5_overlap``: the mean share of float64's top 5 among the row's, 0..1. ``effective_bits``: of a significand
    whose rounding would be as loud as the error; ``computed_as``: the precision that is; ``as_claimed``: whether it
    is the one the row reports, None if unknown. ``held_to``: the precision whose
    tolerance stands here, the coarsest that the row's weights or activations pass through. All None in older records,
    ``computed_as`` and ``as_claimed`` where it is quantised.
    """

    images: int
    max_abs_over_sigma: float
    sqnr_db: float
    cosine: float
    tolerance_max_abs_over_sigma: float
    tolerance_sqnr_db: float
    flips: int
    unexplained_flips: int
    passed: bool
    kl: float | None = None
    top5_overlap: float | None = None
    effective_bits: float | None = None
    computed_as: Arithmetic | None = None
    as_claimed: bool | None = None
    held_to: str | None = None

    @property
    def quantised(self) -> bool:
        """Whether the tolerance is what is expected of quantised files, and no bound on rounding."""
        return self.held_to in QUANTISED

    @property
    def far_off(self) -> bool:
        """Whether a logit is off by more than they spread, and not cut off at a good quantised file's range."""
        return not self.max_abs_over_sigma <= FAR_OFF and not (self.quantised and self.passed)

    @property
    def unmasked(self) -> Arithmetic | None:
        """The precision that the row computes in if it reports another; None: as reported, or unknown."""
        return self.computed_as if self.as_claimed is False else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row's accuracy and a published figure, percent. ``backend``: the row's name.

    ``low`` and ``high``: the Wilson interval at 95 %, corrected where the images were drawn from the validation set.
    ``verdict``: whether the two agree, or why that is unknown.
    """

    backend: str
    source: str
    metric: Literal["top1", "top5"]
    ours: float
    low: float
    high: float
    published: float
    verdict: Reason


@dataclass(frozen=True, slots=True)
class Observed:
    """What workers noticed of a row, apart from answers and times: fields of its :class:`SystemRecord`, by name.

    A worker's answer carries those that it knows; the others are None. A new one is here, there, and where it is seen.
    """

    first_inference_ms: float | None = None
    peak_rss_mib: float | None = None
    rss_mib: float | None = None
    batch_dependence: float | None = None

    def then(self, later: "Observed") -> "Observed":
        """With what was noticed ``later``."""
        return replace(self, **{key: value for key, value in asdict(later).items() if value is not None})


@dataclass(frozen=True, slots=True)
class SystemRecord:
    """One row: the system, and what came of it, or why nothing did.

    ``name``: the system's label in this run, by which every table of the run calls it.

    ``missing``: not installed; ``unsupported``: its runtime cannot run it; ``pending``: the run ended before it was
    measured. ``rss_mib`` and ``peak_rss_mib``: resident memory after warming up at every batch size, and the most
    until then. ``python``: the interpreter it ran on, None for the command's own. ``remarks``: other measurements
    that failed, and why. ``batch_dependence``: by how much an image's scores change with the rest of its batch, in
    their standard deviations; None where they do not beyond rounding, or nobody tried. ``rank``: one more than the
    number of rows of its ``group`` that are better beyond doubt, so that rows which cannot be told apart share one;
    None where it may not be ranked, or the record is older than schema 5. ``quantization``: how its int8 file was
    made; ``kernels``: what its int8 kernels lose; None where there was nothing to make or check. ``group``: what
    rows must have in common to be ranked together; None where nobody knows how the row ran.
    """

    name: str
    system: System
    status: SystemStatus
    error: str | None = None
    effective: Effective | None = None
    load_s: float | None = None
    first_inference_ms: float | None = None
    peak_rss_mib: float | None = None
    accuracy: Accuracy | None = None
    parity: Parity | None = None
    performance: Performance | None = None
    artifact: ArtifactRecord | None = None
    rss_mib: float | None = None
    python: str | None = None
    remarks: tuple[Reason, ...] = ()
    batch_dependence: float | None = None
    rank: int | None = None
    quantization: QuantizationRecord | None = None
    kernels: KernelCheck | None = None
    tuning: Tuning | None = None

    @property
    def group(self) -> Group | None:
        """What rows must have in common with it to be ranked together; None where nobody knows how it ran.

        A row with settings is ranked with those of its thread budget, however many threads and streams it uses of it.
        """
        ran = self.effective
        if ran is None:
            return None
        precision, weights = ran.precision[0], "" if ran.stored is None else coarsest(ran.stored[0].split(", "))
        return Group(
            device=ran.device[0],
            precision=precision,
            threads=str(self.system.threads) if self.system.settings else ran.threads[0],
            streams="1" if self.system.settings else ran.streams[0],
            stored=weights if weights and coarsest([weights, precision]) != precision else "",
            computed_as=None if self.parity is None else self.parity.unmasked,
        )


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """The float64 NumPy reference: on the parity images only, and never timed."""

    images: int
    top1_correct: int
    top5_correct: int
    sigma: float
    flips_examined: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One invocation. Times are UTC, ISO 8601. ``invalid``: why its speeds are unreliable.

    ``base``: the row that the others are compared with, None if not named. ``pairs``: the accuracy of each row
    against it, or against torch's fp32 default where that answered, else the first that did. Empty where fewer than two
    answered, or the record is older than the field. ``resolutions``: what its speeds can tell apart, of
    latency and of images/s; ``differences``: each pair of rows of one group. Both empty before schema 5.
    """

    status: Status
    started: str
    finished: str | None
    alexbench_version: str
    configuration: dict[str, Any]
    model: ModelRecord
    data: DataRecord
    machine: dict[str, Any]
    environment: dict[str, Any]
    conditions: dict[str, Any]
    systems: tuple[SystemRecord, ...] = ()
    base: str | None = None
    reference: ReferenceRecord | None = None
    notes: tuple[Reason, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    controls: tuple[Control, ...] = ()
    ceiling: Ceiling | None = None
    invalid: tuple[Reason, ...] = ()
    pairs: tuple[RowPair, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    differences: tuple[Difference, ...] = ()
    schema_version: int = SCHEMA_VERSION
