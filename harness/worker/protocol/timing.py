"""How long inference takes, in every way that is measured, and on how many threads."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.contract import Known
from alexbench.harness.files.lines import Done, Request
from alexbench.harness.measure.clock import WARM_UP_SECONDS, Timed
from alexbench.harness.measure.loadgen import LoadSettings
from alexbench.harness.measure.loadgen_log import LoadGenResult
from alexbench.harness.measure.machine_probe import AnchorBlock
from alexbench.harness.records.run_records import Observed


@dataclass(frozen=True, slots=True)
class WarmedUp:
    """How many calls were made."""

    calls: int


@dataclass(frozen=True, slots=True)
class WarmUp(Request[WarmedUp]):
    """Warm up at a batch size for so long; for 0 seconds, one call."""

    batch_size: int
    seconds: float = WARM_UP_SECONDS


@dataclass(frozen=True, slots=True)
class Counted:
    """How many threads worked."""

    busy_threads: int
    observed: Observed


@dataclass(frozen=True, slots=True)
class CountThreads(Request[Counted]):
    """How many threads work during inference at a batch size."""

    batch_size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TimeCalls(Request[Timed]):
    """One block: the nanoseconds of each of its inferences, and the CPU time of all of them together."""

    batch_size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """How many inferences the stream works on at once, None where the backend has no stream; and what it is."""

    streams: Known | None
    how: str = ""


@dataclass(frozen=True, slots=True)
class OpenStream(Request[OpenedStream]):
    """Build the runtime's own way of many batches at once."""

    batch_size: int


@dataclass(frozen=True, slots=True)
class TimeStream(Request[Timed]):
    """From handing over ``batches`` batches at once to having the last one's logits, as one call."""

    batch_size: int
    batches: int


@dataclass(frozen=True, slots=True)
class StreamThreads:
    """How many threads worked."""

    busy_threads: int


@dataclass(frozen=True, slots=True)
class CountStreamThreads(Request[StreamThreads]):
    """How many threads work while ``batches`` batches go through the stream, the second time."""

    batch_size: int
    batches: int


@dataclass(frozen=True, slots=True)
class WriteStreamLogits(Request[Done]):
    """Logits of ready-made batches ((batches, N, ...)) through the stream, into ``out``."""

    inputs: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Resident:
    """A block, None where the device is the host."""

    timed: Timed | None


@dataclass(frozen=True, slots=True)
class TimeResident(Request[Resident]):
    """One block from and to the device's own memory."""

    batch_size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Profiled:
    """Milliseconds an inference of each layer, None where the runtime has no profiler for what it runs."""

    layers: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class ProfileLayers(Request[Profiled]):
    """Where the time goes, by the runtime's own profiler."""

    batch_size: int
    repeats: int


@dataclass(frozen=True, slots=True)
class OpenMachineProbe(Request[Done]):
    """Make the machine probe's arrays; this worker needs no backend."""

    threads: int


@dataclass(frozen=True, slots=True)
class TimeAnchor(Request[AnchorBlock]):
    """One block of the machine probe."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OpenCeilings(Request[Done]):
    """Load the networks of one layer, in backends of their own, apart from the measured one."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """GFLOP/s of each of the runtime's own kernels at its best."""

    kernels: dict[str, float]


@dataclass(frozen=True, slots=True)
class MeasureCeilings(Request[Kernels]):
    """Run the networks of one layer for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class RunLoadgen(Request[LoadGenResult]):
    """One test by MLPerf LoadGen on the first images; its logs go into ``log_folder``."""

    scenario: str
    settings: LoadSettings
    log_folder: Path
