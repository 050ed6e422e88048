"""Machine, environment, conditions: three records that must not be mixed.

``machine`` keys baselines and history; ``environment`` is what a gate compares; ``conditions`` are of the moment.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import psutil

from alexbench.harness.measure.process import usable_cores

RUNTIME_DISTRIBUTIONS: Final = ("numpy", "pandas", "pillow", "pyarrow", "safetensors")
"""Ours whose version can change a number or a pixel; the backends' own are added by the caller."""

VARIABLE_PREFIXES: Final = (
    "OMP_",
    "KMP_",
    "MKL_",
    "ONEDNN_",
    "DNNL_",
    "OPENBLAS_",
    "TF_",
    "XLA_",
    "CUDA_",
    "OV_",
    "ORT_",
)
VARIABLES: Final = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "LD_PRELOAD", "MALLOC_ARENA_MAX")


def machine() -> dict[str, Any]:
    """The hardware and operating system: what must be equal for speeds to be compared."""
    return {
        "cpu": _cpu_model(),
        "logical_cores": psutil.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "memory_mib": psutil.virtual_memory().total // 2**20,
        "architecture": platform.machine(),
        "os": f"{platform.system()} {platform.release()}",
        "virtualised": _is_virtualised(),
    }


def environment(distributions: tuple[str, ...]) -> dict[str, Any]:
    """Python, package versions and the variables that change runtimes."""
    return {
        "python": platform.python_version(),
        "packages": _versions((*RUNTIME_DISTRIBUTIONS, *distributions)),
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(VARIABLE_PREFIXES) or name in VARIABLES
        },
        "git": _git_state(),
    }


def conditions() -> dict[str, Any]:
    """Load averages and available memory at this moment."""
    one, five, fifteen = psutil.getloadavg()
    return {
        "load_average": [round(one, 2), round(five, 2), round(fifteen, 2)],
        "available_memory_mib": psutil.virtual_memory().available // 2**20,
    }


def _versions(distributions: tuple[str, ...]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in sorted(set(distributions)):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _cpu_model() -> str:
    info = _cpuinfo()
    if "model name" in info:
        return info["model name"]
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or "unknown"


def _is_virtualised() -> bool | None:
    """Whether a hypervisor says so; None where the system does not tell."""
    flags = _cpuinfo().get("flags")
    return None if flags is None else "hypervisor" in flags.split()


def _cpuinfo() -> dict[str, str]:
    """/proc/cpuinfo's first processor, empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def _git_state() -> str | None:
    """The commit of the working directory, with ``-dirty`` where it differs; None outside a repository."""
    return _output("git", "describe", "--always", "--dirty", "--abbrev=12") or None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
