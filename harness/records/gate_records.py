"""What a gate found, as data: :mod:`alexbench.harness.judge.gate_rule` decides, reports show it.

Changes are head less base: of speeds, memory and load in percent of the base, of accuracies in points.
"""

from dataclasses import dataclass
from typing import Final, Literal

from alexbench.harness.errors import ExitCode
from alexbench.harness.records.reasons import Reason

GateVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "INVALID", "NOT GATED"]
Mode = Literal["exact", "interval", "paired", "anchored", "value"]
Direction = Literal["lower-is-better", "higher-is-better", "two-sided"]

GATE_EXIT_CODES: Final[dict[GateVerdict, ExitCode]] = {
    "PASS": ExitCode.OK,
    "FAIL": ExitCode.FAILED,
    "INCONCLUSIVE": ExitCode.INCONCLUSIVE,
    "INVALID": ExitCode.INCONCLUSIVE,
    "NOT GATED": ExitCode.OK,
}
_WORST_FIRST: Final[tuple[GateVerdict, ...]] = ("FAIL", "INVALID", "INCONCLUSIVE", "PASS")


@dataclass(frozen=True, slots=True)
class Rule:
    """What one metric may do.

    ``tolerance``: points of an accuracy, percent of anything else; 0 where only equality will do. ``required``: whether
    its verdict is the gate's, or only shown.
    """

    metric: str
    tolerance: float
    direction: Direction
    mode: Mode
    required: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric of one row.

    ``row``: its label among the systems of both sides, empty for what is of the whole run. ``base`` and ``head``: the
    values, None where there is none or it is not a number. ``change``, with ``low`` and ``high`` at 90 % and of times
    ``low_95`` and ``high_95``, None where nothing estimates it.
    ``why``: what the verdict rests on; ``would_change``: what would decide or turn it. ``detectable``: the least change
    that would FAIL here. ``mode``: how it was judged in fact.
    """

    row: str
    rule: Rule
    verdict: GateVerdict
    base: float | None = None
    head: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    mode: Mode | None = None
    why: tuple[Reason, ...] = ()
    would_change: Reason | None = None
    detectable: float | None = None
    rounds: int | None = None
    low_95: float | None = None
    high_95: float | None = None

    @property
    def metric(self) -> str:
        """Its name, as in the policy."""
        return self.rule.metric

    @property
    def decides(self) -> bool:
        """Whether the gate's own verdict rests on it."""
        return self.rule.required and self.verdict != "NOT GATED"


@dataclass(frozen=True, slots=True)
class GateSide:
    """Who was compared: ``name`` as the user gave it; the run that it is of, by when it was ``started``.

    ``versions``: row -> its runtime's. ``invalid``: why its speeds are unreliable.
    """

    name: str
    started: str
    alexbench: str
    versions: dict[str, str]
    invalid: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class GateReport:
    """A gate: two sides, every metric judged, and one verdict.

    ``refused``: why nothing may be gated (other weights, other data); shown all the same, and INVALID.
    ``changed``: what of the environment differs. ``follow_ups``: the runs that were made to confirm or to extend.
    ``synthetic``: images or weights are a program's.
    """

    base: GateSide
    head: GateSide
    policy: str
    model: str
    data: str
    synthetic: bool
    judged: tuple[Judged, ...]
    refused: tuple[Reason, ...] = ()
    changed: tuple[Reason, ...] = ()
    follow_ups: tuple[str, ...] = ()
    notes: tuple[Reason, ...] = ()

    @property
    def verdict(self) -> GateVerdict:
        """The worst of what is required; INVALID where nothing may be gated or nothing was."""
        if self.refused:
            return "INVALID"
        deciding = {one.verdict for one in self.judged if one.decides}
        for verdict in _WORST_FIRST:
            if verdict in deciding:
                return verdict
        return "INVALID"

    @property
    def exit_code(self) -> ExitCode:
        """0 PASS, 1 FAIL, 3 INCONCLUSIVE and INVALID."""
        return GATE_EXIT_CODES[self.verdict]
