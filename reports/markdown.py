"""Tables and sentences as Markdown that GitHub shows as meant."""

import re
from collections.abc import Iterable
from typing import Final

from alexbench.harness.files.plain_text import printable
from alexbench.reports.table import Table

LONG_WORD: Final = 20
"""Letters: GitHub's page has 830 pixels, of which a word as long takes 150."""
NO_WIDTH: Final = "\u200b"
_LIVE: Final = re.compile(
    r"(?<![a-z0-9_])@(?=[a-z0-9])|@(?=[a-z0-9-]+\.[a-z0-9])|:(?=//)|(?<![a-z0-9])(?:www|mailto|xmpp)(?=[.:])|#(?=\d)"
    r"|(?<![a-z0-9])GH(?=-\d)",
    re.IGNORECASE,
)
"""Behind which GitHub makes a mention, an address or an issue of plain text, whatever is escaped; tools/gate_comment.py
has a wider one."""
_BLOCK: Final = re.compile(r"^\s*(?:#+|[-+=]+|\d+[.)])(?=\s|$)")
"""How a line begins that is a heading or a list inside a list."""


def listed(lines: Iterable[str]) -> str:
    """A list of plain sentences."""
    return "\n".join(f"- {_paragraph(line)}" for line in lines)


def _paragraph(line: str) -> str:
    """Escaped, at the beginning of a line too."""
    return _BLOCK.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", escape(line))


def folded(title: str, text: str) -> str:
    """Markdown that a page shows when its title is clicked."""
    return f"<details>\n<summary>{escape(title)}</summary>\n\n{text}\n\n</details>"


def noted(table: Table) -> str:
    """A table in GitHub's Markdown, its caption and its notes below it."""
    caption = " ".join(map(escape, table.caption))
    return "\n\n".join(filter(None, (table_text(table), caption, listed(table.notes))))


def table_text(table: Table) -> str:
    """A table in GitHub's Markdown."""
    lines = ["| " + " | ".join(map(escape, table.headings)) + " |"]
    lines.append("|" + "|".join("---:" if numeric else "---" for numeric in table.numeric) + "|")
    columns = [
        [_cell(cell, numeric=numeric, bold=best) for cell, best in zip(cells, bold, strict=True)]
        for cells, numeric, bold in zip(table.columns, table.numeric, table.bold, strict=True)
    ]
    lines += ["| " + " | ".join(row) + " |" for row in zip(*columns, strict=True)]
    return "\n".join(lines)


def _cell(text: str, *, numeric: bool, bold: bool) -> str:
    shown = escape(_whole(text)) if numeric else _breakable(escape(text))
    return f"**{shown}**" if bold else shown


def _whole(figure: str) -> str:
    """A figure that no line breaks before its percent sign, inside its interval or in its exponent."""
    figure = re.sub(r"(?<=\d) (?=%)", "\u00a0", figure)
    return re.sub(r"(?<=\d)-(?=\d)|(?<=\de)-(?=\d)", "\u2011", figure)


def _breakable(escaped: str) -> str:
    """With places at which a browser may break a word that is too long for a column: zero-width spaces."""
    return re.sub(rf"\S{{{LONG_WORD},}}", lambda word: re.sub(r"(?<=[_./-])(?=\w)", "\u200b", word[0]), escaped)


def escape(text: str) -> str:
    """Text that Markdown and HTML leave alone: a path or an error message may hold any character.

    A character without width keeps text from being a mention, an address or an issue.
    """
    text = _LIVE.sub(lambda found: found[0] + NO_WIDTH, printable(text))
    for character in "\\`*_[]<>|&~":
        text = text.replace(character, f"\\{character}")
    text = text.replace("$", "&#36;")  # GitHub reads formulas before it reads escapes
    return " ".join(text.splitlines())
