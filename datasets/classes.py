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

    ``index`` 0..999, its WordNet id (``n01440764``), ``ilsvrc2012_id`` 1..1000, which the devkit's ground truth counts
    in, and its ``labels``, the usual name first.
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
    """The 1000 classes; the place in the tuple is the index, which is the rank of the WordNet id in sorted order.

    ILSVRC2012_ID is another order: that of the devkit's meta.mat, read from a public listing of it (map_clsloc.txt of
    the devkit for localisation) and not held against a devkit here. Labels given with a devkit are read by its own
    meta.mat, never by this one.
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
    """(1000,) intp, read-only: at each class index its ILSVRC2012_ID - 1, where the devkit's order has that class."""
    order = np.array([each.ilsvrc2012_id - 1 for each in class_list()], dtype=np.intp)
    order.flags.writeable = False
    return order
