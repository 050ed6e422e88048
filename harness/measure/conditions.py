"""The conditions of a moment, for the noise check alone. They key nothing and gate nothing."""

import contextlib
import sys
import warnings
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import psutil

from alexbench.harness.measure.sysfiles import number, numbers, text

_CPU_SENSORS: Final = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp", "cpu-thermal")
"""Drivers of the CPU's own sensors, not a disk's or a network card's."""
_PLAUSIBLE_C: Final = (1.0, 150.0)
"""A sensor that is not connected reads 0, -128 or 255."""


def conditions(root: str | Path = "/") -> dict[str, Any]:
    """What the machine is doing now; a key is left out where the system does not tell.

    ``load_average`` over 1, 5, 15 minutes; ``available_memory_mib``; ``swap_used_mib``; ``governor``: all that are in
    use; ``turbo``: whether it is allowed; ``frequency_mhz``: mean, min and max over the cores; ``temperature_c``: of
    the hottest CPU sensor. ``root`` is where /proc and /sys are looked for; load and memory are always this machine's.
    """
    root = Path(root)
    found = {
        "load_average": _load_average(),
        "available_memory_mib": psutil.virtual_memory().available // 2**20,
        "swap_used_mib": _swap_used_mib(),
        "governor": _governors(root),
        "turbo": _turbo(root),
        "frequency_mhz": _frequency_mhz(root),
        "temperature_c": _temperature_c(root),
    }
    return {name: value for name, value in found.items() if value is not None}


def _load_average() -> list[float] | None:
    # On Windows psutil imitates it, with zeros for the first seconds.
    return None if sys.platform == "win32" else [round(load, 2) for load in psutil.getloadavg()]


def _swap_used_mib() -> int | None:
    with warnings.catch_warnings(), contextlib.suppress(OSError, RuntimeError):
        warnings.simplefilter("ignore", RuntimeWarning)  # /proc/vmstat missing: only paging rates need it
        return int(psutil.swap_memory().used // 2**20)
    return None


def _governors(root: Path) -> list[str] | None:
    paths = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
    return sorted({found for path in paths if (found := text(path)) is not None}) or None


def _turbo(root: Path) -> bool | None:
    """intel_pstate says whether it is forbidden, other drivers whether it is allowed."""
    cpu = root / "sys/devices/system/cpu"
    forbidden = number(cpu / "intel_pstate/no_turbo")
    if forbidden is not None:
        return forbidden == 0
    allowed = number(cpu / "cpufreq/boost")
    return None if allowed is None else allowed == 1


def _frequency_mhz(root: Path) -> dict[str, float] | None:
    """What cpufreq says in kHz, else the "cpu MHz" of /proc/cpuinfo, which on a virtual machine is the nominal one."""
    paths = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    mhz = [khz / 1000 for khz in numbers(paths)]
    if not mhz:
        lines = (line.partition(":") for line in (text(root / "proc/cpuinfo") or "").splitlines())
        with contextlib.suppress(ValueError):
            mhz = [float(value) for key, _, value in lines if key.strip() == "cpu MHz"]
    if not mhz:
        return None
    return {"mean": round(fmean(mhz), 1), "min": round(min(mhz), 1), "max": round(max(mhz), 1)}


def _temperature_c(root: Path) -> float | None:
    """The temperature of the CPU's own sensors, or of all thermal zones if none is known."""
    monitors = {path: text(path / "name") for path in root.glob("sys/class/hwmon/hwmon[0-9]*")}
    zones = {path: text(path / "type") for path in root.glob("sys/class/thermal/thermal_zone[0-9]*")}
    own = [
        *(file for path, name in monitors.items() if name in _CPU_SENSORS for file in path.glob("temp*_input")),
        *(path / "temp" for path, kind in zones.items() if kind in _CPU_SENSORS),
    ]
    return _hottest(own) or _hottest([path / "temp" for path in zones])


def _hottest(files: list[Path]) -> float | None:
    """The files hold thousandths of a degree."""
    low, high = _PLAUSIBLE_C
    degrees = [found / 1000 for found in numbers(files)]
    return max((one for one in degrees if low <= one <= high), default=None)
