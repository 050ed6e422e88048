"""Checkpoints of tf_cnn_benchmarks: finds the files, and the variables of an AlexNet.

Variables are ``cg/conv0/conv2d/kernel`` (HWIO), ``cg/conv0/biases``, ... ``cg/affine0/weights`` (in x out), ... after a
tower's prefix, which depends on --variable_update: none, ``v/``, ``v0/`` and ``v1/``, ``ps_var/v0/``. Names and shapes
are those of tf_cnn_benchmarks' convnet_builder.py.
"""

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import TEXT_BYTES_AT_MOST, read_file
from alexbench.harness.models.network import Conv, Flatten, Layout, Linear, Network, Shape, output_shapes
from alexbench.harness.models.readers.layers import Arrays

INDEX: Final = ".index"
DEFAULT_FLATTEN: Final[Layout] = "NCHW"
"""tf_cnn_benchmarks' --data_format: NCHW by default."""

_ROWS: Final = 256

_VARIABLE: Final = re.compile(r"(?P<tower>(?:.*/)?)cg/(?P<kind>conv|affine)(?P<number>\d+)/(?P<array>.+)")
_ARRAYS: Final = {
    ("conv", "conv2d/kernel"): "weight",
    ("conv", "biases"): "bias",
    ("affine", "weights"): "weight",
    ("affine", "biases"): "bias",
}
_LATEST: Final = re.compile(r'^\s*model_checkpoint_path\s*:\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_BESIDE: Final = re.compile(r"\.(data-\d{5}-of-\d{5}|meta)$")


def find_index(source: Path) -> Path | None:
    """The ``.index`` file of the checkpoint that the user named; None if ``source`` is something else.

    Users may name the prefix, a file of the checkpoint, the ``checkpoint`` file, or the folder for its latest
    checkpoint.

    Raises:
        WeightsError: the folder has no checkpoint, or several and no file that names one.
    """
    if source.is_dir():
        return _latest(source)
    if source.name == "checkpoint" and source.is_file():
        return _latest(source.parent)
    if source.suffix == INDEX and source.is_file():
        return source
    prefix = _BESIDE.sub("", source.name)
    index = source.with_name(prefix + INDEX)
    return index if index.is_file() and (prefix != source.name or not source.is_file()) else None


def _latest(folder: Path) -> Path:
    if (folder / "saved_model.pb").is_file():
        raise WeightsError(f"{folder} is a SavedModel: run it unchanged with --artifact tensorflow={folder}")
    found = sorted(folder.glob(f"*{INDEX}"))
    pointer = folder / "checkpoint"
    text = read_file(pointer, str(pointer), WeightsError, most=TEXT_BYTES_AT_MOST) if pointer.is_file() else b""
    named = _LATEST.search(text.decode("utf-8", "replace"))
    if named:
        prefix = Path(_unescaped(named[1]))
        # An absolute path is from the training machine. If the folder was moved or copied, use the file in it.
        for index in (folder / f"{prefix.name}{INDEX}", folder / f"{prefix}{INDEX}"):
            if index.is_file():
                return index
        raise WeightsError(f"{pointer} names {prefix}, which is missing; name a checkpoint (PREFIX of PREFIX{INDEX})")
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(index.name.removesuffix(INDEX) for index in found[:5])
        raise WeightsError(
            f"{folder} holds {len(found)} checkpoints and no file that says which is last: name {listed}"
        )
    raise WeightsError(f"{folder} is a folder without a TensorFlow checkpoint; --weights takes a file or a checkpoint")


def _unescaped(text: str) -> str:
    """Protocol Buffers' text format writes bytes beyond ASCII as octal escapes."""
    try:
        return text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1").decode()
    except UnicodeError:
        return text


def from_variables(
    variables: Mapping[str, NDArray[Any]], network: Network, source: Path, flatten: Layout = DEFAULT_FLATTEN
) -> Arrays:
    """A network's arrays from a checkpoint's variables. Other variables (optimizer slots, steps) are not read.

    ``flatten``: the data format of training, which is the order of fc6's rows: (C, H, W) or (H, W, C). With several
    towers, the first is used; training keeps them equal.

    Raises:
        WeightsError: no variable has tf_cnn_benchmarks' names, or towers differ in theirs.
    """
    towers: dict[str, dict[str, str]] = {}
    for name in variables:
        match = _VARIABLE.fullmatch(name)
        kind = _ARRAYS.get((match["kind"], match["array"])) if match else None
        if match and kind:
            towers.setdefault(match["tower"], {})[f"{match['kind']}{int(match['number'])}.{kind}"] = name
    if not towers:
        listed = ", ".join(list(variables)[:4]) or "nothing"
        raise WeightsError(
            f"{source} has no variable of tf_cnn_benchmarks (cg/conv0/conv2d/kernel, ...) but {listed}; "
            "give a checkpoint that tf_cnn_benchmarks wrote"
        )
    first, *others = sorted(towers, key=_by_number)
    for other in others:
        if towers[other].keys() != towers[first].keys():
            raise WeightsError(
                f"{source}: towers {first or '(none)'} and {other or '(none)'} do not have the same variables; give a"
                " complete checkpoint"
            )
    return _canonical(variables, towers[first], network, flatten)


def _by_number(tower: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", tower))


def _canonical(
    variables: Mapping[str, NDArray[Any]], names: Mapping[str, str], network: Network, flatten: Layout
) -> Arrays:
    """The arrays, read and transposed, in the order of the network."""
    ours: dict[str, str] = {}
    for kind, spelling in ((Conv, "conv"), (Linear, "affine")):
        layers = [layer.name for layer in network.layers if isinstance(layer, kind)]
        for position, layer in enumerate(layers):
            ours[f"{spelling}{position}.weight"] = f"{layer}.weight"
            ours[f"{spelling}{position}.bias"] = f"{layer}.bias"
    arrays: dict[str, NDArray[Any]] = {}
    file_names: dict[str, str] = {}
    for theirs in sorted(names, key=[*ours, *names].index):
        name = ours.get(theirs, names[theirs])
        flattened = _flattened(network) if theirs == "affine0.weight" and flatten == "NHWC" else None
        arrays[name] = _turned(variables[names[theirs]], flattened)
        file_names[name] = names[theirs]
    return Arrays(arrays, file_names)


def _flattened(network: Network) -> Shape:
    """The shape (C, H, W) before it is flattened for the first fully connected layer."""
    shapes = [network.input_shape, *output_shapes(network).values()]
    return shapes[next(place for place, layer in enumerate(network.layers) if isinstance(layer, Flatten))]


def _turned(array: NDArray[Any], flattened: Shape | None) -> NDArray[Any]:
    """HWIO to OIHW, and in x out to out x in. Rows in the (H, W, C) order of ``flattened`` become columns in (C, H, W).

    Matrices are transposed by blocks of rows, which stay in the cache: it takes a third of the time.
    """
    if array.ndim != 2:
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array)
    turned = np.empty(array.shape[::-1], array.dtype)
    if flattened is not None and array.shape[0] == prod(flattened):
        channels, height, width = flattened
        by_place = turned.reshape(array.shape[1], channels, height * width)
        for place in range(height * width):
            by_place[:, :, place] = array[place * channels : (place + 1) * channels].T
    else:
        for first in range(0, len(array), _ROWS):
            turned[:, first : first + _ROWS] = array[first : first + _ROWS].T
    return turned
