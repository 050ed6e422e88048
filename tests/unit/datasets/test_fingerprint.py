"""The dataset fingerprint: the same for the same images in any layout, and never a false claim about them."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.datasets import fingerprint as certificate
from alexbench.datasets.classes import packaged_labels
from alexbench.datasets.dataset import Dataset, Sample


def validation_set(count: int = 50_000, **changed: int) -> Dataset:
    """The first ``count`` images of the validation set; ``changed``: a number as n7 -> another label."""
    labels = list(packaged_labels()[:count])
    for number, label in changed.items():
        labels[int(number[1:]) - 1] = label
    samples = [Sample(f"ILSVRC2012_val_{number:08d}.JPEG", label, "x.tar") for number, label in enumerate(labels, 1)]
    return Dataset("val", Path("/nowhere"), "tar", tuple(sorted(samples, key=lambda one: (one.label, one.name))), "tar")


def test_the_full_validation_set_is_called_so() -> None:
    whole = validation_set()
    assert certificate.plain_word(whole).startswith("The full validation set by names and labels: 50,000 images")
    assert certificate.per_class(whole) == {"50": 1000}


def test_one_image_less_is_not_the_full_set() -> None:
    assert certificate.plain_word(validation_set(49_999)) == (
        "Not the full validation set: 49,999 of its 50,000 images (ILSVRC2012_val_00050000 missing)."
    )


def test_another_label_is_not_imagenets() -> None:
    word = certificate.plain_word(validation_set(n7=999))
    assert word.startswith("Not ImageNet's validation labels: those from folder names differ from ILSVRC2012's own on")
    assert "(ILSVRC2012_val_00000007: 999 here, " in word


def test_other_images_are_not_imagenet(few: Dataset) -> None:
    assert certificate.plain_word(few).startswith("Not ImageNet's validation set: 7 images of 5 of 1,000 classes")


@pytest.mark.parametrize("change", [{"label": 3}, {"name": "other.png"}])
def test_names_and_labels_make_the_names_digest_and_places_do_not(few: Dataset, change: dict[str, object]) -> None:
    first, *rest = few.samples
    changed = replace(few, samples=(replace(first, **change), *rest))  # type: ignore[arg-type]
    moved = replace(few, root=Path("/elsewhere"), samples=(replace(first, file="other", at=9), *rest))
    assert certificate.names_digest(changed) != certificate.names_digest(few)
    assert certificate.names_digest(moved) == certificate.names_digest(few)
