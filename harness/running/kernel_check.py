"""Whether a runtime's int8 kernels compute what a quantized file says: the same file once more, with all steps in fp32.

Without VNNI, products of u8 and s8 are added in saturating int16: answers are wrong without a sign of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.model_files import artifact_of
from alexbench.harness.judge.parity import Deviation, deviation
from alexbench.harness.judge.top_k import log_softmax
from alexbench.harness.measure.machine import machine
from alexbench.harness.records import file_names
from alexbench.harness.records.quantization_records import KernelCheck
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import log_of, options_of
from alexbench.harness.trust import confined_to
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import LoadArtifact
from alexbench.harness.worker.protocol.scoring import WriteLogits

BATCH: Final = 8
LEAST_PROBABILITY: Final = 1e-30
"""Below, float32 runs out of numbers. Types of fewer bits do so sooner, and say 0: from their least value on."""


def kernel_check(
    row: Row, run_inputs: RunInputs, images: NDArray[np.int64], truth: NDArray[np.float64], folder: Path
) -> KernelCheck | None:
    """Compare ``row`` with its own file in fp32 on ``images`` (N,); ``truth`` (N, outputs): their float64 logits.

    None where the row runs no int8 file, or its backend has no way to do without its int8 kernels.
    """
    file, seen, found = row.file, row.seen, row.found
    if file is None or seen is None or found is None or row.parity_logits is None:
        return None
    if found.precision != "int8" or found.dynamic:
        return None
    out = folder / file_names.SCRATCH / f"{run_folder.file_of(row.name)}-emulated.npy"
    writable = confined_to(row.artifact, folder)
    with WorkerProcess(row.backend, log=log_of(row.name, folder), writable=writable, python=row.interpreter) as worker:
        artifact = replace(artifact_of(file, run_inputs.card, run_inputs.outputs), outputs=seen.facts.outputs)
        try:
            worker.ask(LoadArtifact(row.backend, artifact, seen.facts, options_of(row.system), emulated=True))
        except UnsupportedOptionError:
            return None
        worker.ask(run_inputs.opened)
        worker.ask(WriteLogits(tuple(images.tolist()), BATCH, out))
    emulated = deviation_of(np.load(out), found.scores, truth)
    kernels = deviation_of(row.parity_logits, found.scores, truth)
    return KernelCheck(kernels.sqnr_db, emulated.sqnr_db, has_vnni(machine()["flags"]))


def has_vnni(flags: Sequence[str]) -> bool | None:
    """Whether a CPU of these flags adds products of 8 bits in 32 bits; None where they are not of an x86 CPU."""
    if not any(flag.startswith("sse") for flag in flags):
        return None
    return any(flag in {"avx512_vnni", "avx_vnni", "avx_vnni_int8"} or flag.startswith("amx_int8") for flag in flags)


def deviation_of(given: NDArray[np.float32], scores: str, truth: NDArray[np.float64]) -> Deviation:
    """The deviation of logits; for an artifact with probabilities, of their logarithms."""
    if scores == "logits":
        return deviation(given, truth)
    found, least = given.astype(np.float64), LEAST_PROBABILITY
    if scores == "probabilities":
        if (found == 0).any():
            least = max(least, float(found[found > 0].min(initial=1.0)))
        found = np.log(np.maximum(found, least))
    return deviation(found, np.maximum(log_softmax(truth), np.log(least)))
