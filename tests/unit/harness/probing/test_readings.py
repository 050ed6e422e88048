"""Readings: what the doctor varies, how two of them differ in words, and what it thinks of trying."""

from dataclasses import replace

import numpy as np
import pytest

from alexbench.datasets.classes import class_list, devkit_order
from alexbench.harness.diagnosis.levels import arithmetics, geometries, known_contracts, same_arithmetic
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.probing.model_under_test import reflattened
from alexbench.harness.probing.reading import (
    LABEL_READINGS,
    FlattenOrder,
    LabelReading,
    Reading,
    changes,
    read_labels,
    without,
)

CLASSES = np.arange(1000)


def given(card: str = "torchvision") -> Reading:
    return Reading(replace(load_card(card).preprocessing, name=""))


@pytest.mark.parametrize(
    ("reading", "mistaken"),
    [
        ("one less", (CLASSES + 1) % 1000),
        ("one more", (CLASSES - 1) % 1000),
        ("devkit ids", devkit_order()),
        ("as given", CLASSES),
    ],
)
def test_reading_labels_undoes_the_mistake_made_with_them(reading: LabelReading, mistaken: np.ndarray) -> None:
    assert (read_labels(mistaken, reading) == CLASSES).all()


def test_a_model_in_devkit_order_has_the_kit_fox_first() -> None:
    kit_fox = next(one.index for one in class_list() if one.wnid == "n02119789")
    assert read_labels(np.array([kit_fox]), "model in devkit order")[0] == 0


def test_every_reading_of_labels_is_a_permutation() -> None:
    for reading in LABEL_READINGS:
        assert sorted(read_labels(CLASSES, reading)) == list(range(1000))


def test_fc6_put_into_order_sees_each_value_where_it_is() -> None:
    generator = np.random.default_rng(1)
    seen = generator.normal(size=(256, 6, 6)).astype(np.float32)
    right = generator.normal(size=(3, 9216)).astype(np.float32)
    mistaken = right.reshape(3, 256, 6, 6).transpose(0, 2, 3, 1).reshape(3, 9216)
    assert (reflattened(mistaken, "from H, W, C") == right).all()
    assert mistaken @ seen.transpose(1, 2, 0).reshape(-1) == pytest.approx(right @ seen.reshape(-1), rel=1e-4)


@pytest.mark.parametrize(
    ("order", "made"),
    [("from H, W, C", (0, 2, 3, 1)), ("to H, W, C", None), ("from C, W, H", (0, 1, 3, 2)), ("as given", (0, 1, 2, 3))],
)
def test_fc6_is_put_into_order_whatever_was_done_to_it(order: FlattenOrder, made: tuple[int, ...] | None) -> None:
    right = np.random.default_rng(2).normal(size=(3, 256, 6, 6)).astype(np.float32)
    taken_once_too_often = right.reshape(3, 6, 6, 256).transpose(0, 3, 1, 2)
    mistaken = taken_once_too_often if made is None else right.transpose(made)
    assert (reflattened(np.ascontiguousarray(mistaken).reshape(3, 9216), order) == right.reshape(3, 9216)).all()


CHANGED = {
    "channels": {"channels": "BGR"},
    "exif": {"exif": True},
    "resize": {"resize": "squash"},
    "resize-to": {"resize_to": 288},
    "interpolation": {"interpolation": "pillow-bicubic"},
    "crop": {"crop": 227},
    "crop-rounding": {"crop_rounding": "floor"},
    "crop-position": {"crop_position": "corner"},
    "decoder": {"decode": "libjpeg-fast"},
    "normalisation": {"mean": (0.0, 0.0, 0.0)},
}


@pytest.mark.parametrize("factor", CHANGED)
def test_one_thing_changed_is_one_change_and_can_be_taken_back(factor: str) -> None:
    right = given()
    wrong = replace(right, fed=replace(right.fed, **CHANGED[factor]))
    (change,) = changes(wrong, right)
    assert change.factor == factor
    key, value = next(iter(CHANGED[factor].items()))
    assert f"{key} = " in change.fix
    assert str(value) not in change.fix
    assert without(wrong, right, change) == wrong


