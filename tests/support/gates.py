"""Runs on disk with speeds that never were measured, and fresh ones that follow, for tests of gates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UsageError
from alexbench.harness.gating.follow_up import Fresh
from alexbench.harness.gating.gate import GatedPair, gate, sides_of
from alexbench.harness.gating.policy import Policy, read_policy
from alexbench.harness.judge.block_times import process_values
from alexbench.harness.judge.resolution import tell_apart
from alexbench.harness.measure.rounds import Block, Measured, Scenario, Task
from alexbench.harness.records.gate_records import GateReport
from alexbench.harness.records.speed_records import Control, Measure, Performance, Resolution
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.timing.figures import blocks_of
from alexbench.harness.systems import System
from tests.support.records import of_system, performance, system_called
from tests.support.runs import answers, write_run

BASE, HEAD = "onnxruntime@base", "onnxruntime@head"
PROCESSES = 3
ROUNDS = 5
WINDOWS = 1
CONFIGURATION = {
    "threads": 2,
    "batch_size": 32,
    "device": "cpu",
    "precision": "fp32",
    "limit": 1000,
    "rigor": "smoke",
}
CONTROLS = (
    Control("onnxruntime", 1.0, 0.995, 1.005, pairs=3, passed=True),
    Control("onnxruntime", 1.0, 0.99, 1.01, pairs=3, passed=True, of="images/s"),
)


def timed_run(
    folder: Path,
    ms: Mapping[str, float],
    *,
    rows: Mapping[str, NDArray[np.int64]] | None = None,
    images: int = 600,
    processes: int = PROCESSES,
    spread: float = 0.005,
    anchor_ms: float = 5.0,
    seed: int = 0,
    systems: Mapping[str, System] | None = None,
    **of_run: Any,
) -> Path:
    """A complete run whose row ``name`` takes ``ms[name]`` at batch 1, and so much an image at batch 32.

    ``systems``: of the rows that are not what their names say.
    ``spread``: of processes, as a share, and of rounds, where a part of it is the machine's and falls on all alike.
    """
    top = dict(rows or dict.fromkeys(ms, answers(images)))
    made = blocks({**ms}, processes, spread, anchor_ms, seed)
    found = resolutions(made, list(ms))
    given = {"configuration": CONFIGURATION, "controls": CONTROLS, "resolutions": found, **of_run}
    systems = {name: system_called(name) for name in ms} | dict(systems or {})
    changes = {name: {"performance": _speed(made, name), **of_system(systems[name])} for name in ms}
    write_run(folder, top, changes=changes, **given)
    run_folder.write_timings(folder, made)
    return folder


def _speed(made: Sequence[Block], name: str) -> Performance:
    """What the blocks give."""
    of = {
        scenario: [one.measured for one in made if (one.task.participant, one.task.scenario) == (name, scenario)]
        for scenario in ("SingleStream", "Offline")
    }
    single, windows = of.values()
    images = sum(len(one.ns) * one.images for one in windows)
    speed = performance(
        images / (sum(sum(one.ns) for one in windows) / 1e9), p50_ms=median(median(one.ns) for one in single) / 1e6
    )
    calls = sum(len(one.ns) for one in single)
    return replace(speed, latency=replace(speed.latency, blocks=len(single), samples=calls))


def resolutions(made: Sequence[Block], names: Sequence[str]) -> tuple[Resolution, ...]:
    """What the run can tell apart, as a run says it."""
    tasks: dict[Measure, tuple[Scenario, int]] = {"latency": ("SingleStream", 1), "images/s": ("Offline", 32)}
    found = [
        tell_apart(process_values({name: blocks_of(made, Task(name, *task)) for name in names}, None, of=of), of=of)
        for of, task in tasks.items()
    ]
    return tuple(one.resolution for one in found if one.resolution is not None)


def blocks(ms: Mapping[str, float], processes: int, spread: float, anchor_ms: float, seed: int) -> list[Block]:
    """Blocks of all rows and the machine probe, in rounds that share the machine's changes."""
    random = np.random.default_rng(seed)
    made: list[Block] = []
    plans: tuple[tuple[Scenario, str, int, int], ...] = (
        ("SingleStream", "latency", ROUNDS, 1),
        ("Offline", "windows", WINDOWS, 32),
    )
    for process in range(processes):
        levels = {name: value * float(np.exp(random.normal(0, spread))) for name, value in ms.items()}
        for scenario, way, rounds, batch in plans:
            for number in range(rounds):
                shared = float(np.exp(random.normal(0, spread)))
                for name, value in levels.items():
                    own = float(np.exp(random.normal(0, spread / 2)))
                    ns = round(value * batch * shared * own * 1e6)
                    made.append(Block(Task(name, scenario, batch), process, number, Measured((ns,) * 3, batch)))
                ns = round(anchor_ms * shared * 1e6)
                made.append(Block(Task("anchor", "Anchor", 1, way), process, number, Measured((ns,) * 3, 1)))
    return made


def lossy(images: int, lost: int) -> NDArray[np.int64]:
    """Answers with so many images wrong that another row has right."""
    return answers(images, missed=list(range(lost)))


def verdicts(judged: Sequence[Any]) -> dict[tuple[str, str], str]:
    """(row, metric) -> verdict."""
    return {(one.row, one.metric): one.verdict for one in judged}


class Again:
    """Follow-up runs of given speeds; each asked for is noted."""

    def __init__(self, folder: Path, *heads_ms: float, **of_run: Any) -> None:
        self.folder, self.left, self.asked = folder, list(heads_ms), list[Sequence[System]]()
        self.of_run = of_run

    def __call__(self, systems: Sequence[System], number: int) -> Fresh:
        self.asked.append(systems)
        if not self.left:
            raise UsageError("the runtime is gone")
        ms = self.left.pop(0)
        run = timed_run(
            self.folder / f"again-{number}",
            {BASE: 10, HEAD: ms},
            seed=100 + 10 * number,
            **self.of_run,
        )
        sides = sides_of(run, None)
        return Fresh(run, sides.base, sides.head)


def ab(folder: Path, head_ms: float, **of_run: Any) -> GatedPair:
    """A run of two environments, the base at 10 ms."""
    return sides_of(timed_run(folder / "run", {BASE: 10, HEAD: head_ms}, **of_run), None)


def judged(sides: GatedPair, follow: Again | None, policy: Policy | None = None) -> GateReport:
    return gate(sides, policy or read_policy(None), follow=follow, say=lambda _: None)
