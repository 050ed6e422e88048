"""The names of precisions and which of them rounds more; standard library only."""

from collections.abc import Iterable
from typing import Final, Literal

FINEST_FIRST: Final = ("fp64", "fp32", "tf32", "fp16", "int16", "bf16", "int8", "fp8", "int4", "int2")

QUANTISED: Final = frozenset({"int16", "int8", "fp8", "int4", "int2"})
"""Held to an expectation: how good such a file is depends on how it was calibrated."""

Arithmetic = Literal["fp32", "11 bits", "8 bits", "no known precision", "another function"]
"""As what an error is known: the bits of a significand (11 are TF32's and fp16's, 8 are bf16's), or none of them."""

FAR_OFF: Final = 1.0
"""Standard deviations of the logits by which no rounding is off."""


def coarsest(names: Iterable[str]) -> str:
    """The precision that rounds most; unknown names do not count, and none is fp32."""
    return max((name for name in names if name in FINEST_FIRST), key=FINEST_FIRST.index, default="fp32")
