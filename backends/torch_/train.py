"""Training with torch: autograd and torch.optim.SGD; several processes by DistributedDataParallel."""

import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.torch_.network import network_module, tensor_over
from alexbench.harness.capabilities import TrainingOptions
from alexbench.harness.contract import Model
from alexbench.harness.models.network import Layout

if TYPE_CHECKING:
    import torch


class TorchTrainer:
    """See :class:`Trainer`."""

    layout: Layout = "NCHW"

    def __init__(self, torch: ModuleType, model: Model, device: "torch.device", how: TrainingOptions) -> None:
        torch.manual_seed(how.seed)
        module = network_module(torch, model).to(device=device).train().requires_grad_()
        for layer in module.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = how.dropout
        self._torch, self._device, self._trained = torch, device, module
        self._module: Any = module if how.group is None else _distributed(torch, module, device, how.group)
        self._optimizer: Any = torch.optim.SGD(
            module.parameters(), lr=0.0, momentum=how.momentum, weight_decay=how.weight_decay
        )

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> float:
        """See :meth:`Trainer.step`."""
        loss = self._forward(pixels, labels)
        self._backward(loss)
        self._update(lr)
        return float(loss.item())

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> tuple[int, int, int]:
        """See :meth:`Trainer.split`."""
        readings = [time.perf_counter_ns()]
        loss = self._forward(pixels, labels)
        self._wait(readings)
        self._backward(loss)
        self._wait(readings)
        self._update(lr)
        self._wait(readings)
        first, second, third, last = readings
        return second - first, third - second, last - third

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """See :meth:`Trainer.weights`."""
        return {name: one.detach().cpu().numpy().copy() for name, one in self._trained.state_dict().items()}

    def _forward(self, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> "torch.Tensor":
        logits = self._module(tensor_over(self._torch, pixels).to(device=self._device))
        expected = self._torch.from_numpy(labels).to(self._device)
        loss: torch.Tensor = self._torch.nn.functional.cross_entropy(logits, expected)
        return loss

    def _backward(self, loss: "torch.Tensor") -> None:
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()

    def _update(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()

    def _wait(self, readings: list[int]) -> None:
        if self._device.type == "cuda":
            self._torch.cuda.synchronize(self._device)
        readings.append(time.perf_counter_ns())


def _distributed(
    library: ModuleType, module: "torch.nn.Module", device: "torch.device", group: tuple[int, tuple[str, ...]]
) -> "torch.nn.Module":
    rank, addresses = group
    engine = "nccl" if device.type == "cuda" else "gloo"
    meeting = f"tcp://{addresses[0]}"
    library.distributed.init_process_group(engine, init_method=meeting, rank=rank, world_size=len(addresses))
    wrapped: torch.nn.Module = library.nn.parallel.DistributedDataParallel(module)
    return wrapped
