"""What a backend makes of images, into ``.npy`` files."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.files.lines import Done, Request
from alexbench.harness.records.run_records import Observed


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation.

    ``seconds``: with those of batches that were kept from before, ``images_kept`` images. ``pixels_digest``: of the
    pixels that this process saw, taken before the clock starts. ``busy_threads``: None if nothing was missing.
    """

    seconds: float
    pixels_digest: str
    images_kept: int
    busy_threads: int | None
    observed: Observed


@dataclass(frozen=True, slots=True)
class Evaluate(Request[Evaluated]):
    """Top-5 of every image into the files that ``out`` is the stem of; batches that they hold already are kept.

    ``whole``: the images of which all logits are kept. ``computed``: the precision whose rounding does not count as
    dependence on the batch. Where scores depend on it, the last batch is filled up: all answers are then of batches of
    one size.
    """

    batch_size: int
    whole: tuple[int, ...]
    out: Path
    computed: str = "fp32"


@dataclass(frozen=True, slots=True)
class WriteLogits(Request[Done]):
    """Logits of the chosen images, in that order, into ``out``: (len(images), outputs), the backend's dtype.

    ``reshaped``: pixels are laid out as the other layout and handed over in this one's shape, for whoever reads them
    so. ``finite``: NaN and infinity are refused.
    """

    images: tuple[int, ...]
    batch_size: int
    out: Path
    reshaped: bool = False
    finite: bool = True


@dataclass(frozen=True, slots=True)
class WriteActivations(Request[Done]):
    """Outputs of ``layers`` for the chosen images, canonical and float64: the files <layer>.npy in ``out``."""

    images: tuple[int, ...]
    layers: tuple[str, ...]
    batch_size: int
    out: Path


@dataclass(frozen=True, slots=True)
class Predict(Request[Done]):
    """Logits of ready-made network inputs in the backend's layout, in one call, into ``out``."""

    inputs: Path
    out: Path
