"""How long ``alexbench models export`` takes, in every format: a table in Markdown.

    python tests/studies/export_times.py [--model CARD] [--rounds 3] [FOLDER]

Every export is a command of its own into FOLDER (a temporary one by default; 1 GB), with the card's synthetic weights,
which must be in the cache for the times to be an export's: the first round of several is not counted.
Medians of wall seconds: writing (the runtime's start included), loading back and comparing (the same), and the
whole command, which also reads the weights once and hashes the file. Memory is that of the largest process (Linux).
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from alexbench.harness.exporting.routes import Route, known_routes


def timed(route: Route, model: str, folder: Path) -> tuple[dict[str, Any], float, float]:
    """What the command said, its wall seconds, and the MiB of its largest process."""
    target = folder / f"network{route.form.suffix}"
    command = [sys.executable, "-P", "-m", "alexbench.harness", "models", "export", model, "--json"]
    command += ["--to", route.form.name, "--out", str(target)]
    if route.form.via is not None:
        command += ["--via", route.form.via]
    said = folder / "said.json"
    start = time.perf_counter()
    with said.open("wb") as out, (folder / "progress.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=out, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit((folder / "progress.log").read_text(encoding="utf-8"))
    return json.loads(said.read_text(encoding="utf-8")), seconds, usage.ru_maxrss / 1024


def measure(route: Route, model: str, rounds: int, where: Path | None) -> str:
    """A row of the table."""
    seen = []
    for _ in range(rounds + (rounds > 1)):
        with TemporaryDirectory(dir=where, prefix="export-") as made:
            seen.append(timed(route, model, Path(made)))
    counted = seen[1:] or seen
    said = counted[-1][0]
    sizes = sum(file["bytes"] for file in said["files"]) / 1e6
    written, checked = (statistics.median(one[key] for one, _, _ in counted) for key in ("write_s", "check_s"))
    whole = statistics.median(seconds for _, seconds, _ in counted)
    found = said["deviation"]
    error = f"{found['max_abs_over_sigma']:.1e} | {found['sqnr_db']:.0f}" if found else "0 | exact"
    name = f"`--to {route.form.name}{f' --via {route.form.via}' if route.form.via else ''}`"
    memory = max(mib for _, _, mib in counted)
    return f"| {name} | {sizes:.1f} | {written:.1f} | {checked:.1f} | {whole:.1f} | {memory:.0f} | {error} |"


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="torchvision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("folder", type=Path, nargs="?")
    asked = parser.parse_args()
    if asked.folder is not None:
        asked.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(asked.folder or gettempdir()).free // 2**20
    if free < 1000:
        raise SystemExit(f"{free} MiB free; name a folder with 1000")
    print(f"| {asked.model} | MB | written, s | checked, s | command, s | peak memory, MiB | error/sigma | SQNR, dB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for route in known_routes():
        print(measure(route, asked.model, asked.rounds, asked.folder), flush=True)


if __name__ == "__main__":
    main()