@pytest.mark.parametrize(
    ("factor", "changed"),
    [
        ("layout", {"reshaped": True}),
        ("flatten", {"flatten": "from H, W, C"}),
        ("class-order", {"labels": "devkit ids"}),
        ("tone", {"tone": "darker"}),
    ],
)
def test_what_is_no_preprocessing_is_a_change_too(factor: str, changed: dict[str, object]) -> None:
    fixed = replace(given(), **changed)
    (change,) = changes(given(), fixed)
    assert change.factor == factor
    assert without(given(), fixed, change) == given()


def test_several_changes_are_taken_back_one_at_a_time() -> None:
    right = given()
    wrong = replace(right, fed=replace(right.fed, channels="BGR", resize_to=288), labels="one less")
    made = list(changes(wrong, right))
    assert {change.factor for change in made} == {"channels", "resize-to", "labels"}
    for change in made:
        assert len(list(changes(wrong, without(wrong, right, change)))) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mean": (0.0, 0.0, 0.0)}, "the mean is not subtracted"),
        ({"mean": (123.675, 116.28, 103.53)}, "the mean is in the wrong scale (255 times"),
        ({"mean": (0.406, 0.456, 0.485)}, "the mean's channels are in the wrong order"),
        ({"std": (1.0, 1.0, 1.0)}, "values are not divided by the standard deviation"),
        ({"divide_by": 1.0}, "values are divided by 1, not by 255"),
        ({"mean": (0.5, 0.5, 0.5)}, "another mean is subtracted"),
    ],
)
def test_a_wrong_normalisation_is_called_by_its_name(wrong: dict[str, object], said: str) -> None:
    right = given()
    (change,) = changes(replace(right, fed=replace(right.fed, **wrong)), right)
    assert change.found.startswith(said)


@pytest.mark.parametrize("card", card_names())
def test_whatever_is_wrong_with_the_arithmetic_of_a_card_its_own_is_tried(card: str) -> None:
    right = load_card(card).preprocessing
    for wrong in (
        replace(right, mean=(0.0, 0.0, 0.0)),
        replace(right, divide_by=255.0 if right.divide_by == 1 else 1.0),
        replace(right, channels="BGR" if right.channels == "RGB" else "RGB"),
        replace(right, std=(1.0, 1.0, 1.0)),
        replace(right, mean=tuple(value / 255 if right.divide_by == 1 else value * 255 for value in right.mean)),
    ):
        assert any(same_arithmetic(one, right) for one in [wrong, *arithmetics(wrong)])


@pytest.mark.parametrize("card", card_names())
def test_whatever_is_wrong_with_the_geometry_of_a_card_its_own_is_tried(card: str) -> None:
    loaded = load_card(card)
    right = replace(loaded.preprocessing, name="")
    for wrong in (
        replace(right, exif=not right.exif),
        replace(right, interpolation="opencv-area"),
        replace(right, resize="squash" if right.resize != "squash" else "shorter-side", resize_to=256),
        replace(right, crop_position="corner"),
    ):
        assert right in geometries(wrong, loaded, other_inputs=True)


def test_an_artifact_is_not_tried_at_another_input_size() -> None:
    card = load_card("bvlc")
    assert {one.crop for one in geometries(card.preprocessing, card, other_inputs=False)} == {227}
    assert {one.crop for one in geometries(card.preprocessing, card, other_inputs=True)} == {224, 227}


def test_nothing_is_tried_twice() -> None:
    card = load_card("tfcnn")
    tried: list[Preprocessing] = [
        *arithmetics(card.preprocessing),
        *geometries(card.preprocessing, card, other_inputs=True),
    ]
    assert len(set(tried)) == len(tried)
    assert card.preprocessing not in tried


def test_the_contracts_of_all_cards_are_known_once_each() -> None:
    contracts = [contract for _, contract in known_contracts()]
    assert len(set(contracts)) == len(contracts)
    assert all(replace(load_card(name).preprocessing, name="") in contracts for name in card_names())
