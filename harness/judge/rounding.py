"""Significands of fewer bits than fp32's: what TF32, bf16 and fp16 leave of a number."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FP32_BITS: Final = 24
"""Bits of the significand, with the leading one: 11 for TF32 and fp16, 8 for bf16."""


def rounded(array: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Finite ``array`` with significands of ``bits`` bits, to nearest, ties to even; exponents stay fp32's."""
    dropped = FP32_BITS - bits
    if dropped == 0:
        return array.copy()
    # A copy, not a view: the exponent stands above the significand, so a carry goes where it must.
    raw = np.array(array, dtype=np.float32, order="C").view(np.uint32)
    raw += np.uint32((1 << (dropped - 1)) - 1) + (raw >> np.uint32(dropped) & np.uint32(1))
    return (raw & np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)).view(np.float32)
