"""Encode the synthetic pictures as JPEG and write a split as a folder of wnid folders."""

import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from PIL import Image

from alexbench.datasets.synthetic.draw import Picture, Split, draw

QUALITY: Final = 92
"""JPEG quality: keeps the fine gratings' contrast, at about 97 KB a picture."""

PROGRESSIVE_EVERY: Final = 20
"""Every twentieth class is written progressive, as some of ImageNet's files are."""

_ORIENTATION_TAG: Final = 0x0112


def encode(picture: Picture, *, progressive: bool = False) -> bytes:
    """Encode as JPEG (4:2:0; mode L when grayscale), with its EXIF orientation unless that is 1."""
    exif = Image.Exif()
    if picture.orientation != 1:
        exif[_ORIENTATION_TAG] = picture.orientation
    buffer = io.BytesIO()
    image = Image.fromarray(picture.pixels)
    image.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0", progressive=progressive, exif=exif)
    return buffer.getvalue()


def picture_name(wnid: str, split: Split, number: int) -> str:
    """File name of a picture, in the manner of ImageNet's: n01440764_val_0.JPEG."""
    return f"{wnid}_{split}_{number}.JPEG"


def write_split(
    folder: Path,
    split: Split,
    per_class: int,
    wnids: Sequence[str],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    max_workers: int | None = None,
) -> int:
    """Write folder/<wnid>/<name>.JPEG for every class and number; class c is wnids[c].

    Draws in `max_workers` processes (default: the cores this process may use; 1 draws in this process). `on_progress`
    is called in this process with (classes done, classes in all). Returns the number of bytes written.
    """
    workers = max_workers or _usable_cores()
    jobs = [(folder / wnid, wnid, index, split, per_class) for index, wnid in enumerate(wnids)]
    with ExitStack() as stack:
        sizes: Iterable[int]
        if workers == 1:
            sizes = map(_write_class, jobs)
        else:
            # spawn: forking a process that has a runtime's threads running can deadlock.
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
            sizes = pool.map(_write_class, jobs, chunksize=8)
        total = 0
        for done, size in enumerate(sizes, 1):
            total += size
            if on_progress:
                on_progress(done, len(jobs))
    return total


def _usable_cores() -> int:
    """Cores this process may run on, at least 1."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _write_class(job: tuple[Path, str, int, Split, int]) -> int:
    """Write one class's pictures; returns their size in bytes."""
    folder, wnid, class_index, split, per_class = job
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for number in range(per_class):
        data = encode(draw(class_index, split, number), progressive=class_index % PROGRESSIVE_EVERY == 0)
        (folder / picture_name(wnid, split, number)).write_bytes(data)
        total += len(data)
    return total
