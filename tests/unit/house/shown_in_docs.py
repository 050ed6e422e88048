"""The pages for users as a test reads them: the commands that they show, what the command line says of those, links."""

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from alexbench.harness.cli import cli
from alexbench.harness.config_file import read_config
from alexbench.harness.models.card import load_card
from alexbench.harness.resolving import resolve

ROOT: Final = Path(__file__).parents[3]
_FENCE: Final = re.compile(r"\s*```(\w*)")
_SPAN: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMENT: Final = re.compile(r"""('[^']*'|"[^"]*")|(?:^|\s)#.*$""")
"""Quoted text, or a comment behind it."""
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_NOT_FOLLOWED: Final = ("decisions", "example")
_OPERATORS: Final = "();<>|&"
_CONFIGURED: Final = {"run": None, "predict": "performance", "doctor": "accuracy", "ablate": "accuracy"}
"""Commands whose flags are those of a run -> what ``--only`` is to them."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language ("" for none), the number of its first line, and its lines."""

    language: str
    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A command as a page shows it: ``words`` as a shell would split it, the program first."""

    page: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        """For the name of a test: where it stands, and the command."""
        return f"{self.page}:{self.line} {' '.join(self.words)}"


def pages() -> list[Path]:
    """README.md, CONTRIBUTING.md, SECURITY.md, and every page below docs/ but the decisions and the example run.

    Decisions are for those who ask why, and show no commands to follow.
    """
    docs = ROOT / "docs"
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *(page for page in sorted(docs.rglob("*.md")) if page.relative_to(docs).parts[0] not in _NOT_FOLLOWED),
    ]


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    found: list[Block] = []
    opened: tuple[str, int] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif opened is None:
            opened, lines = (fence[1], number + 1), []
        else:
            found.append(Block(*opened, tuple(lines)))
            opened = None
    return found


def prose(text: str) -> list[tuple[int, str]]:
    """The lines outside of blocks, with their numbers."""
    inside = {number for block in blocks(text) for number in range(block.first - 1, block.first + len(block.lines) + 1)}
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if number not in inside]


def shown(page: Path) -> list[Shown]:
    """Every command in the console blocks of a page."""
    return [
        Shown(name_of(page), number, words)
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "console"
        for number, line in _typed(block)
        for words in simple_commands(line)
    ]


def _typed(block: Block) -> Iterator[tuple[int, str]]:
    """The lines that are typed: those behind ``$ `` where there are any, for the others are output; else all.

    A line that ends in a backslash goes on in the next.
    """
    prompted = any(line.startswith("$ ") for line in block.lines)
    begun, start = "", 0
    for number, line in enumerate(block.lines, block.first):
        if not begun and prompted and not line.startswith("$ "):
            continue
        start = start if begun else number
        begun += line if begun or not prompted else line.removeprefix("$ ")
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        yield start, begun
        begun = ""


def simple_commands(line: str) -> list[tuple[str, ...]]:
    """The simple commands of a shell's line: without comment, variables set before a command, and redirections."""
    lexer = shlex.shlex(_COMMENT.sub(lambda found: found[1] or "", line), posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split, lexer.commenters = True, ""
    found: list[list[str]] = [[]]
    to_file = False
    for word in lexer:
        if set(word) <= {"<", ">", "&"} and set(word) != {"&"}:
            to_file = True
        elif set(word) <= set(_OPERATORS):
            found.append([])
        elif to_file:
            to_file = False
        elif found[-1] or not _ASSIGNMENT.match(word):
            found[-1].append(word)
    return [tuple(words) for words in found if words]


def files_shown(page: Path) -> dict[str, str]:
    """Files that a page shows whole: blocks that begin with a comment which is a file's name. Name -> text."""
    return {
        block.lines[0].removeprefix("# "): "\n".join(block.lines) + "\n"
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.lines and re.fullmatch(r"# [\w-]+\.(?:py|toml)", block.lines[0])
    }


def unlabelled(page: Path) -> list[str]:
    """Commands in blocks that are not called console: nothing would look at them."""
    return [
        f"{name_of(page)}:{number} {line}"
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language in ("", "sh", "bash", "shell")
        for number, line in enumerate(block.lines, block.first)
        if line.startswith(("$ ", "alexbench ", "python -m "))
    ]


def mentioned(page: Path) -> list[Shown]:
    """Commands named in running text, between backticks; some are without their arguments, or name several at once."""
    return [
        Shown(name_of(page), number, tuple(span.split()))
        for number, line in prose(page.read_text(encoding="utf-8"))
        for span in _SPAN.findall(line)
        if span.startswith(("alexbench ", "--"))
    ]


def command_of(words: Sequence[str]) -> tuple[click.Command, list[str], list[str]]:
    """The command that these words (without ``alexbench``) name, its name's words, and those that are its own.

    Raises:
        UsageError: there is no such command.
    """
    command: click.Command = cli
    named, rest = [], list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            raise click.UsageError(f"there is no command {' '.join([*named, name])!r}")
        command = command.commands[name]
        named.append(name)
    return command, named, rest


def parse(words: Sequence[str], folder: Path) -> None:
    """Hold a command's words against the command line, and its flags' values against each other; nothing is begun.

    ``folder``: where the configuration files lie that it names.

    Raises:
        ClickException: an unknown command or flag, or another number of arguments.
        AlexBenchError: values that make no sense.
    """
    command, named, rest = command_of(words)
    try:
        context = command.make_context(" ".join(["alexbench", *named]), rest)
    except click.exceptions.Exit:  # --help and --version
        return
    if named and named[0] in _CONFIGURED and context.params.get("resumed") is None:
        _resolve(named[0], context.params, folder)


def _resolve(name: str, params: dict[str, Any], folder: Path) -> None:
    values = {key: value for key, value in params.items() if value is not None and value != ()}
    file = values.pop("config_file", None)
    values = ({} if file is None else read_config(folder / file)) | values
    # How many cores there are is the machine's business; the rest of the flags are not those of a run.
    left_out = {"threads", "images", "as_json", "vary", "expected", "reference"} | {
        "run": set(),
        "predict": {"out", "labels"},
        "doctor": {"out", "calibration"},
    }.get(name, {"out"})
    only = {} if _CONFIGURED[name] is None else {"only": _CONFIGURED[name]}
    config = resolve(only | {key: value for key, value in values.items() if key not in left_out})
    if not config.model.endswith(".toml"):
        load_card(config.model)


def flags_of(command: click.Command) -> set[str]:
    """The flags of a command."""
    return {name for one in command.params if isinstance(one, click.Option) for name in one.opts} | {"--help", "-h"}


def all_flags(command: click.Command = cli) -> set[str]:
    """Those of a command and of all below it."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return flags_of(command).union(*map(all_flags, inner))


def nox_sessions() -> set[str]:
    """The names of the sessions of noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        if any("nox.session" in ast.unparse(one) for one in node.decorator_list)
    }


def links(page: Path) -> list[tuple[int, str]]:
    """The relative links of a page, with their lines; a link may go over several lines."""
    outside = dict(prose(page.read_text(encoding="utf-8")))
    text = "\n".join(_SPAN.sub("", outside.get(number, "")) for number in range(1, max(outside, default=0) + 1))
    return [
        (text.count("\n", 0, found.end()) + 1, found[1])
        for found in _LINK.finditer(text)
        if not re.match(r"[a-z]+:", found[1])
    ]


def anchors(page: Path) -> set[str]:
    """What GitHub lets one link to in a page: a name for each heading."""
    found: set[str] = set()
    for _, line in prose(page.read_text(encoding="utf-8")):
        heading = re.match(r"#+ (.*)", line)
        if heading is None:
            continue
        name = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
        number = 1
        unique = name
        while unique in found:
            unique, number = f"{name}-{number}", number + 1
        found.add(unique)
    return found
