"""The fingerprint of a data set in a record. With it, two people can tell whether they used the same set."""

import hashlib
import json
from collections import Counter
from typing import Final, Literal

import numpy as np

from alexbench.datasets.classes import CLASS_COUNT, packaged_labels
from alexbench.datasets.dataset import VALIDATION_COUNT, Dataset, validation_number

_NAMED_AT_MOST: Final = 3
Standing = Literal["full", "part", "no"]
"""Whether images are ImageNet's validation set, a part of it, or something else."""


def names_digest(dataset: Dataset) -> str:
    """SHA-256 (hex) over the names and labels of the images in order; the same in every layout."""
    digest = hashlib.sha256()
    for sample in dataset.samples:
        digest.update(json.dumps([sample.name, sample.label]).encode("ascii") + b"\n")
    return digest.hexdigest()


def per_class(dataset: Dataset) -> dict[str, int]:
    """Images per class -> number of such classes: {"50": 1000} is the full validation set."""
    found = Counter(dataset.class_counts.tolist())
    return {str(pictures): found[pictures] for pictures in sorted(found)}


def of_validation_set(dataset: Dataset) -> Standing:
    """Whether the images are ImageNet's validation set, or a part of it, by names and labels."""
    return _standing(dataset)[0]


def plain_word(dataset: Dataset) -> str:
    """One sentence: the full validation set, or why not."""
    return _standing(dataset)[1]


def _standing(dataset: Dataset) -> tuple[Standing, str]:
    """By names and labels; nobody published digests of the files."""
    if dataset.class_names:
        some = ", ".join(dataset.class_names[:_NAMED_AT_MOST]) + (", ..." * (len(dataset.class_names) > _NAMED_AT_MOST))
        return "no", f"Not ImageNet's classes: {len(dataset.class_names):,} of your own ({some})."
    own = packaged_labels()
    labelled = {
        number: sample.label for sample in dataset.samples if (number := validation_number(sample.name)) is not None
    }
    others = sorted(number for number, label in labelled.items() if own[number - 1] != label)
    if len(labelled) < len(dataset):
        classes = int(np.count_nonzero(dataset.class_counts))
        rest = f"; {len(labelled):,} of them are" if labelled else ""
        return "no", (
            f"Not ImageNet's validation set: {len(dataset):,} images of {classes:,} of {CLASS_COUNT:,} classes, by"
            f" their names not its own{rest}."
        )
    if others:
        first = others[0]
        return "no", (
            f"Not ImageNet's validation labels: those from {dataset.labels_from} differ from ILSVRC2012's own on"
            f" {len(others):,} of {len(labelled):,} images (ILSVRC2012_val_{first:08d}: {labelled[first]} here,"
            f" {own[first - 1]} there)."
        )
    if len(labelled) < VALIDATION_COUNT:
        missing = sorted(set(range(1, VALIDATION_COUNT + 1)).difference(labelled))
        named = ", ".join(f"ILSVRC2012_val_{number:08d}" for number in missing)
        rest = f" ({named} missing)" if len(missing) <= _NAMED_AT_MOST else ""
        return "part", f"Not the full validation set: {len(labelled):,} of its {VALIDATION_COUNT:,} images{rest}."
    return "full", f"The full validation set by names and labels: {VALIDATION_COUNT:,} images, 50 of each class."
