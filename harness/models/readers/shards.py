"""Weights that Hugging Face's libraries cut into several files, and the folders that they keep a model in.

``model.safetensors.index.json`` or ``pytorch_model.bin.index.json`` says which array is in which of the files next to
it (huggingface.co/docs/transformers/big_models). Naming the folder, the index or one of the files means them all.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import TEXT_BYTES_AT_MOST, read_file

INDEX: Final = ".index.json"
_SHARD: Final = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})(?P<suffix>\.\w+)", re.ASCII)
_IN_FOLDER: Final = (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "model.safetensors",
    "pytorch_model.bin",
)
"""The file of a model's folder that is read: the first that exists."""


def whole_of(source: Path) -> Path:
    """The file that stands for what the user named: a folder's weights, or the index next to one part of them.

    Raises:
        WeightsError: one part of several, without an index next to it.
    """
    if source.is_dir():
        found = next((source / name for name in _IN_FOLDER if (source / name).is_file()), None)
        part = next((one for one in sorted(source.iterdir()) if _SHARD.fullmatch(one.name)), source)
        return found or (source if part == source else whole_of(part))
    shard = _SHARD.fullmatch(source.name)
    if shard is None or not source.is_file() or int(shard["count"]) < 2:
        return source
    index = source.with_name(f"{shard['stem']}{shard['suffix']}{INDEX}")
    if not index.is_file():
        raise WeightsError(
            f"{source} is one of {int(shard['count'])} parts, and {index.name} is not next to it; fetch all of the"
            " model's files into one folder, and name that"
        )
    return index


def read_shards(index: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    """All arrays of the files that ``index`` names; ``read`` gives those of one, by name.

    Raises:
        WeightsError: it is not an index, or a file or an array that it names is not there.
    """
    parts: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for name, file in _map_in(index).items():
        if PurePosixPath(file).name != file:
            raise WeightsError(f"{index} names {file!r}, which is not a file next to it; fetch the model's files again")
        if not (index.parent / file).is_file():
            raise WeightsError(f"{index.parent / file} is not there, and {index.name} names it; fetch it, too")
        if file not in parts:
            parts[file] = read(index.parent / file)
        if name not in parts[file]:
            raise WeightsError(f"{index.parent / file} has no {name}, which {index.name} says it has; fetch it anew")
        arrays[name] = parts[file][name]
    return arrays


def _map_in(index: Path) -> Mapping[str, str]:
    """Name of an array -> name of its file."""
    try:
        found = json.loads(read_file(index, str(index), WeightsError, most=TEXT_BYTES_AT_MOST))["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{index} is not an index of weights (weight_map: array to file); fetch it anew") from error
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise WeightsError(f"{index} is not an index of weights (weight_map: array to file); fetch it anew")
    return found
