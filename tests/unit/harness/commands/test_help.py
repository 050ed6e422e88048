"""The help of every command, word for word."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from syrupy.assertion import SnapshotAssertion

from alexbench.harness.cli import cli
from tests.support.in_process import alexbench


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command, groups included."""
    yield path
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", [*commands(cli)], ids=lambda words: " ".join(words) or "alexbench")
def test_help(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ended = alexbench(*words, "--help", folder=tmp_path, cache=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == snapshot
