"""How fast images get to the backends: the figures of docs/evidence/performance.md.

    python tests/studies/dataset_performance.py FOLDER [prepare] [accuracy] [end-to-end] [memory]

FOLDER is scratch space: 1 GB for ``prepare``, 2 GB for ``end-to-end``, 12 GB for ``memory``. Needs the four runtimes
and a quiet machine; compare within one run of it, never across. The images are synthetic ones of 500 x 375.
"""

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import psutil
from PIL import Image

from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.prepared import prepare
from alexbench.datasets.synthetic.draw import draw
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import load_card
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import write_weights

DRAWN: Final = 200
ROUNDS: Final = 5
FAST: Final = 4_000
END_TO_END: Final = 5_000
FULL: Final = 50_000
MIB: Final = 2**20


def jpegs(folder: Path, count: int) -> Path:
    """``count`` JPEG files of 500 x 375, in class-index folders: DRAWN different ones, repeated."""
    if len(list(folder.glob("*/*"))) == count:
        return folder
    encoded = []
    for index in range(DRAWN):
        buffer = io.BytesIO()
        Image.fromarray(draw(index, "val", 0).pixels).convert("RGB").resize((500, 375)).save(buffer, "JPEG", quality=92)
        encoded.append(buffer.getvalue())
    for place in range(count):
        inside = folder / str(place % 1000)
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"{place:06}.JPEG").write_bytes(encoded[place % DRAWN])
    print(f"images: {count:,}, {statistics.mean(map(len, encoded)) / 1000:.0f} kB each on average", flush=True)
    return folder


def pillow_alone(folder: Path, target: Path) -> float:
    """Seconds of a plain Pillow pipeline in one process, torchvision's preprocessing, into a mapped file."""
    files = sorted(folder.glob("*/*"))
    start = time.perf_counter()
    out = np.lib.format.open_memmap(target, mode="w+", dtype=np.uint8, shape=(len(files), 224, 224, 3))
    for place, file in enumerate(files):
        with Image.open(file) as image:
            rgb = image.convert("RGB")
        short = min(rgb.size)
        size = tuple(256 if side == short else int(256 * side / short) for side in rgb.size)
        left, top = (round((side - 224) / 2) for side in size)
        resized = rgb.resize(size, Image.Resampling.BILINEAR)
        out[place] = np.asarray(resized.crop((left, top, left + 224, top + 224)))
    return time.perf_counter() - start


def preparation(scratch: Path) -> None:
    """Images a second of ``prepare`` on all cores and of Pillow alone, in turns."""
    folder = jpegs(scratch / "fast", FAST)
    card = load_card("torchvision")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        theirs.append(FAST / pillow_alone(folder, scratch / "alone.npy"))
        start = time.perf_counter()
        found = prepare(open_dataset(folder), card.preprocessing, scratch / "cache", workers=usable_cores())
        ours.append(FAST / (time.perf_counter() - start))
        same = (
            found.pixels[:100].tobytes() == np.load(scratch / "alone.npy", mmap_mode="r")[found_order(folder)].tobytes()
        )
        assert same, "the two pipelines give other pixels"
        shutil.rmtree(scratch / "cache")
    (scratch / "alone.npy").unlink()
    print(f"prepare on {usable_cores()} cores: {said(ours)} images/s; Pillow in one process: {said(theirs)}")
    print(f"ratio, round by round: {said([one / other for one, other in zip(ours, theirs, strict=True)], 2)}")


def found_order(folder: Path) -> list[int]:
    """Where the first 100 images of the data set are in the order of the paths."""
    paths = [file.relative_to(folder).as_posix() for file in sorted(folder.glob("*/*"))]
    place = {path: index for index, path in enumerate(paths)}
    return [place[sample.file] for sample in open_dataset(folder).samples[:100]]


def accuracy(scratch: Path) -> None:
    """Accuracy's rate from a prepared set against the backend's own batch throughput, in the same run."""
    folder = run(scratch / "runs")
    frame = pd.read_csv(folder / "leaderboard.csv")
    for row in frame.to_dict("records"):
        ratio = row["accuracy_images_per_second"] / row["images_per_second"]
        print(
            f"{row['backend']}: accuracy {row['accuracy_images_per_second']:.1f} images/s, batch throughput"
            f" {row['images_per_second']:.1f}, ratio {ratio:.3f}"
        )


