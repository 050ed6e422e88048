"""The tensors of an .onnx file, in it or in external data files, as views over the mapped files.

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
    """Initializers by name, read on access: a damaged one that nothing uses does no harm."""

    def __init__(self, path: Path, initializers: list[Message]) -> None:
        self._path = path
        self._initializers = {last_text(tensor.grouped(_NAME)[_NAME]): tensor for tensor in initializers}
        self._mapped: dict[str, mmap.mmap] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._initializers

    def get(self, name: str) -> NDArray[Any] | None:
        """The initializer of that name; None if there is none.

        Raises:
            WeightsError: it is damaged, or its file is.
        """
        tensor = self._initializers.get(name)
        return None if tensor is None else self.read(tensor, name)

    def read(self, tensor: Message, name: str) -> NDArray[Any]:
        """The numbers of a TensorProto.

        Raises:
            WeightsError: it is damaged, has a type that NumPy lacks, or its file is missing.
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
        """Numbers in an external file: ``location``, relative to this file's folder, ``offset`` and ``length``."""
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
        """The external file, mapped once."""
        if location not in self._mapped:
            beside = _beside(self._path, location)
            if beside is None or not beside.is_file():
                raise WeightsError(f"{self._path}: {name} is in {_astray(self._path, location, beside)}")
            self._mapped[location] = map_message(beside, "ONNX data file").data
        return self._mapped[location]


def _beside(path: Path, location: str) -> Path | None:
    """The file at that relative path; None if it is outside the folder: a model must not read other files here.

    If the model is a link, its data may be next to the target, or be links into the same store, as in Hugging Face's
    cache (snapshots/REVISION/model.onnx links to blobs/DIGEST).
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
    except (OSError, RuntimeError, ValueError):  # cyclic links, names that are too long
        return None
    found = [beside if allowed.intersection(beside.parents) else None for beside, allowed in places]
    return next((beside for beside in found if beside is not None and beside.is_file()), found[0])


def _store(model: Path) -> Path:
    """The folder of the store that contains a linked model.

    Stores that name files by digest sort them into folders of two characters (DVC, Git LFS), or one folder per file
    (git-annex). At most two such folders are skipped.
    """
    folder = model.parent
    if re.search(r"[0-9a-f]{30}", model.name):
        folder = folder.parent if folder.name == model.name else folder
        for _ in range(2):
            folder = folder.parent if re.fullmatch(r"\w\w", folder.name) else folder
    return model.parent if folder == folder.parent else folder


def _astray(path: Path, location: str, beside: Path | None) -> str:
    """The place of numbers that cannot be read, and the fix."""
    try:
        linked = location != "" and (path.parent / location).is_symlink()
    except (OSError, ValueError):
        linked = False
    if beside is not None:
        return f"{location}, " + (
            "a link to a missing file; fetch it" if linked else "which is missing; put it next to"
        )
    if linked:
        return f"{location!r}, a link to outside of {path.parent}; copy what the links lead to into one folder (cp -L)"
    return f"{location!r}, which is outside of {path.parent}; put the data file next to the .onnx file"
