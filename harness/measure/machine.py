"""The machine: hardware, operating system and the part of it that this process may use.

``machine`` keys baselines and history (machine_key.py), so nothing in it changes from one run to the next. What
a gate compares is in ``environment``, what is of the moment in ``conditions``: three records that must not be mixed.
"""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import psutil

from alexbench.harness.measure.process import affinity, cpu_quota, usable_cores
from alexbench.harness.measure.sysfiles import fields, numbers, text
from alexbench.harness.records.machine_key import nominal_mib

_FLAGS: Final = {
    "flags": re.compile(r"sse4_[12]|avx.*|fma4?|f16c|amx_.*"),
    "Features": re.compile(r"neon|vfpv4|asimd.*|fphp|sve.*|sme.*|bf16|i8mm"),
}
"""CPU features by which the runtimes choose their kernels, by what /proc/cpuinfo calls the line: x86's, Arm's."""

_HYPERVISORS: Final = {
    "KVM": "kvm",
    "KubeVirt": "kvm",
    "OpenStack": "kvm",
    "Amazon EC2": "amazon",
    "Google Compute Engine": "google",
    "Virtual Machine": "microsoft",
    "Hyper-V": "microsoft",
    "QEMU": "qemu",
    "VMware": "vmware",
    "VMW": "vmware",
    "VirtualBox": "oracle",
    "innotek GmbH": "oracle",
    "Xen": "xen",
    "HVM domU": "xen",
    "Bochs": "bochs",
    "Parallels": "parallels",
    "BHYVE": "bhyve",
    "Apple Virtualization": "apple",
}
"""How a product name or a vendor begins where there is a hypervisor: systemd-detect-virt's table, and its names."""

_CONTAINERS: Final = {"kubepods": "kubernetes", "docker": "docker", "libpod": "podman", "lxc": "lxc"}
_PROGRAM_LIMIT_S: Final = 5.0


def machine(root: str | Path = "/") -> dict[str, Any]:
    """What must be equal for speeds to be compared; JSON through and through.

    ``memory_mib``: as it is sold; the kernel's own figure is not the same after each boot.
    ``flags``: those that change the speed of inference, sorted. ``cache_kib``: of the first core, L2 and outwards.
    ``cpu_quota``: CPUs a second that a control group allows. ``affinity``: core numbers. ``hypervisor``, ``container``:
    names, None if unknown. ``gpus``: NVIDIA's, as nvidia-smi lists them. Anything else that the system does not
    tell is None or empty. ``root`` is where /proc and /sys are looked for; what psutil counts is always this machine's.
    """
    root = Path(root)
    info = fields(root / "proc/cpuinfo")
    virtualised, hypervisor = _virtualisation(root, info)
    return {
        "cpu": _cpu_model(info),
        "vendor": info.get("vendor_id") or info.get("CPU implementer"),
        "family": info.get("cpu family") or info.get("CPU architecture"),
        "model": info.get("model") or info.get("CPU part"),
        "stepping": info.get("stepping") or _arm_revision(info),
        "flags": _flags(info),
        "logical_cores": psutil.cpu_count() or 1,
        "physical_cores": psutil.cpu_count(logical=False),
        **_topology(root),
        "usable_cores": usable_cores(),
        "affinity": affinity(),
        "cpu_quota": cpu_quota(root),
        "cache_kib": _caches(root),
        "memory_mib": nominal_mib(psutil.virtual_memory().total / 2**20),
        "architecture": platform.machine(),
        "os": f"{platform.system()} {platform.release()}",
        "virtualised": virtualised,
        "hypervisor": hypervisor,
        "container": _container(root),
        "gpus": _nvidia_gpus(),
    }


def _cpu_model(info: dict[str, str]) -> str:
    if "model name" in info:
        return info["model name"]
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or "unknown"


def _flags(info: dict[str, str]) -> list[str]:
    return sorted(
        {flag for key, wanted in _FLAGS.items() for flag in info.get(key, "").split() if wanted.fullmatch(flag)}
    )


