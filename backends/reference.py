"""The float64 reference that all runtimes are compared with: AlexNet in NumPy. Never timed, always available."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alexbench.backends import reference_gradients as gradients
from alexbench.backends._shared.adapters import check_pixels, not_loaded
from alexbench.backends._shared.watched_layers import check_layers
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements, check_weights
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Layout,
    Linear,
    MaxPool,
    Network,
    ReLU,
    pooled_size,
)
from alexbench.harness.trainers import TrainingOptions

Array = NDArray[np.float64]


class ReferenceBackend(Backend):
    """The network by its definitions: windows and matrix products, no fusion, no approximation.

    Convolutions are computed image by image, so their bits do not depend on the batch. The fully connected layers take
    the batch as one product, whose last bits (1e-16) may depend on its size.
    """

    name: ClassVar[str] = "reference"
    requires: ClassVar[Requirements] = Requirements()
    input_layout: Layout = "NCHW"

    def __init__(self) -> None:
        self._network: Network | None = None
        self._weights: Mapping[str, Array] = {}
        self._threads = Known("0", "requested")
        # threadpoolctl's limiter, which can restore the count. We do not rely on its stubs.
        self._restore_threads: Callable[[], Any] | None = None

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`; the arrays are converted to float64 once, here (twice the file's size)."""
        check_weights(model)
        if options.device != "cpu":
            raise UnsupportedOptionError(
                f"reference: asked for device {options.device!r}, but NumPy runs on the CPU; use --device cpu"
            )
        if options.precision != "fp32":
            raise UnsupportedOptionError(
                f"reference: asked for {options.precision}, but the reference computes in float64 and only stands for"
                " fp32; use --precision fp32"
            )
        self.close()
        self._limit_threads(options.threads)
        self._weights = {name: array.astype(np.float64) for name, array in model.weights.items()}
        self._network = model.network

    def predict(self, pixels: NDArray[np.float32]) -> Array:  # type: ignore[override]  # the contract's one exception
        """Logits (N, outputs), float64, of ``pixels`` (N, C, H, W) float32."""
        network, x = self._checked(pixels)
        for layer in network.layers:
            x = self._apply(layer, x)
        return x

    def activations(self, pixels: NDArray[np.float32], layers: Sequence[str]) -> dict[str, Array]:
        """Layer name -> output (N, C, H, W) or (N, features), float64, for each of ``layers``.

        Raises:
            UsageError: a name is not a layer of the network.
        """
        network, x = self._checked(pixels)
        check_layers(network, layers)
        wanted = set(layers)
        found: dict[str, Array] = {}
        for layer in network.layers:
            if len(found) == len(wanted):
                break
            x = self._apply(layer, x)
            if layer.name in wanted:
                # No operation writes into its input, and a view (flatten, dropout) of a fresh array is safe too.
                found[layer.name] = x
        return {name: found[name] for name in layers}

    def open_trainer(self, model: Model, options: Options, how: TrainingOptions) -> "ReferenceTrainer":
        """See :meth:`Trains.open_trainer`; without dropout, whose draws would be another runtime's."""
        if how.dropout or how.group is not None:
            raise UnsupportedOptionError("reference: trains without dropout and alone")
        self.load(model, options)
        return ReferenceTrainer(model.network, self._weights, self._apply, how)

    def effective(self) -> Effective:
        """float64 on the CPU. BLAS reports the thread count if threadpoolctl can query it."""
        if self._network is None:
            raise not_loaded(self.name, "effective")
        return Effective(
            runtime="numpy",
            version=np.__version__,
            device=Known("cpu", "reported"),
            provider=Known("numpy", "reported"),
            precision=Known("float64", "reported"),
            threads=self._threads,
            streams=Known("1", "reported"),
            settings={"convolution": "im2col and matrix product"},
        )

    def close(self) -> None:
        """Release the arrays and restore BLAS's threads."""
        self._network, self._weights = None, {}
        if self._restore_threads is not None:
            self._restore_threads()
            self._restore_threads = None

    def _checked(self, pixels: NDArray[np.float32]) -> tuple[Network, Array]:
        network = self._network
        if network is None:
            raise not_loaded(self.name, "predict")
        check_pixels(self.name, pixels, network.input_shape, self.input_layout)
        return network, pixels.astype(np.float64)

    def _apply(self, layer: Layer, x: Array) -> Array:
        match layer:
            case Conv():
                weight, bias = (self._weights[f"{layer.name}.{part}"] for part in ("weight", "bias"))
                return _convolution(x, weight, bias, layer)
            case Linear():
                return x @ self._weights[f"{layer.name}.weight"].T + self._weights[f"{layer.name}.bias"]
            case ReLU():
                return np.maximum(x, 0.0)
            case LRN():
                return _lrn(x, layer)
            case MaxPool():
                return _max_pool(x, layer)
            case AdaptiveAvgPool():
                return _adaptive_average(_adaptive_average(x, 2, layer.size), 3, layer.size)
            case Flatten():
                return x.reshape(len(x), -1)
            case Dropout():
                return x  # identity at inference

    def _limit_threads(self, threads: int) -> None:
        try:
            import threadpoolctl
        except ImportError:
            self._threads = Known(str(threads), "requested")
            return
        self._restore_threads = threadpoolctl.threadpool_limits(limits=threads, user_api="blas").restore_original_limits
        # Only NumPy's own BLAS counts: that of another library (SciPy, a runtime) may be loaded too.
        counts = {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}
        self._threads = Known(str(max(counts)), "reported") if counts else Known(str(threads), "requested")


