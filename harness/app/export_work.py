"""What workers do for an export: write the file in one process, load it back and run it in another."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Model
from alexbench.harness.errors import AlexBenchError, ExportError, UsageError
from alexbench.harness.models.network import Network
from alexbench.harness.models.weights import map_weights
from alexbench.harness.powers import Exports, OpensExports


def write_export(
    *, backend: str, to: str, via: str | None, network: Network, weights: Path, path: Path, notes: Mapping[str, str]
) -> str:
    """Let the backend write the network to ``path``; which writer it was, in words.

    Raises:
        UsageError: the writer failed: it cannot write this network, or the disk is full.
    """
    exporter = backend_class(backend)()
    assert isinstance(exporter, Exports)
    form = next(form for form in exporter.export_formats if (form.name, form.via) == (to, via))
    try:
        return exporter.export(Model(network, map_weights(weights)), path, form, notes)
    except AlexBenchError:
        raise
    except Exception as error:
        raise UsageError(
            f"{via or backend} could not write network {network.name} as {to}: {one_line(error)}"
        ) from error


def run_export(
    *, backend: str, to: str, path: Path, pixels: NDArray[np.float32], batches: Sequence[int]
) -> dict[str, Any]:
    """Load the file and run ``pixels`` through it, as many at a time as ``batches`` says.

    ``logits`` (N, outputs), and the ``inputs`` and ``outputs`` that the file names.

    Raises:
        ExportError: the runtime does not load the file, or it does not run.
    """
    opener = backend_class(backend)()
    assert isinstance(opener, OpensExports)
    try:
        opened = opener.open_export(path, to)
        logits = [opened.predict(part) for part in np.split(pixels, np.cumsum(batches)[:-1])]
    except AlexBenchError:
        raise
    except Exception as error:
        raise ExportError(f"{path.name} was written, but {backend} does not run it: {one_line(error)}") from error
    return {"logits": np.concatenate(logits), "inputs": dict(opened.inputs), "outputs": dict(opened.outputs)}


def one_line(error: Exception) -> str:
    """Runtimes' errors are pages: what the system says, or the type and the first line that says something."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
