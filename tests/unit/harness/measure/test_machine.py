"""The machine: what keys a baseline, read from made-up /proc and /sys trees and from this one."""

import json
import platform
from pathlib import Path

import pytest

from alexbench.harness.measure import machine as module
from alexbench.harness.measure.machine import machine

XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C
stepping\t: 8
flags\t\t: fpu smep avx2 avx amx_bf16 avx512_vnni f16c fma sse4_2 sme ssse3{hypervisor}

processor\t: 1
model name\t: another
"""
GRAVITON = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes asimdhp cpuid asimddp sve i8mm bf16 sha512
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""


def write(root: Path, **files: str) -> None:
    """Files below ``root``, by path with ``__`` for a slash."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def said(root: Path, path: str, content: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content + "\n", encoding="utf-8")


def test_machine_is_what_keys_a_baseline_and_nothing_of_the_moment() -> None:
    found = machine()
    assert set(found) == {
        *("cpu", "vendor", "family", "model", "stepping", "flags", "architecture", "cache_kib"),
        *("logical_cores", "physical_cores", "threads_per_core", "sockets", "numa_nodes"),
        *("usable_cores", "affinity", "cpu_quota", "memory_mib", "os"),
        *("virtualised", "hypervisor", "container", "gpus"),
    }
    assert found == machine()
    assert found["cpu"]
    assert 1 <= found["usable_cores"] <= found["logical_cores"]
    assert found["memory_mib"] > 256
    assert found["os"] == f"{platform.system()} {platform.release()}"
    assert json.loads(json.dumps(found)) == found


def test_a_processor_is_named_with_the_flags_that_change_speed_and_no_others(tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo=XEON.format(hypervisor=""))
    found = machine(tmp_path)
    assert found["cpu"] == "Intel(R) Xeon(R) Platinum 8481C"
    assert [found[key] for key in ("vendor", "family", "model", "stepping")] == ["GenuineIntel", "6", "143", "8"]
    # smep and sme are x86's memory protection, for all that Arm's sme is matrix arithmetic.
    assert found["flags"] == ["amx_bf16", "avx", "avx2", "avx512_vnni", "f16c", "fma", "sse4_2"]


def test_an_arm_processor_is_named_by_its_numbers(tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo=GRAVITON)
    found = machine(tmp_path)
    assert [found[key] for key in ("vendor", "family", "model", "stepping")] == ["0x41", "8", "0xd40", "r1p1"]
    assert found["flags"] == ["asimd", "asimddp", "asimdhp", "bf16", "i8mm", "sve"]


def test_cores_sockets_nodes_and_caches_are_those_of_the_topology(tmp_path: Path) -> None:
    cpus = "sys/devices/system/cpu"
    for core, siblings, socket in ((0, "0,4", 0), (1, "1,5", 0), (2, "2", 1), (10, "10", 1)):
        said(tmp_path, f"{cpus}/cpu{core}/topology/thread_siblings_list", siblings)
        said(tmp_path, f"{cpus}/cpu{core}/topology/physical_package_id", str(socket))
    for index, level, size in ((0, 1, "48K"), (1, 1, "32K"), (2, 2, "2048K"), (3, 3, "32M")):
        said(tmp_path, f"{cpus}/cpu0/cache/index{index}/level", str(level))
        said(tmp_path, f"{cpus}/cpu0/cache/index{index}/size", size)
    said(tmp_path, f"{cpus}/cpufreq/boost", "1")
    for node in (0, 1):
        (tmp_path / f"sys/devices/system/node/node{node}").mkdir(parents=True)
    found = machine(tmp_path)
    assert (found["threads_per_core"], found["sockets"], found["numa_nodes"]) == (2, 2, 2)
    assert found["cache_kib"] == {"L2": 2048, "L3": 32768}


@pytest.mark.parametrize(("cores", "length"), [("0", 1), ("0-3,8", 5), ("0,64", 2), ("", 0), (None, 0)])
def test_a_list_of_cores_is_counted(cores: str | None, length: int) -> None:
    assert module._list_length(cores) == length


def test_what_a_system_does_not_tell_is_none_or_empty(tmp_path: Path) -> None:
    found = machine(tmp_path)
    unknown = ("vendor", "family", "model", "stepping", "threads_per_core", "sockets", "numa_nodes", "cpu_quota")
    assert [found[key] for key in unknown] == [None] * len(unknown)
    assert [found[key] for key in ("virtualised", "hypervisor", "container")] == [None, None, None]
    assert found["flags"] == []
    assert found["cache_kib"] == {}


