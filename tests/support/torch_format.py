"""torch.save's older format written byte by byte, where a test's process must not import torch."""

import pickle
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _tuple(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def _tensor(key: str, array: NDArray[Any]) -> bytes:
    storage = _tuple(_text("storage"), b"ctorch\nFloatStorage\n", _text(key), _text("cpu"), _integer(array.size), b"N")
    steps = [side // array.itemsize for side in array.strides]
    arguments = (
        storage + b"Q",
        _integer(0),
        _tuple(*map(_integer, array.shape)),
        _tuple(*map(_integer, steps)),
        b"\x89",
        b"ccollections\nOrderedDict\n)R",
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + _tuple(*arguments) + b"R"


def legacy_file(arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    """A state dict as torch.save(..., _use_new_zipfile_serialization=False) writes it."""
    items = b"".join(_text(name) + _tensor(str(place), array) for place, (name, array) in enumerate(arrays.items()))
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return b"".join(
        (
            pickle.dumps(MAGIC, 2),
            pickle.dumps(PROTOCOL, 2),
            pickle.dumps(system, 2),
            b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u.",
            pickle.dumps([str(place) for place in range(len(arrays))], 2),
            *(struct.pack("<q", array.size) + array.tobytes() for array in arrays.values()),
        )
    )
