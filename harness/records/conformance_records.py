"""The result of the conformance kit on one backend, as data: harness/conformance fills it, reports show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from alexbench.harness.errors import ExitCode

Outcome = Literal["passed", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check on one network. ``group``: what it is of; ``case``: the network, "" where there is none.

    ``promise``: what the backend promises, in words. ``said``: what was found instead, or how it refused; "" else.
    ``feature``: what a refusal is of.
    """

    group: str
    name: str
    outcome: Outcome
    promise: str
    case: str = ""
    said: str = ""
    feature: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Conformance:
    """All checks of a backend. ``versions``: its distributions; ``declared``: codes of its optional capabilities."""

    backend: str
    versions: Mapping[str, str]
    alexbench: str
    python: str
    declared: tuple[str, ...]
    checks: tuple[Check, ...]
    seconds: float

    def of(self, outcome: Outcome) -> tuple[Check, ...]:
        """The checks with this outcome."""
        return tuple(check for check in self.checks if check.outcome == outcome)

    @property
    def passed(self) -> bool:
        """Whether none failed."""
        return not self.of("failed")

    @property
    def exit_code(self) -> ExitCode:
        """That of the command."""
        return ExitCode.OK if self.passed else ExitCode.FAILED
