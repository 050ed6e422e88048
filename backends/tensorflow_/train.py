"""Training with TensorFlow: gradient tape and tf.raw_ops' momentum update in one tf.function."""

import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.tensorflow_.layers import every_layer, trained_variables
from alexbench.harness.capabilities import TrainingOptions
from alexbench.harness.contract import Model
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import Layout

if TYPE_CHECKING:
    import tensorflow


class TensorFlowTrainer:
    """See :class:`Trainer`."""

    layout: Layout = "NHWC"

    def __init__(self, tf: ModuleType, model: Model, device: str, how: TrainingOptions) -> None:
        if how.group is not None:
            raise UnsupportedOptionError("tensorflow: several processes are not supported by this adapter; use torch")
        tf.random.set_seed(how.seed)
        with tf.device(device):
            variables = trained_variables(tf, model)
            self._slots = {name: tf.Variable(tf.zeros_like(one), trainable=False) for name, one in variables.items()}
        self._tf, self._device, self._how, self._variables = tf, device, how, variables
        self._apply = every_layer(tf, model.network, variables, dropout=how.dropout)
        self._last = model.network.layers[-1].name
        self._step: Any = tf.function(self._whole, autograph=False, jit_compile=False)
        self._parts: list[Any] = [
            tf.function(part, autograph=False, jit_compile=False)
            for part in (self._loss, self._gradients, self._apply_all)
        ]

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> float:
        """See :meth:`Trainer.step`."""
        tf = self._tf
        with tf.device(self._device):
            return float(self._step(tf.constant(pixels), tf.constant(labels), tf.constant(lr, tf.float32)).numpy())

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> tuple[int, int, int]:
        """See :meth:`Trainer.split`. Backward is forward and backward together, less forward: the tape needs both."""
        tf, (loss, gradients, update) = self._tf, self._parts
        with tf.device(self._device):
            given = tf.constant(pixels), tf.constant(labels)
            readings = [time.perf_counter_ns()]
            loss(*given).numpy()
            readings.append(time.perf_counter_ns())
            found = gradients(*given)
            found[0][:1].numpy()
            readings.append(time.perf_counter_ns())
            update(found, tf.constant(lr, tf.float32)).numpy()
            readings.append(time.perf_counter_ns())
        first, second, third, last = readings
        forward = second - first
        return forward, max(0, third - second - forward), last - third

    def _loss(self, pixels: "tensorflow.Tensor", labels: "tensorflow.Tensor") -> "tensorflow.Tensor":
        tf = self._tf
        logits = self._apply(pixels)[self._last]
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    def _gradients(self, pixels: "tensorflow.Tensor", labels: "tensorflow.Tensor") -> "list[tensorflow.Tensor]":
        with self._tf.GradientTape() as tape:
            loss = self._loss(pixels, labels)
        found: list[tensorflow.Tensor] = tape.gradient(loss, list(self._variables.values()))
        return found

    def _whole(
        self, pixels: "tensorflow.Tensor", labels: "tensorflow.Tensor", lr: "tensorflow.Tensor"
    ) -> "tensorflow.Tensor":
        with self._tf.GradientTape() as tape:
            loss = self._loss(pixels, labels)
        gradients = tape.gradient(loss, list(self._variables.values()))
        with self._tf.control_dependencies([self._apply_all(gradients, lr)]):
            return self._tf.identity(loss)

    def _apply_all(self, gradients: "list[tensorflow.Tensor]", lr: "tensorflow.Tensor") -> "tensorflow.Tensor":
        """Torch's SGD: v = momentum v + (g + decay w), w = w - lr v."""
        tf, how = self._tf, self._how
        done = []
        for (name, variable), gradient in zip(self._variables.items(), gradients, strict=True):
            slot = self._slots[name]
            decayed = gradient + how.weight_decay * variable
            done.append(
                tf.raw_ops.ResourceApplyMomentum(
                    var=variable.handle, accum=slot.handle, lr=lr, grad=decayed, momentum=how.momentum
                )
            )
        with tf.control_dependencies(done):
            return tf.constant(0)
