"""Words that must not appear in this project's text: docs, messages, docstrings, comments and test names.

    python tools/check_terms.py [PATH ...]

reads every file that git tracks, or those named, and prints ``file:line: "word": use ...`` for each word that
tools/terms.toml forbids. Exit code 1 if there is one. It reads Markdown, HTML, TOML, YAML and CSS, and of Python the
comments, docstrings, string literals of several words, and the names of files, functions and classes. Code spans,
flags, links and addresses are not prose. Standard library only.
"""

import ast
import fnmatch
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
TERMS: Final = Path(__file__).resolve().with_name("terms.toml")
SUFFIXES: Final = (".css", ".html", ".js", ".md", ".py", ".toml", ".yaml", ".yml")
_NOT_PROSE: Final = re.compile(
    r"```.*?```|``[^`]*``|`[^`\n]*`|(?<![\w-])--[a-z][\w-]*|:\w+:`[^`]*`|\]\([^)\s]*\)|\w+://\S+|<!--.*?-->|<[a-zA-Z/][^<>]*>|\{[%{].*?[%}]\}",
    re.DOTALL,
)
"""Code spans, flags, link targets, addresses, HTML tags and Jinja expressions."""
_NOT_LETTERS: Final = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
"""Between two words, or two words of a name."""
_JAVASCRIPT: Final = re.compile(r"//.*|/\*.*?\*/|\"[^\"\n]*\s[^\"\n]*\"|`[^`]*\s[^`]*`")
"""Comments and strings of several words."""
_BETWEEN: Final = re.compile(r"(?<=[.!?])\s+(?=\S)|\||\n\s*\n")
"""Between two sentences, table cells or paragraphs."""


@dataclass(frozen=True, slots=True)
class Text:
    """Prose of a file: ``text`` begins on ``line`` (from 1)."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Term:
    """A word that must not appear. ``names``: "all" names (files, functions, classes) are checked too, or "tests"."""

    word: str
    pattern: re.Pattern[str]
    use: str
    unless: re.Pattern[str] | None
    names: Literal["", "all", "tests"]
    files: bool

    def may_be_in(self, words: str) -> bool:
        """Whether ``words``, a whole file without what is between its words, may have a match: a quick look."""
        return self.files or re.search(self.pattern.pattern.lstrip("^"), words, re.IGNORECASE) is not None

    def found(self, sentence: str) -> str | None:
        """The match in one sentence, or None."""
        match = self.pattern.search(sentence)
        excused = self.unless is not None and self.unless.search(sentence)
        return None if match is None or excused else match.group()


def read_terms(path: Path = TERMS) -> tuple[list[Term], list[str]]:
    """The terms, and the patterns of files that are not checked."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [_term(entry) for entry in table["term"]], table["exclude"]


def _term(entry: dict[str, Any]) -> Term:
    unless = entry.get("unless")
    return Term(
        word=entry["word"],
        pattern=re.compile(entry["pattern"], re.IGNORECASE),
        use=entry["use"],
        unless=re.compile(unless, re.IGNORECASE) if unless else None,
        names=entry.get("names", ""),
        files=entry.get("files", False),
    )


def problems(name: str, text: str, terms: list[Term]) -> list[str]:
    """``file:line: ...`` of each forbidden word in a file; ``name``: its path in the repository."""
    words = _NOT_LETTERS.sub(" ", text)
    prose = [term for term in terms if not term.files and term.may_be_in(words)]
    named = [term for term in prose if term.names]
    found = [line for part in parts(name, text) for line in _in_text(name, part, prose)] if prose else []
    if named and name.endswith(".py"):
        found += [line for part in _names(text) for line in _in_text(name, part, _of_names(part, named))]
    stem = Text(1, _words(Path(name).stem))
    return found + _in_text(name, stem, [*_of_names(stem, terms), *(term for term in terms if term.files)])


def _of_names(name: Text, terms: list[Term]) -> list[Term]:
    """The terms that are checked in a name, which is given as words."""
    return [term for term in terms if term.names == "all" or (term.names and name.text.startswith("test "))]


def parts(name: str, text: str) -> list[Text]:
    """The prose of a file, in the order of its lines."""
    if name.endswith(".py"):
        return sorted([*_comments(text), *_strings(text)], key=lambda part: part.line)
    if name.endswith((".toml", ".yaml", ".yml")):
        return [*_hash_comments(text), *_quoted(text)]
    if name.endswith(".js"):
        return [Text(text.count("\n", 0, at.start()) + 1, at.group()) for at in _JAVASCRIPT.finditer(text)]
    return list(_paragraphs(_without_code(text)))


