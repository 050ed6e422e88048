"""Reads files of torch.save without torch: a pickle and plain numbers. Nothing in them is executed.

Since torch 1.6, a file is a zip with ``data.pkl`` and one member per storage. Before, it is a series of pickles
followed by the storages (torch/serialization.py, ``_save`` and ``_legacy_save``). Tensors are views over the mapped
file.
"""

import io
import zipfile
from pathlib import Path
from typing import Any, Final, Literal

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.plain_text import one_line
from alexbench.harness.models.readers.pickles import UnknownNameError, read_pickle
from alexbench.harness.models.readers.storages import KINDS, Storage
from alexbench.harness.models.readers.wire import map_message

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_PICKLE_BYTES_AT_MOST: Final = 256 << 20
"""The most bytes of data.pkl: with thousands of tensors it has a megabyte; the rest leaves room for NumPy arrays."""
_LOCAL_HEADER: Final = 30


_OTHER_TENSORS: Final = {
    "_rebuild_qtensor": "it holds quantized tensors; give the state dict in float32 from before quantization, or export"
    " the quantized model (torch.export.save) and run it with --artifact torch=FILE",
    "_rebuild_sparse_tensor": "it holds sparse tensors; save each with .to_dense()",
    "_rebuild_meta_tensor_no_storage": "its tensors have no data (device meta); save the model after loading it",
}
"""How torch rebuilds tensors that are not plain arrays -> what to say of the file."""


def is_torch_file(path: Path) -> bool:
    """Whether a file begins like one from torch.save, or like any zip or pickle."""
    with path.open("rb") as file:
        head = file.read(4)
    return head == b"PK\x03\x04" or head[:1] == b"\x80"


def read_torch(path: Path) -> Any:
    """The saved object: dicts, lists and plain values unchanged, tensors as :class:`~.storages.Tensor`.

    Raises:
        WeightsError: the file is damaged, not from torch, or contains code. The message has the name.
    """
    try:
        return _ZipFile(path).read() if zipfile.is_zipfile(path) else _LegacyFile(path).read()
    except UnknownNameError as error:
        known = _OTHER_TENSORS.get(str(error).rpartition(".")[2])
        code = f"it contains code, which is never run ({_shown(error)}); save model.state_dict() instead"
        raise WeightsError(f"{path} cannot be read: {known or code}") from error
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        raise _unread(path, f"{type(error).__name__}: {_shown(error)}") from error


def _shown(value: object) -> str:
    return one_line(str(value))[:160]


def _unread(path: Path, why: str) -> WeightsError:
    return WeightsError(f"{path} cannot be read: it is damaged, or not a state dict ({why}); fetch or save it again")


class _File:
    """The part that both formats share."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = map_message(path, "PyTorch file").data
        self.big_endian = False

    def damaged(self, why: str) -> WeightsError:
        """See :class:`Storages`."""
        return _unread(self._path, why)


class _ZipFile(_File):
    """The format of torch 1.6 and later."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._archive = zipfile.ZipFile(path)
        self._names = {one.filename: one for one in self._archive.infolist()}
        self._folder = self._found()
        self._content: dict[str, memoryview] = {}

    def _found(self) -> str:
        """The prefix of the members' names."""
        ends = {name.partition("/")[2] for name in self._names}
        program = "a TorchScript" if any(end.startswith("code/") for end in ends) else ""
        if not program and any(end.startswith("models/") or end == "archive_format" for end in ends):
            program = "a torch.export"
        if program:
            raise WeightsError(
                f"{self._path} cannot be read: it is {program} program; run it unchanged with --artifact torch=FILE"
            )
        for name in self._names:
            if name.rpartition("/")[2] == "data.pkl":
                return name.removesuffix("data.pkl")
        listed = ", ".join(map(_shown, list(self._names)[:3])) or "nothing"
        raise WeightsError(
            f"{self._path} is a zip file with {listed}, not one from torch.save; unpack it and name the file"
        )

    def read(self) -> Any:
        """The object."""
        self.big_endian = self._small("byteorder") == b"big"
        return read_pickle(io.BytesIO(self._small("data.pkl")), self)

    def _small(self, name: str) -> bytes:
        member = self._names.get(self._folder + name)
        if member is None:
            return b""
        if member.file_size > _PICKLE_BYTES_AT_MOST:
            raise self.damaged(f"its {name} has {member.file_size:,} bytes, {_PICKLE_BYTES_AT_MOST:,} at most are read")
        return self._archive.read(member)

    def seen(self, storage: Storage) -> None:
        """See :class:`Storages`."""

    def content(self, key: str) -> memoryview:
        """See :class:`Storages`: a view if the member is not compressed; torch never compresses."""
        if key not in self._content:
            member = self._names.get(f"{self._folder}data/{key}")
            if member is None:
                raise self.damaged(f"it has no data/{key}")
            self._content[key] = self._view(member)
        return self._content[key]

    def _view(self, member: zipfile.ZipInfo) -> memoryview:
        if member.compress_type != zipfile.ZIP_STORED:
            return memoryview(self._archive.read(member))
        header = self._data[member.header_offset : member.header_offset + _LOCAL_HEADER]
        name, extra = (int.from_bytes(header[place : place + 2], "little") for place in (26, 28))
        start = member.header_offset + _LOCAL_HEADER + name + extra
        return memoryview(self._data)[start : start + member.file_size]


class _LegacyFile(_File):
    """The format before torch 1.6, and with ``_use_new_zipfile_serialization=False``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._places: dict[str, tuple[int, int]] = {}
        self._pickled: dict[str, Storage] = {}

    def read(self) -> Any:
        """The object."""
        with self._path.open("rb") as file:
            if read_pickle(file, self) != _MAGIC:
                raise WeightsError(
                    f"{self._path} is a pickle, but not from torch.save; write it with torch.save(model.state_dict(),"
                    " FILE)"
                )
            if read_pickle(file, self) != _PROTOCOL:
                raise self.damaged("an unknown protocol")
            system = read_pickle(file, self)
            self.big_endian = isinstance(system, dict) and system.get("little_endian") is False
            found = read_pickle(file, self)
            self._find(read_pickle(file, self), file.tell())
            return found

    def seen(self, storage: Storage) -> None:
        """See :class:`Storages`: only the pickle has the size of a storage's numbers."""
        self._pickled[storage.key] = storage

    def _find(self, keys: Any, at: int) -> None:
        """The place of each storage: an eight-byte count, then the numbers."""
        order: Literal["little", "big"] = "big" if self.big_endian else "little"
        for key in keys:
            start = at + 8
            at = start + int.from_bytes(self._data[at:start], order) * KINDS[self._pickled[key].kind].itemsize
            if at > len(self._data):
                raise self.damaged(f"it is truncated: storage {key} ends at byte {at:,} of {len(self._data):,}")
            self._places[key] = start, at

    def content(self, key: str) -> memoryview:
        """See :class:`Storages`."""
        if key not in self._places:
            raise self.damaged(f"it has no storage {key}")
        return memoryview(self._data)[slice(*self._places[key])]
