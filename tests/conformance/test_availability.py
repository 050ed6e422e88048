"""Which backends there are is known from metadata alone, and importing AlexBench imports no runtime."""

import json
import os
import subprocess
import sys
from typing import Any, Final

from alexbench.backends.registry import REFERENCE, backend_class, backend_names
from tests.conformance.conftest import REQUIRED

HEAVY: Final = ("torch", "onnxruntime", "onnx", "openvino", "tensorflow", "cv2")
LIMIT_S: Final = 120

# Each module of ours is imported with the heavy ones forbidden; an import that is tried and forgiven
# (``try: import torch``) counts too. Offenders are the modules of ours that the import came from.
_IMPORT_ALL: Final = """
import importlib, json, pkgutil, sys
heavy = set(json.loads(sys.argv[1]))
offenders = {}
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in heavy:
            frame = sys._getframe()
            while not frame.f_globals["__name__"].startswith("alexbench."):
                frame = frame.f_back
            offenders.setdefault(frame.f_globals["__name__"], []).append(name)
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Forbid())
modules = []
for top in ("harness", "backends", "datasets", "reports"):
    package = importlib.import_module(f"alexbench.{top}")
    modules += [package.__name__, *(m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."))]
for name in modules:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        offenders.setdefault(name, []).append(str(error))
print(json.dumps({"modules": modules, "offenders": offenders}))
"""

_PROBE_ALL: Final = """
import json, sys
from alexbench.backends.registry import REFERENCE, backend_class, backend_names
found = {}
for name in (*backend_names(), REFERENCE):
    there = backend_class(name).probe()
    found[name] = {"available": there.available, "versions": dict(there.versions), "problem": there.problem}
print(json.dumps({"found": found, "imported": sorted({m.partition(".")[0] for m in sys.modules})}))
"""


def _fresh(script: str, *arguments: str) -> dict[str, Any]:
    """What a script prints as JSON, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    printed: dict[str, Any] = json.loads(ran.stdout)
    return printed


def test_importing_any_module_of_ours_imports_no_runtime() -> None:
    seen = _fresh(_IMPORT_ALL, json.dumps(HEAVY))
    assert len(seen["modules"]) > 40
    assert "alexbench.backends.torch_.adapter" in seen["modules"]
    assert seen["offenders"] == {}


def test_probing_imports_no_runtime() -> None:
    seen = _fresh(_PROBE_ALL)
    assert set(seen["imported"]).isdisjoint(HEAVY)
    assert set(seen["found"]) == {*backend_names(), REFERENCE}


def test_every_required_backend_is_there() -> None:
    """No skip hides a failure: who names a backend in ALEXBENCH_REQUIRE_BACKENDS means it."""
    assert set(REQUIRED) <= {*backend_names(), REFERENCE}
    problems = [backend_class(name).probe().problem for name in REQUIRED]
    assert [problem for problem in problems if problem is not None] == []


def test_the_reference_is_always_there_and_never_ranked() -> None:
    assert backend_class(REFERENCE).probe().available
    assert REFERENCE not in backend_names()
