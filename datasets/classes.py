"""The 1000 classes of ILSVRC2012, in the order that every AlexNet's outputs have."""

import csv
import functools
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

CLASS_COUNT = 1000


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class.

    ``index``: 0..999. Its WordNet id (``n01440764``). ``ilsvrc2012_id``: 1..1000, the numbers in the devkit's ground
    truth. ``labels``: its names, the usual one first.
    """

    index: int
    wnid: str
    ilsvrc2012_id: int
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first label, which is how people call the class."""
        return self.labels[0]


@functools.cache
def class_list() -> tuple[ImageNetClass, ...]:
    """The 1000 classes in the order of their indices, which is the order of the sorted WordNet ids.

    ILSVRC2012_ID is another order: that of the devkit's meta.mat. It was read from a public listing (map_clsloc.txt of
    the devkit for localisation) and was not compared with a devkit here. Labels given with a devkit are read by its own
    meta.mat, never by this table.
    """
    packaged = importlib.resources.files("alexbench.datasets").joinpath("data/imagenet_classes.csv")
    lines = packaged.read_text(encoding="utf-8").splitlines()
    return tuple(
        ImageNetClass(int(row["index"]), row["wnid"], int(row["ilsvrc2012_id"]), tuple(row["labels"].split(", ")))
        for row in csv.DictReader(lines)
    )


BACKGROUND_NAME: Final = "background"


def class_name(index: int, own: Sequence[str] = ()) -> str:
    """What people call a class: of ImageNet, or of a model's ``own`` where there are names; -1 is the background."""
    if index < 0:
        return BACKGROUND_NAME
    return own[index] if own else class_list()[index].name


@functools.cache
def index_by_wnid() -> Mapping[str, int]:
    """WordNet id -> class index 0..999; read-only."""
    return MappingProxyType({each.wnid: each.index for each in class_list()})


@functools.cache
def packaged_labels() -> tuple[int, ...]:
    """The class index of each image of the ILSVRC2012 validation set, ILSVRC2012_val_00000001 first."""
    packaged = importlib.resources.files("alexbench.datasets").joinpath("data/imagenet_val_labels.txt")
    return tuple(int(line) for line in packaged.read_text(encoding="ascii").split())


@functools.cache
def devkit_order() -> NDArray[np.intp]:
    """ILSVRC2012_ID - 1 of each class index, which is its place in the devkit's order; (1000,) intp, read-only."""
    order = np.array([each.ilsvrc2012_id - 1 for each in class_list()], dtype=np.intp)
    order.flags.writeable = False
    return order
