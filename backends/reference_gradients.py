"""The gradients of each layer in float64 NumPy, by their definitions: what training is compared with."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import averaging_matrix
from alexbench.harness.models.network import LRN, AdaptiveAvgPool, Conv, MaxPool

Array = NDArray[np.float64]


def cross_entropy(logits: Array, labels: NDArray[np.int64]) -> tuple[float, Array]:
    """The mean over images of -log softmax at the label, and its gradient (N, outputs)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    rows = np.arange(len(labels))
    loss = float(np.mean(log_sum - shifted[rows, labels]))
    gradient = np.exp(shifted - log_sum[:, None])
    gradient[rows, labels] -= 1.0
    return loss, gradient / len(labels)


def of_convolution(x: Array, weight: Array, above: Array, layer: Conv) -> tuple[Array, Array, Array]:
    """The gradients of the input, the weights and the bias; ``above``: that of the output."""
    pad, stride, kernel, groups = layer.padding, layer.stride, layer.kernel, layer.groups
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = sliding_window_view(padded, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]
    windows = windows.transpose(0, 1, 4, 5, 2, 3)  # (N, C, k, k, H', W')
    height, width = above.shape[2:]
    kernels = weight.reshape(groups, layer.out_channels // groups, -1)
    weights, inputs = np.zeros_like(kernels), np.zeros_like(padded)
    for image, (window, one) in enumerate(zip(windows, above, strict=True)):
        columns = window.reshape(groups, kernels.shape[-1], height * width)
        errors = one.reshape(groups, layer.out_channels // groups, height * width)
        weights += errors @ columns.transpose(0, 2, 1)
        back = (kernels.transpose(0, 2, 1) @ errors).reshape(x.shape[1], kernel, kernel, height, width)
        for row in range(kernel):
            for column in range(kernel):
                rows = slice(row, row + stride * height, stride)
                inputs[image, :, rows, column : column + stride * width : stride] += back[:, row, column]
    inside = inputs[:, :, pad : padded.shape[2] - pad, pad : padded.shape[3] - pad]
    return inside, weights.reshape(weight.shape), above.sum(axis=(0, 2, 3))


def of_max_pool(x: Array, y: Array, above: Array, layer: MaxPool) -> Array:
    """The gradient of the input: each window's goes to its first maximum, row by row."""
    height, width = y.shape[2:]
    beyond = [
        max(0, (n - 1) * layer.stride + layer.kernel - side) for n, side in zip(y.shape[2:], x.shape[2:], strict=True)
    ]
    padded = np.pad(x, ((0, 0), (0, 0), (0, beyond[0]), (0, beyond[1])), constant_values=-np.inf)
    inputs, left = np.zeros_like(padded), np.ones(y.shape, dtype=np.bool_)
    for row in range(layer.kernel):
        for column in range(layer.kernel):
            rows = slice(row, row + (height - 1) * layer.stride + 1, layer.stride)
            columns = slice(column, column + (width - 1) * layer.stride + 1, layer.stride)
            here = left & (padded[:, :, rows, columns] == y)
            inputs[:, :, rows, columns] += np.where(here, above, 0.0)
            left &= ~here
    return inputs[:, :, : x.shape[2], : x.shape[3]]


def of_lrn(x: Array, above: Array, layer: LRN) -> Array:
    """The gradient of the input of Caffe's normalisation across channels."""
    scale = layer.alpha / layer.size
    total = layer.k + scale * _across(x * x, layer.size)
    inner = _across(above * x * total ** (-layer.beta - 1), layer.size)
    gradient: Array = above * total**-layer.beta - 2 * scale * layer.beta * x * inner
    return gradient


def of_average(x: Array, above: Array, layer: AdaptiveAvgPool) -> Array:
    """The gradient of the input of an adaptive average pool."""
    rows, columns = (averaging_matrix(side, layer.size).astype(np.float64) for side in x.shape[2:])
    gradient: Array = np.einsum("ih,jw,ncij->nchw", rows, columns, above)
    return gradient


def _across(values: Array, size: int) -> Array:
    """Sums over ``size`` neighbouring channels, which is odd."""
    before = (size - 1) // 2
    padded = np.pad(values, ((0, 0), (before, size - 1 - before), (0, 0), (0, 0)))
    total: Array = sum(padded[:, tap : tap + values.shape[1]] for tap in range(size))  # type: ignore[assignment]
    return total
