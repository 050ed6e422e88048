"""Inference in a device's own memory, for adapters that support it: pixels are copied once, logits stay there.

Each function returns a call that infers and blocks until the device is done. The call returns the logits on the device.
Devices are arguments, so the tests run the same lines on a CPU.
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
    """``module`` on ``placed``, which is on its device in its type. Waits for all streams of that device."""
    device = placed.device
    platform = getattr(torch, device.type)  # torch.cuda, or torch.cpu, where waiting does nothing

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
    """``function`` on pixels on ``device``, which is TensorFlow's name.

    A function returns without waiting for a GPU. SyncDevice waits for its compute stream: it is the operation behind
    tf.test.experimental.sync_devices.
    """
    with tf.device(device):
        placed = tf.identity(tf.constant(pixels))

    def infer() -> Any:
        with tf.device(device):
            logits = function(placed)
            tf.raw_ops.SyncDevice()
        return logits

    return infer