class ReferenceTrainer:
    """SGD in float64, see :class:`Trainer`; ``weights`` are updated in place."""

    layout: Layout = "NCHW"

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, Array],
        apply: Callable[[Layer, Array], Array],
        how: TrainingOptions,
    ) -> None:
        self._network, self._weights, self._apply, self._how = network, weights, apply, how
        self._velocity = {name: np.zeros_like(array) for name, array in weights.items()}

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> float:
        """See :meth:`Trainer.step`."""
        inputs = [pixels.astype(np.float64)]
        for layer in self._network.layers:
            inputs.append(self._apply(layer, inputs[-1]))
        loss, above = gradients.cross_entropy(inputs[-1], labels)
        found: dict[str, Array] = {}
        for layer, x, y in reversed(list(zip(self._network.layers, inputs[:-1], inputs[1:], strict=True))):
            above = self._below(layer, x, y, above, found)
        for name, gradient in found.items():
            velocity = self._velocity[name]
            velocity *= self._how.momentum
            velocity += gradient + self._how.weight_decay * self._weights[name]
            self._weights[name][...] -= lr * velocity
        return loss

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> tuple[int, int, int]:  # noqa: ARG002
        """The reference is never timed."""
        raise UnsupportedOptionError("reference: it is never timed")

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """See :meth:`Trainer.weights`; rounded once."""
        return {name: array.astype(np.float32) for name, array in self._weights.items()}

    def momentum(self) -> dict[str, NDArray[np.float32]]:
        """See :meth:`Trainer.momentum`; rounded once."""
        return {name: array.astype(np.float32) for name, array in self._velocity.items()}

    def restore(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        momentum: Mapping[str, NDArray[np.float32]],
        steps: int,  # noqa: ARG002  # there is no dropout
    ) -> None:
        """See :meth:`Trainer.restore`."""
        for name in self._weights:
            self._weights[name][...], self._velocity[name][...] = weights[name], momentum[name]

    def _below(self, layer: Layer, x: Array, y: Array, above: Array, found: dict[str, Array]) -> Array:
        """The gradient of a layer's input; those of its parameters go into ``found``."""
        name = layer.name
        match layer:
            case Conv():
                weight = self._weights[f"{name}.weight"]
                above, found[f"{name}.weight"], found[f"{name}.bias"] = gradients.of_convolution(
                    x, weight, above, layer
                )
            case Linear():
                found[f"{name}.weight"], found[f"{name}.bias"] = above.T @ x, above.sum(axis=0)
                above = above @ self._weights[f"{name}.weight"]
            case ReLU():
                above = np.where(y > 0, above, 0.0)
            case LRN():
                above = gradients.of_lrn(x, above, layer)
            case MaxPool():
                above = gradients.of_max_pool(x, y, above, layer)
            case AdaptiveAvgPool():
                above = gradients.of_average(x, above, layer)
            case Flatten():
                above = above.reshape(x.shape)
            case Dropout():
                pass
        return above


def _convolution(x: Array, weight: Array, bias: Array, layer: Conv) -> Array:
    """(N, C, H, W) -> (N, out_channels, H', W'): one column per window, one matrix product per group and image."""
    pad = layer.padding
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))) if pad else x
    windows = sliding_window_view(padded, (layer.kernel, layer.kernel), axis=(2, 3))
    # (N, C, H', W', k, k) -> (N, C, k, k, H', W'): rows of an output line stay contiguous, which makes the copy fast.
    windows = windows[:, :, :: layer.stride, :: layer.stride].transpose(0, 1, 4, 5, 2, 3)
    height, width = windows.shape[-2:]
    out = np.empty((len(x), layer.groups, layer.out_channels // layer.groups, height * width))
    kernels = weight.reshape(layer.groups, layer.out_channels // layer.groups, -1)
    columns = np.empty((layer.groups, kernels.shape[-1], height * width))
    for picture, result in zip(windows, out, strict=True):
        columns.reshape(picture.shape)[...] = picture
        np.matmul(kernels, columns, out=result)
    out += bias.reshape(1, layer.groups, -1, 1)
    return out.reshape(len(x), layer.out_channels, height, width)


def _max_pool(x: Array, layer: MaxPool) -> Array:
    """Maximum of each window. In ceil mode, a window over the edge uses only the values inside."""
    for axis in (2, 3):
        size = pooled_size(x.shape[axis], layer.kernel, layer.stride, ceil_mode=layer.ceil_mode)
        short = (size - 1) * layer.stride + layer.kernel - x.shape[axis]
        if short > 0:
            padding = [(0, short if a == axis else 0) for a in range(4)]
            x = np.pad(x, padding, constant_values=-np.inf)
        taps = [
            x[(slice(None),) * axis + (slice(tap, tap + (size - 1) * layer.stride + 1, layer.stride),)]
            for tap in range(layer.kernel)
        ]
        x = np.maximum.reduce(taps) if len(taps) > 1 else taps[0]
    return x


def _lrn(x: Array, layer: LRN) -> Array:
    """Divide by (k + alpha / size * sum of squares over ``size`` neighbouring channels) ^ beta, as Caffe defines it."""
    before = (layer.size - 1) // 2
    squares = np.pad(x * x, ((0, 0), (before, layer.size - 1 - before), (0, 0), (0, 0)))
    total = sum(squares[:, tap : tap + x.shape[1]] for tap in range(layer.size))
    scaled: Array = x / (layer.k + layer.alpha / layer.size * total) ** layer.beta
    return scaled


def _adaptive_average(x: Array, axis: int, size: int) -> Array:
    """Means over windows [floor(i * L / size), ceil((i + 1) * L / size)), as torch.nn.AdaptiveAvgPool2d cuts them."""
    length = x.shape[axis]
    if length == size:
        return x
    cuts = [(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]
    return np.stack([x.take(range(start, stop), axis=axis).mean(axis=axis) for start, stop in cuts], axis=axis)
