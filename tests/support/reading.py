"""Reads a weights file in a process of its own, and watches that process's memory from outside.

As a script: ``python reading.py ARGUMENTS.json``, with ``source``, ``network``, ``folder`` (None: read only),
``flatten`` and ``imports``. It prints a line when all is imported, waits for one, reads, and prints what came of it.
"""

import importlib
import json
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 300
SAMPLE_EVERY_S = 0.001


@dataclass(frozen=True, slots=True)
class Outcome:
    """``digest`` is that of the arrays; ``anonymous`` bytes at the peak above what importing took."""

    seconds: float
    anonymous: int
    digest: str
    checked: str
    assumed: str
    error: str


def read_apart(
    source: Path,
    network: str,
    *,
    folder: Path | None = None,
    flatten: str | None = None,
    imports: list[str] | None = None,
) -> Outcome:
    """Read (and convert, where ``folder`` is given) in a fresh process; ``network`` may be "toy"."""
    asked = {
        "source": str(source),
        "network": network,
        "folder": None if folder is None else str(folder),
        "flatten": flatten,
        "imports": imports or [],
    }
    command = [sys.executable, "-P", __file__, json.dumps(asked)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        before = peak = _anonymous(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            peak = max(peak, _anonymous(process.pid))
            if select.select([process.stdout], [], [], SAMPLE_EVERY_S)[0]:
                break
        said = json.loads(process.stdout.readline())
        process.stdin.close()
        process.wait(LIMIT_S)
    return Outcome(anonymous=peak - before, **said)


def _anonymous(pid: int) -> int:
    """Bytes; 0 where the system does not say."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def _network(name: str) -> Any:
    from alexbench.harness.models.network import get_network

    if name == "toy":
        sys.path.insert(0, str(Path(__file__).parent))
        return importlib.import_module("toy_network").TOY
    return get_network(name)


def main(asked: dict[str, Any]) -> None:
    """The child's side."""
    from alexbench.harness.errors import AlexBenchError
    from alexbench.harness.inputs.converting import convert, read
    from alexbench.harness.models.weights import weights_digest

    network = _network(asked["network"])
    for name in ["safetensors.numpy", *asked["imports"]]:
        importlib.import_module(name)
    said = dict.fromkeys(("digest", "checked", "assumed", "error"), "")
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    arrays: Any = {}
    try:
        if asked["folder"] is None:
            reading = read(Path(asked["source"]), network, flatten=asked["flatten"])
            arrays, said["checked"], said["assumed"] = reading.arrays, reading.checked, reading.assumed
        else:
            done = convert(Path(asked["source"]), network, Path(asked["folder"]), flatten=asked["flatten"])
            said |= {"digest": done.digest, "checked": done.checked, "assumed": done.assumed}
    except AlexBenchError as error:
        said["error"] = str(error)
    seconds = time.perf_counter() - start
    if arrays:
        said["digest"] = weights_digest(arrays)
    print(json.dumps({"seconds": seconds, **said}), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
