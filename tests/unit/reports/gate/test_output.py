"""A gate's report: the verdict where people and machines look for it, and nothing that breaks their formats."""

import io
import json
import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from alexbench.harness.records.gate_records import GateReport, GateSide
from alexbench.harness.records.reasons import Reason
from alexbench.reports.gate.answer import answer, headline
from alexbench.reports.gate.metrics import allowed_text, change_text
from alexbench.reports.gate.output import MARKER, gate_json, gate_junit, gate_markdown, print_gate, rest_markdown
from tests.support.gate_reports import FINE, MEMORY, SLOW, gate_report
from tests.support.records import reasons


def printed(found: GateReport, *, details: bool = False) -> str:
    stream = io.StringIO()
    print_gate(found, stream, details=details)
    return stream.getvalue()


def test_the_verdict_is_the_worst_of_what_is_required() -> None:
    assert gate_report(FINE, MEMORY).verdict == "PASS", "memory is advisory"
    assert gate_report(FINE, SLOW).verdict == "FAIL"
    assert (
        gate_report(FINE, replace(SLOW, verdict="INVALID"), replace(SLOW, verdict="INCONCLUSIVE")).verdict == "INVALID"
    )
    assert gate_report(FINE, replace(SLOW, verdict="INCONCLUSIVE")).exit_code == 3
    assert gate_report(replace(FINE, verdict="NOT GATED")).verdict == "INVALID", "nothing gated is nothing passed"
    assert gate_report(FINE, refused=reasons("another machine")).verdict == "INVALID"


def test_the_first_line_is_the_verdict() -> None:
    assert printed(gate_report(FINE, SLOW, MEMORY)).splitlines()[0] == "FAIL: 1 of 2 checks: torch p50 +20.0 %."
    assert printed(gate_report(FINE, FINE)).splitlines()[0] == "PASS: 2 of 2 checks."
    refused = headline(gate_report(FINE, refused=reasons("other weights")))
    assert refused.startswith("INVALID:")
    assert "other weights" in refused


def test_what_passed_is_listed_on_request() -> None:
    assert "top-1" not in printed(gate_report(FINE, SLOW))
    assert "top-1" in printed(gate_report(FINE, SLOW), details=True)
    assert "<summary>Passed" in gate_markdown(gate_report(FINE, SLOW))


def test_what_failed_is_listed_before_what_is_open() -> None:
    open_one = replace(SLOW, row="openvino", verdict="INCONCLUSIVE")
    text = printed(gate_report(FINE, open_one, SLOW))
    assert text.index("FAIL", 4) < text.index("INCONCLUSIVE")


def test_an_advisory_check_beyond_its_tolerance_is_named_in_the_answer() -> None:
    assert any("peak memory +80.0 % (allowed +20 %)" in line for line in answer(gate_report(FINE, MEMORY)))


def test_an_open_gate_says_what_would_decide_it() -> None:
    open_one = replace(SLOW, verdict="INCONCLUSIVE", would_change=Reason("more_processes", count=5))
    assert answer(gate_report(FINE, open_one))[1].startswith("Needed to decide: more processes, about 5 at this spread")


def test_what_would_decide_is_said_once() -> None:
    open_one = replace(SLOW, verdict="INCONCLUSIVE", would_change=Reason("more_processes", count=5))
    assert printed(gate_report(FINE, open_one)).lower().count("needed to decide") == 1
    failed = gate_report(SLOW, replace(open_one, row="openvino"))
    assert printed(failed).lower().count("needed to decide") == 1, "only the table has it"


def test_a_change_that_the_machine_probe_corrected_is_said_to_be() -> None:
    said = "corrected for the machine: its probe took about 10 % longer in head"
    slow = replace(SLOW, mode="anchored", base=10.0, head=13.2, change=20.0)
    assert said in printed(gate_report(FINE, slow))
    rate = replace(slow, rule=replace(slow.rule, metric="images_per_second"), base=13.2, head=10.0, change=-100 / 6)
    assert said in printed(gate_report(FINE, rate))
    assert "corrected" not in printed(gate_report(FINE, replace(slow, head=12.0)))
    assert "corrected" not in printed(gate_report(FINE, replace(slow, mode="paired")))


def test_the_last_line_counts_the_checks_by_what_they_are_for() -> None:
    assert "lists all checks (3: 2 required, 1 advisory)" in printed(gate_report(FINE, SLOW, MEMORY))
    assert "lists all checks (1)" in printed(gate_report(FINE))


