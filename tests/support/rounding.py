"""PyTorch computing in fewer bits than it says: what a runtime with TF32 or bf16 left on does, on any CPU."""

from typing import Any

from alexbench.backends.torch_.adapter import TorchBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.rounding import FP32_BITS, rounded


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
