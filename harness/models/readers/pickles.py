"""Reads pickles as data: every name is checked against a list, and none is ever looked up, imported or called.

A name on the list gets a stand-in: a dict, a type's name, or an object that accepts everything and does nothing. So a
class may be on the list whatever its own code does. The unpickler is the pure Python one: the one in C allocates a memo
table as large as the file states, up to 34 GB.
"""

import pickle
import re
from typing import Any, BinaryIO, Final, Self

from alexbench.harness.models.readers.storages import KINDS, Storage, Storages, Tensor

_TABLES: Final = re.compile(
    r"""collections\.(OrderedDict|defaultdict|Counter) | (builtins|__builtin__)\.dict
    | (pytorch_lightning|lightning|lightning_fabric|lightning_lite)\.[\w.]*AttributeDict
    | easydict\.EasyDict | addict\.addict\.Dict | munch\.(munch\.)?\w*Munch | box\.box\.Box
    | (yacs|fvcore\.common|detectron2\.config)\.config\.CfgNode
    | (mmcv\.utils|mmengine\.config)\.config\.ConfigDict""",
    re.VERBOSE,
)
"""Dicts, and the dict classes in which trainers store settings."""

_INERT: Final = re.compile(
    r"""(argparse|types)\.(Namespace|SimpleNamespace) | collections\.deque
    | (builtins|__builtin__)\.(set|frozenset|list|tuple|int|long|float|complex|bool|str|unicode|bytes|bytearray|slice
        |range|xrange|object)
    | _codecs\.encode | copyreg\._reconstructor | copy_reg\._reconstructor
    | pathlib\.(_local\.)?\w*Path | datetime\.\w+ | time\.struct_time | uuid\.UUID | decimal\.Decimal
    | fractions\.Fraction | typing\.\w+
    | numpy\.(_?core\.)multiarray\.(scalar|_reconstruct) | numpy\._?core\.numeric\._frombuffer
    | numpy\.(ndarray|dtype|bool_?|u?int\d*|float\d*|complex\d*|str_|bytes_) | numpy\.dtypes\.\w+
    | numpy\.random\.[\w.]+
    | torch\.(Size|device|Tensor|Generator)
    | torch\.torch_version\.TorchVersion
    | torch\.nn\.parameter\.\w+ | torch\.serialization\._get_layout | torch\.nn\.modules\.loss\.\w+
    | torch\.(optim|(cuda\.)?amp)\.[\w.]+
    | (pytorch_lightning|lightning|lightning_fabric|lightning_lite|torchmetrics|omegaconf)\.[\w.]+
    | (mmcv|mmengine)\.[\w.]+""",
    re.VERBOSE,
)
"""What trainers save in addition to weights. Names of numpy.random are the states of generators."""

_STORAGE: Final = re.compile(r"torch\.(?:cuda\.|storage\.)?_?(\w+)Storage")
_STORED: Final = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Untyped": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "qint8",
    "QUInt8": "quint8",
    "QInt32": "qint32",
}
"""A storage's class -> its type."""


class UnknownNameError(Exception):
    """A pickle has a name that is not on the list. The message is the name."""


class Table(dict[Any, Any]):
    """The stand-in for a dict of any class, with the content from the pickle."""

    def __init__(self, *given: object) -> None:
        super().__init__()
        for one in given:  # a factory, pairs, or another dict
            if isinstance(one, dict):
                self.update(one)
            elif isinstance(one, list):
                self.update(tuple(pair) for pair in one if isinstance(pair, list | tuple) and len(pair) == 2)

    def __setstate__(self, state: object) -> None:
        """Ignores attributes of the dict."""


