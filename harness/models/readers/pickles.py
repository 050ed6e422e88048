"""Pickles read as data: every name in one is held against a list, and none is ever looked up, imported or called.

What is on the list gets a stand-in: a dict, a type's name, or an object that takes what it is given and does nothing.
So a class may be on it whatever its own code does. The pure Python unpickler is used because the one in C makes a table
for its memo as large as a file says, up to 34 GB.
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
"""Dicts, and the dicts by which trainers keep their settings."""

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
"""What trainers keep beside weights. numpy.random's are the states of generators."""

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
    """A pickle names something that is not on the list; the message is the name."""


class Table(dict[Any, Any]):
    """What stands for a dict of whatever class, with what the pickle puts into it."""

    def __init__(self, *given: object) -> None:
        super().__init__()
        for one in given:  # a factory, pairs, or another dict
            if isinstance(one, dict):
                self.update(one)
            elif isinstance(one, list):
                self.update(tuple(pair) for pair in one if isinstance(pair, list | tuple) and len(pair) == 2)

    def __setstate__(self, state: object) -> None:
        """Attributes of the dict are not kept."""


class Inert:
    """What stands for an object that nobody needs: it takes whatever a pickle gives it."""

    __slots__ = ()

    def __new__(cls, *_: object, **__: object) -> Self:
        """Whatever the class was made of."""
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Attributes are not kept."""

    def __setitem__(self, key: object, value: object) -> None:
        """Of a dict's class."""

    def append(self, one: object) -> None:
        """Of a list's class."""

    def extend(self, several: object) -> None:
        """Of a list's class."""

    def add(self, one: object) -> None:
        """Of a set's class."""


class Rebuild:
    """Torch's functions by which pickles make tensors, here of the places of their numbers."""

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
        """A tensor over plain bytes; its type is behind requires_grad and the hooks."""
        made = self.tensor(storage, offset, shape, strides)
        return Tensor(made.storage, str(rest[2]), made.offset, made.shape, made.strides)

    def first(self, made: object, *_: object) -> object:
        """A parameter is its tensor."""
        return made

    def of_type(self, function: object, _: object, arguments: object, *__: object) -> object:
        """A tensor of a class derived from torch's, or with attributes, is the tensor."""
        if function not in self.functions.values() or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("a tensor of an unknown kind")
        return function(*arguments)  # type: ignore[operator]  # one of ours


def _integers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or not all(isinstance(one, int) for one in values):
        raise pickle.UnpicklingError("a tensor without a shape")
    return tuple(values)


class Reader(pickle._Unpickler):  # noqa: SLF001  # see the module
    """Reads one pickle of torch's: tensors become :class:`Tensor`, dicts dicts, what trainers keep beside it nothing.

    Raises:
        UnknownNameError: a name is not on the list. Any other exception: the pickle is damaged.
    """

    def __init__(self, file: BinaryIO, storages: Storages) -> None:
        super().__init__(file, encoding="latin1")  # of Python 2's strings, which hold names
        self._storages = storages
        self._rebuild = Rebuild().functions

    def find_class(self, module: str, name: str) -> object:
        """What stands for that name."""
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
        """A storage, of which a pickle has the type, the key, the device, the size and, before torch 1.6, a view.

        Before torch 1.6 there are also classes of modules, with their sources.
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
    """What the pickle at a file's place holds; the file is left behind it. See :class:`Reader`."""
    return Reader(file, storages).load()
