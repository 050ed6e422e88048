"""A user's weights file to the one file that all workers map."""

import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST, check_file
from alexbench.harness.models.network import Layout, Network
from alexbench.harness.models.readers.bundle import Bundle
from alexbench.harness.models.readers.caffemodel import read_caffemodel
from alexbench.harness.models.readers.checkpoint import DEFAULT_FLATTEN, find_index, from_variables
from alexbench.harness.models.readers.container import check_zip, other_content
from alexbench.harness.models.readers.layers import check_order, in_order
from alexbench.harness.models.readers.onnx_file import read_onnx
from alexbench.harness.models.readers.shards import INDEX, read_shards, whole_of
from alexbench.harness.models.readers.storages import BFLOAT16
from alexbench.harness.models.readers.torch_file import is_torch_file, read_torch
from alexbench.harness.models.readers.wire import map_message
from alexbench.harness.models.readers.wrapping import unwrap
from alexbench.harness.models.weights import canonical, cast_of, write_weights
from alexbench.harness.worker.protocol.making import Converted

SAFETENSORS: Final = ".safetensors"
NPZ: Final = ".npz"
CONTAINER_CRC: Final = "container CRC"

_NETWORK_READERS: Final = {".caffemodel": read_caffemodel, ".onnx": read_onnx}
_TORCH: Final = (".pth", ".pt", ".ckpt", ".bin", ".tar")
"""What names of torch.save's files end in; one of any other name is known by how it begins."""
_SUFFIXES: Final = ", ".join(sorted((SAFETENSORS, NPZ, *_NETWORK_READERS, *_TORCH)))
_SAFETENSORS_TYPES: Final[dict[str, Any]] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": BFLOAT16,
    "BOOL": "?",
    **{f"{kind.upper()}{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Canonical weights, perhaps views over the file that they were read from.

    ``checked``: what in the file's format was checked against its bytes ("container CRC"), empty if it has nothing of
    the kind. ``assumed``: what the file does not say and the user did not, empty where nothing was assumed.
    ``unwrapped``: what was around the arrays and is gone (keys, prefixes), and their cast, in words.
    """

    arrays: dict[str, NDArray[np.float32]]
    checked: str
    assumed: str
    unwrapped: str = ""


def convert(
    source: Path, network: Network, folder: Path, *, flatten: Layout | None = None, key: str | None = None
) -> Converted:
    """Read ``source``, check it against ``network``, write it canonically into ``folder``.

    Runs in a worker, which gives the memory back. ``flatten``: the data format that a TensorFlow checkpoint was trained
    in, which decides the order of fc6's rows; no other format leaves it open. ``key``: which of a file's models.

    Raises:
        WeightsError: the file cannot be read, is damaged, or does not fit the network.
    """
    reading = read(source, network, flatten=flatten, key=key)
    path, digest = write_weights(reading.arrays, folder)
    return Converted(path, digest, reading.checked, reading.assumed, reading.unwrapped)


def read(source: Path, network: Network, *, flatten: Layout | None = None, key: str | None = None) -> Reading:
    """The first half of :func:`convert`: ``source`` as canonical arrays that fit ``network``."""
    source, index = check_source(source, flatten=flatten, key=key)
    suffix = source.suffix.lower()
    if index is not None:
        found = from_variables(Bundle(index), network, index, flatten or DEFAULT_FLATTEN)
        arrays = canonical(found.arrays, network, source=index, file_names=found.file_names)
        assumed = "" if flatten else f"trained in {DEFAULT_FLATTEN}: fc6 sees C, H, W"
        return Reading(arrays, CONTAINER_CRC, assumed, cast_of(found.arrays.values()))
    if suffix in _NETWORK_READERS:
        given = _NETWORK_READERS[suffix](source)
        found = in_order(given, network, source)
        arrays = canonical(found.arrays, network, source=source, file_names=found.file_names)
        check_order(given, network, source)
        return Reading(arrays, "", "", cast_of(found.arrays.values()))
    checked = CONTAINER_CRC if check_zip(source) else ""
    unwrapped = unwrap(_checkpoint(source, suffix), network, source, key)
    arrays = canonical(unwrapped.arrays, network, source=source)
    return Reading(arrays, checked, "", ", ".join(filter(None, (unwrapped.how, cast_of(unwrapped.arrays.values())))))


def check_source(source: Path, *, flatten: Layout | None, key: str | None) -> tuple[Path, Path | None]:
    """The file to read for ``source``, and the index of a TensorFlow checkpoint. Only first bytes are read.

    Raises:
        WeightsError: it is missing, its beginning is not that of weights, or a flag does not fit its format.
    """
    source = whole_of(source)
    index = find_index(source)
    if key is not None and (index is not None or source.suffix.lower() in _NETWORK_READERS):
        raise WeightsError(f"{source} holds one model and no keys; leave --weights-key out")
    if index is not None:
        return source, index
    if not source.is_file():
        raise WeightsError(
            f"{source} is not there, or not a file; --weights takes a file ({_SUFFIXES}) or a TensorFlow checkpoint"
        )
    check_file(source, str(source), WeightsError, most=WEIGHTS_BYTES_AT_MOST)
    if flatten is not None:
        raise WeightsError(
            f"{source} is not a TensorFlow checkpoint: its format says in which order fc6 sees pixels; leave "
            "--weights-layout away"
        )
    other = other_content(source)
    if other is not None:
        raise WeightsError(f"{source} is {other.what}; {other.fix}")
    return source, None


def _checkpoint(source: Path, suffix: str) -> Any:
    """What the file holds: arrays by name, or dicts in dicts of them."""
    if source.name.endswith(INDEX):
        return read_shards(source, lambda part: _checkpoint(part, part.suffix.lower()))
    if suffix == SAFETENSORS:
        return _map_safetensors(source)
    if suffix == NPZ:
        return _read_npz(source)
    if is_torch_file(source):
        return read_torch(source)
    if tarfile.is_tarfile(source):
        raise WeightsError(f"{source} is a tar archive; unpack it, and name the file in it")
    if suffix in (".pth", ".pt"):
        return read_torch(source)
    if suffix == ".bin" and source.with_suffix(".xml").is_file():
        graph = source.with_suffix(".xml")
        raise WeightsError(f"{source} is the data of {graph.name}: run that unchanged with --artifact openvino={graph}")
    raise WeightsError(f"{source} is not a file of weights that can be read; wanted {_SUFFIXES}")


def _read_npz(source: Path) -> dict[str, NDArray[Any]]:
    """NumPy's archive of arrays; objects in it are pickles, and are refused."""
    try:
        with np.load(source, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{source} is not an .npz file of arrays ({error}); write it with numpy.savez") from error


def _map_safetensors(source: Path) -> dict[str, NDArray[Any]]:
    """Its arrays, as views over the mapped file.

    The header is checked by the safetensors library, which would copy every array, and has none of NumPy's for bf16
    (https://github.com/huggingface/safetensors, "Format").
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(source, "np"):
            pass
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{source} is not a readable safetensors file: {' '.join(str(error).split())}") from error
    data = map_message(source, "safetensors file").data
    start = 8 + int.from_bytes(data[:8], "little")
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            kind, shape = entry["dtype"], tuple(entry["shape"])
            if kind not in _SAFETENSORS_TYPES:  # its bytes under the format's own name
                shape = (end - first,)
            arrays[name] = np.ndarray(shape, _SAFETENSORS_TYPES.get(kind, [(kind, "u1")]), data, start + first)
    return arrays
