"""Training with torch: autograd and torch.optim.SGD; several processes by DistributedDataParallel."""

import time
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.torch_.network import network_module, tensor_over
from alexbench.harness.contract import Model
from alexbench.harness.models.network import Layout
from alexbench.harness.trainers import TrainingOptions

if TYPE_CHECKING:
    import torch


_SEEDS_APART: Final = 1_000_003
"""More than a training has steps, so that two seeds share no step."""


class TorchTrainer:
    """See :class:`Trainer`."""

    layout: Layout = "NCHW"

    def __init__(self, torch: ModuleType, model: Model, device: "torch.device", how: TrainingOptions) -> None:
        torch.use_deterministic_algorithms(how.deterministic)
        self._how, self._steps = how, 0
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
        self._draw_dropout()
        loss = self._forward(pixels, labels)
        self._backward(loss)
        self._update(lr)
        return float(loss.item())

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> tuple[int, int, int]:
        """See :meth:`Trainer.split`."""
        self._draw_dropout()
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

    def momentum(self) -> dict[str, NDArray[np.float32]]:
        """See :meth:`Trainer.momentum`."""
        kept = self._optimizer.state
        return {
            name: kept[one]["momentum_buffer"].cpu().numpy().copy()
            if one in kept
            else np.zeros(tuple(one.shape), np.float32)
            for name, one in self._trained.named_parameters()
        }

    def restore(
        self, weights: Mapping[str, NDArray[np.float32]], momentum: Mapping[str, NDArray[np.float32]], steps: int
    ) -> None:
        """See :meth:`Trainer.restore`."""
        torch = self._torch
        self._trained.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()})
        if steps:
            for name, one in self._trained.named_parameters():
                self._optimizer.state[one]["momentum_buffer"] = torch.from_numpy(momentum[name].copy()).to(one.device)
        self._steps = steps

    def _draw_dropout(self) -> None:
        """What dropout sets to zero depends on the seed and the step, so that a resumed training repeats it."""
        self._torch.manual_seed(self._how.seed * _SEEDS_APART + self._steps)
        self._steps += 1

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
