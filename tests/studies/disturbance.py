"""Disturbing the machine on purpose, for the studies of timing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

Disturbance = Literal["quiet", "load", "burn", "fragments"]

_LOAD: Final = """
import random, sys, time
draw = random.Random(int(sys.argv[1]))
while True:
    end = time.monotonic() + draw.uniform(0.05, 3)
    while time.monotonic() < end:
        sum(range(10_000))
    time.sleep(draw.uniform(0.05, 3))
"""
_BURN: Final = "while True: sum(range(10_000))"
_FRAGMENTS: Final = """
import mmap, random, sys, time
# Touch most of free memory page by page, then give back every other page in random order: what is free is in pieces.
size = int(sys.argv[1]) << 20
held = mmap.mmap(-1, size)
held.madvise(mmap.MADV_NOHUGEPAGE)
held[:: mmap.PAGESIZE] = bytes(size // mmap.PAGESIZE)
places = list(range(0, size, 2 * mmap.PAGESIZE))
random.Random(1).shuffle(places)
for place in places:
    held.madvise(mmap.MADV_DONTNEED, place, mmap.PAGESIZE)
print("ready", flush=True)
time.sleep(86400)
"""
FRAGMENTED_MIB: Final = 12_000


@contextmanager
def disturbed(by: Disturbance, seed: int = 1) -> Iterator[None]:
    """A process of ours during a measurement: random spells of one core, a whole core, or scattered memory."""
    programs = {"load": (_LOAD, str(seed)), "burn": (_BURN, ""), "fragments": (_FRAGMENTS, str(FRAGMENTED_MIB))}
    if by == "quiet":
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", *programs[by]], stdout=subprocess.PIPE)
    try:
        if by == "fragments":
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
