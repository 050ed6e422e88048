"""Maps the class names of a source, in its own order, to class indices: the meaning of its labels.

A name identifies a class by its WordNet id, by a number (``0`` to ``999``), or in English by any of the class's labels.
Other names are refused: a label with a stated but unknown meaning is not a class index.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alexbench.datasets.classes import CLASS_COUNT, class_list, index_by_wnid
from alexbench.datasets.layouts.listing import NUMBER
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

BACKGROUND: Final = -1
"""The index of the first of 1001 classes, which is named background."""

BACKGROUNDS: Final = frozenset({"background", "dummy"})
_WNID_INSIDE: Final = re.compile(r"(?<![A-Za-z0-9])n[0-9]{8}(?![0-9])")
_WORD: Final = re.compile(r"[^\W_]+")
_KNOWN_AT_LEAST: Final = 900
"""How many of 1000 names in ILSVRC2012's own order must be its own names; the rest may have other words."""
_SHOWN_AT_MOST: Final = 40


class UnknownClassesError(ValueError):
    """Names that are not, or not provably, classes of ILSVRC2012. The message names them, but not the source."""


@dataclass(frozen=True, slots=True)
class Stated:
    """The names of a source's classes, label 0 first. ``said``: their place, for people.

    ``above``: they are in the folder above the labels, so they may describe another set.
    """

    said: str
    names: tuple[str, ...]
    above: bool = False

    @property
    def has_background(self) -> bool:
        """Whether label 0 is not a class: the background, or nothing, if a list counts from 1."""
        return self.names[0].strip().casefold() in BACKGROUNDS

    def indices(self) -> list[int]:
        """Label -> class index (:func:`class_indices`).

        Raises:
            DataError: the names are not ILSVRC2012's.
        """
        try:
            return class_indices(self.names)
        except UnknownClassesError as error:
            raise DataError(f"{self.said}: {error}") from error


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a source's numbers. ``said``: who defines it. ``indices``: number -> class index, or BACKGROUND.

    ``words``: the suffix of ``labels_from``; empty if the numbers are class indices.
    """

    said: str
    indices: tuple[int, ...]
    words: str = ""

    def of(self, number: int) -> int:
        """The class index of ``number``; BACKGROUND for one that is not in the list."""
        return self.indices[number] if 0 <= number < len(self.indices) else BACKGROUND


def meant(number: int, meaning: Meaning | None) -> int:
    """The class index of ``number``; ``number`` itself if no source defines it."""
    return number if meaning is None else meaning.of(number)


def class_indices(names: Sequence[str]) -> list[int]:
    """The class index (0..999) of each of a source's classes; BACKGROUND for the first of 1001 if that is its name.

    Raises:
        UnknownClassesError: a name is not a class or could be two, two names mean one class, or there are fewer classes
            than in ILSVRC2012 and their English names or numbers occur in other sets too.
    """
    if len(names) == CLASS_COUNT + 1 and names[0].strip().casefold() in BACKGROUNDS:
        return [BACKGROUND, *class_indices(names[1:])]
    found = [_WNID_INSIDE.findall(name) for name in names]
    if any(found):
        indices = [_by_wnid(place, name, ids) for place, (name, ids) in enumerate(zip(names, found, strict=True))]
    elif len(names) != CLASS_COUNT:
        shown = ", ".join(map(_short, names[:3]))
        raise UnknownClassesError(
            f"labels are of {len(names)} classes ({shown}, ...), not of the 1000 of ILSVRC2012, and would be taken for"
            " others; give a set with ImageNet's labels, or class folders"
        )
    elif all(NUMBER.fullmatch(name.strip()) for name in names):
        indices = [_by_number(place, name) for place, name in enumerate(names)]
    else:
        indices = _by_words(names)
    seen: dict[int, int] = {}
    for place, index in enumerate(indices):
        if seen.setdefault(index, place) != place:
            raise UnknownClassesError(
                f"labels {seen[index]} and {place} are both class {index} ({_short(names[place])}); keep one of them"
            )
    return indices


def is_own_order(indices: Sequence[int]) -> bool:
    """Whether labels are already class indices."""
    return all(index == place for place, index in enumerate(indices))


def meanings(text: str) -> frozenset[int]:
    """The classes that one name may mean, by WordNet id or in English; none for any other name."""
    ids = {index_by_wnid().get(wnid) for wnid in _WNID_INSIDE.findall(text)}
    if ids:
        return frozenset(index for index in ids if index is not None)
    return _by_label().get(plain_words(text), frozenset())


def _by_wnid(place: int, name: str, ids: Sequence[str]) -> int:
    index = index_by_wnid().get(ids[0]) if len(ids) == 1 else None
    if index is None:
        raise UnknownClassesError(
            f"its metadata names class {_short(name)} (label {place}), which is not among the 1000 of ILSVRC2012; give"
            " a set with ImageNet's labels, or class folders"
        )
    return index


def _by_number(place: int, name: str) -> int:
    index = int(name) if len(name.strip()) < 9 else CLASS_COUNT
    if index >= CLASS_COUNT:
        raise UnknownClassesError(
            f"label {place} is called {_short(name)}, and classes are numbered 0..999; name the classes by WordNet id"
        )
    return index


def _by_words(names: Sequence[str]) -> list[int]:
    """Classes by name, or by place if the names are in ILSVRC2012's own order."""
    possible = [meanings(name) for name in names]
    if _in_own_order(names, possible):
        return list(range(CLASS_COUNT))
    taken = frozenset(index for ones in possible if len(ones) == 1 for index in ones)
    left = [ones if len(ones) == 1 else ones - taken for ones in possible]
    for place, (name, ones) in enumerate(zip(names, left, strict=True)):
        if len(ones) != 1:
            what = "could be two classes" if ones else "is not a name of one of the 1000 of ILSVRC2012"
            raise UnknownClassesError(
                f"its classes are in an order of their own, and label {place}, {_short(name)}, {what}; name the classes"
                " by WordNet id, or give class folders"
            )
    return [next(iter(ones)) for ones in left]


def _in_own_order(names: Sequence[str], possible: Sequence[frozenset[int]]) -> bool:
    """Whether nearly all names match the class at their place, and each other name shares a word with it."""
    known = sum(place in ones for place, ones in enumerate(possible))
    return known >= _KNOWN_AT_LEAST and all(
        place in ones or (not ones and not _words_of(place).isdisjoint(_words(name)))
        for place, (name, ones) in enumerate(zip(names, possible, strict=True))
    )


@functools.cache
def _by_label() -> Mapping[str, frozenset[int]]:
    """Maps each label of a class, and all labels of a class together, to the classes that have it."""
    found: dict[str, set[int]] = {}
    first: dict[str, set[int]] = {}
    for one in class_list():
        first.setdefault(plain_words(one.name), set()).add(one.index)
        for label in (*one.labels, ", ".join(one.labels)):
            found.setdefault(plain_words(label), set()).add(one.index)
    # Who is called so first has the name: crayfish is one class, and a by-name of another.
    return {label: frozenset(indices) for label, indices in (found | first).items()}


def _words_of(index: int) -> frozenset[str]:
    return _words(" ".join(class_list()[index].labels))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def plain_words(text: str) -> str:
    """Without case, and with ``_``, ``-`` and apostrophes as blanks: how people spell file names."""
    return " ".join(_WORD.findall(text.casefold()))


def _short(text: str) -> str:
    return escaped(text if len(text) <= _SHOWN_AT_MOST else text[: _SHOWN_AT_MOST - 3] + "...")
