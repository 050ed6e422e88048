"""What the gate finds and what it does not: an environment against itself, and against slowdowns that are known.

    python tests/studies/gate_power.py [--repetitions 20] [--burner] [--backend onnxruntime] [--out FOLDER]
    python tests/studies/gate_power.py --judge FOLDER [--repetitions 20] [--burner]
    python tests/studies/gate_power.py --like FOLDER

Each repetition is a run of rigor `smoke`, speed only, of four environments in the same rounds: a base, the same again,
and two whose calls take 1.05 and 1.2 times as long (tests/support/slowed.py). The gate judges the same and 1.2 at its
built-in 5 %, 1.05 at 10 %. What a gate measures again with fresh processes is here the next repetition, which has
fresh processes; three repetitions more than asked for are run for that. --burner: a process of ours burns CPU on one
core for random spells of 0.05 to 3 s, idle as long in between, all the while. --judge: the runs that an earlier --out
kept, in the order of their names, the last one for fresh processes alone. --like: runs of two environments that are
alike, as tests/studies/like_rows.py keeps them, each gated at the built-in 5 %.

Printed: a line a repetition, and the counts. Exit code 1 where an environment FAILs against itself, 1.05 FAILs, or 1.2
FAILs in fewer than 18 of 20 (16 with --burner).
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from alexbench.harness.console.progress import display_for
from alexbench.harness.errors import UsageError
from alexbench.harness.gating.follow_up import Fresh
from alexbench.harness.gating.gate import GatedPair, gate
from alexbench.harness.gating.gated_runs import gated_runs_of
from alexbench.harness.gating.policy import Asked, Policy
from alexbench.harness.gating.times import EXTENSIONS
from alexbench.harness.records.gate_records import GateReport, Judged
from alexbench.harness.records.record_files import read_run
from alexbench.harness.resolving import resolve
from alexbench.harness.running.pipeline import run
from alexbench.harness.systems import System

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.disturbance import disturbed
from tests.support.slowed import slowed

PLANTED = {"same": 1.0, "slow5": 1.05, "slow20": 1.2}
WIDE = Policy(
    rules={
        **Policy().rules,
        "latency_p50_ms": Asked("latency_p50_ms", "lower-is-better", 10.0),
        "images_per_second": Asked("images_per_second", "higher-is-better", 10.0),
    }
)
POLICIES = {"same": Policy(), "slow5": WIDE, "slow20": Policy()}


def sides(folder: Path, head: str, base: str) -> GatedPair:
    """Base and one head of a run."""
    return GatedPair(*gated_runs_of(folder, base, head))


def judged(runs: Sequence[Path], number: int, head: str, base: str = "base") -> GateReport:
    """The gate's report on a repetition; the next ones are its fresh processes."""

    def follow(_: Sequence[System], again: int) -> Fresh:
        if number + again >= len(runs):
            raise UsageError("there is no further repetition")
        fresh = sides(runs[number + again], head, base)
        return Fresh(runs[number + again], fresh.base, fresh.head)

    policy = POLICIES.get(head, Policy())
    return gate(sides(runs[number], head, base), policy, follow=follow, say=lambda _: None)


def said(report: GateReport) -> str:
    """The verdict, and the change of latency that it rests on."""
    latency: Judged = next(one for one in report.judged if one.metric == "latency_p50_ms")
    rate: Judged = next(one for one in report.judged if one.metric == "images_per_second")
    change = "" if latency.change is None else f" {latency.change:+.1f} ({latency.low:+.1f} to {latency.high:+.1f})"
    again = f", measured again {len(report.follow_ups)}x" if report.follow_ups else ""
    other = "" if rate.verdict == latency.verdict else f", FPS {rate.verdict}"
    return f"{report.verdict}:{change}{other}{again}"


def kept(folder: Path) -> list[Path]:
    """The complete runs in a folder, in order."""
    return [one for one in sorted(folder.glob("*/")) if read_run(one).status == "complete"]


def measured(given: argparse.Namespace, folder: Path) -> list[Path]:
    """A run for each repetition, and those that gates measure again."""
    runs = []
    with ExitStack() as on_exit:
        shims = [f"{name}={slowed(folder, given.backend, factor)}" for name, factor in PLANTED.items()]
        if given.burner:
            on_exit.enter_context(disturbed("load"))
        for number in range(given.repetitions + EXTENSIONS):
            config = resolve(
                {
                    "backends": (given.backend,),
                    "environments": (f"base={slowed(folder, given.backend, 1)}", *shims),
                    "only": "performance",
                    "seed": number,
                    "out": given.out or str(folder / "runs"),
                }
            )
            runs.append(run(config, display_for()).folder)
    return runs


def table(runs: Sequence[Path], repetitions: int) -> dict[str, list[str]]:
    """Print a line a repetition; head -> its verdicts."""
    print("| # | the same, 5 % | 1.05, 10 % | 1.2, 5 % |\n|---:|---|---|---|")
    verdicts: dict[str, list[str]] = {name: [] for name in PLANTED}
    for number in range(repetitions):
        reports = {name: judged(runs, number, name) for name in PLANTED}
        for name, report in reports.items():
            verdicts[name].append(report.verdict)
        print(f"| {number + 1} | {' | '.join(map(said, reports.values()))} |", flush=True)
    return verdicts


def like(runs: Sequence[Path]) -> dict[str, list[str]]:
    """Print a line a run of two environments that are alike; their verdicts."""
    print("| # | alike, 5 % |\n|---:|---|")
    reports = [judged(runs, number, "b", "a") for number in range(len(runs) - 1)]
    for number, report in enumerate(reports, start=1):
        print(f"| {number} | {said(report)} |")
    return {"same": [report.verdict for report in reports], "slow5": [], "slow20": []}


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--burner", action="store_true")
    parser.add_argument("--out", help="keep the runs here")
    parser.add_argument("--judge", type=Path, help="judge runs that are kept here, and measure nothing")
    parser.add_argument("--like", type=Path, help="judge runs of like rows that are kept here")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        chosen = given.like or given.judge
        runs = kept(chosen) if chosen else measured(given, Path(folder))
        verdicts = like(runs) if given.like else table(runs, min(given.repetitions, len(runs) - 1))
    print()
    for name, found in verdicts.items():
        counts = ", ".join(f"{found.count(one)} {one}" for one in sorted(set(found)))
        print(f"{PLANTED[name]:g}: {counts}")
    wanted = (16 if given.burner else 18) / 20 * len(verdicts["slow20"])
    fine = "FAIL" not in verdicts["same"] + verdicts["slow5"] and verdicts["slow20"].count("FAIL") >= wanted
    sys.exit(not fine)


if __name__ == "__main__":
    main()
