"""Executables that stand in the place of an interpreter and run something else on the real one.

The scripts that they run import nothing of tests (a worker's path has no repository in it): whoever makes a shim
imports this module inside the function that does.
"""

import shlex
import sys
from pathlib import Path


def executable(path: Path, *arguments: str, forwards: bool = False) -> str:
    """``path``, made an executable that runs this interpreter with ``arguments``; ``forwards``: and with its own."""
    own = ' "$@"' if forwards else ""
    path.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, *arguments])}{own}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)
