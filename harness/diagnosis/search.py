"""From the reading as given to the best one that can be found: wide and short first, then few and long.

What kills accuracy altogether (normalisation, channels, layout, order of fc6, labels) is tried crossed with each other,
for with two of them wrong no single fix shows. What only costs some of it (geometry) is fixed one thing at a time,
the best first, until nothing is better.
"""

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, get_args

from alexbench.harness.diagnosis.levels import arithmetics, geometries
from alexbench.harness.judge.evidence import paired_difference
from alexbench.harness.judge.paired_tests import discordant, mcnemar, more_right
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.probing.reading import GEOMETRY, LABEL_READINGS, FlattenOrder, Reading, Tone, changes
from alexbench.harness.probing.trials import Trials
from alexbench.harness.records.paired_records import Difference

FIRST_LOOK: Final = 16
SECOND_LOOK: Final = 64
ALIVE: Final = 3
"""Right answers of FIRST_LOOK that no model gives by chance, at one in a thousand."""
KEPT: Final = 6
"""Readings that a first look leaves for the second."""
MOVE_AT: Final = 3.5
"""Standard errors by which a reading must lead before the search goes there. Every move is judged again, at the end, on
all images; this only has to keep the search from wandering among a hundred readings that are alike."""
MOVE_P: Final = 0.0005
"""McNemar's p of right answers below which the search goes there too: that of MOVE_AT standard errors; 12 one way."""
DROP_AT: Final = 5.0
"""Standard errors behind, on the images of the first look, at which a reading is dropped: beyond what
chance does even to one of a hundred readings, by Student's distribution of 15 degrees."""
SWEEPS: Final = 8
RIVALS: Final = 6
"""Readings that may be as good, examined on all images: by evidence, and by right answers."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Search:
    """What was tried, and where it ended."""

    trials: Trials
    under_test: ModelUnderTest
    say: Say
    at: Reading
    tried: dict[Reading, Difference] = field(default_factory=dict)

    def run(self) -> Reading:
        """The best reading found; ``tried`` has all others, compared with it."""
        images = len(self.trials)
        second = min(SECOND_LOOK, images)
        self._cross(min(FIRST_LOOK, images), second)
        for _ in range(SWEEPS):
            self.tried.clear()
            if not self._sweep(self._neighbours(), second) and not self._rivals():
                break
        self._settle()
        return self.at

    def compare(self, reading: Reading, images: int, *, comparisons: int = 1) -> Difference:
        """Evidence of ``reading`` less that of where the search is, on the first ``images`` images."""
        return paired_difference(
            self.trials.evidence(reading, images), self.trials.evidence(self.at, images), comparisons=comparisons
        )

    def answers(self, reading: Reading, images: int) -> tuple[int, int]:
        """On how many of the first ``images`` images only the present reading, and only ``reading``, is right."""
        return discordant(self.trials.hits(self.at, images), self.trials.hits(reading, images))

    def _cross(self, first: int, second: int) -> None:
        """All that kills, crossed: the few best after a first look are looked at again."""
        given = self.at
        self.say(f"normalisation, channels, layout and fc6's order, crossed, on {first} images")
        inputs = [given.fed, *arithmetics(given.fed)]
        looked: list[Reading] = []
        best: list[Reading] = []
        orders: tuple[FlattenOrder, ...] = get_args(FlattenOrder) if self.under_test.native else ("as given",)
        for flatten, reshaped in itertools.product(orders, (False, True)):
            for fed, labels in itertools.product(inputs, LABEL_READINGS):
                looked.append(replace(given, fed=fed, labels=labels, reshaped=reshaped, flatten=flatten))
            best = sorted(looked, key=lambda one: -float(self.trials.evidence(one, first).mean()))[:KEPT]
            if max(int(self.trials.hits(one, first).sum()) for one in best) >= ALIVE:
                break  # with another layout or order of fc6 it would be right no more often than by chance
        self._sweep(best, second)

    def _neighbours(self) -> list[Reading]:
        """One thing changed of where the search is."""
        at = self.at
        fed = [
            *geometries(at.fed, self.under_test.card, other_inputs=self.under_test.native),
            *arithmetics(at.fed),
        ]
        made = [replace(at, fed=one) for one in fed]
        made += [replace(at, labels=labels) for labels in LABEL_READINGS if labels != at.labels]
        made += [replace(at, tone=tone) for tone in get_args(Tone) if tone != at.tone]
        return made

    def _sweep(self, readings: Iterable[Reading], images: int) -> bool:
        """Go to the best of ``readings`` if it leads clearly on ``images`` images; whether it did."""
        ahead: list[Reading] = []
        for reading in readings:
            if reading == self.at:
                continue
            found = self.compare(reading, min(FIRST_LOOK, images))
            if found.lead > -DROP_AT:
                found = self.compare(reading, images)
            self.tried[reading] = found
            if self._leads(reading, found):
                ahead.append(reading)
        if not ahead:
            return False
        self.move(self._best(ahead, images))
        return True

    def _leads(self, reading: Reading, found: Difference) -> bool:
        """Clearly: by evidence with no fewer right answers (more likes and more misses are an error), or by these."""
        lost, gained = self.answers(reading, found.images)
        by_answers = gained > lost and mcnemar(lost, gained) < MOVE_P and self._geometric(reading)
        return by_answers or (found.lead > MOVE_AT and gained >= lost)

    def _geometric(self, reading: Reading) -> bool:
        """Whether only geometry is otherwise than where the search is."""
        return all(one.factor in GEOMETRY for one in changes(self.at, reading))

    def _best(self, ahead: list[Reading], images: int) -> Reading:
        """The one with the most evidence, unless another geometry has more images right, and not by chance."""
        likeliest = max(ahead, key=lambda one: self.tried[one].mean)
        others = [one for one in ahead if one == likeliest or self._geometric(one)]
        surest = max(others, key=lambda one: (self.trials.hits(one, images).sum(), self.tried[one].mean))
        lost, gained = discordant(self.trials.hits(likeliest, images), self.trials.hits(surest, images))
        return surest if more_right(lost, gained) else likeliest

    def _rivals(self) -> bool:
        """Examine those that are not clearly worse on all images; whether one of them is better."""
        near = [one for one, found in self.tried.items() if found.high > 0 and found.error > 0]
        near.sort(key=lambda one: -self.tried[one].high)
        ahead = [one for one in self.tried if self._net(one) > 0 and self._geometric(one)]
        ahead.sort(key=lambda one: -self._net(one))
        return self._sweep(dict.fromkeys(near[:RIVALS] + ahead[:RIVALS]), len(self.trials))

    def _settle(self) -> None:
        """Among equal readings that change no more, go to the one that both kinds together favour."""
        most = len(list(changes(self.under_test.given, self.at)))
        better = {
            one: self._favour(one, found)
            for one, found in self.tried.items()
            if found.images == len(self.trials)
            and self._geometric(one)
            and len(list(changes(self.under_test.given, one))) <= most
        }
        best = max(better, key=lambda one: better[one], default=self.at)
        if better.get(best, 0.0) > 0 and self._net(best) > 0:
            self.move(best)

    def _favour(self, reading: Reading, found: Difference) -> float:
        """Standard errors by which evidence and right answers, added up, are for ``reading``."""
        lost, gained = self.answers(reading, found.images)
        return found.lead + (gained - lost) / math.sqrt(max(gained + lost, 1))

    def _net(self, reading: Reading) -> int:
        """How many more images it has right, among those it was tried on."""
        lost, gained = self.answers(reading, self.tried[reading].images)
        return gained - lost

    def move(self, reading: Reading) -> None:
        """Go there; from now on, readings are compared with it, each on as many images as before."""
        self.say("better: " + ("; ".join(one.fix for one in changes(self.under_test.given, reading)) or "as given"))
        tried = {self.at: len(self.trials), **{one: found.images for one, found in self.tried.items()}}
        self.at = reading
        self.tried = {one: self.compare(one, images) for one, images in tried.items() if one != reading}
