"""When a training stops before its last epoch."""

import math
from dataclasses import dataclass

from alexbench.harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """After ``steps`` steps in all, or ``minutes`` of this command."""

    steps: int | None = None
    minutes: float | None = None

    def check(self) -> None:
        """Refuse limits that allow no step.

        Raises:
            UsageError: the message names the flag.
        """
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps {self.steps}: give 1 or more")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise UsageError(f"--minutes {self.minutes:g}: give a number above 0")
