"""The messages of the troubleshooting page are messages of the code."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.unit.house.shown_in_docs import ROOT, blocks

PAGE = ROOT / "docs" / "troubleshooting.md"
FOLDERS = ("backends", "datasets", "harness", "reports")
MESSAGES = [
    line for block in blocks(PAGE.read_text(encoding="utf-8")) if block.language == "text" for line in block.lines
]


@cache
def said() -> str:
    """Every text in the code, a line each, with a gap where a value is filled in."""
    trees = (
        ast.parse(path.read_text(encoding="utf-8"))
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    return "\n".join(text.replace("\n", " ") for tree in trees for text in texts(tree))


def texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_page_has_the_messages_that_people_meet_and_each_once() -> None:
    assert len(MESSAGES) >= 20
    assert len(set(MESSAGES)) == len(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_of_the_page_is_one_of_the_code(message: str) -> None:
    parts = [re.escape(part) for part in message.split("...")]
    assert re.search("[^\n]*".join(parts), said()), "reword the page, or the code"


def test_a_message_that_nothing_says_is_found_out() -> None:
    assert re.search("is not installed", said())
    assert not re.search("could not be " + "flabbergasted", said())
