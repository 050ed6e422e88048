"""A user's weights file to the one file that all workers map."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from alexbench.backends.registry import backend_classes
from alexbench.harness.contract import ReadsWeights
from alexbench.harness.errors import WeightsError
from alexbench.harness.models.network import Network
from alexbench.harness.models.weights import canonical, write_weights

SAFETENSORS = ".safetensors"


def convert(source: Path, network: Network, folder: Path) -> tuple[Path, str]:
    """Read ``source``, check it against ``network``, write it canonically into ``folder``; path and digest.

    Runs in a worker: reading a runtime's own format imports that runtime.

    Raises:
        WeightsError: the file cannot be read or does not fit the network.
        BackendUnavailableError: the runtime that reads this format is not installed.
    """
    return write_weights(canonical(_read(source), network, source=source), folder)


def _read(source: Path) -> dict[str, NDArray[Any]]:
    suffix = source.suffix.lower()
    if not source.is_file():
        raise WeightsError(f"{source} is not there, or not a file; --weights takes a .pth or .safetensors file")
    if suffix == SAFETENSORS:
        return _read_safetensors(source)
    known = {SAFETENSORS}
    for kind in backend_classes().values():
        reader = kind()
        if isinstance(reader, ReadsWeights):
            if suffix in reader.weight_suffixes:
                return dict(reader.read_weights(source))
            known.update(reader.weight_suffixes)
    raise WeightsError(f"{source} ends in {suffix or 'nothing'}; weights can be read from: {', '.join(sorted(known))}")


def _read_safetensors(source: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(source)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        if "bfloat16" in str(error) or "float8" in str(error):  # types that NumPy has not
            raise WeightsError(f"{source} holds arrays that are not float32 ({error}); convert them") from error
        raise WeightsError(f"{source} is no readable safetensors file: {' '.join(str(error).split())}") from error
