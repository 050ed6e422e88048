"""How an int8 file was made, and whether the kernels that run it compute what it says."""

import math
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class QuantizationRecord:
    """How the int8 file of a row was made. ``tool``: whose, in words; ``versions``: distribution -> version.

    ``per_channel``, ``reduce_range``, ``method``: the options. ``calibration``: the images in words, with their number
    and the digest of their pixels; ``scored``: how many of them are among the scored images. ``seconds``: wall time.
    """

    tool: str
    versions: dict[str, str]
    per_channel: bool
    reduce_range: bool
    method: str
    calibration: str
    calibration_images: int
    calibration_digest: str
    calibration_synthetic: bool
    scored: int
    seconds: float


KERNEL_LOSS_DB: Final = 3.0
"""What int8 kernels may lose against the same file in fp32: sums of whole numbers are exact unless they saturate."""


@dataclass(frozen=True, slots=True)
class KernelCheck:
    """A quantized file as the runtime's int8 kernels compute it, and with all its steps in fp32, on the parity images.

    SQNR in dB, both against the float64 reference: the difference is due to the kernels, the rest to quantization.
    ``vnni``: whether the CPU adds products of 8 bits in 32 bits; None where its flags do not say.
    """

    kernels_db: float
    emulated_db: float
    vnni: bool | None = None

    @property
    def lost_db(self) -> float:
        """What the kernels lose, dB; below 0 where they happen to be nearer."""
        return self.emulated_db - self.kernels_db

    @property
    def corrupted(self) -> bool:
        """Whether the kernels lose more than exact sums of whole numbers can."""
        return self.lost_db > KERNEL_LOSS_DB


LOSS_DB: Final = 3.0
"""What the ranges of a well calibrated file may lose against those of the doctor's images; measured: 0 to 2 (healthy),
4 to 14 (1 to 3 calibration images), 12 (noise), above 40 (unnormalised)."""
RangeCause = Literal["channels", "normalisation", "contrast", "few_images", "other_images", "unknown"]


@dataclass(frozen=True, slots=True)
class RangeFault:
    """What is wrong with a file's activation ranges.

    ``calibrated``: the normalisation that the calibration images had, as ``0..1``, ``0..255`` or a formula, or their
    channel order, or their contrast over that of the doctor's images. ``images``: about how many there were. ``layer``:
    the activation that is furthest off, with the share of the images that its range cuts, and the range's width over
    what the images need.
    """

    cause: RangeCause
    layer: str
    cut: float
    width: float
    calibrated: str = ""
    images: float | None = None


@dataclass(frozen=True, slots=True)
class RangeSeen:
    """The range of an activation in a file, and what the images have there.

    ``images_cut``, ``values_cut``: the shares of images and of their values that the range cuts.
    """

    name: str
    low: float
    high: float
    lowest: float
    highest: float
    images_cut: float
    values_cut: float


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """A quantized file's errors, as SQNR (dB) of its scores on ``images`` images.

    ``given_db``: with its activation ranges, ``refitted_db``: with those of the images; both against the same file
    without rounding of activations. ``kernels``: likewise. ``weights_db``: that one against fp32 weights, and
    ``per_channel_db`` with weights rounded by a scale per channel instead; None where weights are not known, or have a
    scale per channel. ``confirmed``: the ranges are those of the given calibration images; None: none were given.
    """

    images: int
    given_db: float
    refitted_db: float
    ranges: tuple[RangeSeen, ...]
    fault: RangeFault | None
    kernels: KernelCheck | None = None
    one_scale: bool = False
    weights_db: float | None = None
    per_channel_db: float | None = None
    confirmed: bool | None = None

    @property
    def loses_by_one_scale(self) -> bool:
        """Whether a scale per channel would halve the noise of the whole file."""
        return self.one_scale_loss_db > LOSS_DB

    @property
    def one_scale_loss_db(self) -> float:
        """What one scale per layer costs the whole file, dB."""
        if self.weights_db is None or self.per_channel_db is None:
            return 0.0
        activations = 10 ** (-self.given_db / 10)
        now, then = (activations + 10 ** (-weights / 10) for weights in (self.weights_db, self.per_channel_db))
        return 10 * math.log10(now / then)
