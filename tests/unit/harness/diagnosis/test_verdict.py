"""What the doctor says of what it found, and the exit code that goes with it."""

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from alexbench.harness.diagnosis.diagnosis import is_leaning, is_proven, raises_top1, verdict
from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.probing.functions import MISTAKES
from alexbench.harness.probing.reading import GEOMETRY
from alexbench.harness.records.diagnosis_records import Change, Expected, Finding, Verdict
from alexbench.harness.records.paired_records import Difference, PairedTest
from alexbench.reports.diagnosis.answer import _TITLES, answer
from alexbench.reports.diagnosis.page import diagnosis_json, markdown
from tests.support.diagnoses import CHANGE, GEOMETRIC, NEAR, accuracy, diagnosis


def words(
    expected: Expected | None, findings: list[Finding], found: PairedTest | None, leanings: tuple[Finding, ...] = ()
) -> str:
    """The text of such an answer."""
    of_it = {"findings": tuple(findings), "leanings": leanings, "accuracy": found, "expected": expected}
    return " ".join(
        answer(replace(diagnosis(), verdict=verdict(expected, findings, found), **of_it))  # type: ignore[arg-type]
    )


def test_a_finding_makes_faulty_whatever_was_expected() -> None:
    finding = Finding(CHANGE, Difference(1.0, 0.8, 1.2, 0.1, 500))
    for expected in (None, Expected(56.0, "--expected", None), Expected(10.0, "--expected", None)):
        assert verdict(expected, [finding], accuracy(120, fixed=280)) == "faulty"
        assert CHANGE.found in words(expected, [finding], accuracy(120, fixed=280))


def test_a_fix_that_does_not_reach_what_was_expected_says_that_there_is_more() -> None:
    finding = Finding(CHANGE, Difference(1.0, 0.8, 1.2, 0.1, 500))
    assert "something else" in words(Expected(80.0, "--expected", None), [finding], accuracy(120, fixed=280))
    assert "something else" not in words(Expected(56.0, "--expected", None), [finding], accuracy(120, fixed=280))


@pytest.mark.parametrize(
    ("expected", "right", "word"),
    [
        (None, 280, "healthy"),
        (None, 1, "unexplained"),
        (56.5, 280, "healthy"),
        (30.0, 280, "healthy"),
        (70.0, 280, "unexplained"),
    ],
)
def test_without_findings_it_is_the_expected_figure_that_decides(
    expected: float | None, right: int, word: Verdict
) -> None:
    asked = None if expected is None else Expected(expected, "--expected", None)
    assert verdict(asked, [], accuracy(right)) == word


def test_a_reference_row_on_the_same_images_decides_by_pairs() -> None:
    mine = np.arange(500) < 280
    better = mine | (np.arange(500) > 485)  # 14 more images right, none lost: far inside Wilson's interval
    paired = paired_test("top1", better, mine)
    expected = Expected(paired.base, "runs/x:torch", paired)
    assert verdict(expected, [], accuracy(280)) == "unexplained"
    alike = paired_test("top1", mine, mine)
    assert verdict(Expected(alike.base, "runs/x:torch", alike), [], accuracy(280)) == "healthy"


def test_what_only_makes_labels_likelier_is_no_finding_and_is_said() -> None:
    leaning = Finding(CHANGE, Difference(0.05, 0.01, 0.09, 0.01, 500), accuracy(280, fixed=282))
    for expected in (None, Expected(56.0, "--expected", None)):
        assert verdict(expected, [], accuracy(280)) == "healthy"
        assert CHANGE.fix in words(expected, [], accuracy(280), (leaning,))
    more = Expected(70.0, "--expected", None)
    assert verdict(more, [], accuracy(280)) == "unexplained"
    assert CHANGE.fix in words(more, [], accuracy(280), (leaning,))


@pytest.mark.parametrize(
    ("right", "fixed", "raises"), [(280, 282, False), (280, 290, True), (280, 260, False), (280, 280, False)]
)
def test_a_fix_counts_only_if_it_raises_top1_beyond_chance(right: int, fixed: int, *, raises: bool) -> None:
    worth = Difference(0.5, 0.4, 0.6, 0.02, 500)
    assert raises_top1(Finding(CHANGE, worth, accuracy(right, fixed=fixed))) == raises
    assert not raises_top1(Finding(CHANGE, worth))


