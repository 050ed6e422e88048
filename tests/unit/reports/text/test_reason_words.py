"""Every reason has words, made of the values that it has."""

from typing import get_args

import pytest

from alexbench.harness.records.reasons import Code, Reason
from alexbench.harness.records.speed_records import Group
from alexbench.reports.text.reason_words import WORDS, arithmetic_words, as_json, group_words, joined, words

CODES = get_args(get_args(Code)[0])
FULL = {
    "measured": 1.0,
    "limit": 2.0,
    "count": 3,
    "total": 4,
    "of": "threads",
    "base": "5",
    "head": "6",
    "text": "its text",
}


def test_there_are_words_for_every_code_and_no_others() -> None:
    assert set(WORDS) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_reason_reads_as_words_whatever_values_it_has(code: Code) -> None:
    whole = words(Reason(code, **FULL, because=(Reason("other_skipped"),)))  # type: ignore[arg-type]
    for said in (words(Reason(code)), whole):
        assert not {"{", "}"} & set(said)
    assert whole
    assert "None" not in words(Reason(code))


def test_values_are_not_taken_for_templates() -> None:
    assert words(Reason("other", text="{0} {of} {text}")) == "{0} {of} {text}"
    assert words(Reason("not_repeated", text="{base}")) == "Not measured again: {base}"


def test_what_a_reason_rests_on_is_in_its_words() -> None:
    inner = (Reason("field_differs", of="cpu", base="A", head="B"), Reason("more_fields", count=2))
    assert (
        words(Reason("other_machine", because=inner))
        == "base and head are from different machines: cpu A and B; 2 more"
    )
    assert joined(inner) == "cpu A and B; 2 more"


def test_json_has_the_values_that_there_are() -> None:
    found = as_json(Reason("other_machine", because=(Reason("more_fields", count=2),)))
    because = [{"code": "more_fields", "count": 2, "words": "2 more"}]
    assert found == {
        "code": "other_machine",
        "because": because,
        "words": "base and head are from different machines: 2 more",
    }


def test_a_group_reads_as_what_its_rows_have_in_common() -> None:
    assert group_words(Group("cpu", "fp32", "1", "4")) == "cpu, fp32, 1 thread, 4 streams, host to host"
    odd = Group("cuda:0", "fp32", "2", "1", stored="int8", computed_as="8 bits")
    said = "cuda:0, fp32 with weights in int8 computed as 8 bits (bf16), 2 threads, 1 stream, host to host"
    assert group_words(odd) == said
    assert (arithmetic_words("11 bits"), arithmetic_words("fp32")) == ("11 bits (TF32 or fp16)", "fp32")