def end_to_end(scratch: Path) -> None:
    """Wall time from JPEG files to the leaderboard against pure inference and one preparation."""
    folder = jpegs(scratch / "many", END_TO_END)
    card = load_card("torchvision")
    weights, _ = write_weights(seeded_weights(card.build_network().parameter_shapes, 1), scratch / "weights")
    start = time.perf_counter()
    prepare(open_dataset(folder), card.preprocessing, scratch / "once", workers=usable_cores())
    preparing = time.perf_counter() - start
    shutil.rmtree(scratch / "once")
    flags = ("--data", str(folder), "--weights", str(weights))
    start = time.perf_counter()
    done = run(scratch / "runs", *flags, "--only", "accuracy", cache=scratch / "fresh")
    wall = time.perf_counter() - start
    shutil.rmtree(scratch / "fresh")
    speed = run(scratch / "runs", "--only", "performance")
    rates = pd.read_csv(speed / "leaderboard.csv").set_index("backend")["images_per_second"]
    pure = float((END_TO_END / rates).sum())
    passes = sum(row["accuracy"]["seconds"] for row in json.loads((done / "run.json").read_text())["systems"])
    print(
        f"wall {wall:.1f} s; pure inference {pure:.1f} s ({len(rates)} backends, by their batch throughput),"
        f" preparation {preparing:.1f} s: ratio {wall / (pure + preparing):.3f}"
    )
    print(f"the accuracy passes themselves took {passes:.1f} s")


def memory(scratch: Path) -> None:
    """Anonymous memory of every process of the command while FULL images are prepared and evaluated."""
    folder = jpegs(scratch / "full", FULL)
    card = load_card("torchvision")
    weights, _ = write_weights(seeded_weights(card.build_network().parameter_shapes, 1), scratch / "weights")
    flags = ["--data", str(folder), "--weights", str(weights), "--only", "accuracy", "--backend", "openvino"]
    for title, limit in (("baseline, 64 images", ["--limit", "64"]), (f"{FULL:,} images", [])):
        peak: dict[str, float] = {}
        start = time.perf_counter()
        run(scratch / "runs", *flags, *limit, cache=scratch / "full-cache", watch=partial(note_peak, peak=peak))
        parts = ", ".join(f"{what} {value:.0f}" for what, value in sorted(peak.items()))
        print(f"{title}: peak RssAnon in MiB: {parts}; {time.perf_counter() - start:.0f} s", flush=True)
    shutil.rmtree(scratch / "full-cache")


def note_peak(pid: int, peak: dict[str, float]) -> None:
    """Raise ``peak`` to the anonymous memory of each kind of process below ``pid``, and of all together."""
    now: dict[str, float] = {}
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
            anonymous = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))
            words = " ".join(process.cmdline())
            kind = "preparing" if "datasets.prepared" in words else "worker" if "harness.worker" in words else "command"
            now[kind] = now.get(kind, 0.0) + anonymous / 1024
    except (psutil.Error, OSError, StopIteration):
        return
    now["together"] = sum(now.values())
    for kind, value in now.items():
        peak[kind] = max(peak.get(kind, 0.0), value)


def run(out: Path, *flags: str, cache: Path | None = None, watch: Callable[[int], None] | None = None) -> Path:
    """``alexbench run``, and where its folder is."""
    environment = {**os.environ, **({"ALEXBENCH_CACHE": str(cache)} if cache else {})}
    before = set(out.iterdir()) if out.exists() else set()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "alexbench.harness", "run", "--out", str(out), *flags],
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    if watch is not None:
        threading.Thread(target=_watch, args=(process, watch), daemon=True).start()
    if process.wait() != 0:
        raise SystemExit(f"alexbench run {' '.join(flags)}: exit code {process.returncode}")
    (made,) = set(out.iterdir()) - before
    return made


def _watch(process: "subprocess.Popen[bytes]", watch: Callable[[int], None]) -> None:
    while process.poll() is None:
        watch(process.pid)
        time.sleep(0.2)


def said(values: list[float], digits: int = 0) -> str:
    """Median, and the smallest and largest."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


MEASUREMENTS: Final = {
    "prepare": preparation,
    "accuracy": accuracy,
    "end-to-end": end_to_end,
    "memory": memory,
}


def main() -> None:
    """Measure what was asked for, or all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []], default=[])
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in asked.what or MEASUREMENTS:
        print(f"## {name}", flush=True)
        MEASUREMENTS[name](asked.folder.resolve())


if __name__ == "__main__":
    main()
