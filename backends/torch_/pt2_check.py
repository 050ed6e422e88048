"""Finds what a torch.export file would execute beyond its graph, before torch opens it.

``torch.export.load`` of torch 2.13 unpickles without restrictions if restricted unpickling fails, and loads compiled
libraries from the file. It also evaluates text in the file as Python: the expressions of dynamic sizes
(``sympy.sympify``) and the guards on its inputs (``exec``). A file that torch.export.save wrote for a network needs
only arithmetic there.

This is a second line of defence for files that the user trusts, not a guarantee: no list of allowed names makes a
format of programs safe.
"""

import ast
import contextlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_NATIVE: Final = "data/aotinductor/"
_OBJECTS: Final = ("custom_obj_", "opaque_obj_")
_EXPRESSIONS: Final = "expr_str"
_GUARDS: Final = "guards_code"

_FUNCTIONS: Final = frozenset(
    (
        *("Symbol", "Integer", "Rational", "Add", "Mul", "Pow", "Max", "Min", "Mod", "PythonMod", "FloorDiv"),
        *("CeilDiv", "CleanDiv", "Eq", "Ne", "Le", "Lt", "Ge", "Gt"),
    )
)
_METHODS: Final = frozenset(("size", "stride", "dim", "numel", "storage_offset"))
_NODES: Final = (
    *(ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Call, ast.keyword, ast.Attribute, ast.Subscript),
    *(ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.BoolOp, ast.boolop, ast.Compare, ast.cmpop),
)


def code_in(path: Path) -> str | None:
    """The code in the file, in a few words; None if there is none. ``path``: a zip file."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if _NATIVE in name.lower():
                return f"a compiled library ({name})"
            if name.lower().rpartition("/")[2].startswith(_OBJECTS):
                return f"a pickled object ({name})"
            if name.lower().endswith(".json"):
                for text in _evaluated(json.loads(archive.read(name))):
                    if not _is_arithmetic(text):
                        return f"{text[:60]!r} in {name}"
    return None


@contextlib.contextmanager
def pickles_of_tensors_only() -> Iterator[None]:
    """Everything that torch unpickles inside must be tensors and plain values; anything else fails."""
    kept = {
        name: os.environ.pop(name, None)
        for name in ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    }
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def _evaluated(data: Any) -> Iterator[str]:
    """Every text in ``data`` that torch would evaluate."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == _EXPRESSIONS and isinstance(value, str):
                yield value
            elif key == _GUARDS and isinstance(value, list):
                yield from (str(one) for one in value)
            else:
                yield from _evaluated(value)
    elif isinstance(data, list):
        for value in data:
            yield from _evaluated(value)


def _is_arithmetic(text: str) -> bool:
    """Whether a text has only numbers, names, arithmetic, comparisons and the few functions used for sizes."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            return False
        if isinstance(node, ast.Attribute) and node.attr not in _METHODS:
            return False
        # torch evaluates such a text again: a file needs only names of sizes and inputs.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value.isidentifier():
            return False
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Attribute) or (isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS)
        ):
            return False
    return True
