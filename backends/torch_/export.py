"""Writes a torch module as .pt2 and, by torch's own exporter, as .onnx; opens a .pt2 file."""

import importlib.util
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import import_runtime
from alexbench.backends._shared.exports import INPUT, NOTES_FILE, OUTPUT, described
from alexbench.backends._shared.onnx_export import annotate
from alexbench.harness.capabilities import OpenedExport

if TYPE_CHECKING:
    import torch

BATCH = "N"


def write_pt2(
    torch: ModuleType, module: "torch.nn.Module", shape: tuple[int, ...], path: Path, notes: Mapping[str, str]
) -> str:
    """``torch.export`` with an open batch, saved with the notes next to the program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's warnings about itself
        program = torch.export.export(
            module, (torch.zeros(2, *shape),), dynamic_shapes=({0: torch.export.Dim(BATCH)},), strict=False
        )
        torch.export.save(program, path, extra_files={NOTES_FILE: json.dumps(dict(notes))})
    return f"torch.export of torch {torch.__version__}"


def open_pt2(torch: ModuleType, path: Path) -> OpenedExport:
    """The program from ``torch.export.load``, run without gradients."""
    program = torch.export.load(path)
    module = program.module()

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = module(torch.from_numpy(pixels)).numpy()
        return logits

    signature = program.graph_signature
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    return OpenedExport(_in_words(signature.user_inputs, values), _in_words(signature.user_outputs, values), predict)


def _in_words(names: Any, values: Mapping[str, Any]) -> dict[str, str]:
    return {name: described(str(values[name].dtype).removeprefix("torch."), values[name].shape) for name in names}


def write_onnx(
    torch: ModuleType, module: "torch.nn.Module", shape: tuple[int, ...], path: Path, notes: Mapping[str, str]
) -> str:
    """``torch.onnx.export``: by torch.export if onnxscript, which it needs, is installed; else by TorchScript."""
    import_runtime("onnx", extra="onnxruntime")
    dynamo = importlib.util.find_spec("onnxscript") is not None
    batch_open: dict[str, Any]
    if dynamo:
        batch_open = {"dynamic_shapes": ({0: torch.export.Dim(BATCH)},), "external_data": False}
    else:
        batch_open = {"dynamic_axes": {INPUT: {0: BATCH}, OUTPUT: {0: BATCH}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(2, *shape),),
            str(path),
            dynamo=dynamo,
            input_names=[INPUT],
            output_names=[OUTPUT],
            **batch_open,
        )
    annotate(path, notes)
    how = "by torch.export" if dynamo else "by TorchScript; onnxscript, which its newer way needs, is not installed"
    return f"torch.onnx of torch {torch.__version__}, {how}"
