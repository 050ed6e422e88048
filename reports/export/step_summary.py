"""GitHub's step summary: Markdown that a workflow's page shows, appended to the file that GITHUB_STEP_SUMMARY names."""

import os
from pathlib import Path
from typing import Final

from alexbench.harness.records.file_names import REPORT

VARIABLE: Final = "GITHUB_STEP_SUMMARY"
LIMIT_BYTES: Final = 1024 * 1024
"""The limit of one step's summary: a larger one is not shown at all (GitHub's documentation, "Workflow commands")."""
CUT: Final = f"\n_Cut here: a step summary holds 1 MiB. The whole is in the run's {REPORT}._\n"
_GAP: Final = "\n"
"""What is there may not end in a line's end."""


def add_to_step_summary(markdown: str) -> str | None:
    """Append to the step's summary where there is one; what could not be done in one line, None where all went well.

    What is there already counts towards the limit: the text is cut at the end of a line, or left out where nothing
    fits.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    path = Path(name)
    try:
        there = path.stat().st_size if path.exists() else 0
        text = fitting(markdown, LIMIT_BYTES - there - len(_GAP))
        if not text:
            return f"{VARIABLE}: {path} is full (1 MiB); the report was not added"
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(_GAP + text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return f"{VARIABLE}: {path} cannot be written ({reason}); the report was not added"
    return None if text.startswith(markdown) else f"{VARIABLE}: the report was cut to fit into 1 MiB"


def fitting(markdown: str, room: int) -> str:
    """``markdown`` with an empty line behind it, so much of it as ``room`` bytes hold; "" where that is nothing."""
    text = f"{markdown.rstrip()}\n\n" if not markdown.endswith("\n\n") else markdown
    whole = text.encode()
    if len(whole) <= room:
        return text
    kept = whole[: max(0, room - len(CUT.encode()))]
    kept = kept[: kept.rfind(b"\n") + 1]
    return kept.decode() + CUT if kept else ""
