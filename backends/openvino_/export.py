"""Writes a network as OpenVINO's .xml and .bin, and opens such files.

``openvino`` is imported inside the functions only.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import import_runtime
from alexbench.backends._shared.exports import INPUT, OUTPUT, described
from alexbench.harness.capabilities import OpenedExport
from alexbench.harness.contract import Model

if TYPE_CHECKING:
    import openvino


def write_ir(ov: ModuleType, graph: "openvino.Model", path: Path, notes: Mapping[str, str]) -> None:
    """The graph that the backend runs, with named tensors."""
    graph.inputs[0].get_tensor().set_names({INPUT})
    graph.outputs[0].get_tensor().set_names({OUTPUT})
    _save(ov, graph, path, notes)


def convert_ir(ov: ModuleType, model: Model, path: Path, notes: Mapping[str, str]) -> None:
    """The result of ``openvino.convert_model`` for the .onnx file that ``--to onnx`` writes."""
    import_runtime("onnx", extra="onnxruntime")
    from alexbench.backends._shared.onnx_export import write_onnx

    with TemporaryDirectory(prefix=".onnx.", dir=path.parent, ignore_cleanup_errors=True) as scratch:
        source = Path(scratch) / "network.onnx"
        write_onnx(model, source, {})
        with no_telemetry():
            graph = ov.convert_model(source)
        _save(ov, graph, path, notes)
        del graph  # its weights are mapped from the file


@contextmanager
def no_telemetry() -> Iterator[None]:
    """``convert_model`` and NNCF send telemetry unless the user declined or a CI job runs them, as is done here."""
    before = os.environ.get("CI")
    os.environ["CI"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CI"]
        else:
            os.environ["CI"] = before


def _save(ov: ModuleType, graph: "openvino.Model", path: Path, notes: Mapping[str, str]) -> None:
    for key, value in notes.items():
        graph.set_rt_info(value, ["alexbench", key])
    ov.save_model(graph, path, compress_to_fp16=False)  # by default it would round the weights to fp16


def open_ir(ov: ModuleType, path: Path) -> OpenedExport:
    """Compiled for the CPU with explicit fp32: by default OpenVINO uses bf16 if the CPU has it."""
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled([pixels])[0], dtype=np.float32)

    return OpenedExport(_in_words(compiled.inputs), _in_words(compiled.outputs), predict)


def _in_words(ports: Any) -> dict[str, str]:
    return {
        port.get_any_name(): described(
            port.element_type.to_dtype().name,
            [side.get_length() if side.is_static else None for side in port.partial_shape],
        )
        for port in ports
    }
