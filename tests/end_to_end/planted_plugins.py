"""Plugins with one fault each, as distributions in a folder: what installing them would leave, for PYTHONPATH."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

_SOUND: Final = """
import os
import sys
import time

import numpy as np

from alexbench.harness.contract import Availability, Backend, Effective, Known, Requirements


class Plugin(Backend):
    name = "{name}"
    requires = Requirements()
    input_layout = "NCHW"

    def load(self, model, options):
        self.outputs = model.network.outputs
        self.threads = options.threads
        self.buffer = np.zeros((64, self.outputs), np.float32)
        {load}

    def predict(self, pixels):
        scale = pixels.astype(np.float64).mean(axis=(1, 2, 3))[:, None]
        logits = np.sin(scale * (1 + np.arange(self.outputs))).astype(np.float32)
        {predict}
        return logits

    def effective(self):
        known = Known("1", "requested")
        return Effective("planted", "1.0", Known("cpu", "reported"), known, Known("fp32", "requested"),
                         Known(str(self.threads), "requested"), known, {{}})

    def close(self):
        pass
"""
PREDICT: Final = {
    "wide": "logits = logits[:, :-1].copy()",
    "flat": "logits = logits.ravel()",
    "double": "logits = logits.astype(np.float64)",
    "none": "return None",
    "pair": "return logits, 1",
    "nan": "logits[-1, 0] = np.nan",
    "short": "logits = logits[:-1].copy() if len(logits) > 1 else logits[:0].copy()",
    "reused": "self.buffer[: len(logits)] = logits; return self.buffer[: len(logits)]",
    "raises": "raise ZeroDivisionError('nothing to\\n divide by')",
    "exits": "os._exit(3)",
    "prints": "print('hello'); os.write(1, b'to descriptor 1\\n'); sys.stdout.flush()",
    "deep": "return self.predict(pixels)",
}
"""Name of the plugin -> what its ``predict`` does before it returns ``logits``.

tests/unit/harness/worker/test_answers.py has a table of the other answers and errors of ``predict``.
"""
LOAD: Final = {
    "hangs": "time.sleep(600)",
    "unloadable": "raise ValueError('no such kernel')",
    "exits_in_load": "sys.exit('licence expired')",
    "threaded": "import threading; threading.Thread(target=time.sleep, args=(600,)).start()",
}
MODULES: Final = {
    "unimportable": "import there_is_no_such_module\n",
    "exits_at_import": "import sys\nsys.exit(4)\n",
    "no_backend": "class Plugin:\n    name = 'no_backend'\n",
}
PATCHES: Final = {
    "talks": ("import os\n", "print('planted: hello')\nimport os\n"),
    "unprobeable": (
        "    def load(",
        "    @classmethod\n    def probe(cls):\n        raise OSError('no licence')\n\n    def load(",
    ),
    "nameless": ('    name = "nameless"\n', ""),
    "misnamed": ('    name = "misnamed"\n', '    name = "another"\n'),
    "unclosable": ("    def close(self):\n        pass\n", "    def close(self):\n        raise OSError('busy')\n"),
    "incomplete": ("    def close(self):\n        pass\n", ""),
}
"""Name -> what is replaced in a sound plugin, and by what."""
TRIED: Final = ("none", "hangs", "hangs_later", "exits", "raises", "wrong", "not_applied")
"""Values of the one setting of the plugin ``tunable``: candidates of its search."""
_TUNABLE: Final = (
    (
        "from alexbench.harness.contract import",
        "from alexbench.harness.capabilities import Candidate\nfrom alexbench.harness.contract import Setting,",
    ),
    (
        "    requires =",
        f"""    settings = (Setting('fault', {TRIED}, 'nothing'),)
    candidates = tuple(Candidate((('fault', one),)) for one in {TRIED})
    requires =""",
    ),
    (
        "known, {})",
        "known, {}, applied={'fault': Known('none' if self.fault == 'not_applied' else self.fault, 'reported')})",
    ),
)
_TUNABLE_LOAD: Final = """self.fault = options.setting("fault") or ""
        if self.fault == "hangs":
            time.sleep(600)"""
_TUNABLE_PREDICT: Final = """if self.fault == "hangs_later":
            time.sleep(600)
        if self.fault == "exits":
            os._exit(3)
        if self.fault == "raises":
            raise ZeroDivisionError("nothing to divide by")
        if self.fault == "wrong":
            logits = logits + 1"""
EVERY: Final = (*PREDICT, *LOAD, *MODULES, *PATCHES)


def plant(folder: Path, names: Iterable[str], *, called: str | None = None) -> Path:
    """Distributions with these plugins; ``called``: the entry point's name, else the plugin's. The folder."""
    for name in names:
        if name == "tunable":
            source = _SOUND.format(name=name, load=_TUNABLE_LOAD, predict=_TUNABLE_PREDICT)
            for before, after in _TUNABLE:
                assert before in source
                source = source.replace(before, after, 1)
            _write(folder, name, source, called or name)
            continue
        source = MODULES.get(name) or _SOUND.format(name=name, load=LOAD.get(name, ""), predict=PREDICT.get(name, ""))
        if name in PATCHES:
            before, after = PATCHES[name]
            assert before in source
            source = source.replace(before, after, 1)
        _write(folder, name, source, called or name)
    return folder


def _write(folder: Path, name: str, source: str, called: str) -> None:
    (folder / f"planted_{name}.py").write_text(source, encoding="utf-8")
    metadata = folder / f"planted_{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: planted-{name}\nVersion: 1.0\n")
    points = f"[alexbench.backends]\n{called} = planted_{name}:Plugin\n"
    (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
