"""A user's weights file to the one file that all workers map."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_classes
from alexbench.harness.contract import Layout
from alexbench.harness.errors import WeightsError
from alexbench.harness.input_files import WEIGHTS_BYTES_AT_MOST, check_file
from alexbench.harness.models.network import Network
from alexbench.harness.models.readers.bundle import Bundle
from alexbench.harness.models.readers.caffemodel import read_caffemodel
from alexbench.harness.models.readers.checkpoint import DEFAULT_FLATTEN, find_index, from_variables
from alexbench.harness.models.readers.container import check_zip
from alexbench.harness.models.readers.layers import check_order, in_order
from alexbench.harness.models.readers.onnx_file import read_onnx
from alexbench.harness.models.weights import canonical, write_weights
from alexbench.harness.powers import ReadsWeights
from alexbench.harness.protocol.making import Converted

SAFETENSORS: Final = ".safetensors"
CONTAINER_CRC: Final = "container CRC"

_NETWORK_READERS: Final = {".caffemodel": read_caffemodel, ".onnx": read_onnx}


@dataclass(frozen=True, slots=True)
class Reading:
    """Canonical weights, perhaps views over the file that they were read from.

    ``checked``: what in the file's format was held against its bytes ("container CRC"), empty where it has nothing of
    the kind. ``assumed``: what the file does not say and the user did not, empty where nothing was assumed.
    """

    arrays: dict[str, NDArray[np.float32]]
    checked: str
    assumed: str


def convert(source: Path, network: Network, folder: Path, *, flatten: Layout | None = None) -> Converted:
    """Read ``source``, check it against ``network``, write it canonically into ``folder``.

    Runs in a worker: reading a runtime's own format imports that runtime. ``flatten``: the data format that a
    TensorFlow checkpoint was trained in, which decides the order of fc6's rows; no other format leaves it open.

    Raises:
        WeightsError: the file cannot be read, is damaged, or does not fit the network.
        BackendUnavailableError: the runtime that reads this format is not installed.
    """
    reading = read(source, network, flatten=flatten)
    path, digest = write_weights(reading.arrays, folder)
    return Converted(path, digest, reading.checked, reading.assumed)


def read(source: Path, network: Network, *, flatten: Layout | None = None) -> Reading:
    """The first half of :func:`convert`: ``source`` as canonical arrays that fit ``network``."""
    suffix = source.suffix.lower()
    index = find_index(source)
    if index is not None:
        found = from_variables(Bundle(index), network, index, flatten or DEFAULT_FLATTEN)
        arrays = canonical(found.arrays, network, source=index, file_names=found.file_names)
        return Reading(arrays, CONTAINER_CRC, "" if flatten else f"trained in {DEFAULT_FLATTEN}: fc6 sees C, H, W")
    if not source.is_file():
        raise WeightsError(
            f"{source} is not there, or not a file; --weights takes a file ({', '.join(sorted(_suffixes()))}) or a "
            "TensorFlow checkpoint"
        )
    check_file(source, str(source), WeightsError, most=WEIGHTS_BYTES_AT_MOST)
    if flatten is not None:
        raise WeightsError(
            f"{source} is no TensorFlow checkpoint: its format says in which order fc6 sees pixels; leave "
            "--weights-layout away"
        )
    if suffix in _NETWORK_READERS:
        given = _NETWORK_READERS[suffix](source)
        found = in_order(given, network, source)
        arrays = canonical(found.arrays, network, source=source, file_names=found.file_names)
        check_order(given, network, source)
        return Reading(arrays, "", "")
    checked = CONTAINER_CRC if check_zip(source) else ""
    named = _read_safetensors(source) if suffix == SAFETENSORS else _read_by_backend(source, suffix)
    return Reading(canonical(named, network, source=source), checked, "")


def _suffixes() -> set[str]:
    """What names of weights files end in."""
    readers = [kind() for kind in backend_classes().values()]
    theirs = [reader.weight_suffixes for reader in readers if isinstance(reader, ReadsWeights)]
    return {SAFETENSORS, *_NETWORK_READERS, *(suffix for suffixes in theirs for suffix in suffixes)}


def _read_by_backend(source: Path, suffix: str) -> Mapping[str, NDArray[Any]]:
    for kind in backend_classes().values():
        reader = kind()
        if isinstance(reader, ReadsWeights) and suffix in reader.weight_suffixes:
            return reader.read_weights(source)
    raise WeightsError(
        f"{source} ends in {suffix or 'nothing'}; weights can be read from: {', '.join(sorted(_suffixes()))}"
    )


def _read_safetensors(source: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(source)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        if "bfloat16" in str(error) or "float8" in str(error):  # types that NumPy has not
            raise WeightsError(f"{source} holds arrays that are not float32 ({error}); convert them") from error
        raise WeightsError(f"{source} is no readable safetensors file: {' '.join(str(error).split())}") from error