def test_checks_that_need_the_same_are_one_sentence() -> None:
    needs = [
        replace(SLOW, row=row, verdict="INCONCLUSIVE", would_change=Reason("more_processes", count=count))
        for row, count in (("torch", 2), ("openvino", 7))
    ]
    asked = [
        replace(FINE, row=row, verdict="INCONCLUSIVE", would_change=Reason("run_system", of=row)) for row in ("x", "y")
    ]
    first, processes, runs = answer(gate_report(*needs, *asked))
    assert first.startswith("INCONCLUSIVE: 4 of 4 checks: ")
    assert processes.startswith("Needed to decide torch p50, openvino p50: more processes, about 7 ")
    assert runs == "Needed to decide: a run of the head with x, y."


def test_an_invalid_gate_gives_the_cause_once() -> None:
    asleep = Reason("suspended", measured=12.0)
    times = [
        replace(SLOW, row=row, verdict="INVALID", why=(asleep,), would_change=Reason("other_run")) for row in ("x", "y")
    ]
    assert answer(gate_report(FINE, *times)) == [
        "INVALID: 2 of 3 checks cannot be judged: x p50, y p50.",
        "The machine was suspended for 12.0 s.",
        "Needed to decide: another, valid run.",
    ]


def test_a_failed_gate_says_how_many_checks_are_open() -> None:
    open_one = replace(SLOW, row="openvino", verdict="INCONCLUSIVE")
    assert answer(gate_report(FINE, open_one, SLOW))[1] == "1 more check is not decided: openvino p50 +20.0 %."


def test_a_note_that_repeats_why_checks_did_not_pass_is_left_out() -> None:
    threads = Reason("other_setting", of="threads", base="2", head="1")
    note = Reason("row_times_not_gated", of="torch", because=(threads,))
    assert (
        printed(gate_report(FINE, replace(SLOW, verdict="INVALID", why=(threads,)), notes=(note,))).count("--threads")
        == 2
    )
    assert "Times of torch" in printed(gate_report(FINE, SLOW, notes=(note,)))


def test_versions_that_both_sides_have_are_named_once() -> None:
    same = printed(gate_report(FINE))
    assert same.count("torch 2.13.0") == 1
    side = GateSide("runs/b", "2026-11-22", "0.2.0", {"torch": "2.14.0"})
    other = printed(gate_report(FINE, head=side))
    assert other.index("torch 2.13.0") < other.index("torch 2.14.0")


ELSEWHERE = Reason(
    "other_machine_without_baseline",
    head="runs/my run",
    because=(Reason("field_differs", of="cpu", base="Xeon", head="EPYC"),),
)


def test_another_machine_is_one_sentence_with_the_fix() -> None:
    times = [replace(SLOW, row=row, verdict="INVALID", change=None, why=(ELSEWHERE,)) for row in ("torch", "openvino")]
    found = gate_report(FINE, *times, notes=(Reason("times_not_gated", because=(ELSEWHERE,)),))
    first, *more = answer(found)
    assert first == "INVALID: 1 of 1 check passed; 2 time checks were not made."
    assert [line for line in more if "the machines differ (cpu Xeon and EPYC)" in line] == more
    assert "alexbench baseline save 'runs/my run'" in more[0]
    assert 'other_machine = "accuracy"' in more[0]
    assert printed(found).count("Xeon") == 1


def test_where_the_policy_asks_for_accuracy_alone_another_machine_passes() -> None:
    times = replace(SLOW, verdict="NOT GATED", change=None, why=(ELSEWHERE,))
    first, machine = answer(gate_report(FINE, times))
    assert first == "PASS: 1 of 1 check."
    assert "Times were not compared" in machine
    assert "other_machine =" not in machine


def test_a_failure_on_another_machine_stays_a_failure() -> None:
    times = replace(SLOW, verdict="INVALID", change=None, why=(ELSEWHERE,))
    found = gate_report(replace(FINE, verdict="FAIL", change=-0.54), times)
    assert answer(found)[0] == "FAIL: 1 of 1 check: torch top-1 -0.54 points."


def test_a_change_has_its_interval_and_what_is_allowed_next_to_it() -> None:
    assert change_text(SLOW) == "+20.0 % (+18.5 to +21.5)"
    assert (allowed_text(SLOW), allowed_text(FINE)) == ("+5 %", "-0.1 points")
    assert change_text(FINE) == "+0.10 points (-0.20 to +0.40)"
    text = printed(gate_report(FINE, SLOW, MEMORY), details=True)
    assert "Advisory" in text
    assert "0 lost; 1 gained of 1,000 images" in text


