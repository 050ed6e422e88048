"""What an ablation found, as data: :mod:`alexbench.harness.ablation.ablate` fills it, reports show it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from alexbench.harness.records.paired_records import Difference, PairedTest

Axis = Literal["decoder", "interpolation", "antialias", "crop", "channels"]

AXES: Final[tuple[Axis, ...]] = get_args(Axis)


@dataclass(frozen=True, slots=True)
class Choice:
    """One level of each axis, by name."""

    decoder: str
    interpolation: str
    antialias: str
    crop: str
    channels: str

    def of(self, axis: Axis) -> str:
        """Its level of ``axis``."""
        return str(getattr(self, axis))

    def but(self, axis: Axis, level: str) -> "Choice":
        """With another level of one axis."""
        return replace(self, **{axis: level})


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination, compared with the model's own on the same images.

    ``test``: top-1, the own one is its base. ``evidence``: nats an image that the labels are likelier under this one.
    """

    choice: Choice
    test: PairedTest
    evidence: Difference


@dataclass(frozen=True, slots=True)
class Effect:
    """A level of one axis, the rest as the model has it; ``cell`` None where nobody resizes so.

    ``along``: the other axis that had to be changed with it (nearest has no antialias), as "antialias no"; else "".
    """

    axis: Axis
    level: str
    words: str
    own: bool
    along: str
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two levels at once, in points of top-1: what they cost alone and jointly, and the difference with its interval.

    ``extra``: joint less the sum; its interval holds for all pairs looked at together (Bonferroni).
    """

    first: tuple[Axis, str]
    second: tuple[Axis, str]
    alone: tuple[float, float]
    joint: float
    extra: Difference


@dataclass(frozen=True, slots=True)
class Ablation:
    """The whole answer.

    ``runtime``: backend, version, precision and device. ``source``: the data's name, ``data`` all about them.
    ``interactions``: the largest first, those beyond chance, of ``pairs`` pairs of levels. ``exhausted``: how many
    pairs are not among these because what they cost alone adds up to more than there is to lose.
    """

    model: str
    weights: str
    runtime: str
    source: str
    data: str
    images: int
    synthetic: bool
    own: Choice
    levels: Mapping[Axis, tuple[str, ...]]
    cells: tuple[Cell, ...]
    effects: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    pairs: int
    exhausted: int
    inferences: int

    def cell(self, choice: Choice) -> Cell | None:
        """The combination's; None where nobody resizes so."""
        return next((cell for cell in self.cells if cell.choice == choice), None)
