"""Decides times: before a FAIL, or if undecided, the rows are measured again.

FAIL takes two measurements with processes of their own: the earlier ones together, and the newest one alone.
PASS takes all of them together. Whatever is still open after three more measurements stays INCONCLUSIVE.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from alexbench.harness.errors import AlexBenchError
from alexbench.harness.gating.follow_up import Follow, Fresh
from alexbench.harness.gating.gated_runs import GatedRun, named_as, with_more
from alexbench.harness.gating.identity import Identity
from alexbench.harness.gating.judging import SERIES, Key, judged_times
from alexbench.harness.gating.policy import Policy, metrics_of
from alexbench.harness.records.gate_records import Judged
from alexbench.harness.records.reasons import Reason, WhyCode

EXTENSIONS: Final = 3
_APART: Final = 1000
"""So far are the numbers of one measurement's processes from the next one's: more than a run has."""


@dataclass(frozen=True, slots=True)
class DecidedTimes:
    """Every time judged, the runs that were made for it, and why no more were."""

    judged: list[Judged]
    runs: list[Path]
    notes: list[Reason]


def decide_times(
    base: GatedRun,
    head: GatedRun,
    policy: Policy,
    found: Identity,
    *,
    follow: Follow | None,
    say: Callable[[str], None],
) -> DecidedTimes:
    """Judge every time; ``follow`` measures again, None where that is not wanted."""
    times = _Times(base, head, policy, found)
    runs: list[Path] = []
    notes: list[Reason] = []
    for number in range(1, EXTENSIONS + 1):
        needed = times.needed
        if not needed or follow is None:
            break
        say(f"{times.said(needed)}: measuring again with fresh processes ({number} of at most {EXTENSIONS})")
        try:
            fresh = times.measured_again(follow, needed, number)
        except AlexBenchError as error:
            notes.append(Reason("not_repeated", text=str(error)))
            break
        runs.append(fresh.folder)
        invalid = times.add(fresh, needed, number)
        notes += [Reason("repeat_invalid", of=metric, text=str(fresh.folder)) for metric in invalid]
    return DecidedTimes(times.conclude(), runs, notes)


@dataclass(slots=True)
class _Times:
    """What is known so far. ``done`` is decided; of what is ``waiting``, what all measurements together say."""

    base: GatedRun
    head: GatedRun
    policy: Policy
    found: Identity
    done: dict[Key, Judged] = field(default_factory=dict)
    waiting: dict[Key, Judged] = field(default_factory=dict)
    believed: dict[str, bool] = field(default_factory=dict)
    again: bool = False

    def __post_init__(self) -> None:
        for key, judged in judged_times(self.base, self.head, self.policy, self.found).items():
            # Without rounds there is nothing that more of them would decide.
            (self.done if judged.verdict == "PASS" or judged.rounds is None else self.waiting)[key] = judged
        # Blocks of a run that could not be measured are not joined with others.
        believed = all(one.verdict != "INVALID" for one in self.waiting.values())
        self.believed = dict.fromkeys(metrics_of("time"), believed)

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

    def measured_again(self, follow: Follow, keys: Sequence[Key], number: int) -> Fresh:
        """Fresh processes of the rows that wait, under their names here."""
        names = list(dict.fromkeys(name for name, _ in keys))
        fresh = follow([self.head.rows[name].entry.system for name in names], number)
        base = None if fresh.base is None else named_as(fresh.base, self.base)
        return replace(fresh, base=base, head=named_as(fresh.head, self.head))

    def add(self, fresh: Fresh, keys: Sequence[Key], number: int) -> list[str]:
        """Judge with a fresh measurement, alone and with all before it; the metrics of which nobody can believe it."""
        backends = list(dict.fromkeys(backend for backend, _ in keys))
        alone = judged_times(fresh.base or self.base, fresh.head, self.policy, self.found, backends=backends)
        keys = [key for key in keys if key in alone]
        asked = list(dict.fromkeys(metric for _, metric in keys))
        invalid = [
            metric for metric in asked if any(alone[key].verdict == "INVALID" for key in keys if key[1] == metric)
        ]
        fine = [metric for metric in asked if metric not in invalid]
        for metric in fine:
            self._join(fresh, metric, first=number * _APART)
        sound = [metric for metric, believed in self.believed.items() if believed]
        together = judged_times(self.base, self.head, self.policy, self.found, backends=backends, sound=sound)
        for key in keys:
            if key[1] in fine:
                self._decide(key, alone[key], together[key])
        self.again = self.again or bool(fine)
        return invalid

    def _decide(self, key: Key, alone: Judged, together: Judged) -> None:
        before = self.waiting.pop(key)
        if before.verdict == alone.verdict == "FAIL":
            why = Reason("confirmed", measured=before.change or 0.0, limit=alone.change or 0.0)
            self.done[key] = replace(together, verdict="FAIL", why=(why,))
        elif together.verdict == "PASS":
            self.done[key] = together
        else:
            self.waiting[key] = together

    def _join(self, fresh: Fresh, metric: str, *, first: int) -> None:
        """Further processes of the same; of a measurement that nobody believed nothing is kept."""
        instead = not self.believed[metric]
        self.head = with_more(self.head, fresh.head, SERIES[metric], first=first, instead=instead)
        if fresh.base is not None:
            self.base = with_more(self.base, fresh.base, SERIES[metric], first=first, instead=instead)
        self.believed[metric] = True

    def conclude(self) -> list[Judged]:
        """All of it; a FAIL that no second measurement confirmed is none."""
        left = {key: _unconfirmed(one, again=self.again) for key, one in self.waiting.items()}
        return [*self.done.values(), *left.values()]


def _unconfirmed(one: Judged, *, again: bool) -> Judged:
    if one.verdict != "FAIL":
        return one
    code: WhyCode = "unconfirmed_alone" if again else "unconfirmed"
    why = Reason(code if one.rule.required else "unconfirmed_advisory")
    return replace(one, verdict="INCONCLUSIVE", why=(why,), would_change=Reason("second_run"))
