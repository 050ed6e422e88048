"""An accuracy and the published one: a verdict only if the data allow it."""

from dataclasses import replace
from typing import Any

import pytest

from alexbench.harness.judge.published import comparisons, population_of
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import Accuracy, Published, SkippedRecord
from tests.support.records import run_record

RECORD = run_record()
MODEL = replace(RECORD.model, published=(Published("a paper", top1=56.52, top5=79.07),))


def verdicts(images: int, top1: int, **data: Any) -> tuple[Reason, Reason]:
    accuracy = Accuracy(images, top1, int(images * 0.7907), seconds=1.0)
    first, second = comparisons("torch", accuracy, MODEL, replace(RECORD.data, **data))
    assert (first.metric, second.metric) == ("top1", "top5")
    assert (first.source, first.published, second.published) == ("a paper", 56.52, 79.07)
    assert first.low <= first.ours <= first.high
    return first.verdict, second.verdict


@pytest.mark.parametrize("top1", [28_260, 28_310, 28_211])
def test_on_the_full_set_a_tenth_of_a_point_reproduces(top1: int) -> None:
    first, second = verdicts(50_000, top1, of_validation_set="full")
    assert first == second == Reason("reproduced", limit=0.10)


@pytest.mark.parametrize("top1", [28_311, 28_209])
def test_more_than_a_tenth_does_not(top1: int) -> None:
    assert verdicts(50_000, top1, of_validation_set="full")[0].code == "not_reproduced"


def test_a_subset_is_held_by_its_interval() -> None:
    assert verdicts(1000, 550, of_validation_set="part")[0].code == "compatible"
    assert verdicts(1000, 500, of_validation_set="part")[0].code == "not_compatible"


def test_a_full_set_with_skipped_images_is_a_subset() -> None:
    skipped = (SkippedRecord("x", "damaged"),)
    assert verdicts(49_999, 28_260, of_validation_set="full", skipped=skipped)[0].code == "compatible"


def test_other_images_get_no_verdict() -> None:
    assert verdicts(1000, 565, of_validation_set="no")[0].code == "not_validation_set"


def test_synthetic_gets_no_verdict_on_any_images() -> None:
    assert verdicts(50_000, 28_260, of_validation_set="full", synthetic=True)[0] == Reason("synthetic")
    accuracy = Accuracy(50_000, 28_260, 39_535, seconds=1.0)
    made = comparisons(
        "torch", accuracy, replace(MODEL, synthetic=True), replace(RECORD.data, of_validation_set="full")
    )
    assert {one.verdict for one in made} == {Reason("synthetic")}


def bounds(images: int, top1: int, **data: Any) -> tuple[float, float]:
    first, _ = comparisons("torch", Accuracy(images, top1, images, seconds=1.0), MODEL, replace(RECORD.data, **data))
    return first.low, first.high


def test_the_interval_of_a_part_is_corrected_for_the_50_000_that_it_was_drawn_from() -> None:
    assert bounds(1000, 565, of_validation_set="part") == pytest.approx((53.43, 59.51), abs=0.01)
    assert bounds(1000, 565, of_validation_set="no") == pytest.approx((53.40, 59.54), abs=0.01)
    low, high = bounds(49_999, 28_260, of_validation_set="full", skipped=(SkippedRecord("x", "damaged"),))
    assert high - low < 0.01


def test_a_large_part_is_held_more_strictly_than_its_own_size_says() -> None:
    # 40,000 images half a point off: inside Wilson's +-0.49, outside what the other 10,000 leave open.
    assert verdicts(40_000, 22_800, of_validation_set="part")[0].code == "not_compatible"
    assert verdicts(40_000, 22_680, of_validation_set="part")[0].code == "compatible"


def test_only_a_draw_has_a_population() -> None:
    skipped = (SkippedRecord("x", "damaged"),)
    for changes, population in (
        ({"of_validation_set": "part"}, 50_000),
        ({"of_validation_set": "full", "skipped": skipped}, 50_000),
        ({"of_validation_set": "full"}, None),
        ({"of_validation_set": "no"}, None),
    ):
        assert population_of(replace(RECORD.data, **changes)) == population
