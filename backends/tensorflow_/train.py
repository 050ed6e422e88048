"""Training with TensorFlow: gradient tape and tf.raw_ops' momentum update in one tf.function."""

import json
import os
import time
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.tensorflow_.layers import canonical, every_layer, trained_variables, transposed
from alexbench.harness.contract import Model
from alexbench.harness.models.network import Layout
from alexbench.harness.trainers import TrainingOptions

if TYPE_CHECKING:
    import tensorflow


class TensorFlowTrainer:
    """See :class:`Trainer`."""

    layout: Layout = "NHWC"

    def __init__(self, tf: ModuleType, model: Model, device: str, how: TrainingOptions) -> None:
        self._strategy = None if how.group is None else _strategy(tf, *how.group)
        if how.deterministic:
            tf.config.experimental.enable_op_determinism()
        with tf.device(device):
            variables = trained_variables(tf, model)
            self._seed = tf.Variable([how.seed, 0], dtype=tf.int32, trainable=False)
            self._slots = {name: tf.Variable(tf.zeros_like(one), trainable=False) for name, one in variables.items()}
        self._tf, self._device, self._how, self._variables = tf, device, how, variables
        self._network = model.network
        self._apply = every_layer(tf, model.network, variables, dropout=how.dropout, seed=self._seed)
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
            given = tf.constant(pixels), tf.constant(labels), tf.constant(lr, tf.float32)
            loss = float(self._step(*given).numpy())
            self._seed.assign_add([0, 1])
        return loss

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """See :meth:`Trainer.weights`."""
        return canonical(self._network, {name: one.numpy() for name, one in self._variables.items()})

    def momentum(self) -> dict[str, NDArray[np.float32]]:
        """See :meth:`Trainer.momentum`."""
        return canonical(self._network, {name: one.numpy() for name, one in self._slots.items()})

    def restore(
        self, weights: Mapping[str, NDArray[np.float32]], momentum: Mapping[str, NDArray[np.float32]], steps: int
    ) -> None:
        """See :meth:`Trainer.restore`."""
        for variables, arrays in ((self._variables, weights), (self._slots, momentum)):
            for name, array in transposed(Model(self._network, arrays)):
                variables[name].assign(array)
        self._seed.assign([self._how.seed, steps])

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
        if self._strategy is not None:
            with self._tf.device(self._strategy.extended.worker_devices[0]):  # the engine reduces what has a full name
                placed = [self._tf.identity(one) for one in gradients]
            gradients = self._strategy.run(self._averaged, args=(placed,))
        with self._tf.control_dependencies([self._apply_all(gradients, lr)]):
            return self._tf.identity(loss)

    def _averaged(self, gradients: "list[tensorflow.Tensor]") -> "list[tensorflow.Tensor]":
        """The mean over the processes of a group."""
        context = self._tf.distribute.get_replica_context()
        found: list[tensorflow.Tensor] = context.all_reduce(self._tf.distribute.ReduceOp.MEAN, gradients)
        return found

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


def _strategy(tf: ModuleType, rank: int, addresses: tuple[str, ...]) -> Any:
    """TensorFlow's own engine for several processes; it waits until all of them are there."""
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": list(addresses)}, "task": task})
    return tf.distribute.MultiWorkerMirroredStrategy()
