"""Speed: every backend in processes of its own, in turns, beside an anchor and a duplicate of one of them.

In each generation of processes: rounds at batch 1 (latency), then rounds of longer windows (images/s) at every batch
size, one batch after the other and, where asked for, in each runtime's own way of many at once. All workers live, all
but one idle.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.figures import block_of, performance_of, settled
from alexbench.harness.app.loading import log_of, start
from alexbench.harness.app.loads import generate
from alexbench.harness.app.material import Material
from alexbench.harness.app.progress import Display
from alexbench.harness.app.row import Row
from alexbench.harness.app.timers import CEILING_S, Timers
from alexbench.harness.app.twin import Twin
from alexbench.harness.app.watcher import Watcher
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.judge.layer_groups import group_times
from alexbench.harness.judge.timing import Measure, control, says_of, throughput, without_drift
from alexbench.harness.measure.ballast import fragments_held
from alexbench.harness.measure.conditions import conditions
from alexbench.harness.measure.rigor import ANCHOR_BLOCK_S
from alexbench.harness.measure.rounds import Block, Plan, Scenario, Task, TimeBlock, estimate_s, run_rounds
from alexbench.harness.measure.watch import suspended
from alexbench.harness.speed_records import Ceiling, Control

ANCHOR: Final = "anchor"
WIDE: Final = 0.03
"""Windows of images/s are extended where half an interval is wider than this."""
PROFILE_REPEATS: Final = 10


@dataclass(slots=True)
class Speed:
    """What is measured besides the rows, as it goes into the record.

    ``during``: the machine's conditions after each process generation. ``others``: the blocks that are no row's.
    """

    controls: tuple[Control, ...] = ()
    ceiling: Ceiling | None = None
    invalid: tuple[str, ...] = ()
    during: list[dict[str, Any]] = field(default_factory=list)
    others: list[Block] = field(default_factory=list)


class Bench:
    """One run's measuring: what is not a row's goes into ``speed``."""

    def __init__(
        self,
        speed: Speed,
        rows: list[Row],
        twin: Twin | None,
        config: RunConfig,
        material: Material,
        folder: Path,
        display: Display,
    ) -> None:
        self._speed, self._rows, self._twin, self._config, self._material = speed, rows, twin, config, material
        self._folder, self._display = folder, display
        self._watcher = Watcher(config.device)
        self._timers = Timers(self._watcher, display)

    def measure(self) -> None:
        """Measure all rows that are alive; their performance is in them afterwards."""
        for process in range(self._config.level.processes):
            if process:
                self._restart(process)
            self._one_process(process)
        self._conclude()

    @property
    def _alive(self) -> list[Row]:
        return [row for row in self._rows if row.alive]

    def _restart(self, process: int) -> None:
        """A new process for each row."""
        title = f"process {process + 1} of {self._config.level.processes}: loading"
        with self._display.step(title):
            for row in self._alive:
                with row.failing():
                    assert row.worker is not None
                    row.worker.restart()
            with fragments_held():
                for row in self._alive:
                    with row.failing():
                        row.worker = start(row, self._config, self._material, self._folder, again=row.worker)
                        for size in (1, *self._config.batch_sizes):
                            row.worker.ask("warm_up", batch_size=size)
                if self._twin is not None:
                    self._twin.start(self._config, self._material, self._folder, self._display)

    def _one_process(self, process: int) -> None:
        """All rounds of one generation of processes."""
        with ExitStack() as on_exit:
            anchor = self._anchor(on_exit)
            self._watcher.watch(pid for worker in self._workers(anchor) for pid in worker.pids)
            self._latency(process, anchor)
            self._speed.during.append(conditions())
            self._windows(process, anchor)

    def _conclude(self) -> None:
        """The figures, from all blocks; then what is measured besides and cannot take turns."""
        self._controls()
        self._speed.ceiling = self._timers.ceiling
        reason = suspended(self._watcher.since_start())
        said = [] if reason is None else [reason]
        said += [says_of(one) for one in self._speed.controls if not (one.passed and one.decides)]
        self._speed.invalid = tuple(said)
        for row in self._alive:
            with row.failing():
                row.performance = performance_of(row, self._config, self._speed.controls)
        generate(self._rows, self._config, self._folder, self._display)
        if self._config.level.profile:
            self._profile()
        for row in self._rows:
            if row.performance is not None:
                row.performance = replace(
                    row.performance, generated=tuple(row.generated), layers_ms=dict(row.layers_ms)
                )

    def _controls(self) -> None:
        """Of latency, and of images/s at the configured batch size: that of each which both processes measured."""
        if self._twin is None or not self._twin.row.alive:
            return
        made: list[Control] = []
        wanted: tuple[tuple[Measure, Scenario, int], ...] = (
            ("latency", "SingleStream", 1),
            ("images/s", "Offline", self._config.batch_size),
        )
        row = self._twin.row
        for of, scenario, batch in wanted:
            mine = settled(row.blocks, Task(row.name, scenario, batch).__eq__)
            other = settled(self._speed.others, Task(self._twin.name, scenario, batch).__eq__)
            if mine and other:
                made.append(control(row.name, mine, other, of=of))
        self._speed.controls = tuple(made) if len(made) == len(wanted) else ()

    def _anchor(self, on_exit: ExitStack) -> WorkerProcess | None:
        try:
            worker = on_exit.enter_context(WorkerProcess(ANCHOR, log=log_of(ANCHOR, self._folder)))
            worker.ask("open_anchor", threads=self._config.threads)
        except Exception as error:
            self._display.say(f"no anchor: {error}")
            return None
        return worker

    def _workers(self, anchor: WorkerProcess | None) -> Iterable[WorkerProcess]:
        if anchor is not None:
            yield anchor
        if self._twin is not None and self._twin.worker is not None:
            yield self._twin.worker
        for row in self._alive:
            if row.worker is not None:
                yield row.worker

    def _latency(self, process: int, anchor: WorkerProcess | None) -> None:
        level = self._config.level
        seconds = level.latency_block_s
        tasks = self._anchor_task(anchor, "latency")
        for name, worker in self._participants():
            if self._warm(name, worker, 1):
                tasks[Task(name, "SingleStream", 1)] = self._timers.calls(name, worker, 1, seconds)
        lengths = {task: ANCHOR_BLOCK_S if task.scenario == "Anchor" else seconds for task in tasks}
        blocks = self._rounds("latency at batch 1", tasks, lengths, level.latency, process, _without_drift)
        self._sort(blocks)
        if self._config.device != "cpu":
            self._resident(process)

    def _anchor_task(self, anchor: WorkerProcess | None, beside: str) -> dict[Task, TimeBlock]:
        if anchor is None:
            return {}
        return {Task(ANCHOR, "Anchor", 1, beside): self._timers.anchor(anchor, ANCHOR_BLOCK_S)}

    def _windows(self, process: int, anchor: WorkerProcess | None) -> None:
        config, level = self._config, self._config.level
        for row in self._alive:
            if not all(self._warm(row.name, row.worker, size) for size in config.batch_sizes):
                continue
            with row.failing():
                assert row.worker is not None
                if not process:
                    used = row.worker.ask("memory")
                    row.rss_mib, row.peak_rss_mib = used["rss_mib"], used["peak_rss_mib"]
                    _note_affinity(row, used["affinity"])
        tasks = self._anchor_task(anchor, "windows")
        lengths = dict.fromkeys(tasks, ANCHOR_BLOCK_S)
        twin = self._twin
        if twin is not None and twin.worker is not None and self._warm(twin.name, twin.worker, config.batch_size):
            task = Task(twin.name, "Offline", config.batch_size)
            tasks[task] = self._timers.calls(twin.name, twin.worker, config.batch_size, level.window_s)
            lengths[task] = level.window_s
        for row in self._alive:
            assert row.worker is not None
            streamed = self._timers.stream(row, config.batch_size, level.window_s) if config.offline else None
            if not row.alive:
                continue
            for size in config.batch_sizes:
                task = Task(row.name, "Offline", size)
                tasks[task] = self._timers.calls(row.name, row.worker, size, level.window_s)
                lengths[task] = level.window_s
            if streamed is not None:
                task = Task(row.name, "Offline", config.batch_size, "streams")
                tasks[task], lengths[task] = streamed, level.window_s
            ceiling = self._timers.kernels(row)
            if ceiling is not None:
                task = Task(row.name, "Anchor", 0, "ceiling")
                tasks[task], lengths[task] = ceiling, CEILING_S
        sizes = ", ".join(map(str, config.batch_sizes))
        blocks = self._rounds(f"images/s at batch {sizes}", tasks, lengths, level.windows, process, _narrow)
        self._sort(blocks)

    def _rounds(
        self,
        title: str,
        tasks: dict[Task, TimeBlock],
        lengths: dict[Task, float],
        plan: Plan,
        process: int,
        is_steady: Callable[[list[Block]], bool],
    ) -> list[Block]:
        about = f"{title}, {plan.rounds} rounds (at least {estimate_s(lengths, plan):.0f} s)"
        so_far: list[Block] = []
        try:
            with self._display.step(about) as advance:
                return run_rounds(
                    tasks,
                    plan,
                    seed=self._config.seed + process,
                    process=process,
                    on_round=advance,
                    on_failure=self._fail,
                    is_steady=is_steady,
                    on_block=so_far.append,
                )
        except BaseException:  # interrupted: what was measured stays, and nothing is concluded from it
            self._sort(so_far)
            raise

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

    def _participants(self) -> list[tuple[str, WorkerProcess]]:
        twin = self._twin
        mine = [(row.name, row.worker) for row in self._alive if row.worker is not None]
        return mine if twin is None or twin.worker is None else [*mine, (twin.name, twin.worker)]

    def _fail(self, name: str, error: Exception) -> None:
        for row in self._rows:
            if row.name == name:
                row.fail(error)
                return
        self._display.say(f"{name} failed and is left out: {error}")

    def _warm(self, name: str, worker: WorkerProcess | None, batch_size: int) -> bool:
        try:
            assert worker is not None
            self._timers.warm_up(name, worker, batch_size)
        except Exception as error:
            self._fail(name, error)
            return False
        return True

    def _resident(self, process: int) -> None:
        level = self._config.level
        tasks: dict[Task, TimeBlock] = {}
        for row in self._alive:
            with row.failing():
                timed = self._timers.resident(row, level.latency_block_s)
                if timed is not None:
                    tasks[Task(row.name, "SingleStream", 1, "resident")] = timed
        if tasks:
            lengths = dict.fromkeys(tasks, level.latency_block_s)
            self._sort(self._rounds("device-resident", tasks, lengths, level.latency, process, _without_drift))

    def _profile(self) -> None:
        """Where the time goes, after all timing and never during it."""
        network = self._material.network
        with self._display.step("layers, by each runtime's profiler"):
            for row in self._alive:
                assert row.worker is not None
                try:
                    found = row.worker.ask("profile", batch_size=1, repeats=PROFILE_REPEATS)["layers"]
                except Exception as error:
                    row.remarks.append(f"no layer times: {error}")
                    continue
                if found:
                    row.layers_ms = group_times(network, found)
                else:
                    row.remarks.append("no layer times: nothing profiles what it runs here")


def _note_affinity(row: Row, affinity: list[int] | None) -> None:
    if affinity is not None and row.effective is not None:
        row.effective.settings["affinity"] = ",".join(map(str, affinity))


def _of_each_task(blocks: list[Block]) -> Iterable[list[Block]]:
    for task in dict.fromkeys(block.task for block in blocks if block.task.scenario != "Anchor"):
        yield [block for block in blocks if block.task == task]


def _without_drift(blocks: list[Block]) -> bool:
    return all(without_drift([*map(block_of, mine)]) for mine in _of_each_task(blocks))


def _narrow(blocks: list[Block]) -> bool:
    """Whether the interval of every task's images/s is narrow enough."""
    for mine in _of_each_task(blocks):
        found = throughput([*map(block_of, mine)], mine[0].task.batch_size)
        if found.high - found.low > 2 * WIDE * found.images_per_second:
            return False
    return True
