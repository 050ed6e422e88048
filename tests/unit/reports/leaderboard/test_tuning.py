"""What tuning gains, next to the runtime as shipped; and what each core gives."""

from dataclasses import replace

import pytest

from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Difference, Measure
from alexbench.harness.records.tuning_records import Tuning
from alexbench.harness.systems import System, labels
from alexbench.reports.leaderboard.tables import detail_tables
from alexbench.reports.leaderboard.thread_sweep import thread_table
from alexbench.reports.leaderboard.tuning import gain_table, tried_tables, tuned_rows, tuning_verdict
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.table import Table
from alexbench.reports.text.wording import row_remarks
from tests.support.records import effective, of_system, ok_row, performance, run_record
from tests.support.tunings import STATIC, STREAMS, tuning

PLAIN = System("openvino", 2)
BY_RATE = replace(PLAIN, profile="tuned", settings=STREAMS)
BY_LATENCY = replace(PLAIN, profile="tuned-latency", settings=STATIC)
INT8 = tuple(replace(one, precision="int8") for one in (PLAIN, BY_RATE))


def run(*systems: System, gains: dict[tuple[str, str, Measure], tuple[float, bool]]) -> RunRecord:
    """Rows of these systems; ``gains``: (base, other, measure) -> how many times as fast, and whether beyond doubt."""
    made = tuning(rows=tuple(one.key for one in systems if one.settings))
    rows = [
        ok_row(label, **of_system(one) | {"tuning": made if one.settings else None})
        for label, one in zip(labels(systems), systems, strict=True)
    ]
    differences = tuple(
        Difference(of, base, other, ratio, ratio - 0.1, ratio + 0.1, apart)
        for (base, other, of), (ratio, apart) in gains.items()
    )
    return replace(run_record(*rows), differences=differences)


def cells(table: Table, heading: str) -> list[str]:
    return next([str(cell) for cell in one.cells] for one in table.shown if one.heading == heading)


def test_each_tuned_row_stands_next_to_its_own_row_as_shipped() -> None:
    record = run(
        PLAIN,
        BY_RATE,
        BY_LATENCY,
        *INT8,
        gains={
            ("openvino", "openvino tuned", "images/s"): (1.25, True),
            ("openvino tuned-latency", "openvino", "latency"): (1 / 1.05, False),
            ("openvino int8", "openvino int8 tuned", "images/s"): (1.02, False),
        },
    )
    found = {one.row.entry.name: one for one in tuned_rows(record)}
    assert {name: one.plain.entry.name for name, one in found.items()} == {
        "openvino tuned": "openvino",
        "openvino tuned-latency": "openvino",
        "openvino int8 tuned": "openvino int8",
    }
    table = gain_table(record)
    assert sorted(cells(table, "beyond doubt")) == ["FPS", "no", "no"]
    assert "1.25x (1.15 to 1.35)" in cells(table, "FPS gain (95 %)")
    assert set(cells(table, "settings")) == {"NUM_STREAMS=2", "reshape=static"}
    said = tuning_verdict(record)[0]
    assert "openvino tuned is 1.25x (1.15 to 1.35) as fast by FPS" in said
    assert "no gain beyond doubt for" in said
    assert said in verdict(record)


@pytest.mark.parametrize(
    ("ratio", "apart", "said"), [(1.3, True, "1.30x"), (0.7, True, "slower"), (1.3, False, "no gain")]
)
def test_a_gain_is_claimed_only_beyond_doubt(ratio: float, said: str, *, apart: bool) -> None:
    record = run(PLAIN, BY_RATE, gains={("openvino", "openvino tuned", "images/s"): (ratio, apart)})
    assert said in tuning_verdict(record)[0]
    assert tuning_verdict(replace(record, invalid=(tuning().tried[-1].reason,))) == []  # type: ignore[arg-type]


def test_candidates_are_listed_with_what_became_of_them() -> None:
    (table,) = tried_tables(run(PLAIN, BY_RATE, BY_LATENCY, gains={}))
    assert cells(table, "candidate")[0] == "as shipped"
    assert cells(table, "result") == [
        "-",
        "chosen for FPS",
        "chosen for latency",
        "failed [1]",
        "other scores [2]",
        "not tried [3]",
    ]
    assert table.notes == [
        "[1] it ended with signal 9",
        "[2] its scores differ from those of the default by 1.0e-01 sigma (limit 1.0e-04)",
        "[3] it needs a C++ compiler, and there is none",
    ]


def test_a_row_says_its_settings_how_each_is_known_and_where_they_come_from() -> None:
    ran = effective(applied={"NUM_STREAMS": ("2", "reported")})
    row = ok_row("openvino tuned", system=BY_RATE, effective=ran, tuning=tuning())
    said = row_remarks(row)
    assert "settings: NUM_STREAMS=2 (reported); chosen among 2 candidates in a search of 42 s (2026-11-30)." in said
    nothing: Tuning = tuning(tried=(), reason=tuning().tried[-1].reason)
    assert any("settings: as shipped; it needs" in line for line in row_remarks(replace(row, tuning=nothing)))
    slower = replace(row, system=replace(BY_RATE, settings=()))
    assert any("none of 2 candidates was faster" in line for line in row_remarks(slower))
    named = replace(row, system=replace(PLAIN, settings=STREAMS), tuning=None)
    assert "settings: NUM_STREAMS=2 (reported)." in row_remarks(named)
    assert not any("settings" in line for line in row_remarks(ok_row("torch")))


def test_a_run_without_tuned_rows_has_no_such_tables() -> None:
    record = run_record(ok_row("openvino"), ok_row("torch"))
    assert not {"tuning", "threads"} & {table.key for table in detail_tables(record)}
    assert tuning_verdict(record) == []


def test_each_thread_count_is_a_row_with_what_a_core_gives() -> None:
    systems = [System("openvino", count) for count in (4, 1, 2)]
    rates = {1: 50.0, 2: 90.0, 4: 100.0}
    rows = [
        ok_row(label, **of_system(one) | {"performance": performance(rates[one.threads])})
        for label, one in zip(labels(systems), systems, strict=True)
    ]
    record = run_record(*rows, ok_row("torch"))
    machine = {**record.machine, "usable_cores": 4, "threads_per_core": 2}
    table = thread_table(replace(record, machine=machine))
    assert cells(table, "threads") == ["1", "2", "4"]
    assert cells(table, "cores") == ["1", "2", "2"]
    assert cells(table, "FPS per core") == ["50.0", "45.0", "50.0"]
    assert cells(table, "efficiency") == ["100 %", "90 %", "100 %"]
    assert "hyperthreads" in table.caption[0]
    assert not thread_table(replace(record, machine={**machine, "threads_per_core": 1})).caption
