"""What all plots have in common: how text is set, so that the file is well-formed whatever a name contains."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from alexbench.harness.files.plain_text import one_line

DOTS_PER_INCH: Final = 150
"""The resolution of every PNG."""
STYLE: Final[Mapping[str, Any]] = MappingProxyType(
    {"font.family": "DejaVu Sans", "font.size": 10, "svg.hashsalt": "alexbench", "svg.fonttype": "path"}
)
"""What all drawings have; DejaVu Sans comes with matplotlib, and the salt makes the same bytes of the same drawing."""
_LONGEST: Final = 80
"""Characters: a longer text leaves no room for what is drawn."""


def plot_text(text: str, *, longest: int = _LONGEST) -> str:
    """Text on one line, cut where it is very long; XML can hold what is printable, and an SVG has it in a comment."""
    text = " ".join(one_line(text).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


@contextlib.contextmanager
def drawing(style: Mapping[str, Any] = STYLE) -> Iterator[None]:
    """Draw in a style. A dollar begins no formula, and a character that the font lacks is an empty box, unsaid."""
    from matplotlib import style as styles

    with styles.context(["default", {**style, "text.parse_math": False}]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield
