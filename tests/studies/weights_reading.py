"""How long reading full-size weights takes, and how much memory: the figures of docs/decisions/0008.

    PYTHONPATH=. python tests/studies/weights_reading.py FOLDER

FOLDER is scratch space, 2 GB. Each file is written by the library that others write it with, read once to have it in
the page cache, and then read, and converted, in a fresh process each; the median and the largest of ROUNDS.
"""

import argparse
import shutil
import statistics
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.full_size import FORMATS, write_full_size
from tests.support.reading import Outcome, read_apart

ROUNDS: Final = 5
MIB: Final = 2**20


def rounds(source: Path, network: str, digest: str, flatten: str | None, folder: Path | None) -> list[Outcome]:
    """ROUNDS outcomes, all right."""
    outcomes = []
    for _ in range(ROUNDS + 1):
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        outcome = read_apart(source, network, folder=folder, flatten=flatten)
        assert outcome.digest == digest, outcome
        outcomes.append(outcome)
    return outcomes[1:]


def main() -> None:
    """Write, read, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    scratch = parser.parse_args().folder
    print("| format | MB of weights | read, s | convert, s | anonymous memory, reading | converting |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, (network, _) in FORMATS.items():
        folder = scratch / "file"
        folder.mkdir(parents=True)
        source, digest = write_full_size(name, folder)
        size = (folder / f"{digest}.safetensors").stat().st_size
        flatten = name.partition(", ")[2] if name.startswith("checkpoint") else None
        reading = rounds(source, network, digest, flatten, None)
        converting = rounds(source, network, digest, flatten, scratch / "cache")
        seconds = " | ".join(f"{statistics.median(one.seconds for one in each):.2f}" for each in (reading, converting))
        memory = " | ".join(
            f"{max(one.anonymous for one in each) / MIB:.0f} MiB ({max(one.anonymous for one in each) / size:.2f} x)"
            for each in (reading, converting)
        )
        print(f"| {name} | {size / 1e6:.0f} | {seconds} | {memory} |", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
