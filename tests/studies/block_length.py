"""Few long blocks or many short ones? How much processes of one row differ, by rounds and by calls in a block.

    python tests/studies/block_length.py [--batch 1] [--rounds 30] [--processes 4] [--seconds 0.1]

Four runtimes, one of them twice, take turns in long series of rounds, several fresh processes each. Every series is cut
into pieces of 3, 5, 7, 10 and 15 rounds, as if each piece were a process of its own, and its blocks to their first
calls. Printed: the standard deviation between such processes after the effect of each round was taken off, and by how
much the first counted call of a block is slower than the median of its later ones.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from alexbench.harness.judge.block_times import BlockOf, process_values
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rounds import Block, Plan
from alexbench.harness.worker.client import WorkerProcess

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.study_timing import load_anew, run_inputs, take_turns

ROWS = {"onnxruntime": "onnxruntime", "again": "onnxruntime", "openvino": "openvino", "tensorflow": "tensorflow",
        "torch": "torch"}  # fmt: skip
PIECES = (1, 2, 3, 4, 5, 7, 10, 15)
CALLS = (1, 2, 3, 6)


def _series(batch: int, rounds: int, processes: int, seconds: float) -> Iterator[list[Block]]:
    """The blocks of each process after the other, all rows in turns."""
    with run_inputs() as folder, ExitStack() as on_exit:
        workers = {
            name: on_exit.enter_context(
                WorkerProcess(name, log=folder / f"{name}.log", forks=True, preload=backend)
            )
            for name, backend in ROWS.items()
        }  # fmt: skip
        for number in range(processes):
            load_anew(workers, ROWS, folder, usable_cores(), seed=number)
            yield take_turns(workers, Plan(rounds, 0), batch=batch, seconds=seconds, seed=number)


def _spread(series: Sequence[list[Block]], rounds: int, calls: int, batch: int) -> tuple[float, int]:
    """Standard deviation between pieces of so many rounds, blocks cut to so many calls; and how many pieces."""
    pieces: list[dict[str, float]] = []
    for blocks in series:
        total = max(block.round for block in blocks) + 1
        for first in range(0, total - rounds + 1, rounds):
            rows: dict[str, list[BlockOf]] = {}
            for block in blocks:
                if first <= block.round < first + rounds:
                    cut = BlockOf(block.measured.ns[:calls], batch, 0, block.round)
                    rows.setdefault(block.task.participant, []).append(cut)
            values = process_values(rows, None, of="latency" if batch == 1 else "images/s")
            pieces.append({one.row: one.log for one in values})
    table = np.array([[piece[name] for name in ROWS] for piece in pieces])
    left = table - table.mean(axis=1, keepdims=True)
    left -= left.mean(axis=0)
    freedom = (len(table) - 1) * (len(ROWS) - 1)
    return float(np.sqrt(np.square(left).sum() / freedom)), len(table)


def _print_first(series: Sequence[list[Block]]) -> None:
    print("\n| row | first counted call against the median of the later ones |\n|---|---:|")
    for name in ROWS:
        logs = [
            np.log(block.measured.ns[0] / np.median(block.measured.ns[1:]))
            for blocks in series
            for block in blocks
            if block.task.participant == name and len(block.measured.ns) > 1
        ]
        if logs:
            print(f"| {name} | {100 * np.expm1(np.median(logs)):+.2f} % |")


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.1)
    given = parser.parse_args()
    series = list(_series(given.batch, given.rounds, given.processes, given.seconds))
    least = min(len(block.measured.ns) for blocks in series for block in blocks)
    wanted = [calls for calls in CALLS if calls <= least]
    print("| rounds | " + " | ".join(f"{calls} calls a block" for calls in wanted) + " | processes |")
    print("|---:|" + "---:|" * (len(wanted) + 1))
    for rounds in PIECES:
        if rounds * 2 <= given.rounds:
            found = [_spread(series, rounds, calls, given.batch) for calls in wanted]
            print(f"| {rounds} | " + " | ".join(f"{100 * sd:.2f} %" for sd, _ in found) + f" | {found[0][1]} |")
    _print_first(series)


if __name__ == "__main__":
    main()
