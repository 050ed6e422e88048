"""Code never reads prose: nothing compares, cuts or searches text by words that a person wrote.

What is looked at: the methods and operators of CUTS, given text of two words or more, or a constant of the module that
has such text in it, or what a loop over such a constant yields.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
CUTS: Final = frozenset(
    {
        "startswith", "endswith", "partition", "rpartition", "split", "rsplit", "removeprefix", "removesuffix", "index",
        "find", "rfind", "count", "replace", "match", "search", "fullmatch", "compile", "sub",
    }
)  # fmt: skip
PROSE: Final = re.compile(r"[\w,;:)+] +[A-Za-z]")
OLD_RECORDS: Final = "harness/records/old_sentences.py"
"""The upgrade of records whose judgements were sentences."""
OF_OTHERS: Final = {
    # Python's own error, on the stderr of another interpreter.
    "harness/inputs/interpreters.py": {"No module named"},
    # Keys of /proc/cpuinfo, and what firmware calls itself.
    "harness/measure/machine.py": {
        *("model name", "CPU variant", "CPU revision"),
        *("Amazon EC2", "Apple Virtualization", "Google Compute Engine", "HVM domU", "Virtual Machine", "innotek GmbH"),
    },
}
"""File -> what it looks for in text that other programs write."""


def texts(node: ast.AST, constants: dict[str, set[str]]) -> set[str]:
    """The prose in an expression, its names being those of the module's constants."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and PROSE.search(part.value):
            found.add(part.value)
        elif isinstance(part, ast.Name):
            found |= constants.get(part.id, set())
    return found


def prose_read(source: str) -> Iterator[str]:
    """Each piece of prose that code is written to look for."""
    tree = ast.parse(source)
    constants: dict[str, set[str]] = {}
    for node in tree.body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        for target in targets:
            if isinstance(target, ast.Name) and getattr(node, "value", None) is not None:
                constants[target.id] = texts(node.value, constants)  # type: ignore[union-attr]
    known = dict(constants)
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension):
            names = [one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)]
            known |= {name: known.get(name, set()) | texts(node.iter, constants) for name in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CUTS:
            for argument in node.args[:1]:  # what is looked for stands first, in text's methods and in re's functions
                yield from texts(argument, known)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            yield from texts(node.left, {})


def of_module(path: Path) -> set[str]:
    """What a module of ours reads and may not."""
    return {*prose_read(path.read_text("utf-8"))} - OF_OTHERS.get(path.relative_to(ROOT).as_posix(), set())


MODULES: Final = [path for folder in ("harness", "reports") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_module_reads_prose() -> None:
    found = {path.relative_to(ROOT).as_posix(): of_module(path) for path in MODULES}
    assert {path: said for path, said in found.items() if said and path != OLD_RECORDS} == {}


@pytest.mark.parametrize(
    "code",
    [
        'said.startswith("no steady state")',
        'said.endswith((".", "was killed by SIGKILL"))',
        'said.partition("; log: ")',
        '"other images" in said',
        'ALL = {"the hypervisor": 1}\nfound = [word for start, word in ALL.items() if said.startswith(start)]',
        'FULL = "The full set"\ndef full(said): return said.startswith(FULL)',
        'import re\nre.match(r"Part \\d+ of", said)',
    ],
)
def test_what_reads_prose_is_found(code: str) -> None:
    assert list(prose_read(code))


@pytest.mark.parametrize(
    "code", ['name.endswith(".onnx")', '"backend" in names', 'line.split(", ")', 'a.sub("[-+]", b)']
)
def test_what_reads_names_and_numbers_is_not(code: str) -> None:
    assert not list(prose_read(code))
