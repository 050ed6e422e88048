"""How long a set of 50,000 images takes to open and list, in every layout: a table in Markdown.

    python tests/studies/listing.py SCRATCH_FOLDER

Writes small files of the validation set's names and labels below the folder (about 600 MB; left there for the
next time), opens each layout in a fresh process, once to warm the file cache and then three times, and prints the
medians. Times are of ``open_dataset`` alone, and of the whole process with Python's start.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from alexbench.datasets.classes import packaged_labels
from alexbench.datasets.dataset import VALIDATION_COUNT

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.unit.datasets.layout_files import (
    Picture,
    jpeg,
    slim,
    write_flat,
    write_folders,
    write_parquet,
    write_tar,
    write_tfrecords,
)

SHARDS = {"tfrecord": 128, "parquet": 14}
ROUNDS = 3
OPEN = """
import sys, time
from alexbench.datasets.layouts import open_dataset
start = time.perf_counter()
dataset = open_dataset(sys.argv[1])
print(time.perf_counter() - start, len(dataset), dataset.describe(), sep="|")
"""


def shards(pictures: list[Picture], layout: str) -> list[tuple[str, list[Picture]]]:
    """The images cut into as many files as the real set has, and the files' names."""
    of = SHARDS[layout]
    suffix = ".parquet" if layout == "parquet" else ""
    cuts = [len(pictures) * number // of for number in range(of + 1)]
    return [
        (f"validation-{number:05d}-of-{of:05d}{suffix}", pictures[cuts[number] : cuts[number + 1]])
        for number in range(of)
    ]


def write_all(root: Path, pictures: list[Picture]) -> dict[str, Path]:
    """Every layout, written unless it is there."""

    def parquet(path: Path) -> None:
        for name, part in shards(pictures, "parquet"):
            rows = [(picture.name, picture.data, picture.label) for picture in part]
            write_parquet(path / name, rows, row_group_size=100)

    def tfrecord(path: Path) -> None:
        for name, part in shards(pictures, "tfrecord"):
            write_tfrecords(path / name, map(slim, part))

    writers: dict[str, tuple[str, Callable[[Path], object]]] = {
        "wnid folders": ("folders", lambda path: write_folders(path, pictures)),
        "flat folder": ("flat", lambda path: write_flat(path, pictures)),
        "tar": ("val.tar", lambda path: write_tar(path, {picture.name: picture.data for picture in pictures})),
        "TFRecords, 128 files": ("tfrecord", tfrecord),
        "Parquet, 14 files": ("parquet", parquet),
    }
    for name, write in writers.values():
        done = root / f"{name}.done"
        if not done.exists():
            write(root / name)
            done.touch()
    return {said: root / name for said, (name, _) in writers.items()}


def main() -> None:
    """Write the sets, time them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    root = parser.parse_args().folder
    root.mkdir(parents=True, exist_ok=True)
    few = [jpeg(seed) for seed in range(20)]
    labels = packaged_labels()
    pictures = [Picture(number + 1, few[number % len(few)], labels[number]) for number in range(VALIDATION_COUNT)]
    print("| layout | listed in, s | with Python's start, s |\n|---|---:|---:|")
    for said, path in write_all(root, pictures).items():
        inside, outside = [], []
        for number in range(1 + ROUNDS):
            start = time.perf_counter()
            command = [sys.executable, "-P", "-c", OPEN, str(path)]
            line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            if number:
                outside.append(time.perf_counter() - start)
                inside.append(float(line.split("|")[0]))
                assert int(line.split("|")[1]) == VALIDATION_COUNT, line
        print(f"| {said} | {statistics.median(inside):.2f} | {statistics.median(outside):.2f} |")


if __name__ == "__main__":
    main()
