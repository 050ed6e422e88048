"""Times decided: before FAIL is said, or where nothing can be said, the rows are measured again.

FAIL takes two measurements with processes of their own: what came before says so, and the newest one alone does too.
PASS takes all of them together. Whatever is still open after three more measurements stays INCONCLUSIVE.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from alexbench.harness.app.gate.follow_up import Follow, Fresh
from alexbench.harness.app.gate.identity import Identity
from alexbench.harness.app.gate.judging import Key, judged_times
from alexbench.harness.app.gate.policy import Policy
from alexbench.harness.app.gate.side import Side, with_more
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.gate_records import Judged

EXTENSIONS: Final = 3


@dataclass(frozen=True, slots=True)
class DecidedTimes:
    """Every time judged, the runs that were made for it, and why no more were."""

    judged: list[Judged]
    runs: list[Path]
    notes: list[str]


def decide_times(
    base: Side, head: Side, policy: Policy, found: Identity, *, follow: Follow | None, say: Callable[[str], None]
) -> DecidedTimes:
    """Judge every time; ``follow`` measures again, None where that is not wanted."""
    times = _Times(base, head, policy, found)
    runs: list[Path] = []
    notes: list[str] = []
    for number in range(1, EXTENSIONS + 1):
        needed = times.needed
        if not needed or follow is None:
            break
        say(f"{times.said(needed)}: measuring again with fresh processes ({number} of at most {EXTENSIONS})")
        try:
            fresh = follow(list(dict.fromkeys(backend for backend, _ in needed)), number)
        except AlexBenchError as error:
            notes.append(f"Not measured again: {error}")
            break
        runs.append(fresh.folder)
        if not times.add(fresh, needed):
            notes.append(f"{fresh.folder} is INVALID and does not count")
    return DecidedTimes(times.conclude(), runs, notes)


@dataclass(slots=True)
class _Times:
    """What is known so far. ``done`` is decided; of what is ``waiting``, what all measurements together say."""

    base: Side
    head: Side
    policy: Policy
    found: Identity
    done: dict[Key, Judged] = field(default_factory=dict)
    waiting: dict[Key, Judged] = field(default_factory=dict)
    believed: bool = True
    counted: int = 0

    def __post_init__(self) -> None:
        for key, judged in judged_times(self.base, self.head, self.policy, self.found).items():
            # Without rounds there is nothing that more of them would decide.
            (self.done if judged.verdict == "PASS" or judged.rounds is None else self.waiting)[key] = judged
        # An A/A control that failed says so of all rows: their blocks are not to be joined with better ones.
        self.believed = all(one.verdict != "INVALID" for one in self.waiting.values())

    @property
    def needed(self) -> list[Key]:
        """What the gate's verdict waits for."""
        return [key for key, one in self.waiting.items() if one.rule.required]

    def said(self, keys: Sequence[Key]) -> str:
        """Why they wait."""
        words = {"FAIL": "would FAIL", "INCONCLUSIVE": "is open", "INVALID": "is INVALID"}
        return "; ".join(
            f"{backend} {metric} {words[self.waiting[backend, metric].verdict]}" for backend, metric in keys
        )

    def add(self, fresh: Fresh, keys: Sequence[Key]) -> bool:
        """Judge with a fresh measurement, alone and with all before it; False: nobody can believe it."""
        backends = list(dict.fromkeys(backend for backend, _ in keys))
        alone = judged_times(fresh.base or self.base, fresh.head, self.policy, self.found, backends=backends)
        if any(one.verdict == "INVALID" for one in alone.values()):
            return False
        self._join(fresh)
        together = judged_times(self.base, self.head, self.policy, self.found, backends=backends)
        for key in keys:
            if key in alone and key in together:
                self._decide(key, alone[key], together[key])
        self.counted += 1
        return True

    def _decide(self, key: Key, alone: Judged, together: Judged) -> None:
        before = self.waiting.pop(key)
        if before.verdict == alone.verdict == "FAIL":
            why = f"{_change(before)} and, with fresh processes, {_change(alone)}: beyond what is allowed both times"
            self.done[key] = replace(together, verdict="FAIL", why=why)
        elif together.verdict == "PASS":
            self.done[key] = together
        else:
            self.waiting[key] = together

    def _join(self, fresh: Fresh) -> None:
        """Further processes of the same; of a measurement that nobody believed nothing is kept."""
        if self.believed:
            self.head = with_more(self.head, fresh.head)
            if fresh.base is not None:
                self.base = with_more(self.base, fresh.base)
        else:
            self.head, self.base = fresh.head, fresh.base or self.base
        self.believed = True

    def conclude(self) -> list[Judged]:
        """All of it; a FAIL that no second measurement confirmed is none."""
        left = {key: _unconfirmed(one, again=self.counted > 0) for key, one in self.waiting.items()}
        return [*self.done.values(), *left.values()]


def _change(one: Judged) -> str:
    return f"{one.change:+.1f} % ({one.low:+.1f} to {one.high:+.1f})"


def _unconfirmed(one: Judged, *, again: bool) -> Judged:
    if one.verdict != "FAIL":
        return one
    why = "beyond what is allowed, and not confirmed with fresh processes"
    if not one.rule.required:
        why += ", for it is advisory"
    elif again:
        why = "beyond what is allowed with all measurements together, and no second one alone says so"
    return replace(one, verdict="INCONCLUSIVE", why=why, would_change="a second measurement that says the same")
