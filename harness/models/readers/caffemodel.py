"""Caffe's .caffemodel: a NetParameter message, in both generations that hold blobs by layer.

Field numbers are those of BVLC/caffe src/caffe/proto/caffe.proto.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.readers.layers import FileLayer, FileNetwork
from alexbench.harness.models.readers.wire import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    Field,
    Message,
    integers,
    map_message,
    numbers,
    shaped,
    signed,
)

# NetParameter
_V1_LAYERS: Final = 2
_LAYER: Final = 100
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

_MAX_DIMENSIONS: Final = 32
"""Caffe's own limit (kMaxBlobAxes)."""


def read_caffemodel(path: Path) -> FileNetwork:
    """The layers of a .caffemodel that have blobs, in the order of the file: float32 views over the mapped file.

    Raises:
        WeightsError: the file is damaged or no caffemodel.
    """
    layers: list[FileLayer] = []
    order: list[str] = []
    net = map_message(path, "caffemodel")
    for field in net.fields():
        if field.kind != LENGTH or field.number not in (_LAYER, _V1_LAYERS):
            continue
        first_generation = field.number == _V1_LAYERS
        name, kind, blobs = _layer(field.message, first_generation=first_generation)
        order.append(kind)
        if blobs:
            weight, *bias = blobs
            layers.append(FileLayer(weight, bias[0] if bias else None, f"layer {name}, blob 0", f"layer {name}, blob 1"))
    if not order:
        raise net.damaged("it holds no layers")
    return FileNetwork(tuple(layers), _normalises_before_pooling(order))


def _normalises_before_pooling(order: list[str]) -> bool | None:
    kinds = [kind for kind in order if kind in ("LRN", "Pooling")]
    return kinds[0] == "LRN" if {"LRN", "Pooling"} <= set(kinds) else None


def _layer(layer: Message, *, first_generation: bool) -> tuple[str, str, list[NDArray[Any]]]:
    """A layer's name, its type, and its blobs in canonical shapes."""
    name_number, type_number, blobs_number = (
        (_V1_NAME, _V1_TYPE, _V1_BLOBS) if first_generation else (_NAME, _TYPE, _BLOBS)
    )
    name, kind, transposed = "", "", False
    blobs: list[Message] = []
    for field in layer.fields():
        if field.number == name_number and field.kind == LENGTH:
            name = field.message.text()
        elif field.number == type_number and field.kind == VARINT and first_generation:
            kind = _V1_TYPES.get(field.value, "")
        elif field.number == type_number and field.kind == LENGTH and not first_generation:
            kind = field.message.text()
        elif field.number == blobs_number and field.kind == LENGTH:
            blobs.append(field.message)
        elif field.number == _INNER_PRODUCT and field.kind == LENGTH:
            transposed = any(
                one.number == _TRANSPOSE and one.kind == VARINT and one.value for one in field.message.fields()
            )
    arrays = [_blob(blob, f"layer {name}, blob {position}") for position, blob in enumerate(blobs)]
    ranks = {"InnerProduct": (2, 1), "Convolution": (4, 1)}.get(kind, ())
    arrays = [_without_leading_ones(array, rank) for array, rank in zip(arrays, ranks, strict=False)] or arrays
    if transposed and kind == "InnerProduct" and arrays and arrays[0].ndim == 2:
        arrays[0] = arrays[0].T
    return name, kind, arrays


def _without_leading_ones(array: NDArray[Any], rank: int) -> NDArray[Any]:
    """The first files' shapes are (number, channels, height, width) whatever the layer: (1, 1, 4096, 9216) for fc6."""
    while array.ndim > rank and array.shape[0] == 1:
        array = array[0]
    return array


def _blob(blob: Message, said: str) -> NDArray[Any]:
    legacy = [0, 0, 0, 0]
    dims: list[Field] = []
    data: list[Field] = []
    doubles: list[Field] = []
    has_shape = False
    for field in blob.fields():
        if field.kind == VARINT and field.number in _LEGACY_SHAPE:
            legacy[_LEGACY_SHAPE.index(field.number)] = signed(field.value)
        elif field.number == _DATA and field.kind in (LENGTH, FIXED32):
            data.append(field)
        elif field.number == _DOUBLE_DATA and field.kind in (LENGTH, FIXED64):
            doubles.append(field)
        elif field.number == _SHAPE and field.kind == LENGTH:
            has_shape = True
            dims += [one for one in field.message.fields() if one.number == _DIM]
    shape = tuple(integers(dims, _MAX_DIMENSIONS)) if has_shape else tuple(legacy)
    values = numbers(data, "<f4")
    if doubles:  # Caffe itself reads them into its floats (Blob<float>::FromProto)
        with np.errstate(over="ignore"):
            values = numbers(doubles, "<f8").astype(np.float32)
    return shaped(values, shape, blob, said)
