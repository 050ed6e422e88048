"""LiteRT (TensorFlow Lite) behind the contract: the interpreter with its XNNPACK delegate, NHWC, on the CPU in fp32."""

from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import check_pixels, cpu_in_fp32, import_runtime, not_loaded
from alexbench.backends.litert_ import graph
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements, check_weights
from alexbench.harness.models.network import Layout


class LiteRtBackend(Backend):
    """One interpreter over a file that is written in memory; its input is resized where the batch changes.

    There are two pools of ``threads``: XNNPACK's, and LiteRT's own for layers that XNNPACK declines. Counted over a
    second, up to twice as many threads were busy; whether both ever compute at once was not measured.
    """

    name: ClassVar[str] = "litert"
    requires: ClassVar[Requirements] = Requirements(groups=(("ai-edge-litert",),), extra="litert")
    by_default: ClassVar[bool] = False
    device_kinds: ClassVar[tuple[str, ...]] = ("cpu",)
    input_layout: Layout = "NHWC"

    def __init__(self) -> None:
        self._interpreter: Any = None
        self._shape: tuple[int, ...] = ()
        self._batch = 0
        self._threads = 0
        self._version = ""

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`."""
        check_weights(model)
        self.close()
        cpu_in_fp32(self.name, options)
        runtime, schema = _import_litert()
        content = graph.write(schema, model)
        self._interpreter = runtime.Interpreter(model_content=content, num_threads=options.threads)
        channels, height, width = model.network.input_shape
        self._shape, self._threads = (height, width, channels), options.threads
        self._version = import_runtime("ai_edge_litert", extra="litert").__version__
        self._resize(1)

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of ``pixels`` (N, H, W, C); a copy of the interpreter's output."""
        interpreter = self._interpreter
        if interpreter is None:
            raise not_loaded(self.name, "predict")
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        if len(pixels) != self._batch:
            self._resize(len(pixels))
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        logits: NDArray[np.float32] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        return logits

    def _resize(self, batch: int) -> None:
        place = self._interpreter.get_input_details()[0]["index"]
        self._interpreter.resize_tensor_input(place, (batch, *self._shape))
        self._interpreter.allocate_tensors()
        self._batch = batch

    def effective(self) -> Effective:
        """The operators that the delegate took; LiteRT reports neither its threads nor its types."""
        if self._interpreter is None:
            raise not_loaded(self.name, "effective")
        operators = [one["op_name"] for one in self._interpreter._get_ops_details()]  # noqa: SLF001  # the only source
        delegated = operators.count("DELEGATE")
        return Effective(
            runtime="litert",
            version=self._version,
            device=Known("cpu", "requested"),
            provider=Known("XNNPACK" if delegated else "CPU kernels", "reported"),
            precision=Known("fp32", "requested"),
            threads=Known(str(self._threads), "requested"),
            streams=Known("1", "requested"),
            settings={"delegated partitions": str(delegated), "file": "written by AlexBench, ReLU fused"},
            stored=Known("fp32", "requested"),
        )

    def close(self) -> None:
        """Release the interpreter, and the file that it reads."""
        self._interpreter = None


def _import_litert() -> tuple[ModuleType, ModuleType]:
    """The interpreter's module, and the schema of its files."""
    interpreter = import_runtime("ai_edge_litert.interpreter", extra="litert")
    return interpreter, import_runtime("ai_edge_litert.schema_py_generated", extra="litert")
