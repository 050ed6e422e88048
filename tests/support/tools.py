"""Scripts of the repository, imported from their files: they are not a package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def script(path: str) -> ModuleType:
    """The module that a script is; ``path`` from the repository's root."""
    name = f"script_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def tool(name: str) -> ModuleType:
    """The module of tools/``name``.py."""
    return script(f"tools/{name}.py")
