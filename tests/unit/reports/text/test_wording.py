"""The sentences around a leaderboard: facts, remarks, and how to read what is shown."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import PartRecord, RunRecord
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.many_runs import many_runs
from alexbench.reports.leaderboard.output import markdown, print_leaderboard
from alexbench.reports.leaderboard.tables import tables
from alexbench.reports.text.wording import facts, row_remarks, run_remarks
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
    older_run,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
    throughput,
)

FIXTURES = Path(__file__).parents[3] / "fixtures"


FOUND: Final = "error 2e-06 sigma (at most 0.0001), 121 dB (at least 100); not ranked."


def explained(record: RunRecord) -> str:
    return "\n".join(explanations(record, tables(record)))


def remarks(record: RunRecord) -> list[str]:
    """Those of the run, then those of its rows with their names."""
    of_rows = [f"{entry.name}: {said}" for entry in record.systems for said in row_remarks(entry)]
    return [*run_remarks(record), *of_rows]


def test_the_ceiling_and_the_control_are_facts_of_the_run() -> None:
    known = dict(facts(run_record(ceiling=ceiling(), controls=(control(),))))
    assert known["ceiling"].startswith(
        "this machine reached 353 GFLOP/s (openvino conv, the best of 2) and 32.8 GB/s (NumPy sgemv)"
    )
    assert known["control"] == (
        "A/A of latency, onnxruntime against itself in the same rounds: 1.002"
        " (90 % interval over 40 pairs of processes: 0.995 to 1.009)"
    )
    one = dict(facts(run_record(controls=(replace(control(decides=False), pairs=1),))))["control"]
    assert one.endswith("in the same rounds: 1.002, from 1 pair of processes")
    assert list(dict(facts(run_record(ok_row("a", performance=None))))) == ["model", "data", "machine", "run"]


def test_a_control_that_differs_is_shown_and_no_verdict() -> None:
    """It is in the resolution; in older records it was over blocks."""
    line = dict(facts(run_record(controls=(control(passed=False),))))["control"]
    assert line.endswith("pairs of processes: 1.030 to 1.050)")
    assert "pairs of blocks" in dict(facts(older_run(controls=(control(),))))["control"]


def test_what_the_run_can_tell_apart_is_a_sentence_in_every_report(tmp_path: Path) -> None:
    rows = [ok_row(name, performance=performance(rate)) for name, rate in (("a", 100), ("b", 200))]
    found = run_record(*rows).resolutions
    rounded = tuple(replace(one, ratio=ratio, processes=4) for one, ratio in zip(found, (1.062, 1.041), strict=True))
    record = replace(run_record(*rows), resolutions=rounded)
    said = "This run can tell apart rows that differ by more than 6.2 % in latency or 4.1 % in FPS"
    assert dict(facts(record))["limit"] == f"{said} (95 %, the widest of all pairs; 4 processes per row)"
    terminal = io.StringIO()
    print_leaderboard(record, terminal, details=True)
    for text in (terminal.getvalue(), markdown(record), html(tmp_path, record)):
        assert said in text
    assert "it can tell apart rows that differ by more than 6.2 % in latency or 4.1 % in FPS" in many_runs([record])


def test_a_run_without_speed_has_no_such_sentence() -> None:
    assert "limit" not in dict(facts(run_record(ok_row("a", performance=None))))


def test_what_the_verdict_says_is_not_said_again_among_the_remarks() -> None:
    row = ok_row("a", performance=performance(noise=noise("throttled")))
    record = run_record(row, error_row("b", "b died"), invalid=reasons("it slept"), notes=reasons("a note"))
    assert remarks(record) == ["a note", "b: b died"]
    assert remarks(older_run(ok_row("a"), notes=reasons("a note"))) == ["a note"]


def test_how_many_ran_at_once_is_a_remark_and_rows_alike_share_it() -> None:
    queue, threads = throughput(way="a queue of four"), throughput(way="two threads")
    rows = [
        ok_row(name, performance=performance(offline=way))
        for name, way in zip("abc", (queue, threads, queue), strict=True)
    ]
    assert remarks(run_record(*rows)) == ["a, c, many at once: a queue of four.", "b, many at once: two threads."]


def test_why_loadgen_calls_a_test_invalid_is_a_remark() -> None:
    tests = generated(), generated("MultiStream", valid=False, reasons=reasons("too short", "too few"))
    assert remarks(run_record(ok_row("a", performance=performance(generated=tests)))) == [
        "a, MultiStream: INVALID by LoadGen: too short; too few."
    ]


def test_ranks_and_bold_are_explained_by_one_rule() -> None:
    rows = [ok_row(name, performance=performance(rate)) for name, rate in (("a", 200), ("b", 100))]
    text = explained(run_record(*rows))
    assert "#: the possible ranks of a row." in text
    assert "Bold: the best, and every row that the run cannot tell from it." in text
    assert "Bold:" not in explained(run_record(rows[0]))


def test_bounds_are_said_as_what_they_are() -> None:
    assert "batches of 32, one after the other (95 % interval over windows)" in explained(run_record())
    three = ok_row(performance=performance(processes=3))
    assert "(95 % interval over processes)" in explained(run_record(three))
    older = ok_row(performance=performance(throughput=throughput(bounds="windows")))
    assert "(slowest-fastest window)" in explained(run_record(older))


def test_each_precision_has_its_own_tolerances() -> None:
    bf16 = replace(parity(), tolerance_max_abs_over_sigma=0.1, tolerance_sqnr_db=35.0)
    rows = ok_row("a"), ok_row("b", parity=bf16, effective=effective(precision=("bf16", "measured")))
    assert (
        "parity ok: error / sigma is at most 0.0001 and SQNR at least 100 dB (fp32), or at most 0.1 and SQNR at least"
        " 35 dB (bf16), and rounding explains every top-1 mismatch." in explained(run_record(*rows))
    )
    assert "(fp32)" not in explained(run_record(rows[0]))


@pytest.mark.parametrize(
    ("filled", "start"),
    [
        ({"noise": noise("throttled")}, "noisy:"),
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


def test_accuracy_alone_is_ranked_by_top_1_and_reports_it() -> None:
    text = explained(run_record(ok_row("a", performance=None)))
    assert text.startswith("#: rank by top-1.")
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
    assert "the 95 % interval (Wilson) for these images as a sample" in explained(drawn)
    whole = synthetic_run()
    assert "on the whole set, so without sampling error" in explained(whole)
    assert "sampling error" not in explained(drawn)
    part = run_record(data=data(part=PartRecord(1, 4, 0, 1000, 4000, "", "", "")))
    assert "on one part, which is not a sample" in explained(part)
    assert "top-1 %, top-5 %:" not in explained(run_record(ok_row("a", accuracy=None)))


def test_a_record_of_schema_3_is_still_rendered_without_what_it_does_not_have() -> None:
    record = read_run(FIXTURES / "schema-3")
    text = markdown(record)
    assert "## Leaderboard\n" in text
    assert "| 57.50 | 85.00 |" in text
    for newer in ("effective", "computed", "KL", "Wilson", "top-5 kept"):
        assert newer not in text


def test_a_record_of_schema_4_is_rendered_without_ranks() -> None:
    record = read_run(FIXTURES / "schema-4")
    (board, *_) = tables(record)
    assert "#" not in board.headings
    assert not any(map(any, board.bold))
    text = markdown(record)
    assert "Not ranked: an older version of AlexBench made this record" in text
    assert "tell apart" not in text


def test_a_record_of_schema_5_is_rendered_with_its_ranks_and_its_resolution() -> None:
    record = read_run(FIXTURES / "schema-5")
    (board, *_) = tables(record)
    backends = [name.split()[0] for name in board.columns[board.headings.index("system")]]
    ranks = dict(zip(backends, board.columns[board.headings.index("#")], strict=True))
    assert ranks == {"openvino": "1-2", "tensorflow": "1-3", "onnxruntime": "2-3", "torch": "4", "reference": "-"}
    assert "rows that differ by more than 9.0 % in latency or 7.8 % in FPS" in markdown(record)


@pytest.mark.parametrize("schema", ["schema-1", "schema-2"])
def test_a_record_of_an_older_schema_is_still_rendered(schema: str) -> None:
    record = read_run(FIXTURES / schema)
    text = markdown(record)
    assert text == markdown(read_run(FIXTURES / schema))
    assert "## Leaderboard\n" in text
    assert all(f"{name} " in text for name in ("onnxruntime", "openvino", "tensorflow", "torch"))
    assert "(slowest-fastest window)" in text
    for newer in ("noise", "quiet", "noisy", "mfu", "95 % interval", "many at once", "LoadGen"):
        assert newer not in text