class Inert:
    """The stand-in for an object that is not needed: it accepts everything in a pickle."""

    __slots__ = ()

    def __new__(cls, *_: object, **__: object) -> Self:
        """Accepts any arguments of the class."""
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Ignores attributes."""

    def __setitem__(self, key: object, value: object) -> None:
        """Ignores an item of a dict class."""

    def append(self, one: object) -> None:
        """Ignores an element of a list class."""

    def extend(self, several: object) -> None:
        """Ignores an element of a list class."""

    def add(self, one: object) -> None:
        """Ignores an element of a set class."""


class Rebuild:
    """Torch's functions with which pickles make tensors; here they record the places of the numbers."""

    def __init__(self) -> None:
        self.functions: Final = {
            "torch._utils._rebuild_tensor": self.tensor,
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_tensor_v3": self.typed_tensor,
            "torch._utils._rebuild_parameter": self.first,
            "torch._utils._rebuild_parameter_with_state": self.first,
            "torch._tensor._rebuild_from_type_v2": self.of_type,
        }

    def tensor(self, storage: object, offset: object, shape: object, strides: object, *_: object) -> Tensor:
        """A tensor of its storage's type: offset and strides in numbers."""
        if not (isinstance(storage, Storage) and isinstance(offset, int)):
            raise pickle.UnpicklingError("a tensor without a storage")
        return Tensor(storage, storage.kind, offset, _integers(shape), _integers(strides))

    def typed_tensor(self, storage: object, offset: object, shape: object, strides: object, *rest: object) -> Tensor:
        """A tensor over plain bytes. Its type follows requires_grad and the hooks."""
        made = self.tensor(storage, offset, shape, strides)
        return Tensor(made.storage, str(rest[2]), made.offset, made.shape, made.strides)

    def first(self, made: object, *_: object) -> object:
        """A parameter becomes its tensor."""
        return made

    def of_type(self, function: object, _: object, arguments: object, *__: object) -> object:
        """A tensor of a derived class, or with attributes, becomes the plain tensor."""
        if function not in self.functions.values() or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("a tensor of an unknown kind")
        return function(*arguments)  # type: ignore[operator]  # one of ours


def _integers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or not all(isinstance(one, int) for one in values):
        raise pickle.UnpicklingError("a tensor without a shape")
    return tuple(values)


class Reader(pickle._Unpickler):  # noqa: SLF001  # see the module
    """Reads one pickle of torch.

    Tensors become :class:`Tensor`, dicts stay dicts, and the trainer's other objects are dropped.

    Raises:
        UnknownNameError: a name is not on the list. Any other exception: the pickle is damaged.
    """

    def __init__(self, file: BinaryIO, storages: Storages) -> None:
        super().__init__(file, encoding="latin1")  # for Python 2's strings, which contain names
        self._storages = storages
        self._rebuild = Rebuild().functions

    def find_class(self, module: str, name: str) -> object:
        """The stand-in for that name."""
        full = f"{module}.{name}"
        if full in self._rebuild:
            return self._rebuild[full]
        if module == "torch" and name in KINDS:
            return name
        stored = _STORAGE.fullmatch(full)
        if stored and stored[1] in _STORED:
            return _STORED[stored[1]]
        if _TABLES.fullmatch(full):
            return Table
        if _INERT.fullmatch(full):
            return Inert
        raise UnknownNameError(full)

    def persistent_load(self, pid: object) -> object:
        """A storage. A pickle has its type, key, device, size and, before torch 1.6, a view.

        Before torch 1.6, there are also classes of modules with their sources.
        """
        match pid:
            case ("module", kind, *_):
                return kind
            case ("storage", str(kind), str(key), _, int(size), *rest) if kind in KINDS:
                match rest:
                    case [(_, int(start), int())]:
                        return self._storage(Storage(self._storages, key, kind, size, start))
                    case [None] | []:
                        return self._storage(Storage(self._storages, key, kind, size))
        raise pickle.UnpicklingError("a storage of an unknown kind")

    def _storage(self, named: Storage) -> Storage:
        self._storages.seen(named)
        return named


def read_pickle(file: BinaryIO, storages: Storages) -> Any:
    """The content of the pickle at the file's position. Leaves the position after it. See :class:`Reader`."""
    return Reader(file, storages).load()
