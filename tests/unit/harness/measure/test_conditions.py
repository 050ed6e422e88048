"""The conditions of a moment: what made-up /proc and /sys trees say, and nothing that they do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.measure.conditions import conditions

ALWAYS = {"load_average", "available_memory_mib", "swap_used_mib"}
CPU = "sys/devices/system/cpu"


def said(root: Path, path: str, content: object) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(f"{content}\n", encoding="utf-8")


def exposed(root: Path) -> dict[str, Any]:
    return {key: value for key, value in conditions(root).items() if key not in ALWAYS}


def test_conditions_are_of_the_moment() -> None:
    found = conditions()
    assert set(found) >= {"available_memory_mib", "swap_used_mib"}
    assert set(found) <= {*ALWAYS, "governor", "turbo", "frequency_mhz", "temperature_c"}
    assert len(found.get("load_average", (0, 0, 0))) == 3
    assert None not in found.values()
    assert json.loads(json.dumps(found)) == found


def test_what_is_not_exposed_is_left_out(tmp_path: Path) -> None:
    assert exposed(tmp_path) == {}


def test_the_governors_of_all_cores_are_told(tmp_path: Path) -> None:
    for core, governor in enumerate(("powersave", "performance", "powersave")):
        said(tmp_path, f"{CPU}/cpu{core}/cpufreq/scaling_governor", governor)
    assert exposed(tmp_path) == {"governor": ["performance", "powersave"]}


@pytest.mark.parametrize(
    ("path", "content", "turbo"),
    [
        ("intel_pstate/no_turbo", 0, True),
        ("intel_pstate/no_turbo", 1, False),
        ("cpufreq/boost", 1, True),
        ("cpufreq/boost", 0, False),
    ],
)
def test_turbo_is_told_by_either_driver(path: str, content: int, turbo: bool, tmp_path: Path) -> None:
    said(tmp_path, f"{CPU}/{path}", content)
    assert exposed(tmp_path) == {"turbo": turbo}


def test_the_frequency_is_that_of_the_driver(tmp_path: Path) -> None:
    said(tmp_path, "proc/cpuinfo", "processor\t: 0\ncpu MHz\t\t: 1000.000")
    for core, khz in enumerate((800_000, 3_400_000)):
        said(tmp_path, f"{CPU}/cpu{core}/cpufreq/scaling_cur_freq", khz)
    assert exposed(tmp_path) == {"frequency_mhz": {"mean": 2100.0, "min": 800.0, "max": 3400.0}}


def test_the_frequency_without_a_driver_is_that_of_cpuinfo(tmp_path: Path) -> None:
    said(tmp_path, "proc/cpuinfo", "cpu MHz\t\t: 2599.998\nflags\t: fpu\n\nprocessor\t: 1\ncpu MHz\t\t: 2400.0")
    assert exposed(tmp_path) == {"frequency_mhz": {"mean": 2500.0, "min": 2400.0, "max": 2600.0}}


def test_the_temperature_is_of_the_hottest_cpu_sensor_not_of_a_disk(tmp_path: Path) -> None:
    said(tmp_path, "sys/class/hwmon/hwmon0/name", "nvme")
    said(tmp_path, "sys/class/hwmon/hwmon0/temp1_input", 88_000)
    said(tmp_path, "sys/class/hwmon/hwmon1/name", "coretemp")
    said(tmp_path, "sys/class/hwmon/hwmon1/temp1_input", 61_500)
    said(tmp_path, "sys/class/hwmon/hwmon1/temp2_input", 59_000)
    said(tmp_path, "sys/class/hwmon/hwmon1/temp2_crit", 100_000)
    assert exposed(tmp_path) == {"temperature_c": 61.5}


def test_without_a_sensor_known_as_the_cpus_it_is_of_the_hottest_zone(tmp_path: Path) -> None:
    for zone, milli in enumerate((27_800, 41_250, -128_000, 255_000, 0)):
        said(tmp_path, f"sys/class/thermal/thermal_zone{zone}/type", "soc")
        said(tmp_path, f"sys/class/thermal/thermal_zone{zone}/temp", milli)
    assert exposed(tmp_path) == {"temperature_c": 41.25}


def test_sensors_that_are_not_connected_tell_no_temperature(tmp_path: Path) -> None:
    said(tmp_path, "sys/class/thermal/thermal_zone0/temp", 0)
    said(tmp_path, "sys/class/thermal/thermal_zone1/temp", "nonsense")
    assert exposed(tmp_path) == {}
