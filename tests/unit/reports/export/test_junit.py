"""JUnit XML: counts that add up, messages of one line, any character survived."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.reports.export.junit import junit_xml
from tests.support.records import artifact, error_row, missing_row, ok_row, parity, performance, reasons, run_record

CASE_CHILDREN = {"error", "failure", "skipped", "system-out"}


def parsed(record: RunRecord) -> ET.Element:
    """The test suite, held to what readers of JUnit agree on."""
    root = ET.fromstring(junit_xml(record).encode())
    assert root.tag == "testsuites"
    (suite,) = root
    cases = suite.findall("testcase")
    assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases)]
    for element in (root, suite):
        assert element.get("tests") == str(len(cases))
        for counted, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert element.get(counted) == str(len(suite.findall(f"testcase/{tag}")))
        assert float(element.attrib["time"]) >= 0
    for case in cases:
        assert {"name", "classname", "time"} == set(case.attrib)
        tags = [child.tag for child in case]
        assert set(tags) <= CASE_CHILDREN
        assert len(set(tags) & {"error", "failure", "skipped"}) <= 1
        assert len(tags) == len(set(tags))
        for child in case:
            assert "\n" not in child.get("message", "")
    return suite


def test_a_run_in_which_all_went_well_passes() -> None:
    suite = parsed(run_record(ok_row("a"), ok_row("b")))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "0")
    assert suite.get("timestamp") == "2026-11-21T03:00:00"
    assert "top-1 56.50 %" in suite.findtext("testcase/system-out", "")


def test_errors_failures_and_what_is_not_installed_are_told_apart() -> None:
    suite = parsed(run_record(ok_row("a"), error_row("b"), missing_row("c"), ok_row("d", parity=parity(passed=False))))
    assert [suite.get(name) for name in ("tests", "errors", "failures", "skipped")] == ["4", "1", "1", "1"]
    assert suite.find("testcase[@name='b']/error") is not None
    assert suite.find("testcase[@name='c']/skipped") is not None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ok_row(parity=parity(passed=False, max_abs_over_sigma=0.3)), "max error 3.0e-01 sigma"),
        (ok_row(parity=parity(flips=3, unexplained=1)), "1 top-1 mismatch of 3 that rounding cannot explain"),
        (ok_row(parity=parity(passed=False, flips=9, unexplained=2)), "2 top-1 mismatches of 9"),
    ],
)
def test_what_is_not_float64s_function_fails(row: SystemRecord, said: str) -> None:
    failure = parsed(run_record(row)).find("testcase/failure")
    assert failure is not None
    assert said in failure.attrib["message"]


def test_the_users_own_file_may_differ() -> None:
    assert parsed(run_record(ok_row(parity=parity(passed=False), artifact=artifact()))).get("failures") == "0"


def test_a_row_that_nobody_compared_with_float64_fails_unless_only_speed_was_asked() -> None:
    record = run_record(ok_row(parity=None), reference=None)
    assert parsed(record).get("failures") == "1"
    asked = {**record.configuration, "only": "performance"}
    assert parsed(replace(record, configuration=asked)).get("failures") == "0"


def test_any_character_of_a_message_is_escaped_or_left_out() -> None:
    text = 'a <b> & "c"\n]]> \x00\x1b[31mred\x1b[0m \ud800 \ufffe Ünïcode 🐍'
    suite = parsed(run_record(error_row("<&\"'>", text)))
    error = suite.find("testcase/error")
    assert error is not None
    assert suite.find("testcase").get("name") == "<&\"'>"  # type: ignore[union-attr]
    assert error.attrib["message"] == 'a <b> & "c" ]]> [31mred[0m Ünïcode 🐍'


def test_an_invalid_measurement_is_said_and_fails_no_test() -> None:
    suite = parsed(run_record(invalid=reasons("the A/A control failed")))
    assert suite.get("failures") == "0"
    assert suite.find("properties/property[@name='invalid']") is not None
    assert "INVALID: the A/A control failed" in suite.findtext("testcase/system-out", "")


def test_ranks_and_what_the_run_can_tell_apart_are_said() -> None:
    record = run_record(ok_row("a", performance=performance(100)), ok_row("b", performance=performance(200)))
    suite = parsed(record)
    alike = "cpu, fp32, 2 threads, 1 stream, host to host"
    for name, rank in (("b", 1), ("a", 2)):
        assert f"rank {rank} in {alike}" in suite.findtext(f"testcase[@name='{name}']/system-out", "")
    found = {one.attrib["name"]: one.attrib["value"] for one in suite.findall("properties/property")}
    latency, rate = (f"{100 * (one.ratio - 1):.1f}" for one in record.resolutions)
    assert found["latency_resolution_percent"] == latency
    assert found["images_per_second_resolution_percent"] == rate
    assert "rank" not in parsed(replace(record, invalid=reasons("it slept"))).findtext("testcase/system-out", "")


def test_a_run_without_accuracy_or_speed_is_still_a_suite() -> None:
    assert parsed(run_record(ok_row(accuracy=None, performance=None, load_s=None))).get("tests") == "1"
    assert parsed(replace(run_record(), systems=())).get("tests") == "0"
