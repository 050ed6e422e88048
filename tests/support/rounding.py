"""PyTorch computing in fewer bits than it says: what a runtime with TF32 or bf16 left on does, on any CPU."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.torch_ import TorchBackend
from alexbench.harness.contract import Model, Options

FP32_BITS: Final = 24
"""Of the significand, the leading one included: 11 of TF32 and fp16, 8 of bf16."""


def rounded(array: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """``array`` with significands of ``bits`` bits, to nearest, ties to even; exponents stay fp32's."""
    dropped = FP32_BITS - bits
    if dropped == 0:
        return array.copy()
    # A copy, not a view: the exponent stands above the significand, so a carry goes where it must.
    raw = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).astype(np.uint64)
    half = (1 << (dropped - 1)) - 1 + (raw >> dropped & 1)
    return ((raw + half >> dropped << dropped).astype(np.uint32)).view(np.float32)


class RoundingBackend(TorchBackend):
    """Inputs and weights of every convolution and fully connected layer have ``bits`` bits; it claims fp32."""

    bits: int = FP32_BITS

    def load(self, model: Model, options: Options) -> None:
        """As PyTorch, then round the weights and see to it that every input is rounded."""
        super().load(model, options)
        import torch

        def rounds(tensor: Any) -> Any:
            return torch.from_numpy(rounded(tensor.numpy(), self.bits))

        assert self._module is not None
        for layer in self._module.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                with torch.no_grad():
                    layer.weight = torch.nn.Parameter(rounds(layer.weight.detach()), requires_grad=False)
                layer.register_forward_pre_hook(lambda _, given: tuple(map(rounds, given)))