@pytest.mark.parametrize(
    ("worth", "right", "comparisons", "proven"),
    [
        (Difference(0.5, 0.4, 0.6, 0.02, 500), 290, 100, True),  # by evidence; ten answers alone show nothing
        (Difference(0.3, -0.1, 0.7, 0.08, 500), 315, 100, True),  # by 35 answers, all one way
        (Difference(0.3, -0.1, 0.7, 0.08, 500), 290, 100, False),  # neither, for the best of a hundred
        (Difference(0.3, -0.1, 0.7, 0.08, 500), 290, 1, True),  # ten answers, had nothing else been tried
        (Difference(0.5, 0.4, 0.6, 0.02, 500), 282, 100, False),
        (Difference(0.5, 0.4, 0.6, 0.02, 500), 245, 100, False),  # 35 answers the other way
    ],
)
def test_evidence_or_right_answers_prove_a_fix_for_all_that_was_tried(
    worth: Difference, right: int, comparisons: int, *, proven: bool
) -> None:
    found = Finding(GEOMETRIC, worth, accuracy(280, fixed=right), comparisons)
    assert is_proven(found) == proven
    assert is_leaning(found) == (worth.above and right < 290)


def test_right_answers_alone_prove_no_normalisation() -> None:
    weak, strong = Difference(0.3, -0.1, 0.7, 0.08, 500), Difference(0.5, 0.4, 0.6, 0.02, 500)
    change = Change("normalisation", "the mean is not subtracted", "[preprocessing] mean = [0.5, 0.5, 0.5]")
    assert not is_proven(Finding(change, weak, accuracy(10, fixed=110)))
    assert is_proven(Finding(change, strong, accuracy(10, fixed=110)))


def test_what_cannot_be_scored_is_faulty_without_an_accuracy() -> None:
    broken = Finding(Change("symptom", "logits are not finite", "fix that first"), None)
    assert verdict(None, [broken], None) == "faulty"
    assert "not finite" in words(None, [broken], None)
    unscored = replace(diagnosis(), accuracy=None)
    assert "as given" not in markdown(unscored).lower()
    assert json.loads(diagnosis_json(unscored))["accuracy"] is None


@pytest.mark.parametrize("right", [0, 2, 10, 45])
def test_a_model_that_guesses_is_never_called_healthy(right: int) -> None:
    assert verdict(None, [], accuracy(right)) == "unexplained"
    assert verdict(Expected(56.5, "--expected", None), [], accuracy(right)) == "unexplained"


@pytest.mark.parametrize(("word", "code"), [("faulty", 1), ("healthy", 0), ("unexplained", 1)])
def test_the_exit_code_follows_the_verdict(word: Verdict, code: int) -> None:
    assert diagnosis(word).exit_code == code


def test_the_page_says_the_fix_what_cannot_be_told_and_that_all_is_synthetic() -> None:
    page = markdown(diagnosis())
    assert "SYNTHETIC" in page.splitlines()[0]
    assert r"channels = \"RGB\"".replace("\\", "") in page.replace("\\", "")
    assert page.index("Not excluded") < page.index("libjpeg-fast") < page.index("and worse")
    assert "2 / 3" in page
    assert "1 / 40" in page
    assert "--model omz" in page.replace("\\", "")
    assert r"\<a\> folder \| with" in page


def test_json_has_everything() -> None:
    found = json.loads(diagnosis_json(diagnosis()))
    assert found["exit_code"] == 1
    assert next(iter(found)) == "answer"
    assert found["answer"] == answer(diagnosis())
    assert [one["excluded"] for one in found["alternatives"]] == [False, True]
    assert found["findings"][0]["change"]["factor"] == "channels"


def test_the_answer_is_the_fault_the_fix_and_what_it_gains() -> None:
    assert answer(diagnosis()) == [
        "Swapped channels: the channels are fed as BGR.",
        'Fix: [preprocessing] channels = "RGB".',
        "Top-1 rises from 24.0 % to 56.0 % on these 500 images.",
    ]


def test_several_faults_are_listed_with_their_fixes() -> None:
    two = replace(diagnosis(), findings=(Finding(CHANGE, NEAR), Finding(GEOMETRIC, NEAR)))
    first, fixes, _ = answer(two)
    assert first.startswith("2 faults: swapped channels (")
    assert CHANGE.fix in fixes
    assert GEOMETRIC.fix in fixes


def test_a_healthy_model_is_called_that_first() -> None:
    first, more = answer(replace(diagnosis("healthy"), accuracy=accuracy(280)))
    assert first.startswith("Healthy: top-1 is 56.0 % (95 % interval ")
    assert "--expected" in more


def test_every_factor_of_a_reading_has_a_name() -> None:
    assert {"faulty", "healthy", "unexplained"} == set(get_args(Verdict))
    factors = {one.factor for one in MISTAKES} | GEOMETRY | {"normalisation", "tone", "labels", "class-order"}
    assert factors <= set(_TITLES)
