"""Sentences of older records become reasons that say the same."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.old_sentences import with_reasons
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.reports.text.reason_words import words

SCHEMA_5 = Path(__file__).parents[3] / "fixtures" / "schema-5" / RUN_FILE
KNOWN = {
    "no steady state: latency drifted by 6.7 % (limit 5 %)": Reason("drift", measured=6.7, limit=5.0),
    "blocks deviate by 49.4 % (limit 10 %)": Reason("deviation", measured=49.4, limit=10.0),
    "the hypervisor took 6.0 % of the cores' time (limit 5 %)": Reason("steal", measured=6.0, limit=5.0),
    "other processes used 50.0 % of the cores' time (limit 10 %)": Reason("foreign", measured=50.0, limit=10.0),
    "a core was throttled (3 counted)": Reason("throttled", count=3),
    "a core was throttled 3 times": Reason("throttled", count=3),
    "images/s are known to 20.0 % only (limit 10 %)": Reason(
        "rate_interval", text="images/s are known to 20.0 % only (limit 10 %)"
    ),
    "the A/A control is missing": Reason("control", text="the A/A control is missing"),
    "the machine was suspended for 30.0 s": Reason("suspended", measured=30.0),
    "the wall clock jumped by -12.0 s against the monotonic one: the machine was paused, or its clock was set": Reason(
        "clock_jump", measured=-12.0
    ),
    "no control could be taken: neither a duplicate nor a second process of any row came to the end": Reason(
        "no_control"
    ),
    "no verdict: synthetic": Reason("synthetic"),
    "no verdict: other pictures or labels than the validation set's": Reason("not_validation_set"),
    "no verdict: one part of a data set, which is a stretch of it and no sample": Reason("one_part"),
    "reproduced (within 0.10 points)": Reason("reproduced", limit=0.1),
    "NOT reproduced (more than 0.10 points off)": Reason("not_reproduced", limit=0.1),
    "compatible: inside the interval of these pictures": Reason("compatible"),
    "NOT compatible: outside the interval of these pictures": Reason("not_compatible"),
    "no layer times: nothing profiles what it runs here": Reason("no_profiler"),
    "no layer times: it died\nhere": Reason("no_layer_times", text="it died\nhere"),
    "Server by LoadGen failed: it died": Reason("loadgen_failed", of="Server", text="it died"),
    "many batches at once failed: it died": Reason("streams_failed", text="it died"),
    "many batches at once: this backend has no way of its own for what it runs here": Reason("no_streams"),
    "The synthetic prepared pixels differ from the published ones (0123abcd, expected 4567ef00): accuracy is"
    " comparable within this machine only.": Reason(
        "synthetic_differs", of="prepared pixels", head="0123abcd", base="4567ef00"
    ),
    "Of 12 synthetic pictures, 3 differ from the published ones (a.JPEG, ...): accuracy is comparable within this"
    " machine only.": Reason("synthetic_images_differ", of="pictures", count=3, total=12, text="a.JPEG, ..."),
    "Artifacts alone, and no weights to hold them against: parity was not measured.": Reason("files_alone"),
    "Pictures and weights do not belong together: speed only, accuracy was not measured.": Reason("not_together"),
    "Weights: fc6 is read as NHWC.": Reason("weights_assumed", text="fc6 is read as NHWC"),
    "Parity was not measured: it died": Reason("parity_failed", text="it died"),
    "Joined from 3 parts; parity is that of the worst part, and speed is not joined.": Reason("joined", count=3),
    "No thumbnails: a part has none.": Reason("no_thumbnails"),
    "the moon was full": Reason("other", text="the moon was full"),
}


def upgraded(change: dict[str, Any], folder: Path, row: dict[str, Any] | None = None) -> Any:
    """A record of schema 5 with these keys, and its first row with those, as it is read now."""
    data = json.loads(SCHEMA_5.read_text("utf-8"))
    data.update(change)
    data["backends"][0].update(row or {})
    (folder / RUN_FILE).write_text(json.dumps(data), encoding="utf-8")
    return read_run(folder)


def test_every_sentence_that_a_record_had_has_its_code(tmp_path: Path) -> None:
    record = upgraded({"invalid": [*KNOWN], "notes": [*KNOWN]}, tmp_path, {"remarks": [*KNOWN]})
    assert record.invalid == record.notes == record.systems[0].remarks == tuple(KNOWN.values())


@pytest.mark.parametrize("sentence", KNOWN)
def test_its_words_have_every_figure_of_the_record(sentence: str) -> None:
    figures = r"\d+(?:\.\d+)?"
    assert sorted(re.findall(figures, words(KNOWN[sentence]))) == sorted(re.findall(figures, sentence))


def test_rows_verdicts_and_loads_are_upgraded_and_a_group_is_not_stored(tmp_path: Path) -> None:
    speed = json.loads(SCHEMA_5.read_text("utf-8"))["backends"][0]["performance"]
    speed["noise"]["failed"] = ["a core was throttled (3 counted)"]
    load = {"scenario": "Server", "queries": 1, "samples": 1, "seconds": 1.0, "rate": 1.0, "valid": False}
    load |= {"p50_ms": None, "p90_ms": None, "p95_ms": None, "p99_ms": None, "reasons": ["too few"]}
    row = upgraded({}, tmp_path, {"performance": {**speed, "generated": [load]}, "group": "as it was"}).systems[0]
    assert row.performance.noise.failed == (Reason("throttled", count=3),)
    assert row.performance.generated[0].reasons == (Reason("loadgen", text="too few"),)
    assert row.group.precision == "fp32"
    record = upgraded({}, tmp_path)
    assert {one.verdict for one in record.comparisons} == {Reason("synthetic")}


def test_what_another_field_says_is_not_said_twice(tmp_path: Path) -> None:
    data = json.loads(SCHEMA_5.read_text("utf-8"))["data"]
    derived = [
        "Not ImageNet's validation set.",
        "Part 1 of 3: pictures 1 to 16 of 40; alexbench merge joins the parts.",
        "2 of 40 pictures could not be read and were skipped (a, b): accuracies are over the other 38.",
    ]
    record = upgraded({"notes": [*derived, "kept"], "data": {**data, "certificate": derived[0]}}, tmp_path)
    assert record.notes == (Reason("other", text="kept"),)


@pytest.mark.parametrize(
    ("words_then", "code"), [("8 bits (bf16)", "8 bits"), ("11 bits (TF32 or fp16)", "11 bits"), ("fp32", "fp32")]
)
def test_what_an_error_is_known_as_is_a_code(words_then: str, code: str, tmp_path: Path) -> None:
    parity = json.loads(SCHEMA_5.read_text("utf-8"))["backends"][0]["parity"]
    row = upgraded({}, tmp_path, {"parity": {**parity, "computed_as": words_then, "as_claimed": False}}).systems[0]
    assert (row.parity.computed_as, row.parity.unmasked, row.group.computed_as) == (code, code, code)


@pytest.mark.parametrize("broken", [{}, {"notes": 3}, {"notes": [3]}, {"data": []}, {"systems": [{"performance": []}]}])
def test_what_is_not_as_it_should_be_is_left_for_the_decoder(broken: dict[str, Any]) -> None:
    assert with_reasons(broken) == broken