def _in_text(name: str, part: Text, terms: list[Term]) -> list[str]:
    text = _without_code(part.text)
    found = []
    for start, sentence in _sentences(text):
        plain = " ".join(sentence.split())
        for term in terms:
            match = term.found(plain)
            if match is not None:
                line = part.line + _line_of(match, text, start)
                found.append(f'{name}:{line}: "{match.strip()}" ({term.word}): use {term.use}')
    return found


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """``text`` at the ends of sentences, of table cells and of paragraphs, and where each begins."""
    start = 0
    for end in [*(at.start() for at in _BETWEEN.finditer(text)), len(text)]:
        if text[start:end].strip():
            yield start, text[start:end].strip(" \t\n|")
        start = end


def _line_of(match: str, text: str, start: int) -> int:
    """Lines before ``match`` in ``text``, from ``start`` on, whose white space may be line breaks."""
    at = re.compile(r"\s+".join(map(re.escape, match.split()))).search(text, start)
    return text.count("\n", 0, at.start() if at else start)


def _without_code(text: str) -> str:
    """``text`` with code spans and the like blanked; lines stay where they are."""
    return _NOT_PROSE.sub(lambda at: " x " + "\n" * at.group().count("\n"), text)


def _paragraphs(text: str) -> Iterator[Text]:
    """Paragraphs, list items and table rows of Markdown or HTML."""
    start, lines = 1, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        fresh = not line.strip() or re.match(r"\s*(?:[-*+|#>]|\d+\.)", line)
        if fresh and lines:
            yield Text(start, "\n".join(lines))
            lines = []
        if line.strip():
            start = start if lines else number
            lines.append(re.sub(r"^\s*(?:[-*+#>]+|\d+\.)\s+", "", line))
    if lines:
        yield Text(start, "\n".join(lines))


def _hash_comments(text: str) -> Iterator[Text]:
    """Comments of TOML and YAML: consecutive lines are one text."""
    start, lines = 0, list[str]()
    for number, line in enumerate([*text.split("\n"), ""], 1):
        comment = re.search(r"(?:^|\s)#+\s?(.*)$", line)
        if lines and (comment is None or line[: comment.start()].strip()):
            yield Text(start, "\n".join(lines))
            lines = []
        if comment is not None:
            start = start if lines else number
            lines.append(comment.group(1))


def _quoted(text: str) -> Iterator[Text]:
    """Quoted strings of several words, and YAML's plain ones, a line each."""
    for number, line in enumerate(text.split("\n"), 1):
        plain = re.sub(r"(?:^|\s)#.*$", "", line)
        for quoted in re.findall(r'"([^"]*\s[^"]*)"|^\s*-?\s*\w[\w-]*:\s+([^"\'|>{\[].*\s.*)$', plain):
            yield Text(number, next(filter(None, quoted), ""))


def _comments(text: str) -> Iterator[Text]:
    """Comments of Python: consecutive lines are one text."""
    start, last, lines = 0, -1, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        number = token.start[0]
        alone = not token.line[: token.start[1]].strip()
        if lines and not (alone and number == last + 1):
            yield Text(start, "\n".join(lines))
            lines = []
        start = start if lines else number
        last = number
        lines.append(token.string.lstrip("#").strip())
    if lines:
        yield Text(start, "\n".join(lines))


def _strings(text: str) -> Iterator[Text]:
    """Docstrings and string literals of several words; what is formatted into an f-string is ``x``."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    inside -= {id(node) for node in nodes if isinstance(node, ast.JoinedStr)}
    for node in nodes:
        value: str | None = None
        if isinstance(node, ast.JoinedStr):
            value = "".join(str(one.value) if isinstance(one, ast.Constant) else "x" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            value = node.value
        if value is not None and re.search(r"\S\s+\S", value):
            assert isinstance(node, ast.expr)
            yield Text(node.lineno, value)


def _names(text: str) -> Iterator[Text]:
    """Names of functions and classes, as words."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Text(node.lineno, _words(node.name))


def _words(name: str) -> str:
    """``test_a_thing`` or ``SomeThing`` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip()


def tracked(root: Path = ROOT) -> list[str]:
    """Paths of the files that git tracks, with a suffix of text."""
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if name.endswith(SUFFIXES) and not (root / name).is_symlink()]


def main(named: list[str]) -> list[str]:
    """The problems of the files named, or of all that are tracked and not excluded."""
    terms, excluded = read_terms()
    chosen = named or [name for name in tracked() if not any(fnmatch.fnmatch(name, one) for one in excluded)]
    return [line for name in chosen for line in problems(name, (ROOT / name).read_text(encoding="utf-8"), terms)]


if __name__ == "__main__":
    lines = main(sys.argv[1:])
    print(*lines, sep="\n", end="\n" * bool(lines))
    if lines:
        raise SystemExit(f"{len(lines)} words that tools/terms.toml forbids; write what it names instead")
