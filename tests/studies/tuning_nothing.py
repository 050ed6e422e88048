"""Does a real search among settings that do nothing end without a gain? Prints what `alexbench tune` says.

    python tests/studies/tuning_nothing.py [FLAG ...]

A plugin is ONNX Runtime with one setting of six values, none of which changes anything. FLAG: of `alexbench tune`.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

PLUGIN: Final = """
from dataclasses import replace

from alexbench.backends.onnxruntime_.adapter import OnnxRuntimeBackend
from alexbench.harness.capabilities import Candidate
from alexbench.harness.contract import Known, Setting


class Plugin(OnnxRuntimeBackend):
    name = "still"
    settings = (Setting("nothing", tuple("123456"), "nothing"),)
    candidates = tuple(Candidate((("nothing", one),)) for one in "123456")

    def load(self, model, options):
        self.named = options.settings
        super().load(model, replace(options, settings=()))

    def effective(self):
        applied = {name: Known(value, "reported") for name, value in self.named}
        return replace(super().effective(), applied=applied)
"""


def main() -> int:
    """One search, and what a run in fresh processes says of its winner."""
    with TemporaryDirectory() as folder:
        Path(folder, "still_plugin.py").write_text(PLUGIN, encoding="utf-8")
        metadata = Path(folder, "still-1.0.dist-info")
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: still\nVersion: 1.0\n", encoding="utf-8")
        points = "[alexbench.backends]\nstill = still_plugin:Plugin\n"
        (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("alexbench")), "tune", "torchvision", "--backend", "still"]
        command += ["--out", str(Path(folder, "runs")), *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
