"""The help: commands by task, options by kind, summaries that fit, examples that work."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alexbench.harness.cli import cli
from alexbench.harness.commands.help_format import SUMMARY, Command, Group
from tests.support.in_process import alexbench

WIDE = 80


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command with its words, groups included."""
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


COMMANDS = dict(commands(cli))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_an_option_has_a_summary_that_fits_next_to_it(path: tuple[str, ...]) -> None:
    for param in COMMANDS[path].params:
        if isinstance(param, click.Option) and param.name != "version":
            assert param.help, param.name
            assert len(param.help) <= SUMMARY, f"{param.opts}: {param.help}"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_eighty_columns_and_cuts_nothing_off(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDE))
    ended = alexbench(*path, "--help", folder=tmp_path, cache=tmp_path)
    assert ended.code == 0
    lines = ended.out.splitlines()
    examples = lines.index("Examples:")
    assert max(map(len, lines[:examples])) <= WIDE
    assert not [line for line in lines if line.endswith("...") and not line.lstrip().startswith(("-", "Usage"))]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_examples_are_commands_that_this_version_has(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert isinstance(command, Command | Group)
    assert command.examples
    for line in command.examples:
        words = shlex.split(line.rpartition(" | ")[2])
        assert words[: 1 + len(path)] == ["alexbench", *path]
        taken, rest = cli, words[1:]
        while isinstance(taken, click.Group) and rest and rest[0] in taken.commands:
            taken, rest = taken.commands[rest[0]], rest[1:]
        taken.make_context(" ".join(words), list(rest), parent=click.Context(cli, **cli.context_settings))


def test_every_command_belongs_to_a_task() -> None:
    named = [name for names in cli.sections.values() for name in names]
    assert set(cli.commands) <= set(named)
    assert len(named) == len(set(named))


def test_alone_the_command_welcomes_with_three_commands(tmp_path: Path) -> None:
    ended = alexbench(folder=tmp_path, cache=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert sum(line.startswith("  alexbench ") for line in ended.out.splitlines()) == 3
    assert max(map(len, ended.out.splitlines())) <= WIDE
