"""How often does a search report a gain where no candidate differs? On a simulated clock.

    PYTHONPATH=. python tests/studies/tuning_honesty.py [--searches 200]

No runtime runs and no time passes: :class:`tests.support.simulated.Simulated` says how long a call took. All else is
what `alexbench tune` does: candidates, halving, the rounds of the search, then fresh processes of the default and of
the winners, with an A/A duplicate, through the same scheduler and statistics. Every process of every candidate draws
its log time from one distribution, so each gain is a false one. Printed: in how many searches the interval of a
reported gain excludes 0 (a ratio of 1), by measure and by either, with the exact 95 % interval of that rate (Clopper
and Pearson 1934); and for comparison, how often the search's own figures would have claimed one. Exit code 1 where
more than 5 % do.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest
from scipy.stats import binomtest

from alexbench.harness.capabilities import Candidate
from alexbench.harness.config import RunConfig
from alexbench.harness.judge.ranking import MEASURES, ranked
from alexbench.harness.records.speed_records import Difference, Measure, gain_between
from alexbench.harness.resolving import resolve
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing import replicates
from alexbench.harness.running.timing.duplicate import duplicate_of
from alexbench.harness.running.timing.replicates import Bench, Speed
from alexbench.harness.systems import System
from alexbench.harness.tuning import candidates, tune
from alexbench.harness.tuning.search import Searching, search
from tests.support.records import effective
from tests.support.simulated import Simulated, simulated_workers
from tests.support.tunings import MADE_FOR

SEED: Final = 20261130
LEVEL: Final = 0.05
REPLICATES: Final = 4
"""Processes of each row in a smoke run of two or three rows."""
CALL_S: Final = 0.02
SETTINGS: Final = [Candidate((("session.dynamic_block_base", str(2**place)),)) for place in range(7)]
PLAIN: Final = System("onnxruntime", 2)
INPUTS: Final[Any] = SimpleNamespace(labels=np.zeros(64, np.int64))


class Alike:
    """A backend with seven candidates that change nothing."""

    settings = ()
    candidates = tuple(SETTINGS)


class Silent:
    """A display of nothing."""

    def say(self, _: str) -> None:
        """Nothing."""

    step = staticmethod(lambda _: _Step())


class _Step:
    def __enter__(self) -> Any:
        return lambda *_: None

    def __exit__(self, *_: object) -> None:
        pass


def measured(config: RunConfig, folder: Path, made: Any) -> tuple[Difference, ...]:
    """Fresh processes of the rows of a run, as its timing measures them."""
    rows = [
        Row(name, one, tuning=config.tuning_of(one), effective=effective()) for name, one in config.by_label.items()
    ]
    for row in rows:
        row.worker = made(row)
    speed = Speed()
    bench = Bench(speed, rows, duplicate_of(rows), config, INPUTS, folder, Silent(), begun=time.monotonic())
    bench._replicates()
    bench._conclude()
    records = [row.record() for row in rows]
    return ranked(records, speed.values, level=speed.level, looks=speed.looks, spent=speed.spent)[1]


def one_search(number: int, folder: Path) -> tuple[dict[Measure, bool], dict[Measure, bool]]:
    """Whether a gain's interval excludes 1, by goal: of the fresh processes, and of the search's own figures."""
    random = np.random.default_rng([SEED, number])

    def made(_: Row) -> Simulated:
        return Simulated(random, CALL_S)

    with pytest.MonkeyPatch.context() as patch, simulated_workers(patch, made):
        patch.setattr(candidates, "backend_class", lambda _: Alike)
        patch.setattr(replicates, "MOST_REPLICATES", REPLICATES)
        config = replace(resolve({"backends": ("onnxruntime",), "threads": (2,), "seed": number + 1}), budget=3600.0)
        tuning = search(PLAIN, MADE_FOR, Searching(config, INPUTS, Silent()), folder)
        both = replace(config, systems=(PLAIN, replace(PLAIN, profile="tuned")))
        expanded = tune._expanded(both, {both.systems[1]: tuning})
        differences = measured(expanded, folder, made)
        names = {one: name for name, one in expanded.by_label.items()}
    fresh, own = dict.fromkeys(MEASURES, False), dict.fromkeys(MEASURES, False)
    by_settings = {one.settings: one for one in tuning.tried}
    for winner in tuning.winners:
        row = next(one for one in expanded.systems[1:] if one.settings == winner.settings)
        gain = gain_between(differences, winner.goal, base=names[PLAIN], other=names[row])
        fresh[winner.goal] = gain is not None and not gain.low <= 1 <= gain.high
        best, default = by_settings[winner.settings], by_settings[()]
        assert best.p50_ms
        assert default.p50_ms
        assert best.images_per_second
        assert default.images_per_second
        if winner.goal == "latency":
            own[winner.goal] = best.p50_ms.high < default.p50_ms.low
        else:
            own[winner.goal] = best.images_per_second.low > default.images_per_second.high
    return fresh, own


def line(what: str, count: int, total: int) -> str:
    """One row of the table."""
    low, high = binomtest(count, total).proportion_ci(0.95, "exact")
    return f"| {what} | {count} of {total} | {count / total:.1%} | {low:.1%} to {high:.1%} |"


def main() -> int:
    """The table; 1 where too many claim a gain."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--searches", type=int, default=200)
    total = parser.parse_args().searches
    begun = time.monotonic()
    found = []
    for number in range(total):
        with tempfile.TemporaryDirectory() as folder:
            found.append(one_search(number, Path(folder)))
    print(f"{total} searches of {len(SETTINGS)} candidates on a simulated clock, {time.monotonic() - begun:.0f} s\n")
    print("| interval excludes 0 | searches | rate | 95 % |\n|---|---:|---:|---|")
    counts = [sum(fresh[of] for fresh, _ in found) for of in MEASURES]
    for of, count in zip(MEASURES, counts, strict=True):
        print(line(f"gain in {of}, fresh processes", count, total))
    print(line("either of the two", sum(any(fresh.values()) for fresh, _ in found), total))
    for of in MEASURES:
        print(line(f"gain in {of}, by the search's own intervals", sum(own[of] for _, own in found), total))
    return int(max(counts) / total > LEVEL)


if __name__ == "__main__":
    sys.exit(main())
