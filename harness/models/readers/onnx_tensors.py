"""The tensors of an .onnx file, inside of it or in files beside it, as views over the mapped files.

Field numbers are those of onnx/onnx.proto.
"""

import mmap
import re
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.models.readers.storages import BFLOAT16, kind_of
from alexbench.harness.models.readers.wire import (
    Field,
    Message,
    integers,
    last_integer,
    last_text,
    map_message,
    messages,
    numbers,
    shaped,
)

# TensorProto and StringStringEntryProto
_DIMS, _TYPE, _FLOATS, _INT64S, _NAME, _RAW, _DOUBLES, _EXTERNAL, _LOCATION = 1, 2, 4, 7, 8, 9, 10, 13, 14
_KEY, _VALUE = 1, 2

_DTYPES: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
    16: BFLOAT16,
}
_NO_DTYPES: Final = {17: "float8", 18: "float8", 19: "float8", 20: "float8", 21: "uint4", 22: "int4"}
_MAX_DIMENSIONS: Final = 32
_MAX_INTEGERS: Final = 1024


class Tensors:
    """Initializers by name, read when they are asked for: a damaged one that nothing uses harms no one."""

    def __init__(self, path: Path, initializers: list[Message]) -> None:
        self._path = path
        self._initializers = {last_text(tensor.grouped(_NAME)[_NAME]): tensor for tensor in initializers}
        self._mapped: dict[str, mmap.mmap] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._initializers

    def get(self, name: str) -> NDArray[Any] | None:
        """The initializer of that name, None where there is none.

        Raises:
            WeightsError: it is damaged, or its file is.
        """
        tensor = self._initializers.get(name)
        return None if tensor is None else self.read(tensor, name)

    def read(self, tensor: Message, name: str) -> NDArray[Any]:
        """The numbers of a TensorProto.

        Raises:
            WeightsError: it is damaged, of a type that NumPy has not, or its file is not there.
        """
        found = tensor.grouped(_DIMS, _TYPE, _FLOATS, _INT64S, _RAW, _DOUBLES, _EXTERNAL, _LOCATION)
        kind = last_integer(found[_TYPE])
        if kind not in _DTYPES:
            said = _NO_DTYPES.get(kind, f"of type {kind}")
            raise WeightsError(f"{self._path}: {name} is {said}, wanted float32")
        dtype = _DTYPES[kind]
        shape = tuple(integers(found[_DIMS], _MAX_DIMENSIONS))
        if last_integer(found[_LOCATION]):
            return self._external(found[_EXTERNAL], dtype, shape, tensor, name)
        raw = messages(found[_RAW])
        if raw:
            values = raw[-1].packed_numbers(dtype)
        elif dtype == np.int64:
            values = np.array(integers(found[_INT64S], _MAX_INTEGERS), np.int64)
        elif dtype in (np.float32, np.float64):
            values = numbers(found[_FLOATS if dtype == np.float32 else _DOUBLES], dtype.str)
        else:
            raw_data = " or raw data" if dtype in (np.float16, BFLOAT16) else ""
            raise WeightsError(f"{self._path}: {name} is {kind_of(np.empty(0, dtype))}, wanted float32{raw_data}")
        return shaped(values, shape, tensor, name)

    def _external(
        self, entries: list[Field], dtype: np.dtype[Any], shape: tuple[int, ...], tensor: Message, name: str
    ) -> NDArray[Any]:
        """Numbers in a file beside: ``location``, relative to this file's folder, and ``offset`` and ``length``."""
        said = {}
        for entry in messages(entries):
            pair = entry.grouped(_KEY, _VALUE)
            said[last_text(pair[_KEY])] = last_text(pair[_VALUE])
        offset, length = (said.get(key, "0") or "0" for key in ("offset", "length"))
        if not (offset.isdecimal() and length.isdecimal() and len(offset) < 20 and len(length) < 20):
            raise tensor.damaged(f"{name} lies at offset {offset!r}, length {length!r}")
        whole = self._map(said.get("location", ""), name)
        start = int(offset)
        stop = start + prod(shape) * dtype.itemsize
        if min(shape, default=1) < 0 or stop > len(whole) or ("length" in said and start + int(length) != stop):
            raise tensor.damaged(f"{name} {shape} at byte {start} does not fit {said.get('location')}")
        part = Message(self._path.parent / said["location"], "ONNX data file", whole, start, stop)
        return shaped(part.packed_numbers(dtype), shape, tensor, name)

    def _map(self, location: str, name: str) -> mmap.mmap:
        """The file beside, mapped once."""
        if location not in self._mapped:
            beside = _beside(self._path, location)
            if beside is None or not beside.is_file():
                raise WeightsError(f"{self._path}: {name} lies in {_astray(self._path, location, beside)}")
            self._mapped[location] = map_message(beside, "ONNX data file").data
        return self._mapped[location]


def _beside(path: Path, location: str) -> Path | None:
    """The file of that relative path, None where it leads out: a file's maker has no business with other files here.

    Where the model is a link, its data may be beside the file that it leads to, or be links of their own into the same
    store, as in Hugging Face's cache (snapshots/REVISION/model.onnx leads to blobs/DIGEST).
    """
    if not location or PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor:
        return None
    try:
        model, folder = path.resolve(), path.parent.resolve()
        places = [((folder / location).resolve(), {folder})]
        if path.is_symlink():
            places = [
                (places[0][0], {folder} if ".." in PurePosixPath(location).parts else {folder, _store(model)}),
                ((model.parent / location).resolve(), {model.parent}),
            ]
    except (OSError, RuntimeError, ValueError):  # links in a circle, names too long
        return None
    found = [beside if allowed.intersection(beside.parents) else None for beside, allowed in places]
    return next((beside for beside in found if beside is not None and beside.is_file()), found[0])


def _store(model: Path) -> Path:
    """The folder of the store that a linked model lies in.

    Stores that name files by their digest sort them into folders of two characters (DVC, Git LFS), or into one each
    (git-annex): those are left out, two at most.
    """
    folder = model.parent
    if re.search(r"[0-9a-f]{30}", model.name):
        folder = folder.parent if folder.name == model.name else folder
        for _ in range(2):
            folder = folder.parent if re.fullmatch(r"\w\w", folder.name) else folder
    return model.parent if folder == folder.parent else folder


def _astray(path: Path, location: str, beside: Path | None) -> str:
    """Where numbers lie that cannot be read there, and what to do."""
    try:
        linked = location != "" and (path.parent / location).is_symlink()
    except (OSError, ValueError):
        linked = False
    if beside is not None:
        return f"{location}, " + (
            "a link to a file that is not there; fetch it" if linked else "which is not there; put it beside"
        )
    if linked:
        return (
            f"{location!r}, a link that leads out of {path.parent}; copy what the links lead to into one folder (cp -L)"
        )
    return f"{location!r}, which leads out of {path.parent}; put the data file beside the .onnx file"
