"""A network as one .onnx file, and such a file opened by ONNX Runtime.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.exports import NOTES_PREFIX, described
from alexbench.backends._shared.onnx_graph import complete_model
from alexbench.harness.capabilities import OpenedExport
from alexbench.harness.contract import Model


def write_onnx(model: Model, path: Path, notes: Mapping[str, str]) -> None:
    """The hand-written graph with its weights, and the notes as metadata."""
    path.write_bytes(complete_model(model).SerializeToString())
    annotate(path, notes)


def annotate(path: Path, notes: Mapping[str, str]) -> None:
    """Add the notes to the metadata of an .onnx file from any writer, without reading it.

    Concatenated messages are one message, whose repeated fields are joined
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
    """
    import onnx

    entries = [onnx.StringStringEntryProto(key=f"{NOTES_PREFIX}{key}", value=value) for key, value in notes.items()]
    with path.open("ab") as file:
        file.write(onnx.ModelProto(metadata_props=entries).SerializeToString())


def open_onnx(ort: ModuleType, path: Path) -> OpenedExport:
    """A session with ONNX Runtime's defaults on its CPU provider."""
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    session = ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    (given,), (wanted,) = session.get_inputs(), session.get_outputs()

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run([wanted.name], {given.name: pixels})[0], dtype=np.float32)

    return OpenedExport(_in_words(given), _in_words(wanted), predict)


def _in_words(value: Any) -> dict[str, str]:
    dtype = "float32" if value.type == "tensor(float)" else str(value.type)
    return {value.name: described(dtype, value.shape)}
