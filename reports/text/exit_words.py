"""The last line of a command whose exit code is not 0: the code and its meaning."""

from collections.abc import Mapping
from typing import Final

from alexbench.harness.errors import ExitCode

_MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.FAILED: "a check failed",
    ExitCode.USAGE: "wrong usage or unusable input",
    ExitCode.INCONCLUSIVE: "inconclusive or invalid measurement",
    ExitCode.FAULT: "a bug in AlexBench",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.UNREAD: "nobody read the output",
}


def exit_line(code: ExitCode, meaning: str = "") -> str:
    """Such as "Exit code 1: a row failed"; empty for 0. ``meaning``: what the command means by it, if that is more."""
    return "" if code == ExitCode.OK else f"Exit code {code.value}: {meaning or _MEANINGS[code]}"
