"""A run's file has its name in ``harness/records/file_names.py``, and nowhere else in the code."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from alexbench.harness.records import file_names

ROOT: Final = Path(__file__).parents[3]
DEFINED: Final = ROOT / "harness" / "records" / "file_names.py"
MODULES: Final = [
    path
    for folder in ("harness", "backends", "datasets", "reports")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != DEFINED
]


def constants() -> set[str]:
    """Every name that the module defines."""
    found = (value for key, value in vars(file_names).items() if key.isupper())
    return {name for value in found for name in ((value,) if isinstance(value, str) else value)}


FILES: Final = {name for name in constants() if "." in name.strip(".")}
FOLDERS: Final = constants() - FILES
"""Words that code has other uses for: they are names where a path is made of them."""


def literals(tree: ast.AST) -> Iterator[str]:
    """What is a name of a run's file in code: not in docstrings, nor in the help of a command."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    prose |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "help"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from (name for name in FILES if name in node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield from {node.right.value} & FOLDERS


def test_files_of_a_run_are_named_in_one_place() -> None:
    found = {path.relative_to(ROOT).as_posix(): set(literals(ast.parse(path.read_text("utf-8")))) for path in MODULES}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ('folder / "run.json"', {"run.json"}),
        ('f"{folder} has no samples.parquet"', {"samples.parquet"}),
        ('folder / "logs" / name', {"logs"}),
        ('"logs"', set()),
        ('def read():\n    """Reads run.json."""', set()),
        ('option(help="Into run.json.")', set()),
    ],
)
def test_a_literal_is_found(code: str, names: set[str]) -> None:
    assert set(literals(ast.parse(code))) == names
