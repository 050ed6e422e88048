"""The places of tensor numbers in a file, and tensors as views of them, created on access."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError


def _named(name: str, size: str) -> np.dtype[Any]:
    """A type that NumPy lacks: its bytes under its name."""
    return np.dtype([(name, size)])


BFLOAT16: Final = _named("bfloat16", "<u2")
"""The upper half of a float32."""

KINDS: Final[dict[str, np.dtype[Any]]] = {
    **{name: np.dtype(name) for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8")},
    **{name: np.dtype(name) for name in ("uint16", "uint32", "uint64", "bool", "complex64", "complex128")},
    "bfloat16": BFLOAT16,
    **{name: _named(name, "u1") for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")},
    "qint8": _named("qint8", "i1"),
    "quint8": _named("quint8", "u1"),
    "qint32": _named("qint32", "<i4"),
}
"""Torch's types, little-endian."""


def kind_of(array: NDArray[Any]) -> str:
    """The name of an array's type, even if NumPy lacks it."""
    names = array.dtype.names
    return names[0] if names else str(array.dtype.newbyteorder("="))


class Storages(Protocol):
    """The storages of a file."""

    big_endian: bool

    def damaged(self, why: str) -> WeightsError:
        """The error for a file that is not well-formed."""
        ...

    def seen(self, storage: "Storage") -> None:
        """Registers a storage that the pickle names."""
        ...

    def content(self, key: str) -> memoryview:
        """The bytes of a storage.

        Raises:
            WeightsError: it is missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Storage:
    """``size`` numbers of torch's type ``kind``. For a view of another storage, they begin at number ``start``."""

    source: Storages
    key: str
    kind: str
    size: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor over a storage: ``offset`` and ``strides`` in numbers."""

    storage: Storage
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        """The numbers, a read-only view.

        Raises:
            WeightsError: they are not in the file, or have an unknown type.
        """
        source = self.storage.source
        try:
            dtype = KINDS[self.kind]
            if source.big_endian:
                dtype = dtype.newbyteorder(">")
            size = dtype.itemsize
            start = (self.storage.start + self.offset) * size
            steps = tuple(stride * size for stride in self.strides)
            return np.ndarray(self.shape, dtype, source.content(self.storage.key), start, steps)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:  # fields may have any value
            raise source.damaged(f"a tensor {self.shape} does not fit its storage ({error})") from error
