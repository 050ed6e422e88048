"""Writes .caffemodel files of both generations, by the protobuf library itself, from the schema of caffe.proto.

The schema is built here, field by field, of the messages that hold weights (BVLC/caffe src/caffe/proto/caffe.proto):
no Caffe, and no protoc.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.network import LRN, Conv, Linear, MaxPool, Network, ReLU

_V1_TYPES = {"Convolution": 4, "Data": 5, "InnerProduct": 14, "LRN": 15, "Pooling": 17, "ReLU": 18, "Softmax": 20}

_CHUNK = 1 << 20


@cache
def schema(*, packed: bool = True) -> Any:
    """The message class NetParameter; ``packed``: as caffe.proto declares its numbers, or as older writers could."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"caffe_{packed}.proto", package=f"caffe_{packed}", syntax="proto2")

    def message(name: str, fields: Iterable[tuple[str, int, int | str, bool]]) -> None:
        made = file.message_type.add(name=name)
        for spelling, number, kind, repeated in fields:
            field = made.field.add(name=spelling, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{file.package}.{kind}"
            else:
                field.type = kind
                if repeated and kind in (kinds.TYPE_FLOAT, kinds.TYPE_DOUBLE, kinds.TYPE_INT64):
                    field.options.packed = packed

    text, integer, number = kinds.TYPE_STRING, kinds.TYPE_INT64, kinds.TYPE_FLOAT
    message("BlobShape", [("dim", 1, integer, True)])
    message(
        "BlobProto",
        [
            ("num", 1, integer, False),
            ("channels", 2, integer, False),
            ("height", 3, integer, False),
            ("width", 4, integer, False),
            ("data", 5, number, True),
            ("diff", 6, number, True),
            ("shape", 7, "BlobShape", False),
            ("double_data", 8, kinds.TYPE_DOUBLE, True),
        ],
    )
    message(
        "InnerProductParameter", [("num_output", 1, kinds.TYPE_UINT32, False), ("transpose", 6, kinds.TYPE_BOOL, False)]
    )
    message(
        "LayerParameter",
        [
            ("name", 1, text, False),
            ("type", 2, text, False),
            ("bottom", 3, text, True),
            ("top", 4, text, True),
            ("loss_weight", 5, number, True),
            ("blobs", 7, "BlobProto", True),
            ("inner_product_param", 117, "InnerProductParameter", False),
        ],
    )
    message(
        "V1LayerParameter",
        [
            ("bottom", 2, text, True),
            ("top", 3, text, True),
            ("name", 4, text, False),
            ("type", 5, kinds.TYPE_INT32, False),  # an enum, the same on the wire
            ("blobs", 6, "BlobProto", True),
            ("blobs_lr", 7, number, True),
        ],
    )
    message(
        "NetParameter",
        [
            ("name", 1, text, False),
            ("layers", 2, "V1LayerParameter", True),
            ("input", 3, text, True),
            ("input_dim", 4, integer, True),
            ("layer", 100, "LayerParameter", True),
        ],
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.NetParameter"))


def layer_types(network: Network) -> list[tuple[str, str]]:
    """Names and Caffe's types of the layers of a network."""
    types = {Conv: "Convolution", Linear: "InnerProduct", LRN: "LRN", MaxPool: "Pooling", ReLU: "ReLU"}
    return [(layer.name, types[type(layer)]) for layer in network.layers if type(layer) in types]


def caffemodel(
    weights: Mapping[str, NDArray[np.float32]],
    layers: Sequence[tuple[str, str]],
    *,
    first_generation: bool = False,
    packed: bool = True,
    doubles: bool = False,
    transposed: bool = False,
) -> Any:
    """A NetParameter as training saves it: a data layer, ``layers`` with the weights of their names, a softmax."""
    net = schema(packed=packed)(name="AlexNet", input=["data"], input_dim=[10, 3, 227, 227])
    for name, kind in [("data", "Data"), *layers, ("prob", "Softmax")]:
        if first_generation:
            layer = net.layers.add(name=name, type=_V1_TYPES[kind], bottom=["x"], top=[name])
        else:
            layer = net.layer.add(name=name, type=kind, bottom=["x"], top=[name])
        for array in (weights[f"{name}.{part}"] for part in ("weight", "bias") if f"{name}.weight" in weights):
            values = array
            if transposed and kind == "InnerProduct" and array.ndim == 2:
                layer.inner_product_param.transpose = True
                values = array.T
            blob = layer.blobs.add()
            if first_generation:  # four numbers, whatever the array
                shape = (1,) * (4 - values.ndim) + values.shape
                blob.num, blob.channels, blob.height, blob.width = shape
            else:
                blob.shape.dim.extend(values.shape)
            numbers, flat = blob.double_data if doubles else blob.data, values.reshape(-1)
            for first in range(0, flat.size, _CHUNK):
                numbers.extend(flat[first : first + _CHUNK].tolist())
    return net


def write_caffemodel(net: Any, path: Path) -> Path:
    """Serialise; protobuf's own limit is 2 GB."""
    path.write_bytes(net.SerializeToString())
    return path
