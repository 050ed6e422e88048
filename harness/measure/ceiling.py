"""What a runtime's own kernels reach on shapes that suit them: a part of this machine's measured peak.

One library's matrix product is not the peak: where NumPy's gave 163 GFLOP/s, ONNX Runtime's convolutions reached 213.
So every backend is asked, through the contract like everything else, for a network of one layer.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.measure import clock
from alexbench.harness.models.network import Conv, Flatten, Layer, Linear, Network
from alexbench.harness.models.seeded import seeded_weights

_SHAPES: Final[Mapping[str, tuple[tuple[int, int, int], tuple[Layer, ...], int]]] = {
    "linear": ((2048, 1, 1), (Flatten("flatten"), Linear("fc", 2048, 2048)), 512),
    "conv": ((256, 28, 28), (Conv("conv", 256, 256, 3, padding=1), Flatten("flatten")), 4),
}
"""Name -> input (C, H, W), layers, batch size: 4.3 and 3.7 GFLOP a call, on little memory."""


class Ceilings:
    """Networks of one layer each, loaded in backends of their own."""

    def __init__(self, make: Callable[[], Backend], options: Options) -> None:
        self._loaded = []
        for name, (shape, layers, batch) in _SHAPES.items():
            network = Network(f"ceiling-{name}", "one layer", shape, layers)
            backend = make()
            backend.load(Model(network, seeded_weights(network.parameter_shapes, 1)), options)
            axes = (0, 1, 2) if backend.input_layout == "NCHW" else (1, 2, 0)
            random = np.random.Generator(np.random.PCG64(1))
            pixels = random.random((batch, *(shape[axis] for axis in axes)), np.float32)
            backend.predict(pixels)
            self._loaded.append((name, backend, pixels, 2 * network.macs * batch))

    def best(self, seconds: float) -> dict[str, float]:
        """Name -> GFLOP/s of the fastest call within ``seconds``, shared among the networks."""
        found = {}
        for name, backend, pixels, flops in self._loaded:
            block = clock.time_block(backend.predict, pixels, seconds=seconds / len(self._loaded))
            found[name] = flops / min(block.ns)
        return found

    def close(self) -> None:
        """Release the backends."""
        for _, backend, _, _ in self._loaded:
            backend.close()
