"""What keys a machine: nothing that a reboot or a minor update changes, in records of before that rule too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from alexbench.harness.gating.baseline import default_path, find_baseline, save
from alexbench.harness.gating.identity import machine_differences
from alexbench.harness.measure.machine import machine
from alexbench.harness.records.machine_key import machine_key, nominal_mib
from alexbench.harness.records.record_files import read_run
from alexbench.reports.export.flat_table import digest_key
from tests.support.gates import timed_run

GPU = {"name": "H200", "memory_mib": 143_771, "driver": "570.86.15"}


@pytest.mark.parametrize(
    ("mib", "nominal"),
    [(24_105, 24_576), (15_872, 16_384), (15_400, 16_384), (7_700, 8_192), (64_200, 65_536), (128_600, 131_072)],
)
def test_memory_is_what_it_is_sold_as(mib: int, nominal: int) -> None:
    assert nominal_mib(mib) == nominal
    assert nominal_mib(nominal) == nominal


@pytest.mark.parametrize("odd", [None, "8", True, 0, -1, float("nan"), float("inf")])
def test_what_is_no_size_stays(odd: Any) -> None:
    assert nominal_mib(odd) is odd


@pytest.mark.parametrize("mib", [1_024, 8_191, 8_192, 15_872, 24_105, 24_576, 24_577, 131_073])
def test_a_mebibyte_makes_no_other_machine(mib: int) -> None:
    assert machine_differences({"cpu": "X", "memory_mib": mib}, {"cpu": "X", "memory_mib": mib - 1}) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"os": "Linux 6.8.0-45-generic"}, {"os": "Linux 6.11.2-1-generic"}),
        ({"os": "Darwin 23.4.0"}, {"os": "Darwin 23.5.0"}),
        ({"gpus": [GPU]}, {"gpus": [{**GPU, "memory_mib": 143_700, "driver": "570.124.06"}]}),
    ],
)
def test_a_minor_update_makes_no_other_machine(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert machine_differences(one, two) == []
    assert machine_key(one) == machine_key(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"memory_mib": 15_872}, {"memory_mib": 31_900}),
        ({"os": "Linux 5.15.0"}, {"os": "Linux 6.8.0"}),
        ({"os": "Linux 6.8.0"}, {"os": "Windows 11"}),
        ({"gpus": [GPU]}, {"gpus": [{**GPU, "driver": "580.95.05"}]}),
        ({"gpus": [GPU]}, {"gpus": []}),
        ({"usable_cores": 2}, {"usable_cores": 4}),
    ],
)
def test_another_machine_is_one(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert len(machine_differences(one, two)) == 1


def test_a_machine_is_the_same_after_a_boot_with_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine()
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(total=memory.total - 2**20))
    assert machine() == before


def test_a_baseline_of_before_is_found_and_replaced(tmp_path: Path) -> None:
    """Its file has the key of the record as it was: memory to the mebibyte, and the kernel's version."""
    run = timed_run(tmp_path / "run", {"torch": 10})
    record = read_run(run)
    new = default_path(record, tmp_path)
    old = new.with_name(new.name.replace(new.stem[-8:], digest_key(record.machine)[:8]))
    assert old != new
    save(run, old, "")
    booted = replace(record, machine={**record.machine, "memory_mib": 23_999, "os": "Linux 6.19"})
    assert default_path(booted, tmp_path) == old
    found = find_baseline(tmp_path, booted)
    assert found is not None
    assert found.path == old
    other = replace(record, machine={**record.machine, "usable_cores": 1})
    assert default_path(other, tmp_path) != old
