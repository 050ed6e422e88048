"""The 1000 classes of ILSVRC2012, in the order that every AlexNet's outputs have."""

import csv
import functools
import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CLASS_COUNT = 1000


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class: ``index`` 0..999, its WordNet id (``n01440764``), and its ``labels``, the usual name first."""

    index: int
    wnid: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first label, which is how people call the class."""
        return self.labels[0]


@functools.cache
def class_list() -> tuple[ImageNetClass, ...]:
    """The 1000 classes; the place in the tuple is the index, which is the rank of the WordNet id in sorted order.

    ILSVRC2012_ID of the devkit (1..1000) is another order and does not occur here.
    """
    packaged = importlib.resources.files("alexbench.datasets").joinpath("data/imagenet_classes.csv")
    lines = packaged.read_text(encoding="utf-8").splitlines()
    return tuple(
        ImageNetClass(int(row["index"]), row["wnid"], tuple(row["labels"].split(", "))) for row in csv.DictReader(lines)
    )


@functools.cache
def index_by_wnid() -> Mapping[str, int]:
    """WordNet id -> class index 0..999; read-only."""
    return MappingProxyType({each.wnid: each.index for each in class_list()})
