"""A network as one .onnx file, and such a file opened by ONNX Runtime.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._export import NOTES_PREFIX, described
from alexbench.backends._onnx_graph import complete_model
from alexbench.harness.contract import Model, OpenedExport

if TYPE_CHECKING:
    import onnx


def write_onnx(model: Model, path: Path, notes: Mapping[str, str]) -> None:
    """The hand-written graph with its weights inside, and the notes as its metadata."""
    proto = complete_model(model)
    annotate(proto, notes)
    _save(proto, path)


def annotate_file(path: Path, notes: Mapping[str, str]) -> None:
    """Add the notes to the metadata of a file that an exporter wrote."""
    import onnx

    proto = onnx.load(path)
    annotate(proto, notes)
    _save(proto, path)


def annotate(proto: "onnx.ModelProto", notes: Mapping[str, str]) -> None:
    """Add the notes to the graph's metadata."""
    for key, value in notes.items():
        proto.metadata_props.add(key=f"{NOTES_PREFIX}{key}", value=value)


def _save(proto: "onnx.ModelProto", path: Path) -> None:
    import onnx

    onnx.save(proto, path)


def open_onnx(ort: ModuleType, path: Path) -> OpenedExport:
    """A session of ONNX Runtime's defaults on its CPU provider."""
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    session = ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    (given,), (wanted,) = session.get_inputs(), session.get_outputs()

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([wanted.name], {given.name: pixels})[0], dtype=np.float32)

    return OpenedExport(_in_words(given), _in_words(wanted), predict)


def _in_words(value: Any) -> dict[str, str]:
    dtype = {"tensor(float)": "float32"}.get(value.type, value.type)
    return {value.name: described(dtype, value.shape)}
