"""What the writers and openers of exported files share: the names in them, and shapes in words."""

from collections.abc import Sequence
from typing import Final

INPUT: Final = "pixels"
OUTPUT: Final = "logits"
NOTES_PREFIX: Final = "alexbench."
"""Before each key, where a format's metadata has no folders of its own."""
NOTES_FILE: Final = "alexbench.json"
"""The notes' name, where a format takes whole files."""


def described(dtype: str, dimensions: Sequence[object]) -> str:
    """``float32 (N, 3, 224, 224)``: whatever is no number of at least 0 is the open batch."""
    shown = (str(one) if isinstance(one, int) and one >= 0 else "N" for one in dimensions)
    return f"{dtype} ({', '.join(shown)})"
