"""Outputs that mean nothing: each symptom by name, and none where images or their answers are only alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.judge.symptoms import TELLING, TOLD_APART, Batch, not_finite, same_for_every_class, symptom

IMAGES, OUTPUTS = 8, 100


def batch(seed: int = 1, *, first: int = 0, images: int = IMAGES) -> Batch:
    random = np.random.Generator(np.random.PCG64(seed))
    pixels = random.integers(0, 256, (images, 6, 6, 3), dtype=np.uint8)
    return Batch(first, pixels, random.standard_normal((images, OUTPUTS)).astype(np.float32))


def with_logits(one: Batch, logits: np.ndarray) -> Batch:
    return Batch(one.first, one.pixels, logits)


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_healthy_batch_has_none_whatever_came_before(images: int, seed: int) -> None:
    one = batch(seed, images=images)
    assert symptom(one, None) is None
    assert symptom(one, batch(seed + 1)) is None


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_the_first_image_that_is_not_finite_is_named_with_its_kind_and_how_many(value: float, kind: str) -> None:
    logits = batch().logits.copy()
    logits[[5, 3], [0, 99]] = value
    said = symptom(with_logits(batch(first=96), logits), None)
    assert said is not None
    assert said.startswith(f"logits of image 99 are not finite ({kind}; 2 of 8 images of this batch); commonly")


@given(st.integers(0, IMAGES - 1), st.integers(0, OUTPUTS - 1), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_one_value_that_is_not_finite_is_found_wherever_it_is(image: int, output: int, value: float) -> None:
    logits = batch().logits.copy()
    logits[image, output] = value
    assert f"logits of image {image} are not finite" in (not_finite(logits) or "")


def test_all_zeros_are_a_dead_batch() -> None:
    said = symptom(with_logits(batch(first=32), np.zeros((IMAGES, OUTPUTS), np.float32)), None)
    assert (said or "").startswith("dead batch: all logits of image 32 and the 7 after it are 0; commonly")


def test_one_value_for_every_class_is_no_answer() -> None:
    logits = batch().logits.copy()
    logits[2] = 0
    logits[6] = -3.5
    said = symptom(with_logits(batch(), logits), None)
    assert (said or "").startswith("no answer: logits of image 2 are the same for every class (2 of 8 images")
    assert same_for_every_class(np.ones((3, 1))) is None  # of one output that says nothing


def test_the_same_answer_to_different_images_is_a_constant_output() -> None:
    same = np.repeat(batch().logits[:1], IMAGES, axis=0)
    said = symptom(with_logits(batch(first=16), same), None)
    assert (said or "").startswith(
        "constant output: images 16 and 17 differ and have the same logits, as have all 8 of this batch; commonly"
    )


def test_copies_of_one_image_may_have_one_answer() -> None:
    one = batch()
    pixels, logits = (np.repeat(values[:1], IMAGES, axis=0) for values in (one.pixels, one.logits))
    assert symptom(Batch(0, pixels, logits), None) is None
    assert symptom(Batch(8, pixels, logits), Batch(0, pixels, logits)) is None


def test_one_other_image_among_the_copies_is_enough() -> None:
    one = batch()
    pixels, logits = (np.repeat(values[:1], IMAGES, axis=0) for values in (one.pixels, one.logits))
    pixels[5] = one.pixels[5]
    assert "constant output: images 0 and 5 differ" in (symptom(Batch(0, pixels, logits), None) or "")


@pytest.mark.parametrize("images", [1, 5, 8])
def test_the_outputs_of_the_batch_before_are_stale(images: int) -> None:
    """The last batch of a pass is often shorter than the buffer."""
    before, now = batch(1), batch(2, first=8, images=images)
    said = symptom(with_logits(now, before.logits[:images]), before)
    assert (said or "").startswith(
        f"stale output: logits of image 8 are those of image 0, which differs, and so on for {images} of this"
        f" batch's {images}; commonly"
    )


def test_the_same_images_again_may_have_the_same_outputs() -> None:
    assert symptom(batch(1, first=8), batch(1)) is None


@pytest.mark.parametrize(("levels", "found"), [(TOLD_APART, False), (TOLD_APART + 1, True)])
def test_two_encodings_of_an_image_do_not_count_as_two(levels: float, *, found: bool) -> None:
    before = Batch(0, np.full((2, 6, 6, 3), 100, np.uint8), batch(images=2).logits)
    now = Batch(2, before.pixels + np.uint8(levels), before.logits)
    assert (symptom(now, before) is not None) is found


@pytest.mark.parametrize(("values", "found"), [(TELLING - 1, False), (TELLING, True)])
def test_answers_of_few_values_may_be_alike_by_right(values: int, *, found: bool) -> None:
    """An 8-bit softmax that is sure says 1 and 999 zeros, to every image of that class."""
    few = np.tile(np.arange(OUTPUTS, dtype=np.float32) % values, (IMAGES, 1))
    assert (symptom(with_logits(batch(), few), None) is not None) is found
    one, other = batch(1, images=1), batch(2, images=1)
    assert (symptom(with_logits(one, few[:1]), with_logits(other, few[:1])) is not None) is found


def test_nothing_is_changed_by_looking() -> None:
    one = batch()
    copies = one.pixels.copy(), one.logits.copy()
    symptom(one, one)
    assert np.array_equal(one.pixels, copies[0])
    assert np.array_equal(one.logits, copies[1])
