"""Code that writers and readers of exported files share: the names in them, and shapes in words."""

from collections.abc import Sequence
from typing import Final

INPUT: Final = "pixels"
OUTPUT: Final = "logits"
NOTES_PREFIX: Final = "alexbench."
"""The prefix of each key in formats whose metadata has no folders."""
NOTES_FILE: Final = "alexbench.json"
"""The name of the notes in formats that take whole files."""


def described(dtype: str, dimensions: Sequence[object]) -> str:
    """``float32 (N, 3, 224, 224)``: anything but a number of at least 0 is the open batch."""
    shown = (str(one) if isinstance(one, int) and one >= 0 else "N" for one in dimensions)
    return f"{dtype} ({', '.join(shown)})"
