"""How an int8 file was made, and whether the kernels that run it compute what it says."""

from dataclasses import dataclass
from typing import Final


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