def _arm_revision(info: dict[str, str]) -> str | None:
    """As Arm writes it: r1p0 is variant 0x1, revision 0."""
    if "CPU variant" not in info or "CPU revision" not in info:
        return None
    return f"r{int(info['CPU variant'], 0)}p{info['CPU revision']}"


def _topology(root: Path) -> dict[str, int | None]:
    """Threads of the core that has most (a hybrid CPU has both kinds), sockets, NUMA nodes."""
    cpus = root / "sys/devices/system/cpu"
    siblings = [_list_length(text(path)) for path in cpus.glob("cpu[0-9]*/topology/thread_siblings_list")]
    sockets = set(numbers(cpus.glob("cpu[0-9]*/topology/physical_package_id")))
    nodes = sum(1 for _ in root.glob("sys/devices/system/node/node[0-9]*"))
    return {
        "threads_per_core": max(siblings, default=0) or None,
        "sockets": len(sockets) or None,
        "numa_nodes": nodes or None,
    }


def usable_physical_cores(root: str | Path = "/") -> int | None:
    """Cores that this process may use, hyperthreads of one core counted once; None where the system does not tell."""
    mine = affinity()
    cpus = Path(root) / "sys/devices/system/cpu"
    shared = {text(cpus / f"cpu{core}/topology/thread_siblings_list") for core in mine or ()}
    return None if None in shared or not shared else len(shared)


def _list_length(cores: str | None) -> int:
    """The length of a list such as "0-3,8"."""
    found = re.findall(r"(\d+)(?:-(\d+))?", cores or "")
    return sum(int(last or first) - int(first) + 1 for first, last in found)


def _caches(root: Path) -> dict[str, int]:
    """KiB by level: ``{"L2": 1024, "L3": 32768}``, empty where the kernel does not tell."""
    sizes: dict[str, int] = {}
    for index in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index[0-9]*")):
        level, size = text(index / "level"), re.fullmatch(r"(\d+)([KM])", text(index / "size") or "")
        if level is not None and level != "1" and size is not None:
            sizes[f"L{level}"] = int(size[1]) * (1024 if size[2] == "M" else 1)
    return sizes


def _virtualisation(root: Path, info: dict[str, str]) -> tuple[bool | None, str | None]:
    """Whether there is a hypervisor, and its name where one is told.

    x86 has a flag for it, which is believed before the firmware's names: an EC2 machine may well be bare metal.
    """
    flag = None if "flags" not in info else "hypervisor" in info["flags"].split()
    if flag is False:
        return False, None
    name = text(root / "sys/hypervisor/type") or _named_in_firmware(root / "sys/class/dmi/id")
    return (True if name else flag), name


def _named_in_firmware(dmi: Path) -> str | None:
    product, vendor = (text(dmi / name) or "" for name in ("product_name", "sys_vendor"))
    if ".metal" in product:  # so EC2 names what it rents out whole
        return None
    return next(
        (name for start, name in _HYPERVISORS.items() if product.startswith(start) or vendor.startswith(start)), None
    )


def _container(root: Path) -> str | None:
    """The container's kind by the marks that its makers leave; None where there is no mark."""
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    groups = text(root / "proc/self/cgroup") or ""
    return text(root / "run/systemd/container") or next(
        (name for mark, name in _CONTAINERS.items() if mark in groups), None
    )


def _nvidia_gpus() -> list[dict[str, Any]]:
    """Name, memory and driver of each GPU; empty without nvidia-smi or where it does not answer."""
    if shutil.which("nvidia-smi") is None:
        return []
    asked = "--query-gpu=name,memory.total,driver_version"
    rows = (line.split(", ") for line in _output("nvidia-smi", asked, "--format=csv,noheader,nounits").splitlines())
    return [_gpu(row) for row in rows if len(row) == 3]


def _gpu(row: Iterable[str]) -> dict[str, Any]:
    """Memory is None where nvidia-smi says [N/A], as for one that shares the CPU's."""
    name, memory, driver = row
    return {"name": name, "memory_mib": int(memory) if memory.isdecimal() else None, "driver": driver}


def _output(*command: str) -> str:
    """What a program says; empty where there is none, it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROGRAM_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