def test_markdown_begins_with_the_mark_that_a_bot_looks_for_and_says_synthetic() -> None:
    text = gate_markdown(gate_report(SLOW))
    assert text.startswith(f"{MARKER}\n\n# AlexBench gate: FAIL on SYNTHETIC data\n")
    assert gate_markdown(gate_report(SLOW)) == text
    assert "the same rounds" in text


def test_markup_in_an_error_is_text() -> None:
    evil = replace(SLOW, why=reasons("<script>alert(1)</script> | a **bold** cell\nand a line"))
    text = gate_markdown(gate_report(evil))
    assert "<script>" not in text
    assert "**bold**" not in text
    root = ET.fromstring(gate_junit(gate_report(replace(evil, why=reasons("\x00\x1b[31m<b>")))))
    assert "<b>" in [one.get("message", "") for one in root.iter("failure")][1]


def test_junit_fails_what_failed_and_skips_what_does_not_decide() -> None:
    open_one = replace(SLOW, verdict="INCONCLUSIVE")
    root = ET.fromstring(gate_junit(gate_report(FINE, SLOW, open_one, MEMORY)))
    assert [root.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["5", "2", "1", "1"], (
        "the gate's own verdict is a case too"
    )
    refused = ET.fromstring(gate_junit(gate_report(FINE, SLOW, refused=reasons("another machine"))))
    assert [refused.get(key) for key in ("failures", "errors", "skipped")] == ["0", "1", "2"]


def test_junit_of_a_comparison_is_called_that() -> None:
    assert ET.fromstring(gate_junit(gate_report(SLOW), command="compare")).get("name") == "alexbench compare"
    assert ET.fromstring(gate_junit(gate_report(SLOW))).get("name") == "alexbench gate"


def test_an_open_verdict_says_what_would_decide_it_and_a_pass_what_is_detectable() -> None:
    open_one = replace(SLOW, verdict="INCONCLUSIVE", why=(), would_change=Reason("more_processes", count=5))
    passed = replace(SLOW, verdict="PASS", why=(), would_change=Reason("detectable", limit=6.1))
    text = gate_markdown(gate_report(open_one, passed, replace(passed, verdict="INCONCLUSIVE")))
    assert re.search("Needed to decide.*: more processes, about 5 at this spread", text)
    assert "decide: a change" not in text


def test_a_failure_is_not_shown_as_no_change() -> None:
    assert change_text(replace(MEMORY, change=0.004)) == "+0.004 %"
    assert change_text(replace(MEMORY, change=0.004, verdict="PASS")) == "+0.0 %"


def test_json_has_the_exit_code_and_no_infinity() -> None:
    text = gate_json(gate_report(replace(SLOW, low=-math.inf)))
    found = json.loads(text)
    assert (found["verdict"], found["exit_code"]) == ("FAIL", 1)
    assert found["answer"][0].startswith("FAIL: ")
    assert found["judged"][0]["low"] is None
    assert "Infinity" not in text


def test_json_has_words_for_people_and_codes_with_values_for_programs() -> None:
    drift = Reason("drift", measured=6.14, limit=5.0)
    side = GateSide("runs/b", "2026-11-21", "0.2.0", {}, (drift,))
    note = Reason("times_not_gated", because=(Reason("other_skipped"),))
    missing = replace(SLOW, why=(Reason("not_measured", of="head"),), would_change=Reason("measure"))
    found = json.loads(gate_json(gate_report(missing, head=side, notes=(note,))))
    assert found["notes"] == ["Times are not gated: other images were skipped as unreadable"]
    assert found["reasons"]["notes"][0]["because"][0]["code"] == "other_skipped"
    one = found["judged"][0]
    assert (one["why"], one["would_change"]) == ("not measured in the head", "a measurement in both runs")
    assert one["reasons"] == [{"code": "not_measured", "of": "head", "words": "not measured in the head"}]
    assert one["would_change_reason"]["code"] == "measure"
    words = "no steady state: latency drifted by 6.1 % (limit 5 %)"
    assert found["head"]["invalid"] == [{"code": "drift", "measured": 6.14, "limit": 5.0, "words": words}]
    assert found["head"]["said"][-1] == f"its run was INVALID: {words}"


def test_a_comparison_adds_all_but_the_accuracies() -> None:
    text = rest_markdown(gate_report(FINE, SLOW))
    assert "p50 ms" in text
    assert "top-1 %" not in text.partition("top-1, top-5")[0]
