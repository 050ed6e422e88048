"""Reads Caffe's .caffemodel: a NetParameter message, in both generations that store blobs by layer.

Field numbers are those of BVLC/caffe src/caffe/proto/caffe.proto.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.readers.layers import FileLayer, FileNetwork
from alexbench.harness.models.readers.wire import (
    Message,
    integers,
    last_integer,
    last_text,
    map_message,
    messages,
    numbers,
    shaped,
)

# NetParameter
_V1_LAYERS: Final = 2
_LAYERS: Final = 100
# LayerParameter
_NAME, _TYPE, _BLOBS, _INNER_PRODUCT = 1, 2, 7, 117
# V1LayerParameter, and its enum of types
_V1_NAME, _V1_TYPE, _V1_BLOBS = 4, 5, 6
_V1_TYPES: Final = {4: "Convolution", 14: "InnerProduct", 15: "LRN", 17: "Pooling"}
# InnerProductParameter
_TRANSPOSE: Final = 6
# BlobProto and BlobShape
_LEGACY_SHAPE: Final = (1, 2, 3, 4)
_DATA, _SHAPE, _DOUBLE_DATA = 5, 7, 8
_DIM: Final = 1

_RANKS: Final = {"Convolution": (4, 1), "InnerProduct": (2, 1)}
_MAX_DIMENSIONS: Final = 32
"""Caffe's own limit (kMaxBlobAxes)."""


def read_caffemodel(path: Path) -> FileNetwork:
    """The layers of a .caffemodel that have blobs, in the order of the file: float32 views over the mapped file.

    Raises:
        WeightsError: the file is damaged or not a caffemodel.
    """
    net = map_message(path, "caffemodel")
    found = net.grouped(_V1_LAYERS, _LAYERS)
    read = [_v1_layer(layer) for layer in messages(found[_V1_LAYERS])]
    read += [_layer(layer) for layer in messages(found[_LAYERS])]
    if not read:
        raise net.damaged("it has no layers")
    layers = []
    for name, _, blobs in read:
        if blobs:
            said = f"blob 0 of layer {name}", f"blob 1 of layer {name}"
            layers.append(FileLayer(blobs[0], blobs[1] if len(blobs) > 1 else None, *said))
    order = [kind for _, kind, _ in read if kind in ("LRN", "Pooling")]
    return FileNetwork(tuple(layers), order[0] == "LRN" if len(set(order)) == 2 else None)


def _layer(layer: Message) -> tuple[str, str, list[NDArray[Any]]]:
    """A layer's name, its type, and its blobs in canonical shapes."""
    found = layer.grouped(_NAME, _TYPE, _BLOBS, _INNER_PRODUCT)
    name, kind = last_text(found[_NAME]), last_text(found[_TYPE])
    arrays = _blobs(messages(found[_BLOBS]), name, kind)
    for parameters in messages(found[_INNER_PRODUCT])[-1:]:
        if arrays and kind == "InnerProduct" and last_integer(parameters.grouped(_TRANSPOSE)[_TRANSPOSE]):
            arrays[0] = arrays[0].T
    return name, kind, arrays


def _v1_layer(layer: Message) -> tuple[str, str, list[NDArray[Any]]]:
    """The same for the previous generation."""
    found = layer.grouped(_V1_NAME, _V1_TYPE, _V1_BLOBS)
    name, kind = last_text(found[_V1_NAME]), _V1_TYPES.get(last_integer(found[_V1_TYPE]), "")
    return name, kind, _blobs(messages(found[_V1_BLOBS]), name, kind)


def _blobs(blobs: list[Message], name: str, kind: str) -> list[NDArray[Any]]:
    """The shape without leading ones: the first files have shapes (number, channels, height, width) everywhere."""
    arrays = [_blob(blob, f"blob {position} of layer {name}") for position, blob in enumerate(blobs)]
    for position, rank in enumerate(_RANKS.get(kind, ())[: len(arrays)]):
        while arrays[position].ndim > rank and arrays[position].shape[0] == 1:
            arrays[position] = arrays[position][0]
    return arrays


def _blob(blob: Message, said: str) -> NDArray[Any]:
    found = blob.grouped(*_LEGACY_SHAPE, _DATA, _SHAPE, _DOUBLE_DATA)
    shape = [last_integer(found[number]) for number in _LEGACY_SHAPE]
    if found[_SHAPE]:
        dims = [dim for one in messages(found[_SHAPE]) for dim in one.grouped(_DIM)[_DIM]]
        shape = integers(dims, _MAX_DIMENSIONS)
    values = numbers(found[_DATA], "<f4")
    if found[_DOUBLE_DATA]:  # Caffe itself reads them into its floats (Blob<float>::FromProto)
        with np.errstate(over="ignore"):
            values = numbers(found[_DOUBLE_DATA], "<f8").astype(np.float32)
    return shaped(values, tuple(shape), blob, said)
