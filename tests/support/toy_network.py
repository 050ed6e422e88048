"""The smallest network with an AlexNet's layers: eight with weights, LRN before pooling, groups."""

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.network import LRN, Conv, Flatten, Linear, MaxPool, Network, ReLU

TOY = Network(
    "toy",
    "an AlexNet by name",
    (3, 8, 8),
    (
        Conv("conv1", 3, 4, 3, padding=1),
        ReLU("relu1"),
        LRN("norm1", 5, 1e-4, 0.75, 1.0),
        MaxPool("pool1", 2, 2),
        Conv("conv2", 4, 6, 3, padding=1, groups=2),
        Conv("conv3", 6, 6, 3, padding=1),
        Conv("conv4", 6, 8, 3, padding=1, groups=2),
        Conv("conv5", 8, 8, 3, padding=1),
        ReLU("relu5"),
        MaxPool("pool5", 2, 2),
        Flatten("flatten"),
        Linear("fc6", 32, 16),
        ReLU("relu6"),
        Linear("fc7", 16, 12),
        ReLU("relu7"),
        Linear("fc8", 12, 10),
    ),
)


def toy_weights(seed: int = 1) -> dict[str, NDArray[np.float32]]:
    """Canonical arrays of :data:`TOY`."""
    random = np.random.Generator(np.random.PCG64(seed))
    return {name: random.standard_normal(shape, np.float32) for name, shape in TOY.parameter_shapes.items()}
