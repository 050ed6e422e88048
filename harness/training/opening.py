"""Opens the images to train on, and says what is missing."""

from pathlib import Path
from typing import Final

import numpy as np

from alexbench.datasets.classes import CLASS_COUNT, class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.fingerprint import of_validation_set
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import DataError
from alexbench.harness.inputs import synthetic
from alexbench.harness.inputs.images import Selection, select

_NAMED_AT_MOST: Final = 3


def open_training(selection: Selection, *, cache: Path, display: Display) -> Dataset:
    """The training images that ``selection`` names, drawn to its limit; the synthetic training split if it names none.

    What was found, and which classes have no image, is shown in one line each. No image is read.

    Raises:
        DataError: nothing is there, the layout is not known, or the images are those of the validation set.
    """
    if not selection.path:
        log = cache / "inputs.log"
        dataset = synthetic.undamaged_pictures(
            "train", cache, lambda whole: select(whole, selection).dataset, log=log, display=display
        )
    else:
        with display.step(f"listing {selection.path}"):
            dataset = open_dataset(selection.path, layout=selection.layout, labels=selection.labels, split="train")
        refuse_validation(dataset)
    dataset = select(dataset, selection).dataset
    for line in (dataset.describe(), *dataset.notes, missing_classes(dataset)):
        if line:
            display.say(f"  {line}")
    return dataset


def refuse_validation(dataset: Dataset) -> None:
    """Refuse images that accuracy is measured on.

    Raises:
        DataError: all of them are of ImageNet's validation set, by their names.
    """
    if of_validation_set(dataset) != "no":
        raise DataError(
            f"{dataset.source}: images of ImageNet's validation set, on which accuracy is measured; give the training"
            " set"
        )


def missing_classes(dataset: Dataset) -> str:
    """One line on the classes without an image: how many and which; empty where every class has one."""
    empty = np.flatnonzero(dataset.class_counts[:CLASS_COUNT] == 0).tolist()
    if not empty:
        return ""
    classes = class_list()
    named = ", ".join(f"{classes[label].wnid} {classes[label].name}" for label in empty[:_NAMED_AT_MOST])
    rest = ", ..." if len(empty) > _NAMED_AT_MOST else ""
    return f"no training image of {len(empty):,} of {CLASS_COUNT:,} classes: {named}{rest}"
