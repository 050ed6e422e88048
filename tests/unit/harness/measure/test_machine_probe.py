"""The machine probe is its two products; ceilings are networks of one layer, through the contract."""

import pytest

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Options
from alexbench.harness.measure import ceiling
from alexbench.harness.measure import machine_probe as anchor
from alexbench.harness.measure.ceiling import Ceilings
from alexbench.harness.measure.machine_probe import COLUMNS, ROWS, SGEMM_FLOPS, SGEMV_BYTES, SIDE, Anchor


def test_it_reads_as_much_memory_as_the_fully_connected_layers_of_owt() -> None:
    weights = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert pytest.approx(weights, rel=1e-3) == ROWS * COLUMNS
    assert (SGEMM_FLOPS, SGEMV_BYTES) == (2 * SIDE**3, 4 * ROWS * COLUMNS)


def test_a_block_times_whole_calls_and_knows_the_best_of_each_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor, "SIDE", 32)
    monkeypatch.setattr(anchor, "ROWS", 16)
    block = Anchor(1).time_block(0.0)
    assert len(block.ns) == 2
    assert 0 < block.sgemm_ns + block.sgemv_ns <= min(block.ns)
    assert block.cpu_ns >= 0


def test_ceilings_are_of_every_kernel_and_leave_the_contract_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        name: ((shape[0] // 64, min(shape[1], 6), min(shape[2], 6)), layers, 2)
        for name, (shape, layers, _) in ceiling._SHAPES.items()
    }
    layers = {
        "linear": (ceiling.Flatten("flatten"), ceiling.Linear("fc", 32, 8)),
        "conv": (ceiling.Conv("conv", 4, 4, 3, padding=1), ceiling.Flatten("flatten")),
    }
    monkeypatch.setattr(ceiling, "_SHAPES", {name: (small[name][0], layers[name], 2) for name in small})
    ceilings = Ceilings(ReferenceBackend, Options(threads=1))
    found = ceilings.best(0.0)
    ceilings.close()
    assert set(found) == {"linear", "conv"}
    assert all(reached > 0 for reached in found.values())
