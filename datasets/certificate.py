"""What can be said of a data set in a record, so that two people know whether they had the same one."""

import hashlib
import json
from collections import Counter

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.dataset import VALIDATION_COUNT, Dataset, validation_number
from alexbench.datasets.layouts.labels import packaged_labels


def names_digest(dataset: Dataset) -> str:
    """SHA-256 (hex) over the names and labels of the pictures in order; the same in every layout."""
    digest = hashlib.sha256()
    for sample in dataset.samples:
        digest.update(json.dumps([sample.name, sample.label]).encode("ascii") + b"\n")
    return digest.hexdigest()


def per_class(dataset: Dataset) -> dict[str, int]:
    """How many classes have how many pictures: {"50": 1000} is the full validation set."""
    found = Counter(dataset.class_counts.tolist())
    return {str(pictures): found[pictures] for pictures in sorted(found)}


def plain_word(dataset: Dataset) -> str:
    """One sentence: the full validation set, or why not. By names and labels; nobody published digests of the files."""
    official = packaged_labels()
    numbers = [validation_number(sample.name) for sample in dataset.samples]
    known = [(number, sample.label) for number, sample in zip(numbers, dataset.samples, strict=True) if number]
    right = sum(int(official[number - 1]) == label for number, label in known)
    if len(known) < len(dataset):
        classes = len(dataset) and sum(count > 0 for count in dataset.class_counts)
        rest = f" {len(known)} of them are." if known else ""
        return (
            f"Not ImageNet's validation set: {len(dataset):,} pictures of {classes} of {CLASS_COUNT} classes, and their"
            f" names are not all its own.{rest}"
        )
    if right < len(known):
        return (
            f"Not ImageNet's validation labels: {len(known) - right:,} of {len(known):,} pictures have another label"
            " than ILSVRC2012 gives them."
        )
    if len(known) < VALIDATION_COUNT:
        return f"Not the full validation set: {len(known):,} of its {VALIDATION_COUNT:,} pictures."
    return f"The full validation set by names and labels: {VALIDATION_COUNT:,} pictures, 50 of each class."
