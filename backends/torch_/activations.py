"""The outputs of PyTorch's inner modules, by hooks that exist for one call."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def watch(
    module: "torch.nn.Module", predict: Callable[[], object], layers: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Output of each child of ``module`` in ``layers`` while ``predict`` runs it, float64.

    It is the same module that is measured, so reading its outputs changes nothing.
    """
    found: dict[str, NDArray[np.float64]] = {}
    children = dict(module.named_children())
    with ExitStack() as on_exit:
        for name in layers:
            on_exit.callback(children[name].register_forward_hook(_keeper(found, name)).remove)
        predict()
    return {name: found[name] for name in layers}


def _keeper(found: dict[str, NDArray[np.float64]], name: str) -> Callable[..., None]:
    def keep(_module: object, _inputs: object, output: "torch.Tensor") -> None:
        # double() copies at once: the ReLU after it works in place.
        found[name] = output.detach().double().cpu().numpy()

    return keep
