"""Weights files of full size, of every format that is read, written by the library that others write them with."""

import json
import subprocess
import sys
from pathlib import Path

from alexbench.harness.conformance.cases import write_seeded_weights
from alexbench.harness.models.network import get_network
from alexbench.harness.models.weights import map_weights
from tests.support import caffe_files, onnx_files

LIMIT_S = 300
_FOLDER = Path(__file__).parent

FORMATS = {
    "safetensors": ("owt", "safetensors"),
    "pth, zip": ("owt", "zip.pth"),
    "pth, wrapped": ("owt", "wrapped.pth"),
    "pth, legacy": ("owt", "legacy.pth"),
    "caffemodel": ("bvlc", "bvlc_alexnet.caffemodel"),
    "caffemodel, first generation": ("bvlc", "first.caffemodel"),
    "onnx": ("bvlc", "bvlcalexnet-12.onnx"),
    "onnx, external data": ("bvlc", "beside.onnx"),
    "checkpoint, NCHW": ("tfcnn", "model.ckpt-112590.index"),
    "checkpoint, NHWC": ("tfcnn", "nhwc.ckpt-112590.index"),
}
"""Name -> network and file."""


def write_full_size(format_name: str, folder: Path) -> tuple[Path, str]:
    """A file of that format with seeded weights, in ``folder``; and the digest of its weights."""
    network, name = FORMATS[format_name]
    weights = write_seeded_weights(network, folder)
    arrays = map_weights(weights)
    path = folder / name
    kind, _, variant = format_name.partition(", ")
    match kind:
        case "safetensors":
            path = weights
        case "pth":
            _run("torch_files.py", str(weights), str(folder), name)
        case "caffemodel":
            layers = caffe_files.layer_types(get_network(network))
            net = caffe_files.caffemodel(arrays, layers, first_generation=variant != "")
            caffe_files.write_caffemodel(net, path)
        case "onnx":
            model = onnx_files.zoo_model(get_network(network), arrays)
            onnx_files.write_onnx(model, path, beside="weights.data" if variant else None)
        case _:
            prefix = path.with_suffix("")
            write_checkpoint(weights, prefix, flatten=variant, flattened=(256, 6, 6), towers=("v0/",), momentum=True)
    return path, weights.stem


def write_checkpoint(
    weights: Path,
    prefix: Path,
    *,
    flatten: str,
    flattened: tuple[int, ...],
    towers: tuple[str, ...],
    momentum: bool,
) -> None:
    """A checkpoint by TensorFlow, in a process of its own."""
    options = {"flatten": flatten, "flattened": flattened, "towers": towers, "momentum": momentum}
    _run("checkpoint_files.py", str(weights), str(prefix), json.dumps(options))


def _run(script: str, *arguments: str) -> None:
    command = [sys.executable, "-P", str(_FOLDER / script), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
