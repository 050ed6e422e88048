"""Whose energy a block's is: a GPU's counts for what works on one, and an idle GPU's for nothing."""

import pytest

from alexbench.harness.measure.clock import Timed
from alexbench.harness.running.timing import watcher
from alexbench.harness.running.timing.watcher import Watcher


class Meter:
    """A GPU's counter alone: 5 J in every block."""

    def read_j(self) -> dict[str, float]:
        return {}

    def by_counter(self, before: object, after: object) -> dict[str, float]:
        return {"gpu-0": 5.0}


def test_a_gpus_energy_is_of_the_rows_that_work_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher.EnergyMeter, "find", Meter)
    watching = Watcher({"torch cuda"})
    joules = {
        name: watching.block(lambda: Timed([1_000], 0), images=1, of=name).joules for name in ("torch", "torch cuda")
    }
    assert joules["torch"] is None
    assert joules["torch cuda"] is not None
    assert joules["torch cuda"] > 0
