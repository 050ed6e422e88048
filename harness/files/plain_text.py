"""Text from anybody's file made harmless, one function a place that it goes to. Standard library only.

Terminals obey escape sequences, spreadsheets compute cells that begin with ``=``, and readers are misled by characters
that reverse the direction of text. Encoders refuse lone surrogates, which stand for bytes that are not UTF-8.
"""

import json
import math
import re
from typing import Any, Final

_SEQUENCE: Final = r"\x1b\[[0-?]*[ -/]*[@-~]"
"""Colours and the moves of a cursor, as ECMA-48 has them; of what else begins with an escape, that is dropped."""
_DIRECTIONS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""What Unicode's bidirectional algorithm obeys (UAX #9)."""
_UNSEEN: Final = f"{_DIRECTIONS}\ufeff\ufffe\uffff\U000e0000-\U000e007f"
_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_DROPPED: Final = re.compile(f"{_SEQUENCE}|[{_CONTROLS}{_UNSEEN}]")
_NOT_IN_A_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_IN_JSON: Final = re.compile(f"[\x7f-\x9f\u2028\u2029{_UNSEEN}\ud800-\udfff]")
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r]")
"""How a cell begins that a spreadsheet computes (OWASP, "CSV Injection"), with the wide forms of the same signs."""


_LONG: Final = 80
"""Characters of a value in a message."""
_LONG_BITS: Final = 128


def printable(text: str) -> str:
    r"""Text without escape sequences, control characters (but tab and line feed) and characters that turn text around.

    A lone surrogate becomes its escape, ``\udcff``; Unicode's own line and paragraph separators become spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _DROPPED.sub("", text.replace("\u2028", " ").replace("\u2029", " "))
    return encodable(text)


def encodable(text: str) -> str:
    """Text that UTF-8 can encode: lone surrogates become their escapes."""
    return text if text.isascii() else _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_utf8(path: object) -> bool:
    """Whether a path's text is one that UTF-8 can encode: others hold bytes that are not, and not all can open them."""
    return _SURROGATE.search(str(path)) is None


def one_line(text: str) -> str:
    """The same as :func:`printable`, on one line."""
    return " ".join(printable(text).split("\n"))


def escaped(text: str) -> str:
    """Text in one line, in characters that UTF-8 has, of which nothing is lost: a file's name in a message.

    Control characters and line ends are escaped, and so are bytes that are not UTF-8, which Python holds as lone
    surrogates.
    """
    return _NOT_IN_A_LINE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if "\udc80" <= character <= "\udcff":  # a byte, by Python's surrogateescape
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def cell(text: str) -> str:
    """Text for a cell of a CSV file: one that a spreadsheet would compute begins with an apostrophe."""
    text = printable(text)
    return f"'{text}" if _FORMULA.match(text) else text


def file_stem(text: str) -> str:
    """A part of a file's name made of anything: letters, digits and ``. _ + -``, and not hidden."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text)[:80].lstrip(".-") or "run"


def short(value: object) -> str:
    """A value as a message names it, cut where it is long; of a number with very many digits, how many."""
    if isinstance(value, int) and value.bit_length() > _LONG_BITS:
        return f"a number of about {int(value.bit_length() * math.log10(2)):,} digits"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # there is such a number somewhere in it, or it has too many levels
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def json_text(data: Any, *, indent: int | None = 2) -> str:
    """JSON that is readable and harmless on a terminal: what :func:`printable` drops is escaped, nothing is lost.

    JSON has no infinity and no NaN: they become null.
    """
    try:
        return strict_json(data, indent=indent)
    except ValueError:
        return strict_json(_finite(data), indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def strict_json(data: Any, *, indent: int | None = 2) -> str:
    """The same, of finite numbers only.

    Raises:
        ValueError: a number is not finite.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False, separators=separators)
    return text if text.isascii() and "\x7f" not in text else _NOT_IN_JSON.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    """As JSON has it: two surrogates for what is beyond the first 65,536."""
    return json.dumps(found[0]).strip('"') if found[0] > "\x7f" else "\\u007f"


def first_line(error: Exception) -> str:
    """Runtimes' errors are pages: what the system says, or the type and the first line that says something."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
