"""What a file given as --artifact really is, by its first bytes and then by its name, and how to run it if not so.

Nothing is loaded. A file that a backend says it runs, or that nobody knows here, is left to the backend.
"""

import mmap
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.backends.registry import backend_class, backend_classes
from alexbench.harness.errors import WeightsError
from alexbench.harness.files.protobuf import WireError, walk
from alexbench.harness.models.readers.container import other_content

_HEAD: Final = 4096
_VERSION: Final = 2
_NEWEST: Final = 64
_FIELDS: Final = (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
"""The start of an ONNX file: the bytes of its version, and what may follow (ModelProto)."""
_PROTOCOLS: Final = (b"\x02", b"\x03", b"\x04", b"\x05")
"""The protocols of pickles, after their first byte."""
_TAR: Final = range(257, 262)
"""Where POSIX tar files say that they are one."""
_TORCH_SAVE: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The magic number that torch.save began with before its files were zip files (torch.serialization.MAGIC_NUMBER)."""
_TO_ONNX: Final = "export the model that it was made from to ONNX, and run that with --artifact onnxruntime=MODEL.onnx"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of model file. ``said``: what it is; ``suffix``: as backends list it among those they run, "/" a folder.

    ``fix``: how to get to what runs here, with {path} and {stem}; empty where a backend runs it. ``begins``: whether a
    file's first bytes are of it; None: by its ``names`` alone.
    """

    said: str
    suffix: str
    fix: str = ""
    begins: Callable[[bytes], bool] | None = None
    names: tuple[str, ...] = ()

    def is_named(self, path: Path) -> bool:
        """Whether a file's name ends as those of this kind do."""
        return path.name.lower().endswith(self.names)


def _ovc(what: str, suffix: str, begins: Callable[[bytes], bool] | None = None) -> Format:
    fix = (
        "convert it (pip install openvino; ovc {path} --output_model {stem}.xml), and run it with --artifact"
        " openvino={stem}.xml"
    )
    return Format(what, suffix, fix, begins, (suffix,))


_FORMATS: Final = (
    _ovc("a TensorFlow Lite model", ".tflite", lambda head: head[4:8] == b"TFL3"),
    Format("an ONNX Runtime (.ort) model", ".ort", _TO_ONNX, lambda head: head[4:8] == b"ORTM", (".ort",)),
    Format("a TensorRT engine, made for one kind of GPU", ".engine", _TO_ONNX, lambda head: head[:4] == b"ptrt",
           (".engine", ".plan", ".trt")),
    Format("an ncnn model", ".param", _TO_ONNX, lambda head: head.lstrip()[:7] == b"7767517", (".param",)),
    Format("weights of ncnn or OpenVINO without their model", ".bin", "name the .xml or the .param next to it", None,
           (".bin",)),
    Format("weights (safetensors) without their model", ".safetensors", "give it with --weights {path}",
           lambda head: head[8:10] == b'{"', (".safetensors",)),
    Format("weights for Caffe", ".caffemodel",
           "give it with --weights {path}, and the card of its network with --model", None, (".caffemodel",)),
    Format("a network description for Caffe", ".prototxt", "give its .caffemodel with --weights", None, (".prototxt",)),
    Format("a Core ML model for Apple's devices", ".mlmodel", _TO_ONNX, None,
           (".mlmodel", ".mlpackage", ".mlmodelc")),
    _ovc("a PaddlePaddle model", ".pdmodel"),
    Format("weights of PaddlePaddle", ".pdiparams", "name the .pdmodel next to it", None, (".pdiparams", ".pdparams")),
    *(Format(f"a model for {name}", suffix, _TO_ONNX, None, (suffix,)) for name, suffix in (
        ("MNN", ".mnn"), ("RKNN", ".rknn"), ("SNPE or QNN", ".dlc"), ("Ascend", ".om"), ("Hailo", ".hef"))),
    Format("a GGUF file", ".gguf", _TO_ONNX, lambda head: head[:4] == b"GGUF", (".gguf",)),
    Format("a TensorFlow checkpoint without its model", ".index",
           "give its prefix with --weights, and the card of its network with --model", None, (".index", ".meta")),
    Format("a TensorFlow checkpoint without its model", ".data-00000-of-00001",
           "give its prefix with --weights, and the card of its network with --model", None, (".data-00000-of-00001",)),
    Format("an OpenVINO IR", ".xml", "", lambda head: b"<net " in head[:512], ()),
)  # fmt: skip
_ARCHIVE: Final = Format("an archive", "", "unpack it, and name the model in it")
_NUMPY: Final = Format("an archive of NumPy arrays", "", "give it with --weights {path}")
_ONE_ARRAY: Final = Format(
    "one NumPy array", "", "save a model's arrays with numpy.savez, and give them with --weights"
)
_PICKLE: Final = Format(
    "a pickle", "",
    "save its state dict with torch.save for --weights, or export the model in its framework (torch.onnx.export)",
)  # fmt: skip
_JSON: Final = Format("a JSON text", "", _TO_ONNX)
_CERTAIN: Final = (".tflite", ".ort", ".gguf")
"""Formats whose every file begins alike, so that a name alone says nothing."""
_GRAPH: Final = 7
"""ModelProto's field of the network."""
_CONTENTS: Final = {
    ".pt2": "a torch.export program",
    ".pt": "a TorchScript or torch.export program",
    ".keras": "a Keras model",
    ".xml": "an OpenVINO IR",
}
"""Suffix -> what such a file is known as by its beginning."""
_ONNX: Final = Format("an ONNX model", ".onnx")
_FROZEN: Final = _ovc("a frozen TensorFlow graph", ".pb")
_KERAS: Final = Format("a Keras model", ".keras")
_SAVED: Final = Format("a SavedModel", "/")
_EXPORTED: Final = Format("a torch.export program", ".pt2")
_SCRIPT: Final = Format("a TorchScript program", ".pt")
_H5: Final = Format(
    "a Keras model in HDF5", ".h5",
    "save it anew (python -c \"import keras; keras.models.load_model('{path}', compile=False).save('{stem}.keras')\"),"
    " and run it with --artifact tensorflow={stem}.keras --trust {stem}.keras",
)  # fmt: skip
_H5_WEIGHTS: Final = Format(
    "Keras weights in HDF5 without their model", ".weights.h5",
    "load them into the model in Keras (model.load_weights), and save that with model.save('{stem}.keras')",
)  # fmt: skip
_PICKLED: Final = Format(
    "a file of torch.save", "",
    "give a state dict with --weights {path}; export a whole module with torch.export.save, or torch.onnx.export",
)  # fmt: skip


def refuse_other_formats(backend: str, path: Path) -> None:
    """Refuse a file that another backend runs, or none, in a line that says what it is and how to run it.

    Raises:
        WeightsError: see above; nothing is raised for what is not known, or cannot be read.
    """
    try:
        found = format_of(path)
        other = None if found is not None or path.is_dir() else other_content(path)
    except OSError:
        return
    if other is not None:
        raise WeightsError(f"{path} is {other.what}; {other.fix}")
    takes = getattr(backend_class(backend), "artifact_suffixes", None)  # a plugin may not say
    if found is None or takes is None or found.suffix in takes:
        _refuse_misnamed(backend, path, found)
        _refuse_unlike(path, found)
        return
    if found.suffix in _CERTAIN and not _begins(path, found):
        raise WeightsError(f"{path} is damaged, or not {found.said}; fetch or save it again")
    runs = _runs(found.suffix)
    fix = found.fix.format(path=path, stem=path.with_suffix("")) if not runs else _with(runs, path)
    raise WeightsError(f"{path} is {found.said}; {backend} cannot run it: {fix}")


def _refuse_misnamed(backend: str, path: Path, found: Format | None) -> None:
    """Recognises an ONNX file under another name."""
    if found is _ONNX and path.suffix.lower() != ".onnx":
        raise WeightsError(f"{path} is an ONNX model; rename it to {path.with_suffix('.onnx').name}, and give that")
    if found is _SAVED and path.is_file():
        raise WeightsError(f"{path} is the graph of a SavedModel; give the folder: --artifact {backend}={path.parent}")


def _refuse_unlike(path: Path, found: Format | None) -> None:
    """Refuse a file that is not what its name says, or is cut short."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        fault = _fault_of_onnx(path)
        if fault is not None:
            raise WeightsError(f"{path} is damaged, or not an ONNX model ({fault}); fetch or save it again")
    elif suffix in _CONTENTS and found is None:
        raise WeightsError(f"{path} is damaged, or not {_CONTENTS[suffix]}; fetch or save it again")


def _fault_of_onnx(path: Path) -> str | None:
    """What is wrong with the fields of a ModelProto (onnx.proto); those in its graph are not looked at."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        try:
            fields = {number for number, _, _, _ in walk(mapped, 0, len(mapped))}
        except WireError as error:
            return str(error)
    return None if _GRAPH in fields else "it has no graph"


def _begins(path: Path, kind: Format) -> bool:
    with path.open("rb") as file:
        return kind.begins is not None and kind.begins(file.read(_HEAD))


def _runs(suffix: str) -> list[str]:
    return [name for name, kind in backend_classes().items() if suffix in getattr(kind, "artifact_suffixes", ())]


def _with(backends: Iterable[str], path: Path) -> str:
    """The flags that run it."""
    choices = []
    for name in backends:
        kind = backend_class(name)
        file = path.parent if path.name.startswith("saved_model.pb") else path
        trust = "" if path.name.endswith(tuple(getattr(kind, "data_suffixes", ()))) else f" --trust {file}"
        choices.append(f"--artifact {name}={file}{trust}")
    return f"run it with {' or '.join(choices)}"


def format_of(path: Path) -> Format | None:
    """What a file or folder is; None where nothing tells.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir():
        saved = any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt"))
        return _SAVED if saved else _named(path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if path.name in ("saved_model.pb", "saved_model.pbtxt"):
        return _SAVED
    if head.startswith(b"\x89HDF\r\n"):
        return _H5 if _holds(path, b"model_config") else _H5_WEIGHTS
    if head.startswith(b"PK"):
        return _zipped(path)
    if head[:1] == b"\x80" and head[1:2] in _PROTOCOLS:
        return _PICKLED if head.startswith(_TORCH_SAVE) else _PICKLE
    if head.startswith(b"\x93NUMPY"):
        return _ONE_ARRAY
    if head.lstrip()[:1] in (b"{", b"["):
        return _JSON
    found = next((one for one in _FORMATS if one.begins is not None and one.begins(head)), None)
    if found is None and head[_TAR.start : _TAR.stop] == b"ustar":
        return _ARCHIVE
    return found or (_FROZEN if _is_graph(head) else None) or _named(path) or _protobuf(head, path)


def _named(path: Path) -> Format | None:
    return next((one for one in _FORMATS if one.is_named(path)), None)


def _zipped(path: Path) -> Format | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] or name for name in archive.namelist()} | set(archive.namelist())
    except (zipfile.BadZipFile, ValueError):
        return None
    if "config.json" in names and "model.weights.h5" in names:
        return _KERAS
    exported = {"archive_format", "serialized_exported_program.json"} & names
    if exported or any(name.startswith("models/") for name in names):
        return _EXPORTED
    if any(name.startswith("code/") for name in names):
        return _SCRIPT
    if "data.pkl" in names:
        return _PICKLED
    return _NUMPY if names and all(name.endswith(".npy") for name in names) else _ARCHIVE


def _protobuf(head: bytes, path: Path) -> Format | None:
    """ONNX begins with its version (field 1, a number); of the rest, what the name says."""
    if head[:1] == b"\x08" and len(head) > _VERSION and head[1] < _NEWEST and head[2] in _FIELDS:
        return _ONNX
    return _FROZEN if path.suffix.lower() in (".pb", ".pbtxt") else None


def _is_graph(head: bytes) -> bool:
    """Whether nodes come first, with operators that every frozen graph has (NodeDef's field 2)."""
    return head[:1] == b"\x0a" and (b"\x12\x0bPlaceholder" in head or b"\x12\x05Const" in head)


def _holds(path: Path, words: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return mapped.find(words) >= 0
