"""One system's part of a run, in progress: its worker, what it answered so far, and its error if it has one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Effective
from alexbench.harness.errors import AlexBenchError, ExitCode, UnsupportedOptionError
from alexbench.harness.measure.rounds import Block
from alexbench.harness.records.artifact_records import ArtifactRecord
from alexbench.harness.records.quantization_records import KernelCheck, QuantizationRecord
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import Accuracy, Observed, Parity, SystemRecord, SystemStatus
from alexbench.harness.records.speed_records import Generated, Performance
from alexbench.harness.records.tuning_records import Tuning
from alexbench.harness.systems import ModelFile, System
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Inspection


@dataclass(slots=True)
class Row:
    """What is known of one system. ``name``: its label in the run.

    ``found`` and ``seen``: what is in its file. ``python``: its interpreter, None for ours. ``missing``: not installed;
    ``unsupported``: its runtime refused it before anything was measured; both with the reason as its ``error``.
    ``loads_s``: seconds of each process's load. ``stream``: how many batches at once it works on, and how.
    ``loaded_as``: what it said of itself when it had loaded. ``top`` (N,) has the fields ``classes`` (5,) int32 and
    ``scores`` (5,) float32; those of skipped images mean nothing. ``quantized``: the int8 file that was made for it,
    and ``quantization``: how. ``kernels``: what its int8 kernels lose. ``tuning``: the search that its settings come
    from.
    """

    name: str
    system: System
    found: ArtifactRecord | None = None
    worker: WorkerProcess | None = None
    error: str | None = None
    error_code: ExitCode = ExitCode.OK
    missing: bool = False
    unsupported: bool = False
    effective: Effective | None = None
    loaded_as: Effective | None = None
    loads_s: list[float] = field(default_factory=list)
    observed: Observed = field(default_factory=Observed)
    accuracy: Accuracy | None = None
    parity: Parity | None = None
    performance: Performance | None = None
    top: NDArray[Any] | None = None
    parity_logits: NDArray[np.float32] | None = None
    python: str | None = None
    seen: Inspection | None = None
    stream: tuple[str, str] | None = None
    blocks: list[Block] = field(default_factory=list)
    generated: list[Generated] = field(default_factory=list)
    layers_ms: dict[str, float] = field(default_factory=dict)
    remarks: list[Reason] = field(default_factory=list)
    quantized: ModelFile | None = None
    quantization: QuantizationRecord | None = None
    kernels: KernelCheck | None = None
    tuning: Tuning | None = None

    @property
    def backend(self) -> str:
        """What runs it."""
        return self.system.backend

    @property
    def artifact(self) -> ModelFile | None:
        """The user's file that it runs, None where it is built from weights."""
        return self.system.artifact

    @property
    def file(self) -> ModelFile | None:
        """The file that it runs: the user's, or the int8 file that was made for it."""
        return self.quantized or self.artifact

    @property
    def absent(self) -> bool:
        """Whether it has no part in the run: not installed, not supported, or a plugin that is broken."""
        return self.missing or self.unsupported or (self.error is not None and self.worker is None)

    @property
    def interpreter(self) -> str:
        """What its processes run on."""
        return self.python or sys.executable

    @property
    def alive(self) -> bool:
        """Whether there is still something to ask."""
        return self.worker is not None and self.error is None

    def fail(self, error: Exception) -> None:
        """Turn the row into an error row; its worker is ended. The first error is the one that counts."""
        if self.error is not None:
            return
        self.error = str(error) if isinstance(error, AlexBenchError) else f"{type(error).__name__}: {error}"
        self.error_code = error.exit_code if isinstance(error, AlexBenchError) else ExitCode.FAILED
        self.end()

    def refuse(self, error: UnsupportedOptionError) -> None:
        """Its runtime cannot run it: no failure, and nothing that is measured."""
        self.fail(error)
        self.unsupported = True

    def end(self) -> None:
        """Whatever process it has now is gone afterwards."""
        if self.worker is not None:
            self.worker.kill()

    @contextmanager
    def failing(self) -> Iterator[None]:
        """An exception inside is the row's error and not the run's."""
        try:
            yield
        except Exception as error:
            self.fail(error)

    @property
    def status(self) -> SystemStatus:
        """What became of it so far."""
        if self.missing:
            return "missing"
        if self.unsupported:
            return "unsupported"
        if self.error is not None:
            return "error"
        return "pending" if self.accuracy is None and self.performance is None else "ok"

    def record(self) -> SystemRecord:
        """The row as it goes into ``run.json``."""
        return SystemRecord(
            name=self.name,
            system=self.system,
            status=self.status,
            error=self.error,
            effective=self.effective,
            load_s=median(self.loads_s) if self.loads_s else None,
            accuracy=self.accuracy,
            parity=self.parity,
            performance=self.performance,
            artifact=self.found,
            python=self.python,
            remarks=tuple(dict.fromkeys(self.remarks)),
            quantization=self.quantization,
            kernels=self.kernels,
            tuning=self.tuning,
            **asdict(self.observed),
        )
