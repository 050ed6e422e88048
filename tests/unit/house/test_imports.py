"""Importing any module of ours imports no runtime, and the ground stands on the standard library and NumPy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RUNTIMES = {"torch", "onnxruntime", "onnx", "openvino", "tensorflow"}
LIMIT_S = 120
GROUND = (
    "alexbench.harness.contract",
    "alexbench.harness.files.decoding",
    "alexbench.harness.errors",
    "alexbench.harness.records.run_records",
    "alexbench.harness.models.network",
    "alexbench.harness.models.preprocessing",
)
SCRIPT = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps([*sys.modules]))
"""


def modules() -> list[str]:
    """Every module of ours."""
    names = []
    for folder in ("backends", "datasets", "harness", "reports"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            names.append(".".join(("alexbench", *(part for part in parts if part != "__init__"))))
    return names


def imported_by(*names: str) -> set[str]:
    """The top-level packages in a fresh process that imported these."""
    command = [sys.executable, "-c", SCRIPT, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_importing_all_of_ours_imports_no_runtime() -> None:
    everything = modules()
    assert "alexbench.backends.torch_.adapter" in everything
    assert "alexbench.harness.running.pipeline" in everything
    assert imported_by(*everything) & RUNTIMES == set()


@pytest.mark.parametrize("name", GROUND)
def test_the_ground_imports_numpy_and_the_standard_library_only(name: str) -> None:
    assert imported_by(name) - set(sys.stdlib_module_names) - {"alexbench", "numpy", "__main__"} <= {
        one for one in imported_by("numpy") if one != "numpy"
    }


def test_the_public_names_are_handed_on_lazily() -> None:
    assert "numpy" not in imported_by("alexbench.harness")
    import alexbench.harness as public

    for name in public.__all__:
        assert getattr(public, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = public.nothing_such


def test_no_module_takes_the_name_of_a_public_function() -> None:
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    script += "import alexbench.harness as public\n"
    script += "print([name for name in public.__all__ if isinstance(getattr(public, name), type(sys))])"
    command = [sys.executable, "-c", script, *modules()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert done.stdout.strip() == "[]"
