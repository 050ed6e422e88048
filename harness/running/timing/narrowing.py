"""A search among rows: in each stage a replicate of those that are left, in the rounds of every other measurement."""

from collections.abc import Collection, Mapping
from typing import Final

from alexbench.harness.judge.halving import survivors
from alexbench.harness.records.speed_records import Measure
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.figures import performance_of
from alexbench.harness.running.timing.replicates import Bench

SLOW_LOAD_S: Final = 5.0
"""A load that takes longer compiles, or imports on a busy machine."""


class Narrowing(Bench):
    """Successive halving; no duplicate, no machine probe: nothing is concluded from it but which row to measure."""

    def narrow(self, default: Row, stages: int) -> dict[Measure, dict[str, float]]:
        """Measure -> row -> log of its time, of those that took part in the last stage.

        The rows' performance is in them afterwards, of all stages that each took part in.
        """
        chosen = [row.name for row in self._alive]
        for number in range(stages):
            self._replicate(number, chosen, about=stages)
            if number < stages - 1:
                chosen = survivors(self._logs(), [row.name for row in self._alive], default.name)
            self._end_all_but(chosen)
        logs = self._logs()
        found = self._look()
        for row in self._alive:
            with row.failing():
                row.performance = performance_of(
                    row, self._config, {of: one.times[row.name] for of, one in found.items()}
                )
        return {of: {name: mine[name] for name in chosen if name in mine} for of, mine in logs.items()}

    def _start(self, number: int, chosen: Collection[str]) -> None:
        """Fresh processes, but for the first stage, and for rows that would compile for long once more."""
        slow = {row.name for row in self._alive if row.loads_s and row.loads_s[-1] > SLOW_LOAD_S}
        if number:
            super()._start(number, [name for name in chosen if name not in slow])

    def _kernels(self, number: int, chosen: Collection[str]) -> None:
        """How fast kernels could be chooses nothing."""

    def _logs(self) -> Mapping[Measure, dict[str, float]]:
        return {of: {name: one.value for name, one in found.times.items()} for of, found in self._look().items()}

    def _end_all_but(self, chosen: Collection[str]) -> None:
        for row in self._rows:
            if row.name not in chosen:
                row.end()
