"""What workers do for an export: write the file in one process, load it back and run it in another."""

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import Exports, OpensExports
from alexbench.harness.contract import Model
from alexbench.harness.errors import AlexBenchError, ExportError, UsageError
from alexbench.harness.files.plain_text import first_line
from alexbench.harness.models.network import get_network
from alexbench.harness.models.weights import map_weights
from alexbench.harness.worker.protocol.making import ExportNames, ExportNetwork, RunExport


def write_export(asked: ExportNetwork) -> str:
    """Let the backend write the network; which writer it was, in words.

    Raises:
        UsageError: the writer failed: it cannot write this network, or the disk is full.
    """
    exporter = backend_class(asked.backend)()
    assert isinstance(exporter, Exports)
    form = next(form for form in exporter.export_formats if (form.name, form.via) == (asked.to, asked.via))
    network = get_network(asked.network, input_size=asked.input_size)
    try:
        return exporter.export(Model(network, map_weights(asked.weights)), asked.path, form, asked.notes)
    except AlexBenchError:
        raise
    except Exception as error:
        raise UsageError(
            f"{asked.via or asked.backend} could not write network {network.name} as {asked.to}: {first_line(error)}"
        ) from error


def run_export(asked: RunExport, pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], ExportNames]:
    """Load the file and run ``pixels`` through it; logits (N, outputs), and what the file names.

    Raises:
        ExportError: the runtime does not load the file, or it does not run.
    """
    opener = backend_class(asked.backend)()
    assert isinstance(opener, OpensExports)
    try:
        opened = opener.open_export(asked.path, asked.to)
        logits = [opened.predict(part) for part in np.split(pixels, np.cumsum(asked.batches)[:-1])]
    except AlexBenchError:
        raise
    except Exception as error:
        said = f"{asked.path.name} was written, but {asked.backend} does not run it: {first_line(error)}"
        raise ExportError(said) from error
    return np.concatenate(logits), ExportNames(dict(opened.inputs), dict(opened.outputs))
