"""A worker that runs a program from outside gives up the network, and writing anywhere but in its own folder.

Linux only: a seccomp filter refuses new sockets, and Landlock (Linux 5.13) refuses to write. Neither needs root, and
neither can be undone by the process or its children. It is a second line of defence for programs that the user trusts,
and no sandbox: such a program reads what the user may read, and uses the processor as it likes.

Sources: linux/landlock.h, linux/seccomp.h, linux/filter.h; the call numbers of x86-64 and AArch64.
"""

import ctypes
import os
import platform
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SYSCALLS: Final = {"x86_64": (317, 41, 425, 0xC000003E), "aarch64": (277, 198, 425, 0xC00000B7)}
"""Machine -> numbers of seccomp, socket and io_uring_setup, and AUDIT_ARCH."""
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_NO_NEW_PRIVILEGES: Final = 38
_WRITE_FILE: Final = 1 << 1
_CHANGES: Final = sum(1 << bit for bit in (1, *range(4, 13)))
"""Writing, removing and making files and folders of all kinds: the rights of Landlock's first version but reading."""
_TRUNCATE: Final = 1 << 14
_DEVICES: Final = ("null", "nvidia*", "dri/*")
_REFUSE: Final = 0x00050000 | 13  # SECCOMP_RET_ERRNO | EACCES
_ALLOW: Final = 0x7FFF0000


@dataclass(frozen=True, slots=True)
class Confined:
    """What a process gave up."""

    network: bool
    writing: bool

    def __str__(self) -> str:
        """As a record says it."""
        without = [name for name, gone in (("network", self.network), ("writing elsewhere", self.writing)) if gone]
        return f"no {' and no '.join(without)}" if without else "not confined: this system has no means"


def confine(folder: Path) -> Confined:
    """Give up what can be given up, for this process and all that it starts; ``folder`` stays writable.

    To be called before the process has a second thread. What the system cannot refuse stays allowed.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _SYSCALLS:
        return Confined(network=False, writing=False)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return Confined(network=False, writing=False)
    writing = _refuse_writing(libc, folder)
    return Confined(network=_refuse_sockets(libc, machine), writing=writing)


def _refuse_writing(libc: ctypes.CDLL, folder: Path) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    handled = _CHANGES | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("=Q", handled)
    rules = libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    devices = [
        (path, handled & (_WRITE_FILE | _TRUNCATE)) for pattern in _DEVICES for path in Path("/dev").glob(pattern)
    ]
    try:
        for path, rights in [(folder, handled), *devices]:
            _allow(libc, rules, path, rights)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0)
    except OSError:
        return False
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if libc.syscall(_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", rights, beneath), 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_add_rule", str(path))
    finally:
        os.close(beneath)


def _refuse_sockets(libc: ctypes.CDLL, machine: str) -> bool:
    """No socket of any family, no io_uring (which makes sockets without the call), no calls of another machine's."""
    seccomp, socket, io_uring, audit = _SYSCALLS[machine]
    load, equal, larger, give = 0x20, 0x15, 0x35, 0x06
    program = [
        (load, 0, 0, 4),  # seccomp_data.arch
        (equal, 1, 0, audit),
        (give, 0, 0, _REFUSE),
        (load, 0, 0, 0),  # seccomp_data.nr
        (larger, 2, 0, 0x40000000),  # x32's numbers
        (equal, 1, 0, socket),
        (equal, 0, 1, io_uring),
        (give, 0, 0, _REFUSE),
        (give, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filters = struct.pack("@HxxxxxxP", len(program), ctypes.addressof(code))
    # 4: without SECCOMP_FILTER_FLAG_SPEC_ALLOW, kernels before 5.16 slow the whole process down.
    return bool(libc.syscall(seccomp, 1, 4, filters) == 0)
