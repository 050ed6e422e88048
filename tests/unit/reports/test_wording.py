"""The sentences around a leaderboard: facts, remarks, and how to read what is shown."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from alexbench.harness.record_files import read_run
from alexbench.harness.records import PartRecord, RunRecord
from alexbench.reports.cells import tables
from alexbench.reports.explanations import explanations
from alexbench.reports.markdown import markdown
from alexbench.reports.wording import facts, row_remarks, run_remarks
from tests.support.records import (
    accuracy,
    ceiling,
    control,
    data,
    effective,
    error_row,
    generated,
    noise,
    ok_row,
    parity,
    performance,
    run_record,
    synthetic_run,
    throughput,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"


FOUND: Final = "error 2e-06 sigma (at most 0.0001), 121 dB (at least 100); not ranked."


def explained(record: RunRecord) -> str:
    return "\n".join(explanations(record, tables(record)))


def remarks(record: RunRecord) -> list[str]:
    """Those of the run, then those of its rows with their names."""
    of_rows = [f"{entry.name}: {said}" for entry in record.backends for said in row_remarks(record, entry)]
    return [*run_remarks(record), *of_rows]


def test_the_ceiling_and_the_control_are_facts_of_the_run() -> None:
    known = dict(facts(run_record(ceiling=ceiling(), controls=(control(),))))
    assert known["ceiling"].startswith("353 GFLOP/s (openvino conv, the best of 2) and 32.8 GB/s (NumPy sgemv)")
    assert known["control"] == (
        "A/A of latency, onnxruntime against itself in the same rounds: 1.002 (0.995-1.009, 90 %),"
        " passed: the interval comes within 2.5 % of 1"
    )
    assert dict(facts(run_record(controls=(control(passed=False),))))["control"].endswith("90 %), FAILED")
    assert list(dict(facts(run_record()))) == ["model", "data", "machine", "run"]


def test_a_noisy_row_has_its_reasons_among_the_remarks() -> None:
    row = ok_row("a", performance=performance(noise=noise("drifted by 10.8 % (limit 5 %)", "the A/A control differs")))
    assert remarks(run_record(row)) == ["a: drifted by 10.8 % (limit 5 %); the A/A control differs: not ranked."]


def test_why_a_run_is_invalid_comes_first_and_is_not_said_again_of_each_row() -> None:
    row = ok_row("a", performance=performance(noise=noise("the A/A control differs")))
    record = run_record(row, error_row("b", "b died"), invalid=("it slept", "it ran hot"), notes=("a note",))
    assert remarks(record) == [
        "INVALID: it slept: no row is ranked.",
        "INVALID: it ran hot: no row is ranked.",
        "a note",
        "a: the A/A control differs.",
        "b: b died",
    ]


def test_how_many_ran_at_once_is_a_remark_and_rows_alike_share_it() -> None:
    queue, threads = throughput(way="a queue of four"), throughput(way="two threads")
    rows = [
        ok_row(name, performance=performance(offline=way))
        for name, way in zip("abc", (queue, threads, queue), strict=True)
    ]
    assert remarks(run_record(*rows)) == ["a, c, many at once: a queue of four.", "b, many at once: two threads."]


def test_why_loadgen_calls_a_test_invalid_is_a_remark() -> None:
    tests = generated(), generated("MultiStream", valid=False, reasons=("too short", "too few"))
    assert remarks(run_record(ok_row("a", performance=performance(generated=tests)))) == [
        "a, MultiStream: INVALID by LoadGen: too short; too few."
    ]


def test_single_processes_are_told_apart_from_3_percent_on_and_it_says_so() -> None:
    assert "intervals of FPS apart, and by over 5 %," in explained(run_record(ok_row("a")))
    rows = ok_row("a", performance=performance(processes=3)), ok_row("b", performance=performance(processes=3))
    assert "(intervals of FPS apart);" in explained(run_record(*rows))
    assert "by over 5 %" in explained(run_record(rows[0], ok_row("b", performance=performance(processes=2))))


@pytest.mark.parametrize(
    ("processes", "said"), [(1, "what is within 5 %"), (3, "what is not apart from it and within 5")]
)
def test_bold_is_explained_by_the_rule_that_such_a_run_has(processes: int, said: str) -> None:
    rows = [ok_row(name, performance=performance(rate, processes=processes)) for name, rate in (("a", 200), ("b", 100))]
    assert f"Bold: the best of those ranked, and {said}" in explained(run_record(*rows))


def test_bounds_are_said_as_what_they_are() -> None:
    assert "batches of 32 one by one (95 % interval over windows)" in explained(run_record())
    three = ok_row(performance=performance(processes=3))
    assert "(95 % interval over processes)" in explained(run_record(three))
    older = ok_row(performance=performance(throughput=throughput(bounds="windows")))
    assert "(slowest-fastest window)" in explained(run_record(older))


def test_each_precision_has_its_own_tolerances() -> None:
    bf16 = replace(parity(), tolerance_max_abs_over_sigma=0.1, tolerance_sqnr_db=35.0)
    rows = ok_row("a"), ok_row("b", parity=bf16, effective=effective(precision=("bf16", "measured")))
    assert (
        "parity ok: error / sigma is at most 0.0001 and SQNR at least 100 dB (fp32), or at most 0.1 and SQNR at least"
        " 35 dB (bf16), and no flip is beyond rounding." in explained(run_record(*rows))
    )
    assert "(fp32)" not in explained(run_record(rows[0]))


@pytest.mark.parametrize(
    ("filled", "start"),
    [
        ({"noise": noise("a core was throttled 3 times")}, "NOISY:"),
        ({"noise": noise()}, "steal:"),
        ({"offline": throughput(way="a queue")}, "many at once:"),
        ({"layers_ms": {"conv1": 1.0}}, "Layers:"),
        ({"generated": (generated(),)}, "LoadGen:"),
        ({"generated": (generated(bound_ms=9.0),)}, "highest load:"),
        ({"throughput": throughput(joules=0.1)}, "J:"),
        ({"throughput": throughput(cpu_ms=9.0)}, "CPU ms:"),
        ({"resident": performance().latency}, "on device:"),
        ({"latency": replace(performance().latency, p90_ms=16.0)}, "p90, p95, p99:"),
    ],
)
def test_what_is_shown_is_explained_and_what_is_not_is_not(filled: dict[str, object], start: str) -> None:
    def starts(**speed: object) -> list[str]:
        record = run_record(ok_row("a", performance=performance(**speed)))  # type: ignore[arg-type]
        return [line for line in explanations(record, tables(record)) if line.startswith(start)]

    assert len(starts(**filled)) == 1
    assert starts() == []


def test_mfu_is_explained_with_its_exception_only_where_it_occurs() -> None:
    assert "mfu:" not in explained(run_record())
    assert "peak not found" not in explained(run_record(ceiling=ceiling()))
    assert "peak not found: a row was faster" in explained(run_record(ceiling=ceiling(100.0)))


def test_accuracy_alone_is_ranked_by_top_1_and_says_so() -> None:
    text = explained(run_record(ok_row("a", performance=None)))
    assert text.startswith("#: one more than the rows with more right at top-1")
    assert "FPS" not in text


@pytest.mark.parametrize(
    ("bits", "passed", "said"),
    [
        (20.0, True, []),
        (
            7.4,
            False,
            [
                "a: says fp32, but its error, 7.4 effective bits, is that of 8 bits (bf16).",
                f"a: beyond its tolerance of float64: {FOUND}",
            ],
        ),
        (15.2, False, [f"a: beyond its tolerance of float64: {FOUND}"]),
        (0.4, False, [f"a: not the same function as float64, nor a rounding of it: {FOUND}"]),
    ],
)
def test_what_a_row_computes_in_is_said_where_it_is_not_what_it_says(
    bits: float, *, passed: bool, said: list[str]
) -> None:
    assert remarks(run_record(ok_row("a", parity=parity(effective_bits=bits, passed=passed)))) == said


def test_more_bits_than_a_row_says_are_named_too() -> None:
    found = replace(parity(effective_bits=20.0), as_claimed=False)
    row = ok_row("a", parity=found, effective=effective(precision=("bf16", "reported")))
    assert remarks(run_record(row)) == ["a: says bf16, but its error, 20.0 effective bits, is that of fp32."]


def test_it_says_of_what_accuracies_have_an_interval_or_why_they_have_none() -> None:
    drawn = run_record(ok_row("a", accuracy=accuracy(interval=True)))
    assert "the 95 % interval (Wilson) that the draw of these pictures leaves" in explained(drawn)
    whole = synthetic_run()
    assert "of the whole set; no sampling error stands between them and figures of the same set" in explained(whole)
    assert "no sampling error" not in explained(drawn)
    part = run_record(data=data(part=PartRecord(1, 4, 0, 1000, 4000, "", "", "")))
    assert "of a part, which is no sample" in explained(part)
    assert "top-1 %, top-5 %:" not in explained(run_record(ok_row("a", accuracy=None)))


def test_a_record_of_schema_3_is_still_rendered_without_what_it_does_not_have() -> None:
    record = read_run(FIXTURES / "schema-3")
    text = markdown(record)
    assert "## Leaderboard\n" in text
    assert "| 57.50 | 85.00 |" in text
    for newer in ("effective", "computed", "KL", "Wilson", "top-5 kept"):
        assert newer not in text


@pytest.mark.parametrize("schema", ["schema-1", "schema-2"])
def test_a_record_of_an_older_schema_is_still_rendered(schema: str) -> None:
    record = read_run(FIXTURES / schema)
    text = markdown(record)
    assert text == markdown(read_run(FIXTURES / schema))
    assert "## Leaderboard\n" in text
    assert all(f"{name} " in text for name in ("onnxruntime", "openvino", "tensorflow", "torch"))
    assert "(slowest-fastest window)" in text
    for newer in ("noise", "quiet", "NOISY", "mfu", "95 % interval", "many at once", "LoadGen"):
        assert newer not in text
