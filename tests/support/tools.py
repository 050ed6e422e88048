"""The scripts in tools/, imported from where they lie: they are no package."""

import importlib.util
from pathlib import Path
from types import ModuleType


def tool(name: str) -> ModuleType:
    """The module of tools/``name``.py."""
    path = Path(__file__).parents[2] / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
