"""What of a machine's record keys baselines and history: nothing that a reboot or a minor update changes.

The kernel reports some KiB more or less memory from boot to boot, and its own version grows with each update.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

_STEPS: Final = (1.0, 1.25, 1.5, 1.75)
"""Sizes of memory between two powers of two."""
_INT8: Final = re.compile(r"avx2|avx512(f|bw|vl|_vnni)|avx_vnni(_int8)?|amx_int8")


def machine_key(machine: Mapping[str, Any]) -> dict[str, Any]:
    """A machine's record with memory as it is sold, and the kernel's and the GPUs' drivers' major versions."""
    key = dict(machine)
    if "memory_mib" in key:
        key["memory_mib"] = nominal_mib(key["memory_mib"])
    if isinstance(key.get("os"), str):
        key["os"] = _major(key["os"])
    if isinstance(key.get("gpus"), list):
        key["gpus"] = [_gpu(one) if isinstance(one, dict) else one for one in key["gpus"]]
    return key


def differing(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[str]:
    """The fields in which two machines' records differ by more than a reboot or a minor update."""
    here, there = machine_key(one), machine_key(two)
    keys = [key for key in dict.fromkeys((*one, *two)) if here.get(key) != there.get(key)]
    return [key for key in keys if not (key == "memory_mib" and _near(one.get(key), two.get(key)))]


def int8_flags(machine: Mapping[str, Any]) -> tuple[str, ...]:
    """The CPU flags that decide how int8 kernels add: in 16 bits, which saturate, or in 32."""
    return tuple(flag for flag in machine.get("flags") or () if _INT8.fullmatch(str(flag)))


def _near(one: Any, two: Any) -> bool:
    """Whether two sizes are within 2 %: one may be on each side of an edge."""
    numbers = [value for value in (one, two) if isinstance(value, int | float)]
    return len(numbers) == 2 and abs(numbers[0] - numbers[1]) <= 0.02 * max(numbers)


def nominal_mib(mib: Any) -> Any:
    """The size that memory is sold in: the kernel keeps 1 to 6 % of it. Anything but a number stays.

    Rounded up to 1, 1.25, 1.5 or 1.75 x a power of two: 15.5 GiB are 16, and no usual size is near an edge.
    """
    if not isinstance(mib, int | float) or isinstance(mib, bool) or not math.isfinite(mib) or mib < 1:
        return mib
    power = 2.0 ** math.floor(math.log2(mib))
    return int(next(step * power for step in (*_STEPS, 2.0) if mib <= step * power))


def _gpu(gpu: dict[str, Any]) -> dict[str, Any]:
    driver = gpu.get("driver")
    return {
        **gpu,
        "memory_mib": nominal_mib(gpu.get("memory_mib")),
        "driver": _major(driver) if isinstance(driver, str) else driver,
    }


def _major(version: str) -> str:
    """``Linux 6.8.0-45-generic`` to ``Linux 6``."""
    found = re.match(r"\D*\d+", version)
    return version if found is None else found[0]