def test_a_quota_is_part_of_the_machine(tmp_path: Path) -> None:
    said(tmp_path, "sys/fs/cgroup/cpu.max", "150000 100000")
    assert machine(tmp_path)["cpu_quota"] == 1.5


@pytest.mark.parametrize(("flag", "virtual"), [(" hypervisor", True), (" hypervisors", False), ("", False)])
def test_a_hypervisor_is_told_by_its_flag(flag: str, virtual: bool, tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo=XEON.format(hypervisor=flag))
    assert machine(tmp_path)["virtualised"] is virtual


@pytest.mark.parametrize(
    ("product", "vendor", "name"),
    [
        ("KVM", "Red Hat", "kvm"),
        ("Standard PC (Q35 + ICH9, 2009)", "QEMU", "qemu"),
        ("c7i.large", "Amazon EC2", "amazon"),
        ("Google Compute Engine", "Google", "google"),
        ("Virtual Machine", "Microsoft Corporation", "microsoft"),
        ("VMware7,1", "VMware, Inc.", "vmware"),
        ("PowerEdge R750", "Dell Inc.", None),
        ("Surface Pro", "Microsoft Corporation", None),
    ],
)
def test_a_hypervisor_is_named_by_the_firmware(product: str, vendor: str, name: str | None, tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo=XEON.format(hypervisor=" hypervisor"))
    said(tmp_path, "sys/class/dmi/id/product_name", product)
    said(tmp_path, "sys/class/dmi/id/sys_vendor", vendor)
    assert machine(tmp_path)["hypervisor"] == name


def test_a_hypervisor_without_a_flag_is_known_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, proc__cpuinfo=GRAVITON, sys__hypervisor__type="xen\n")
    found = machine(tmp_path)
    assert (found["virtualised"], found["hypervisor"]) == (True, "xen")


@pytest.mark.parametrize(("cpu", "virtual"), [(XEON.format(hypervisor=""), False), (GRAVITON, None)])
def test_bare_metal_that_a_cloud_rents_out_is_no_virtual_machine(
    cpu: str, virtual: bool | None, tmp_path: Path
) -> None:
    write(tmp_path, proc__cpuinfo=cpu)
    said(tmp_path, "sys/class/dmi/id/product_name", "c7g.metal")
    said(tmp_path, "sys/class/dmi/id/sys_vendor", "Amazon EC2")
    found = machine(tmp_path)
    assert (found["virtualised"], found["hypervisor"]) == (virtual, None)


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("run/systemd/container", "systemd-nspawn", "systemd-nspawn"),
        ("proc/self/cgroup", "4:cpu:/kubepods/burstable/pod1/docker-2", "kubernetes"),
        ("proc/self/cgroup", "0::/system.slice/docker-2.scope", "docker"),
        ("proc/self/cgroup", "0::/user.slice", None),
    ],
)
def test_a_container_is_known_by_its_mark(path: str, content: str, kind: str | None, tmp_path: Path) -> None:
    said(tmp_path, path, content)
    assert machine(tmp_path)["container"] == kind


def nvidia_smi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.skipif(platform.system() == "Windows", reason="the stand-in is a shell script")
def test_gpus_are_those_that_nvidia_smi_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["NVIDIA H200, 143771, 570.86.15", "NVIDIA GB10, [N/A], 580.95.05"]
    nvidia_smi(tmp_path, "\n".join(f"echo '{row}'" for row in rows), monkeypatch)
    assert machine(tmp_path)["gpus"] == [
        {"name": "NVIDIA H200", "memory_mib": 143771, "driver": "570.86.15"},
        {"name": "NVIDIA GB10", "memory_mib": None, "driver": "580.95.05"},
    ]


@pytest.mark.skipif(platform.system() == "Windows", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    "script",
    ["echo 'NVIDIA-SMI has failed, because it could not talk, to the driver'; exit 9", "echo nothing", "exec sleep 60"],
)
def test_an_nvidia_smi_that_fails_or_hangs_lists_none(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PROGRAM_LIMIT_S", 0.5)
    nvidia_smi(tmp_path, script, monkeypatch)
    assert machine(tmp_path)["gpus"] == []


def test_without_nvidia_smi_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert machine()["gpus"] == []
