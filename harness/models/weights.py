"""Canonical weights: names, one digest, and one safetensors file that every worker maps.

Canonical names are ``conv1.weight`` (OIHW), ``conv1.bias``, ... ``fc8.bias``; fully connected weights are out x in,
fc6's columns in C, H, W order. All float32.
"""

import hashlib
import json
import mmap
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.whole_file import is_stale, whole_file
from alexbench.harness.models.array_names import TORCHVISION_NAMES, spellings
from alexbench.harness.models.network import Network
from alexbench.harness.models.readers.storages import kind_of


def canonical(
    arrays: Mapping[str, NDArray[Any]],
    network: Network,
    *,
    source: Path,
    file_names: Mapping[str, str] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Give arrays from ``source`` their canonical names, and check them against ``network``.

    Accepts canonical names and torchvision's (if the first array looks like one of them), and float types, which become
    float32 (:func:`cast_of` names them). ``file_names``: the names in the file, from a reader that already gave arrays
    their canonical names.

    Raises:
        WeightsError: an array is missing, extra, misshapen, not of floats, or has a NaN or an infinity. The message has
            the file's name of each such array, the first layer first.
    """
    names, torchvisions = spellings(network)
    spelled = dict(zip(names, names, strict=True))  # canonical name -> key in arrays
    said: Mapping[str, str] = {}  # key in arrays -> how to name it
    if file_names is not None:
        said = {name: f"{name} ({theirs})" for name, theirs in file_names.items()}
    elif any(name.rpartition(".")[0] in TORCHVISION_NAMES for name in arrays):
        spelled = dict(zip(names, torchvisions, strict=True))
    problems: list[tuple[str, str]] = []
    taken: dict[str, NDArray[np.float32]] = {}
    for name, shape in network.parameter_shapes.items():
        key = spelled[name]
        array = arrays.get(key)
        if array is None:
            problems.append(("missing", f"{key} is missing (wanted shape {shape})"))
        else:
            taken[name] = _float32(array) if is_float(array) else np.empty(0, np.float32)
            problems += [(kind, f"{said.get(key, key)} {what}") for kind, what in _defects(array, taken[name], shape)]
    extra = [name for name in arrays if name not in set(spelled.values())]
    problems += [("extra", f"{said.get(name, name)} is not an array of {network.name}") for name in extra]
    if problems:
        shown = _shortened(problems) + _classes(arrays.get(list(spelled.values())[-1]), network)
        raise WeightsError(f"{source} does not fit network {network.name}: {'; '.join(shown)}")
    return taken


def is_float(array: NDArray[Any]) -> bool:
    """Whether an array's values can be weights."""
    return array.dtype.kind == "f" or kind_of(array) == "bfloat16"


def _float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """The values as float32 in C order, without a copy if they already are."""
    if array.dtype.names:  # bfloat16 is the upper half of a float32
        bits = np.ascontiguousarray(array[array.dtype.names[0]], np.uint32)
        return np.left_shift(bits, 16, out=bits).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # a value too large for float32 becomes infinite: a fault
        return np.ascontiguousarray(array, np.float32)


def cast_of(arrays: Iterable[NDArray[Any]]) -> str:
    """The types that :func:`canonical` converts to float32, in words; empty if there are none."""
    kinds = sorted({kind_of(array) for array in arrays} - {"float32"})
    if not kinds:
        return ""
    exact = "exact" if set(kinds) <= {"float16", "bfloat16"} else "rounded"
    return f"{' and '.join(kinds)} cast to float32 ({exact})"


def _defects(array: NDArray[Any], taken: NDArray[np.float32], shape: tuple[int, ...]) -> list[tuple[str, str]]:
    """The fault of one array: a kind, and words. ``taken``: the array as float32, if it has floats."""
    words = f"has shape {array.shape}, wanted {shape}{_ungrouped(taken, shape)}"
    defects = [] if array.shape == shape else [("shape", words)]
    if not is_float(array):
        defects.append(("type", f"is {kind_of(array)}, wanted float32, float16 or bfloat16"))
    elif not defects and not np.isfinite(taken).all():
        defects.append(("values", "has values that are not finite"))
    return defects


def _ungrouped(array: NDArray[Any], shape: tuple[int, ...]) -> str:
    """The fix for a grouped convolution's weight that was stored without its groups; empty if it is not one."""
    if array.ndim != 4 or len(shape) != 4 or array.shape[1] <= shape[1] or array.shape[1] % shape[1]:
        return ""
    groups = array.shape[1] // shape[1]
    if array.shape != (shape[0], groups * shape[1], *shape[2:]):
        return ""
    used = [bool(array[:, part * shape[1] : (part + 1) * shape[1]].any()) for part in range(groups)]
    if used == [True] + [False] * (groups - 1):
        return f" (a convolution of {groups} groups stored without them: keep its first {shape[1]} input channels)"
    return f" (a convolution of {groups} groups stored without them: keep, of each filter, its own group's channels)"


def _shortened(problems: list[tuple[str, str]]) -> list[str]:
    """A few of each kind, and how many more, in one line."""
    kinds: dict[str, list[str]] = {}
    for kind, problem in problems:
        kinds.setdefault(kind, []).append(problem)
    shown = []
    for same in kinds.values():
        shown += same[:4]
        if len(same) > 4:
            shown.append(f"and {len(same) - 4} more like that")
    return shown


def _classes(last_bias: NDArray[Any] | None, network: Network) -> list[str]:
    """The fix for a file with more or fewer classes than the network."""
    if last_bias is None or last_bias.ndim != 1 or last_bias.size == network.outputs:
        return []
    counts = last_bias.size, network.outputs
    background = " (of 1001, class 0 is background: --model tfcnn)" if 1001 in counts else ""
    fix = "give the card that these weights were trained for, or weights for this one"
    if 1001 not in counts:
        fix = (
            "its own head runs as a file: export the model (torch.onnx.export), then --artifact onnxruntime=MODEL.onnx"
            " --labels CLASSES.txt"
        )
    return [f"it has {counts[0]} classes and {network.name} {counts[1]}{background}: {fix}"]


def weights_digest(arrays: Mapping[str, NDArray[np.float32]]) -> str:
    """SHA-256 (hex) over name, shape and little-endian bytes of each array, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f4")
        digest.update(f"{name}:{array.shape}:".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)  # hashed in place: bytes would be a copy
    return digest.hexdigest()


def weights_path(folder: Path, digest: str) -> Path:
    """The path at which :func:`write_weights` puts weights of that digest."""
    return folder / f"{digest}.safetensors"


def _remove_stale(folder: Path) -> None:
    """The files that killed writers left: ours, and safetensors' own, which it renames to ours."""
    for left in (*folder.glob(".*.partial"), *folder.glob(".tmp*")):
        with suppress(OSError):  # another command removed it
            if is_stale(left):
                left.unlink()


def write_weights(arrays: Mapping[str, NDArray[np.float32]], folder: Path) -> tuple[Path, str]:
    """Write arrays as ``folder``/<digest>.safetensors, whole or not at all. Returns its path and digest."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    digest = weights_digest(arrays)
    folder.mkdir(parents=True, exist_ok=True)
    path = weights_path(folder, digest)
    _remove_stale(folder)
    if not path.exists():
        try:
            with whole_file(path) as partial:
                save_file(dict(arrays), partial, metadata={"digest": digest})
        except (SafetensorError, OSError) as error:
            raise WeightsError(
                f"{folder}: the weights cannot be written ({' '.join(str(error).split())}); free some space, or name"
                " another folder with ALEXBENCH_CACHE"
            ) from error
    return path, digest


def map_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Map one of our safetensors files: read-only float32 arrays over the file, without a copy.

    The safetensors library copies when it returns NumPy arrays, so four workers would have the weights four times. The
    format is an 8-byte little-endian header length, a JSON header, then the bytes
    (https://github.com/huggingface/safetensors, "Format").

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (length,) = struct.unpack("<Q", mapped[:8])
        header = json.loads(mapped[8 : 8 + length])
        arrays: dict[str, NDArray[np.float32]] = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            if entry["dtype"] != "F32":
                raise WeightsError(f"{path}: {name} is {entry['dtype']}, wanted F32")
            start, end = entry["data_offsets"]
            flat = np.frombuffer(mapped, dtype="<f4", count=(end - start) // 4, offset=8 + length + start)
            arrays[name] = flat.reshape(entry["shape"])
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise WeightsError(f"{path} cannot be mapped as safetensors: {error}") from error
    return arrays
