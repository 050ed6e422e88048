"""Memory for the timed processes from one piece: the fragments of free memory are held while they load.

A process that is started first is given what earlier ones left: single pages all over the machine. At batch 1 AlexNet
reads 234 MB of weights an inference, and on a virtual machine each scattered page costs a longer walk through two page
tables: of processes of one program, the first to load was 1 to 4.5 % slower than the next ones, every time. With the
fragments held they agreed within 1 % (docs/measuring.md). Linux only; elsewhere nothing is held.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from alexbench.harness.measure.process import memory_headroom

MOST_OF_AVAILABLE: Final = 0.5
"""Never more than this share of the memory that is free for the taking, here or within a container's limit."""
LEFT_BYTES: Final = 8 * 2**30
"""What stays free at least: four runtimes and a duplicate take 4 to 5 GiB while they load."""
MOST_BYTES: Final = 8 * 2**30
"""Nor more than this: it is touched page by page, at about 2 GiB/s."""


def fragments_bytes(root: str | Path = "/") -> int:
    """Free memory in pieces smaller than the largest that the kernel keeps (4 MiB with pages of 4 KiB); 0 if unknown.

    From /proc/buddyinfo: a line a zone, the numbers of free pieces of 1, 2, 4, ... pages.
    """
    try:
        lines = (Path(root) / "proc/buddyinfo").read_text(encoding="ascii").splitlines()
        counts = [[int(count) for count in line.split("zone", 1)[1].split()[1:]] for line in lines]
    except (OSError, ValueError, IndexError):
        return 0
    return sum(count * mmap.PAGESIZE << order for zone in counts for order, count in enumerate(zone[:-1]))


@contextmanager
def fragments_held(root: str | Path = "/") -> Iterator[int]:
    """Hold as much memory as there is in fragments, in ordinary pages: the kernel gives the smallest pieces first.

    What others allocate meanwhile comes from whole pieces. Yields the number of bytes held.
    """
    headroom = memory_headroom(root)
    available = psutil.virtual_memory().available
    free = available if headroom is None else min(available, headroom)
    most = min(int(MOST_OF_AVAILABLE * free), free - LEFT_BYTES)
    size = min(fragments_bytes(root), most, MOST_BYTES) // mmap.PAGESIZE * mmap.PAGESIZE
    if size <= 0:
        yield 0
        return
    with mmap.mmap(-1, size) as held:
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            held.madvise(mmap.MADV_NOHUGEPAGE)
        held[:: mmap.PAGESIZE] = bytes(size // mmap.PAGESIZE)  # touched: until then it is only promised
        yield size
