"""Speed: every row in several short processes, in turns with the machine probe and a duplicate of one row.

A *replicate* is a fresh process of each row, loaded in random order, and in it rounds at batch 1 (latency), then rounds
of longer windows (images/s) at every batch size and, where asked for, in each runtime's own way of many at once. All
workers live, all but one idle. Replicates follow until rows are told apart, or the budget ends.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Advance, Display, duration_words
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.judge.block_times import control, process_values
from alexbench.harness.judge.layer_groups import group_times
from alexbench.harness.judge.ranking import MEASURES
from alexbench.harness.judge.resolution import ALPHA, Apart, Process, level_at, looks_of, tell_apart
from alexbench.harness.judge.statistics import Interval
from alexbench.harness.measure.conditions import conditions
from alexbench.harness.measure.rigor import ANCHOR_BLOCK_S, LEAST_REPLICATES, MOST_REPLICATES, WARM_UP_S, Rigor
from alexbench.harness.measure.rounds import Block, Plan, Scenario, Task, TimeBlock, run_rounds
from alexbench.harness.measure.watch import suspended
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import Observed
from alexbench.harness.records.speed_records import Ceiling, Control, Difference, Measure
from alexbench.harness.run_tables import ANCHOR
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import log_of, start
from alexbench.harness.running.timing.duplicate import Duplicate
from alexbench.harness.running.timing.figures import blocks_of, performance_of
from alexbench.harness.running.timing.loads import generate
from alexbench.harness.running.timing.timers import Timers
from alexbench.harness.running.timing.watcher import Watcher
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadMemory
from alexbench.harness.worker.protocol.timing import OpenMachineProbe, ProfileLayers

CEILING_REPLICATES: Final = 2
"""Two blocks of each kernel find the best; more would take time from the rows."""
PROFILE_REPEATS: Final = 10


@dataclass(slots=True)
class Speed:
    """Other measurements than the rows', as they go into the record.

    ``during``: the machine's conditions after each replicate. ``others``: the blocks that are not a row's. ``values``:
    each process of the rows that came to the end. ``level``, ``looks``, ``spent``: of the last look, as
    :func:`alexbench.harness.judge.ranking.ranked` takes them.
    """

    controls: tuple[Control, ...] = ()
    ceiling: Ceiling | None = None
    invalid: tuple[Reason, ...] = ()
    during: list[dict[str, Any]] = field(default_factory=list)
    others: list[Block] = field(default_factory=list)
    values: dict[Measure, list[Process]] = field(default_factory=dict)
    level: float = ALPHA
    looks: int = 1
    spent: float = ALPHA


class Bench:
    """One run's measuring: what is not a row's goes into ``speed``."""

    def __init__(
        self,
        speed: Speed,
        rows: list[Row],
        aa_duplicate: Duplicate | None,
        config: RunConfig,
        run_inputs: RunInputs,
        folder: Path,
        display: Display,
        *,
        begun: float,
        level: Rigor | None = None,
    ) -> None:
        """``begun``: when loading did, by the monotonic clock. ``level``: None for the configuration's."""
        self._level = level or config.level
        self._begun = begun
        self._speed, self._rows, self._twin, self._config, self._material = (
            speed,
            rows,
            aa_duplicate,
            config,
            run_inputs,
        )
        self._folder, self._display = folder, display
        on_gpu = {row.name for row in rows if row.system.device != "cpu"}
        if aa_duplicate is not None and aa_duplicate.row.name in on_gpu:
            on_gpu.add(aa_duplicate.name)
        self._watcher = Watcher(on_gpu)
        self._probe: WorkerProcess | None = None
        self._timers = Timers(self._watcher, display)

    def measure(self) -> None:
        """Measure all rows that are alive; their performance is in them afterwards."""
        with ExitStack() as on_exit:
            self._probe = self._anchor(on_exit)
            self._replicates()
        self._conclude()

    @property
    def _alive(self) -> list[Row]:
        return [row for row in self._rows if row.alive]

    def _replicates(self) -> None:
        """One after the other, until the last look. Whether a look is the last is decided before it is taken."""
        started = time.monotonic()
        budget = self._config.timing_s(started - self._begun)
        chosen = [row.name for row in self._alive]
        looks: tuple[int, ...] = ()
        done = looked = 0
        while self._alive:
            begun = time.monotonic()
            self._replicate(done, chosen, about=looks[-1] if looks else None)
            done += 1
            took, left = time.monotonic() - begun, budget - (time.monotonic() - started)
            if not looks:
                looks = looks_of(max(LEAST_REPLICATES, int(min(MOST_REPLICATES, budget / took))))
                self._display.say(f"  timing ends in {duration_words(took * (looks[-1] - 1))} at most")
            last = done >= looks[-1] or (done >= LEAST_REPLICATES and left < took)
            if not last and done not in looks:
                continue
            self._speed.level = level_at(looked, looks, last=last)
            looked += 1
            self._speed.looks = looked
            self._speed.spent = ALPHA if last else sum(level_at(look, looks, last=False) for look in range(looked))
            found = self._look()
            if last or all(map(self._knows, found.values())):
                return
            tied = {
                name for one in found.values() for pair in one.differences if not pair.apart for name in _both(pair)
            }
            chosen = [name for name in chosen if name in tied] or chosen

    def _look(self) -> Mapping[Measure, Apart]:
        """What can be told apart now."""
        self._speed.values = {of: self._values(of) for of in MEASURES}
        return {of: tell_apart(values, of=of, level=self._speed.level) for of, values in self._speed.values.items()}

    def _values(self, of: Measure) -> list[Process]:
        scenario, batch = self._measured(of)
        rows = {row.name: blocks_of(row.blocks, Task(row.name, scenario, batch)) for row in self._alive}
        aa_duplicate = self._twin
        duplicate = None
        if aa_duplicate is not None and aa_duplicate.row.name in rows:
            duplicate = aa_duplicate.row.name, blocks_of(self._speed.others, Task(aa_duplicate.name, scenario, batch))
        return process_values(rows, duplicate, of=of)

    def _measured(self, of: Measure) -> tuple[Scenario, int]:
        return ("SingleStream", 1) if of == "latency" else ("Offline", self._config.batch_size)

    def _knows(self, found: Apart) -> bool:
        """Whether more replicates would be spent for nothing."""
        fine = found.resolution is not None and found.resolution.ratio <= 1 + self._config.target
        return fine or bool(found.differences and all(one.apart for one in found.differences))

    def _replicate(self, number: int, chosen: Collection[str], *, about: int | None) -> None:
        """A fresh process of each chosen row, in random order, and all of their rounds."""
        title = f"replicate {number + 1}" + ("" if about is None else f" of at most {about}")
        with self._display.step(title) as advance:
            self._start(number, chosen)
            self._watcher.watch(pid for worker in self._workers() for pid in worker.pids)
            self._latency(number, chosen, advance)
            self._windows(number, chosen, advance)
        self._speed.during.append(conditions())

    def _start(self, number: int, chosen: Collection[str]) -> None:
        """The process that loads first is systematically slower: no row always is."""
        aa_duplicate = self._twin if self._twin is not None and self._twin.row.name in chosen else None
        starts: list[Row | Duplicate] = [row for row in self._alive if row.name in chosen]
        starts += [] if aa_duplicate is None else [aa_duplicate]
        Random(self._config.seed * 1000 + number).shuffle(starts)  # noqa: S311  # an order of turns, not a secret
        for one in starts:
            if isinstance(one, Duplicate):
                one.start(self._config, self._material, self._folder, self._display)
            else:
                self._start_row(one)

    def _start_row(self, row: Row) -> None:
        with row.failing():
            row.worker = start(row, self._config, self._material, self._folder, again=row.worker)

    def _conclude(self) -> None:
        """The figures, from all blocks; then the other measurements, which cannot take turns."""
        found = self._look()
        self._speed.controls = tuple(self._controls())
        self._speed.ceiling = self._timers.ceiling
        reason = suspended(self._watcher.since_start())
        said = [] if reason is None else [reason]
        if found and not any(one.resolution is not None and one.resolution.freedom > 0 for one in found.values()):
            said.append(Reason("no_control"))
        self._speed.invalid = tuple(said)
        for row in self._alive:
            with row.failing():
                times: dict[Measure, Interval] = {of: one.times[row.name] for of, one in found.items()}
                row.performance = performance_of(row, self._config, times)
        generate(self._rows, self._config, self._folder, self._display)
        if self._config.level.profile:
            self._profile()
        for row in self._rows:
            if row.performance is not None:
                row.performance = replace(
                    row.performance, generated=tuple(row.generated), layers_ms=dict(row.layers_ms)
                )

    def _controls(self) -> Iterable[Control]:
        """The figures of latency, and of images/s at the configured batch size."""
        if self._twin is None or not self._twin.row.alive:
            return
        row = self._twin.row
        for of in MEASURES:
            scenario, batch = self._measured(of)
            mine = blocks_of(row.blocks, Task(row.name, scenario, batch))
            other = blocks_of(self._speed.others, Task(self._twin.name, scenario, batch))
            if mine and other:
                yield control(row.name, mine, other, of=of)

    def _anchor(self, on_exit: ExitStack) -> WorkerProcess | None:
        try:
            worker = on_exit.enter_context(WorkerProcess(ANCHOR, log=log_of(ANCHOR, self._folder)))
            # As many threads as the row with most: what disturbs that one must be able to disturb the probe.
            worker.ask(OpenMachineProbe(self._config.threads))
        except Exception as error:
            self._display.say(f"no machine probe: {error}")
            return None
        return worker

    def _workers(self) -> Iterable[WorkerProcess]:
        if self._probe is not None:
            yield self._probe
        if self._twin is not None and self._twin.worker is not None:
            yield self._twin.worker
        for row in self._alive:
            if row.worker is not None:
                yield row.worker

    def _latency(self, number: int, chosen: Collection[str], advance: Advance) -> None:
        level = self._level
        seconds = level.latency_block_s
        tasks = self._anchor_task("latency")
        for name, worker in self._participants(chosen):
            if self._warm(name, worker, 1, seconds=WARM_UP_S):
                tasks[Task(name, "SingleStream", 1)] = self._timers.calls(name, worker, 1, seconds)
        self._rounds(tasks, level.latency, number, advance)
        self._resident(number, chosen, advance)

    def _anchor_task(self, beside: str) -> dict[Task, TimeBlock]:
        if self._probe is None:
            return {}
        return {Task(ANCHOR, "Anchor", 1, beside): self._timers.anchor(self._probe, ANCHOR_BLOCK_S)}

    def _windows(self, number: int, chosen: Collection[str], advance: Advance) -> None:
        config, level = self._config, self._level
        tasks = self._anchor_task("windows")
        for name, worker in self._participants(chosen):
            row = next((row for row in self._alive if row.name == name), None)
            # The duplicate needs no more than what it is the control of.
            sizes = [config.batch_size] if row is None else config.batch_sizes
            if not all(self._warm(name, worker, size, seconds=0.0) for size in sizes):
                continue
            for size in sizes:
                tasks[Task(name, "Offline", size)] = self._timers.calls(name, worker, size, level.window_s)
            if row is not None:
                tasks |= self._besides(row, number)
        self._rounds(tasks, level.windows, number, advance)
        if number < CEILING_REPLICATES:
            self._kernels(number, chosen)

    def _kernels(self, number: int, chosen: Collection[str]) -> None:
        """Each row's kernels at their best, a block a process: the ceiling is the best of all blocks."""
        tasks: dict[Task, TimeBlock] = {}
        for row in self._alive:
            if row.name in chosen:
                ceiling = self._timers.kernels(row)
                if ceiling is not None:
                    tasks[Task(row.name, "Anchor", 0, "ceiling")] = ceiling
        self._rounds(tasks, Plan(rounds=1, discarded=0), number, lambda *_: None)

    def _besides(self, row: Row, number: int) -> dict[Task, TimeBlock]:
        """A row's memory, and its way of many batches at once."""
        config, tasks = self._config, {}
        with row.failing():
            assert row.worker is not None
            if not number:
                used = row.worker.ask(ReadMemory())
                row.observed = row.observed.then(Observed(**asdict(used.memory)))
                _note_affinity(row, used.affinity)
            if config.offline:
                streamed = self._timers.stream(row, config.batch_size, config.level.window_s)
                if streamed is not None:
                    tasks[Task(row.name, "Offline", config.batch_size, "streams")] = streamed
        return tasks

    def _rounds(self, tasks: dict[Task, TimeBlock], plan: Plan, number: int, advance: Advance) -> None:
        so_far: list[Block] = []
        try:
            blocks = run_rounds(
                tasks,
                plan,
                seed=self._config.seed + number,
                process=number,
                on_round=advance,
                on_failure=self._fail,
                on_block=so_far.append,
            )
        except BaseException:  # interrupted: what was measured stays, and nothing is concluded from it
            self._sort(so_far)
            raise
        self._sort(blocks)

    def _sort(self, blocks: list[Block]) -> None:
        """Each block to whom it belongs; those of ceilings have said what they had to."""
        rows = {row.name: row for row in self._rows}
        for block in blocks:
            if block.task.way == "ceiling":
                continue
            if block.task.participant in rows:
                rows[block.task.participant].blocks.append(block)
            else:
                self._speed.others.append(block)

    def _participants(self, chosen: Collection[str]) -> list[tuple[str, WorkerProcess]]:
        aa_duplicate = self._twin
        mine = [(row.name, row.worker) for row in self._alive if row.worker is not None and row.name in chosen]
        if aa_duplicate is None or aa_duplicate.worker is None or aa_duplicate.row.name not in chosen:
            return mine
        return [*mine, (aa_duplicate.name, aa_duplicate.worker)]

    def _fail(self, name: str, error: Exception) -> None:
        for row in self._rows:
            if row.name == name:
                row.fail(error)
                return
        self._display.say(f"{name} failed and is left out: {error}")

    def _warm(self, name: str, worker: WorkerProcess, batch_size: int, *, seconds: float) -> bool:
        try:
            self._timers.warm_up(name, worker, batch_size, seconds=seconds)
        except Exception as error:
            self._fail(name, error)
            return False
        return True

    def _resident(self, number: int, chosen: Collection[str], advance: Advance) -> None:
        level = self._level
        tasks: dict[Task, TimeBlock] = {}
        for row in self._alive:
            if row.name in chosen and row.system.device != "cpu":
                with row.failing():
                    timed = self._timers.resident(row, level.latency_block_s)
                    if timed is not None:
                        tasks[Task(row.name, "SingleStream", 1, "resident")] = timed
        if tasks:
            self._rounds(tasks, level.latency, number, advance)

    def _profile(self) -> None:
        """Where the time goes, after all timing and never during it."""
        network = self._material.network
        with self._display.step("layers, by each runtime's profiler"):
            for row in self._alive:
                assert row.worker is not None
                try:
                    found = row.worker.ask(ProfileLayers(1, PROFILE_REPEATS)).layers
                except Exception as error:
                    row.remarks.append(Reason("no_layer_times", text=str(error)))
                    continue
                if found:
                    row.layers_ms = group_times(network, found)
                else:
                    row.remarks.append(Reason("no_profiler"))


def _note_affinity(row: Row, affinity: Sequence[int] | None) -> None:
    if affinity is not None and row.effective is not None:
        settings = {**row.effective.settings, "affinity": ",".join(map(str, affinity))}
        row.effective = replace(row.effective, settings=settings)


def _both(pair: Difference) -> tuple[str, str]:
    return pair.one, pair.other
