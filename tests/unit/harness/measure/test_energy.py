"""Energy: counters of made-up sysfs trees and of a made-up NVML; wrap-around, and no meter where none can be read."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from alexbench.harness.measure.energy import EnergyMeter

RANGE_UJ = 262_143_328_850
PACKAGES = {"intel-rapl:0": "package-0", "intel-rapl:1": "package-1"}


def joules(meter: EnergyMeter, before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """The sum over all counters, None if any of them is missing."""
    used = meter.by_counter(before, after)
    return sum(used.values()) if used and {*before} == {*after} == {*used} else None


def zone(root: Path, folder: str, name: str, microjoules: object, range_uj: object = RANGE_UJ) -> Path:
    path = root / "sys/class/powercap" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n", encoding="ascii")
    (path / "energy_uj").write_text(f"{microjoules}\n", encoding="ascii")
    (path / "max_energy_range_uj").write_text(f"{range_uj}\n", encoding="ascii")
    return path


class NVMLError(Exception):
    pass


class FakeNvml:
    """As many GPUs as there are entries: millijoules, or None where the GPU is too old to count them."""

    NVMLError = NVMLError

    def __init__(self, *millijoules: int | None, driver: bool = True) -> None:
        self.millijoules = list(millijoules)
        self._driver = driver

    def nvmlInit(self) -> None:  # noqa: N802
        if not self._driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.millijoules)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:  # noqa: N802
        return "NVIDIA H200" if handle == 0 else b"NVIDIA L4"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        found = self.millijoules[handle]
        if found is None:
            raise NVMLError("Not Supported")
        return found


NO_GPU = FakeNvml()


def found(root: Path, nvml: FakeNvml = NO_GPU) -> EnergyMeter:
    meter = EnergyMeter.find(root, nvml=nvml)
    assert meter is not None
    return meter


def test_a_machine_without_counters_has_no_meter(tmp_path: Path) -> None:
    assert EnergyMeter.find(tmp_path, nvml=NO_GPU) is None


def test_packages_are_summed_and_their_parts_are_not(tmp_path: Path) -> None:
    for folder, name in PACKAGES.items():
        zone(tmp_path, folder, name, 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000)
    zone(tmp_path, "intel-rapl:0:1", "dram", 1_000_000)
    zone(tmp_path, "intel-rapl:2", "psys", 9_000_000)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 7_000_000)
    (tmp_path / "sys/class/powercap/intel-rapl").mkdir()
    meter = found(tmp_path)
    assert meter.source == "RAPL package-0, package-1"
    before = meter.read_j()
    assert before == {"package-0": 5.0, "package-1": 5.0}
    zone(tmp_path, "intel-rapl:0", "package-0", 65_500_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 25_000_000)
    after = meter.read_j()
    assert meter.by_counter(before, after) == {"package-0": 60.5, "package-1": 20.0}
    assert joules(meter, before, after) == 80.5


def test_the_whole_platform_counts_where_it_is_all_there_is(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "psys", 1_000_000)
    assert found(tmp_path).source == "RAPL psys"


def test_a_counter_that_starts_again_from_zero_has_gone_its_range(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 2_000_000)
    meter = found(tmp_path)
    before = meter.read_j()
    zone(tmp_path, "intel-rapl:0", "package-0", 3_000_000)
    assert joules(meter, before, meter.read_j()) == pytest.approx(5.0, abs=1e-6)


@pytest.mark.parametrize("lost", ["energy_uj", "max_energy_range_uj", "name"])
def test_a_counter_that_cannot_be_read_is_no_counter(lost: str, tmp_path: Path) -> None:
    # Root reads whatever the mode says: a folder in the file's place is an error to everyone.
    path = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    (path / lost).unlink()
    (path / lost).mkdir()
    assert EnergyMeter.find(tmp_path, nvml=NO_GPU) is None


def test_a_counter_that_stops_answering_leaves_no_sum(tmp_path: Path) -> None:
    paths = [zone(tmp_path, folder, name, 1_000_000) for folder, name in PACKAGES.items()]
    meter = found(tmp_path)
    before = meter.read_j()
    (paths[1] / "energy_uj").unlink()
    after = meter.read_j()
    assert after == {"package-0": 1.0}
    assert meter.by_counter(before, after) == {"package-0": 0.0}
    assert joules(meter, before, after) is None
    assert joules(meter, after, before) is None


def test_gpus_count_millijoules_as_well_as_the_packages(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    nvml = FakeNvml(10_000, 500)
    meter = found(tmp_path, nvml)
    assert meter.source == "RAPL package-0; NVML gpu-0 (NVIDIA H200), gpu-1 (NVIDIA L4)"
    before = meter.read_j()
    nvml.millijoules = [12_500, 750]
    after = meter.read_j()
    assert meter.by_counter(before, after) == {
        "package-0": 0.0,
        "gpu-0 (NVIDIA H200)": 2.5,
        "gpu-1 (NVIDIA L4)": 0.25,
    }
    assert joules(meter, before, after) == 2.75


def test_a_gpu_too_old_to_count_is_left_out(tmp_path: Path) -> None:
    assert found(tmp_path, FakeNvml(None, 500)).source == "NVML gpu-1 (NVIDIA L4)"
    assert EnergyMeter.find(tmp_path, nvml=FakeNvml(None)) is None


def test_a_driver_that_was_loaded_again_leaves_no_sum(tmp_path: Path) -> None:
    nvml = FakeNvml(10_000)
    meter = found(tmp_path, nvml)
    before = meter.read_j()
    nvml.millijoules = [20]
    assert joules(meter, before, meter.read_j()) is None


def test_nvml_without_a_driver_is_no_meter(tmp_path: Path) -> None:
    assert EnergyMeter.find(tmp_path, nvml=FakeNvml(500, driver=False)) is None


def test_the_installed_module_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, fake = ModuleType("pynvml"), FakeNvml(500)
    for name in dir(fake):
        if name.lower().startswith("nvml"):
            setattr(module, name, getattr(fake, name))
    monkeypatch.setitem(sys.modules, "pynvml", module)
    meter = EnergyMeter.find(tmp_path)
    assert meter is not None
    assert meter.source == "NVML gpu-0 (NVIDIA H200)"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert EnergyMeter.find(tmp_path) is None


def test_the_deprecated_distributions_warning_is_not_ours_to_pass_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import warnings\nwarnings.warn('use nvidia-ml-py', FutureWarning)\nraise ImportError\n"
    (tmp_path / "pynvml.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    assert EnergyMeter.find(tmp_path) is None
