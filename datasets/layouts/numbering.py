"""The meaning of class numbers: class indices, class indices counted from 1, or the devkit's ILSVRC2012_ID.

The three are different orders of the same classes. The known labels of ILSVRC2012's own images show which one a source
uses. So do class lists next to the images, and the devkit. Without any of these, numbers 0 to 999 are class indices.
"""

import functools
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from alexbench.datasets.classes import CLASS_COUNT, devkit_order, packaged_labels
from alexbench.datasets.dataset import validation_number
from alexbench.datasets.layouts.class_lists import meaning_of
from alexbench.datasets.layouts.class_names import BACKGROUND, Meaning, Stated
from alexbench.datasets.layouts.devkit import devkit_beside, meaning_by_devkit
from alexbench.harness.errors import DataError

GIVE_WNIDS: Final = "give WordNet ids (n01440764) instead of the numbers"
_CLASSES_AT_LEAST: Final = 3
"""How many classes must show an order other than class indices. One or two may match by chance."""


def own_label(path: str) -> int | None:
    """The class index of an ILSVRC2012 validation image, by its name; None for any other image."""
    number = validation_number(path)
    return None if number is None else packaged_labels()[number - 1]


def numbers_mean(
    said: str, numbered: Iterable[tuple[int, int | None]], *, stated: Iterable[Stated], folder: Path | None
) -> Meaning | None:
    """The meaning of a source's numbers; None if nothing shows it.

    ``said``: the source's name in errors. ``numbered``: numbers, each with the known class index of its image, or None.
    ``stated``: the class lists next to it. ``folder``: where a devkit may be; None in an archive.

    Raises:
        DataError: most known images show that these are not class indices, but not all or too few do. Or the sources
            that define the numbers do not agree.
    """
    counts = Counter(numbered)
    numbers = {number for number, _ in counts}
    about = [one for one in stated if not (one.above and one.has_background and 0 in numbers)]
    listed, proved = meaning_of(about), _proved(said, counts)
    if listed is not None:
        return _agreeing(said, listed, proved, numbers)
    if proved is not None or not numbers or min(numbers) < 1 or max(numbers) > CLASS_COUNT or folder is None:
        return proved
    found = devkit_beside(folder, above=max(numbers) == CLASS_COUNT)
    return None if found is None else meaning_by_devkit(found)


def outside_words(numbers: Collection[int], otherwise: str) -> str:
    """The fix for unexplained numbers that are not all 0 to 999. ``otherwise``: the fix if no other helps."""
    if min(numbers) >= 1 and max(numbers) == CLASS_COUNT:
        return (
            "1..1000 are ILSVRC2012_ID, the devkit's order, or class indices counted from 1, and nothing tells which;"
            f" {GIVE_WNIDS}, or put the devkit's meta.mat next to them"
        )
    return otherwise


@functools.cache
def _orders() -> tuple[Meaning, ...]:
    """The orders in which people number classes, the usual one first."""
    by_id = [0] * CLASS_COUNT
    for index, place in enumerate(devkit_order().tolist()):
        by_id[place] = index
    usual = tuple(range(CLASS_COUNT))
    return (
        Meaning("class indices", usual),
        Meaning("class indices counted from 1", (BACKGROUND, *usual)),
        Meaning("ILSVRC2012_ID", (BACKGROUND, *by_id)),
        Meaning("ILSVRC2012_ID less 1", tuple(by_id)),
    )


def _proved(said: str, counts: Counter[tuple[int, int | None]]) -> Meaning | None:
    """The order that most known images show; None if there is none."""
    known = {pair: count for pair, count in counts.items() if pair[1] is not None}
    agreeing = [sum(count for (number, own), count in known.items() if order.of(number) == own) for order in _orders()]
    place, most, total = agreeing.index(max(agreeing)), max(agreeing), sum(known.values())
    if 2 * most <= total:
        return None
    order = _orders()[place]
    if place == 0:
        return order
    if most < total or len({own for _, own in known}) < _CLASSES_AT_LEAST:
        raise DataError(
            f"{said}: {most:,} of {total:,} labels are {order.said} by ILSVRC2012's own labels, not class indices, but"
            f" {'not all of them are' if most < total else 'so few images do not prove it'}; {GIVE_WNIDS}"
        )
    return Meaning(order.said, order.indices, f", {order.said}, as ILSVRC2012's own labels show")


def _agreeing(said: str, listed: Meaning, proved: Meaning | None, numbers: Collection[int]) -> Meaning:
    """A class list's meaning: its first line is number 0, or 1 where the numbers are 1 to 1000."""
    readings: Sequence[Meaning] = (listed,)
    if len(listed.indices) == CLASS_COUNT:
        shifted = Meaning(
            listed.said, (BACKGROUND, *listed.indices), listed.words or f", counted from 1 in {Path(listed.said).name}"
        )
        readings = (shifted,) if min(numbers, default=0) == 1 and max(numbers) == CLASS_COUNT else (listed, shifted)
    if proved is None:
        return readings[0]
    for reading in readings:
        if all(reading.of(number) == proved.of(number) for number in numbers):
            return reading
    raise DataError(
        f"{listed.said}: not what the labels of {said} mean, which are {proved.said} by ILSVRC2012's own labels;"
        " remove the list, or replace it with the right one"
    )
