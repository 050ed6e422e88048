"""Reading what a kernel says of itself in small files: absent, unreadable and nonsense are all one, None."""

from collections.abc import Iterable
from pathlib import Path


def text(path: Path) -> str | None:
    """The file's text without white space around it; None where it cannot be read or is empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except (OSError, ValueError):
        return None


def number(path: Path) -> int | None:
    """The one integer in a file; None where there is none."""
    found = text(path)
    try:
        return None if found is None else int(found)
    except ValueError:
        return None


def numbers(paths: Iterable[Path]) -> list[int]:
    """The integers of those files that hold one."""
    return [found for path in paths if (found := number(path)) is not None]


def fields(path: Path) -> dict[str, str]:
    """``key: value`` lines up to the first empty one, as /proc/cpuinfo and /proc/meminfo have them."""
    lines = (line.partition(":") for line in (text(path) or "").split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}
