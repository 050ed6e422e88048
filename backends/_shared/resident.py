"""Inference from and to a device's own memory, for the adapters that can: pixels are placed once, logits stay there.

Each function gives a call that infers and blocks until the device is done; what it returns is the logits as they lie
on the device. Devices are arguments throughout, so that the same lines run on a CPU in the tests.
"""

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime
    import tensorflow
    import torch


def on_torch(torch: ModuleType, module: "torch.nn.Module", placed: "torch.Tensor") -> Callable[[], Any]:
    """``module`` over ``placed``, which lies on its device in its type; waits for all of that device's streams."""
    device = placed.device
    platform = getattr(torch, device.type)  # torch.cuda, or torch.cpu, which has nothing to wait for

    def infer() -> Any:
        with torch.inference_mode():
            logits = module(placed)
        platform.synchronize(device)
        return logits

    return infer


def on_onnxruntime(
    ort: ModuleType, session: "onnxruntime.InferenceSession", pixels: NDArray[np.float32], device: tuple[str, int]
) -> Callable[[], Any]:
    """``session`` with its one input and its one output bound to memory of ``device``: ("cuda", 0), ("cpu", 0)."""
    source, scores = session.get_inputs()[0].name, session.get_outputs()[0]
    placed = ort.OrtValue.ortvalue_from_numpy(pixels, *device)
    logits = ort.OrtValue.ortvalue_from_shape_and_type([len(pixels), scores.shape[1]], np.float32, *device)
    binding = session.io_binding()
    binding.bind_ortvalue_input(source, placed)
    binding.bind_ortvalue_output(scores.name, logits)

    def infer() -> Any:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return logits

    return infer


def on_tensorflow(
    tf: ModuleType,
    function: "Callable[[tensorflow.Tensor], tensorflow.Tensor]",
    pixels: NDArray[np.float32],
    device: str,
) -> Callable[[], Any]:
    """``function`` over pixels on ``device``, a name of TensorFlow's.

    A function that returned has not waited for a GPU. SyncDevice does, for its compute stream: it is the operation
    behind tf.test.experimental.sync_devices.
    """
    with tf.device(device):
        placed = tf.identity(tf.constant(pixels))

    def infer() -> Any:
        with tf.device(device):
            logits = function(placed)
            tf.raw_ops.SyncDevice()
        return logits

    return infer
