"""What a quantized file's activations are, and what it answers with other ranges of them."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.capabilities import ActivationRange
from alexbench.harness.contract import Artifact, ArtifactFacts, Options
from alexbench.harness.files.lines import Request
from alexbench.harness.models.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class RangesTried:
    """The ranges in the file, and which weights have one scale for all channels."""

    ranges: tuple[ActivationRange, ...]
    one_scale: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TryRanges(Request[RangesTried]):
    """Show the file prepared ``images`` of ``pixels`` in each of ``readings``; see :class:`OpensRanges`.

    Into ``out`` (.npz): ``scores`` (readings, images, outputs). Without ``ranges`` also ``lowest`` and ``highest``
    (readings, images, ranges) of each activation, and ``cut`` (ranges,): the share of values beyond the file's range,
    of the first reading.
    """

    backend: str
    artifact: Artifact
    facts: ArtifactFacts
    options: Options
    pixels: Path
    images: tuple[int, ...]
    readings: tuple[Preprocessing, ...]
    out: Path
    ranges: dict[str, tuple[float, float]] | None = None
