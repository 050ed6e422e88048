"""The network as torch.nn modules."""

import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Model
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    Network,
    ReLU,
)

if TYPE_CHECKING:
    import torch


def network_module(torch: ModuleType, model: Model) -> "torch.nn.Sequential":
    """The modules with their weights, for inference: eval() makes every Dropout the identity."""
    module = _build(torch, model.network)
    module.load_state_dict(_owned_tensors(torch, model.weights), assign=True)
    return module.eval().requires_grad_(requires_grad=False)


def check_has_layers(torch: ModuleType, network: Network, device: "torch.device", dtype: "torch.dtype") -> None:
    """Whether torch has the network's local response normalisation in ``dtype``; all of its other layers it has.

    Raises:
        UnsupportedOptionError: it has not.
    """
    sizes = [layer.size for layer in network.layers if isinstance(layer, LRN)]
    try:
        for size in sizes[:1]:
            torch.nn.functional.local_response_norm(torch.ones(1, size, 1, 1, device=device, dtype=dtype), size)
    except NotImplementedError as error:
        asked = {"bfloat16": "bf16", "float16": "fp16"}.get(str(dtype).removeprefix("torch."), str(dtype))
        raise UnsupportedOptionError(
            f"torch: network {network.name} has local response normalisation, which torch does not have in {asked} on"
            f" {device.type}; use --precision fp32"
        ) from error


def _build(torch: ModuleType, network: Network) -> "torch.nn.Sequential":
    """The modules on the meta device, without memory or random initialisation, because the weights are supplied."""
    with torch.device("meta"):
        chain = torch.nn.Sequential()
        for layer in network.layers:
            chain.add_module(layer.name, _module(torch.nn, layer))
    return chain


def _module(nn: ModuleType, layer: Layer) -> "torch.nn.Module":
    match layer:
        case Conv():
            return nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.kernel,
                stride=layer.stride,
                padding=layer.padding,
                groups=layer.groups,
            )
        case Linear():
            return nn.Linear(layer.in_features, layer.out_features)
        case ReLU():
            return nn.ReLU(inplace=True)
        case LRN():  # torch divides alpha by size, as Caffe does
            return nn.LocalResponseNorm(layer.size, alpha=layer.alpha, beta=layer.beta, k=layer.k)
        case MaxPool():
            return nn.MaxPool2d(layer.kernel, stride=layer.stride, ceil_mode=layer.ceil_mode)
        case AdaptiveAvgPool():
            return nn.AdaptiveAvgPool2d(layer.size)
        case Flatten():
            return nn.Flatten()
        case Dropout():
            return nn.Dropout(layer.p)


def _owned_tensors(torch: ModuleType, weights: Mapping[str, NDArray[np.float32]]) -> dict[str, "torch.Tensor"]:
    """Copies in torch's own memory: the arrays may be mapped files, whose pages the system may evict."""
    return {name: tensor_over(torch, array).clone() for name, array in weights.items()}


def tensor_over(torch: ModuleType, array: NDArray[np.float32]) -> "torch.Tensor":
    """A tensor over the array's memory. torch warns about read-only arrays, but nothing here writes into its input."""
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)
