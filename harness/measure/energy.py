"""Energy by the counters that the machine exposes: RAPL for processors, NVML for GPUs. Never estimated.

Linux lets root alone read RAPL (since 5.10, for CVE-2020-8694), and most virtual machines have none: then there is no
meter, and no energy in the record. A counter is of the whole package or GPU: it counts what others do there too.
"""

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from alexbench.harness.measure.sysfiles import number, text

_RAPL: Final = "sys/class/powercap"


@dataclass(frozen=True, slots=True)
class _Counter:
    """``read`` gives joules so far, None when it cannot; at ``range_j`` it starts again from 0, None: never."""

    name: str
    kind: str
    read: Callable[[], float | None]
    range_j: float | None


class EnergyMeter:
    """The counters of a machine. Take ``read_j`` before and after; ``by_counter`` of the two.

    Two readings of a RAPL counter must not lie farther apart than its range lasts, which nothing in it would show: 262
    kJ, a usual one, is 17 minutes at 250 W. NVML's is brought up to date every 20 to 100 ms.
    """

    def __init__(self, counters: tuple[_Counter, ...]) -> None:
        self._counters = counters

    @classmethod
    def find(cls, root: str | Path = "/", *, nvml: Any = None) -> Self | None:
        """The counters that can be read here, None if there are none.

        ``root`` is where /sys is looked for; ``nvml`` stands in for the module ``pynvml`` (distribution nvidia-ml-py),
        which is used where it is installed.
        """
        counters = (*_rapl(Path(root)), *_nvml(_import_nvml() if nvml is None else nvml))
        return cls(counters) if counters else None

    @property
    def source(self) -> str:
        """Which counters, in words: ``RAPL package-0, package-1; NVML gpu-0 (NVIDIA H200)``."""
        kinds = dict.fromkeys(counter.kind for counter in self._counters)
        return "; ".join(
            f"{kind} {', '.join(counter.name for counter in self._counters if counter.kind == kind)}" for kind in kinds
        )

    def read_j(self) -> Mapping[str, float]:
        """Joules so far by counter, from an arbitrary zero; one that cannot be read now is left out."""
        readings = ((counter.name, counter.read()) for counter in self._counters)
        return {name: joules for name, joules in readings if joules is not None}

    def by_counter(self, before: Mapping[str, float], after: Mapping[str, float]) -> Mapping[str, float]:
        """Joules from one reading to the next, by counter: an idle GPU's are not those of work on the CPU.

        One that is missing in either, or that fell without having a range (a driver was loaded again), is left out.
        """
        used: dict[str, float] = {}
        for counter in self._counters:
            if counter.name not in before or counter.name not in after:
                continue
            joules = after[counter.name] - before[counter.name]
            if joules < 0 and counter.range_j is not None:
                joules += counter.range_j
            if joules >= 0:
                used[counter.name] = joules
        return used


def _rapl(root: Path) -> tuple[_Counter, ...]:
    """A counter for each package, or the whole platform's (psys) where that is all there is.

    Zones within a package (core, uncore, dram: ``intel-rapl:0:0``) are not looked at: they are parts of it, or, like
    dram on servers, not there everywhere. AMD's processors appear under the same names.
    """
    found: dict[str, _Counter] = {}
    for zone in sorted((root / _RAPL).glob("intel-rapl:*")):
        name, range_uj = text(zone / "name"), number(zone / "max_energy_range_uj")
        energy = zone / "energy_uj"
        if zone.name.count(":") == 1 and name and range_uj is not None and number(energy) is not None:
            found[name] = _Counter(name, "RAPL", _rapl_reader(energy), range_uj / 1e6)
    packages = tuple(counter for name, counter in found.items() if name.startswith("package"))
    return packages or tuple(counter for name, counter in found.items() if name == "psys")


def _rapl_reader(energy: Path) -> Callable[[], float | None]:
    def read() -> float | None:
        microjoules = number(energy)
        return None if microjoules is None else microjoules / 1e6

    return read


def _import_nvml() -> Any:
    """The module, None where it is not installed."""
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")  # the distribution pynvml says that it is deprecated for nvidia-ml-py
        return importlib.import_module("pynvml")
    return None


def _nvml(nvml: Any) -> Iterator[_Counter]:
    """A counter for each GPU that has one: Volta and newer. NVML without a driver has none."""
    if nvml is None:
        return
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError:
        return
    for index in range(count):
        with contextlib.suppress(nvml.NVMLError):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            read = _nvml_reader(nvml, handle)
            if read() is not None:
                yield _Counter(f"gpu-{index} ({_text_of(nvml.nvmlDeviceGetName(handle))})", "NVML", read, None)


def _nvml_reader(nvml: Any, handle: Any) -> Callable[[], float | None]:
    def read() -> float | None:
        try:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3  # millijoules
        except nvml.NVMLError:
            return None

    return read


def _text_of(name: str | bytes) -> str:
    """Older bindings answer bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
