"""What a run leaves behind of speed, as data. Units are in the names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from alexbench.harness.records.precisions import Arithmetic
from alexbench.harness.records.reasons import Reason

Measure = Literal["latency", "images/s"]


@dataclass(frozen=True, slots=True)
class Group:
    """What rows must have in common to be ranked against each other; all are timed from host array to host array.

    ``stored``: the type of the weights where that is coarser than ``precision``, else empty. ``computed_as``: what the
    row's error shows where that is not what the row says: it is in no group with rows that report it rightly.
    """

    device: str
    precision: str
    threads: str
    streams: str
    stored: str = ""
    computed_as: Arithmetic | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Batch 1: the median of block medians with its 95 % interval over ``processes`` of the backend (replicates).

    ``p90_ms``, ``p95_ms``, ``p99_ms``: of all ``samples`` together, None where they are too few to carry it.
    ``cpu_ms``: CPU time of all threads an inference; ``joules``: energy of the whole package an inference.
    """

    p50_ms: float
    low_ms: float
    high_ms: float
    blocks: int
    samples: int
    processes: int = 1
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Throughput:
    """Images over the wall time of ``windows`` windows together; never batch size over median latency.

    ``low`` and ``high``: its 95 % interval over processes, or (``bounds``) the slowest and the fastest window.
    ``way``: "loop", one batch after the other; else the runtime's own way of many batches at once, in words, with
    ``streams`` inferences at work. ``cpu_ms`` and ``joules`` are an image's.
    """

    batch_size: int
    images_per_second: float
    low: float
    high: float
    windows: int
    bounds: Literal["interval", "windows"] = "interval"
    processes: int = 1
    way: str = "loop"
    streams: str = "1"
    cpu_ms: float | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One attempt at a load: ``load`` is a rate in queries/s (Server) or samples a query (MultiStream).

    ``p99_ms`` is None when its queries do not carry a p99. ``valid`` is LoadGen's verdict, which asks for more than a
    p99 under the bound: for 99 % confidence in it. It is kept and does not decide.
    """

    load: float
    p99_ms: float | None
    queries: int
    valid: bool


@dataclass(frozen=True, slots=True)
class Generated:
    """What MLPerf LoadGen measured of one scenario. Server's latencies count from the scheduled arrival.

    ``rate``: samples/s achieved; ``target_rate``: queries/s asked for (Server). Percentiles are None where ``queries``
    are too few to carry them. ``bound_ms`` is the user's, and ``highest`` the highest load that kept p99 under it: a
    rate in queries/s (Server), or samples a query (MultiStream); None where none did, or none was asked for.
    """

    scenario: Literal["SingleStream", "MultiStream", "Server", "Offline"]
    queries: int
    samples: int
    seconds: float
    rate: float
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    valid: bool
    reasons: tuple[Reason, ...] = ()
    target_rate: float | None = None
    samples_per_query: int = 1
    bound_ms: float | None = None
    highest: float | None = None
    probes: tuple[Probe, ...] = ()
    loadgen: str = ""


@dataclass(frozen=True, slots=True)
class Noise:
    """A row's noise checks: what the machine did while this row was measured. Shares are 0 to 1.

    ``drift``: of block medians from the first to the second half of a process, the mean of processes (before schema 5
    the worst). ``deviation``: robust, between blocks of a process, the worst process. ``steal`` and ``foreign``: of all
    cores' time during the row's blocks, what the hypervisor took and what processes of others used. ``throttled``:
    times that a core was throttled. None: not exposed here. ``failed``: what is beyond its limit; it informs, and the
    row's interval holds what it cost.
    """

    drift: float
    deviation: float
    steal: float | None
    foreign: float | None
    throttled: int | None
    failed: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Performance:
    """Speed of one backend on this machine.

    ``throughput``: at the configured batch size, one batch after the other; ``sweep``: the same at all batch sizes;
    ``offline``: the runtime's own way of many batches at once. ``resident``: batch 1 from and to the device's memory.
    ``layers_ms``: group of layers -> milliseconds an inference at batch 1, by the runtime's own profiler.
    """

    latency: Latency
    throughput: Throughput
    steady: bool
    sweep: tuple[Throughput, ...] = ()
    offline: Throughput | None = None
    resident: Latency | None = None
    generated: tuple[Generated, ...] = ()
    layers_ms: dict[str, float] = field(default_factory=dict)
    noise: Noise | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """The A/A control: one backend twice in the same rounds, as ``pairs`` of processes.

    ``ratio`` of the two, with its 90 % interval over pairs. ``passed``: 1 is inside; ``decides``: there are two pairs
    or more. It informs: how far processes of one program are from each other is part of every :class:`Resolution`.
    """

    backend: str
    ratio: float
    low: float
    high: float
    pairs: int
    passed: bool
    decides: bool = True
    of: Measure = "latency"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the run can tell apart: rows whose times differ by a factor of more than ``ratio``, with n ``processes``.

    ``ratio``: the largest half-width of all pairs of rows together, at 95 % over all ``looks``, of which ``spent`` was
    the chance of a false difference. ``deviation``: of processes of one program, as a share; ``measured``: in this run
    alone, with ``freedom`` degrees; ``prior``: whether stored measurements of other machines count too.
    """

    of: Measure
    ratio: float
    deviation: float
    measured: float | None
    freedom: float
    prior: bool
    processes: int
    looks: int = 1
    spent: float = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """The time of row ``one`` over that of row ``other``, with an interval that holds for all pairs of the run.

    For images/s too it is the ratio of times: above 1, ``one`` is slower. ``apart``: beyond doubt, by Holm's rule.
    """

    of: Measure
    one: str
    other: str
    ratio: float
    low: float
    high: float
    apart: bool

    @property
    def slower(self) -> str:
        """The row that takes longer, by the estimate."""
        return self.one if self.ratio > 1 else self.other

    def speed_up(self, row: str) -> tuple[float, float, float]:
        """How many times as fast ``row``, one of the two, is as the other, with its interval."""
        if row == self.other:
            return self.ratio, self.low, self.high
        return 1 / self.ratio, 1 / self.high, 1 / self.low


@dataclass(frozen=True, slots=True)
class Gain:
    """The time of a base over that of another row: above 1, the other is faster.

    The interval holds for all pairs of the run. ``apart``: a difference beyond doubt.
    """

    ratio: float
    low: float
    high: float
    apart: bool


def gain_between(differences: Iterable[Difference], of: Measure, *, base: str, other: str) -> Gain | None:
    """How many times as fast as ``base`` the row ``other`` is; None where the run has no such pair."""
    pair = next((one for one in differences if one.of == of and {one.one, one.other} == {base, other}), None)
    return None if pair is None else Gain(*pair.speed_up(other), pair.apart)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The fastest that anything ran on this machine in this run, between the blocks of the rows.

    ``kernels``: name -> best GFLOP/s, ``streams``: name -> best GB/s (1e9 bytes). The roofline is the best of each.
    """

    kernels: dict[str, float]
    streams: dict[str, float]

    @property
    def gflops_per_second(self) -> float:
        """The best of all kernels."""
        return max(self.kernels.values())

    @property
    def gb_per_second(self) -> float:
        """The best of all that read memory."""
        return max(self.streams.values())
