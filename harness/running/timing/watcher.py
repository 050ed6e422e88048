"""What else happens on the machine while a block is measured: asked before and after it, from the command's process."""

from collections.abc import Callable, Collection, Iterable, Mapping

import psutil

from alexbench.harness.measure.clock import Timed
from alexbench.harness.measure.energy import EnergyMeter
from alexbench.harness.measure.machine_probe import AnchorBlock
from alexbench.harness.measure.process import affinity
from alexbench.harness.measure.rounds import Measured
from alexbench.harness.measure.watch import Disturbance, Reading, between, read


class Watcher:
    """Knows which processes are ours, and reads the machine around each block."""

    def __init__(self, on_gpu: Collection[str] = ()) -> None:
        """``on_gpu``: the participants whose work is not done on the CPU."""
        self._on_gpu = on_gpu
        self.pids: set[int] = set()
        self._mine = affinity()
        self._cores = len(self._mine or ()) or psutil.cpu_count() or 1
        self._meter = EnergyMeter.find()
        self._start = self._read()

    def block(self, ask: Callable[[], Timed | AnchorBlock], *, images: int, of: str = "") -> Measured:
        """One block of the participant ``of``, with what was seen meanwhile; ``images`` are in each of its calls."""
        before, energy = self._read(), self._energy()
        answer = ask()
        after, later = self._read(), self._energy()
        seen = between(before, after, self._cores)
        return Measured(
            ns=tuple(answer.ns),
            images=images,
            cpu_ns=answer.cpu_ns,
            whole_ns=seen.whole_ns,
            stolen_ns=seen.stolen_ns,
            foreign_ns=seen.foreign_ns,
            throttled=seen.throttled,
            joules=self._joules(energy, later, share=sum(answer.ns) / 1e9 / seen.seconds, gpu=of in self._on_gpu),
        )

    def since_start(self) -> Disturbance:
        """All that happened since this was made."""
        return between(self._start, self._read(), self._cores)

    def watch(self, pids: Iterable[int]) -> None:
        """From now on these are ours, and nobody else."""
        self.pids = set(pids)

    def _read(self) -> Reading:
        return read(self.pids, cores=self._mine)

    def _energy(self) -> Mapping[str, float]:
        return {} if self._meter is None else self._meter.read_j()

    def _joules(
        self, before: Mapping[str, float], after: Mapping[str, float], *, share: float, gpu: bool
    ) -> float | None:
        """Energy from the processor's counters, and from the GPUs' if they work: an idle GPU's energy is not a row's.

        The meter runs over the whole request; ``share`` of that time are the calls that count.
        """
        if self._meter is None:
            return None
        used = self._meter.by_counter(before, after)
        counted = [joules for name, joules in used.items() if gpu or not name.startswith("gpu-")]
        return share * sum(counted) if counted else None
