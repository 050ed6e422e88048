"""What was measured of speed, in tables that have no column that nobody filled."""

from dataclasses import replace

from alexbench.harness.judge.block_times import BlockOf
from alexbench.harness.judge.noise import noise_checks
from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.records.speed_records import Latency, Noise, Performance, Probe
from alexbench.reports.leaderboard.speed_tables import speed_tables
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Table
from tests.support.records import error_row, generated, noise, ok_row, older_run, performance, reasons, throughput


def table(title: str, *entries: SystemRecord) -> Table:
    (found,) = (one for one in speed_tables(rows_of(older_run(*entries))) if one.title.startswith(title))
    return found


def row(found: Table, number: int = 0) -> dict[str, str]:
    return dict(zip(found.headings, found.rows[number], strict=True))


def latency(**known: float) -> Latency:
    return Latency(15.0, 14.5, 15.5, blocks=90, samples=1170, **known)  # type: ignore[arg-type]


def one(**speed: object) -> SystemRecord:
    return ok_row("a", performance=performance(**speed))  # type: ignore[arg-type]


def test_without_speed_no_table_has_a_row() -> None:
    rows = rows_of(older_run(ok_row("a", performance=None), error_row("b")))
    assert all(not found.rows for found in speed_tables(rows))


def test_a_percentile_that_the_samples_do_not_carry_is_absent() -> None:
    full, few = one(latency=latency(p90_ms=16.0, p95_ms=17.0, p99_ms=18.0)), one(latency=latency(p90_ms=16.0))
    found = table("Latency", full, few)
    assert [found.rows[number][1:5] for number in (0, 1)] == [
        ("15.00", "16.00", "17.00", "18.00"),
        ("15.00", "16.00", "-", "-"),
    ]
    assert "p99" not in table("Latency", few).headings


def test_what_no_machine_exposed_has_no_column() -> None:
    assert table("Latency", one()).headings == ["system", "p50 ms", "samples (blocks)"]
    full = one(latency=latency(joules=0.3154, cpu_ms=29.26, processes=3), resident=latency())
    assert row(table("Latency", full, one())) == {
        "system": "a",
        "p50 ms": "15.00",
        "on device ms": "15.00",
        "CPU ms": "29.3",
        "J/inference": "0.315",
        "samples (blocks)": "1170 (90)",
        "processes": "3",
    }
    assert row(table("Latency", full, one()), 1)["J/inference"] == "-"


def test_the_sweep_has_a_column_a_batch_size_in_order() -> None:
    sweep = throughput(140), throughput(50, batch_size=1), throughput(120, batch_size=8)
    found = table("FPS", one(sweep=sweep), one(sweep=sweep[:1]))
    assert found.headings == ["system", "batch 1", "batch 8", "batch 32"]
    assert found.rows == [
        ("a", "50.0 (48.0-52.0)", "120.0 (118.0-122.0)", "140.0 (138.0-142.0)"),
        ("a", "-", "-", "140.0 (138.0-142.0)"),
    ]


def test_one_batch_size_is_no_sweep() -> None:
    assert table("FPS", one(sweep=(throughput(),))).headings == []


def test_many_at_once_stands_next_to_the_loop_and_how_is_not_in_a_cell() -> None:
    way = "four sessions of one thread each, fed from a queue"
    found = table("FPS", one(sweep=(throughput(),), offline=throughput(170, way=way, streams="4")), one())
    assert row(found) == {
        "system": "a",
        "batch 32": "140.0 (138.0-142.0)",
        "many at once, batch 32": "170.0 (168.0-172.0)",
        "inferences at once": "4",
    }
    assert row(found, 1)["many at once, batch 32"] == "-"


def test_layers_are_in_order_with_their_sum_and_an_unknown_one_is_absent() -> None:
    found = table(
        "Layers", one(layers_ms={"conv1": 1.5, "fc6": 3.75}), one(layers_ms={"conv1": 5.0, "fc6": 0.0}), one()
    )
    assert found.headings == ["system", "conv1", "fc6", "sum"]
    assert found.rows == [("a", "1.50", "3.75", "5.25"), ("a", "5.00", "-", "5.00")]


def test_a_valid_test_of_loadgen_has_its_figures() -> None:
    found = table("MLPerf", one(generated=(generated(target_rate=42.0, loadgen="5.1.2"),)))
    assert found.title == "MLPerf LoadGen 5.1.2"
    assert row(found) == {
        "scenario": "Server",
        "system": "a",
        "target queries/s": "42.0",
        "FPS": "40.0",
        "p50 ms": "18.10",
        "p90": "31.20",
        "p99": "61.30",
        "queries": "2710",
        "verdict": "VALID",
    }


def test_an_invalid_one_is_called_so_and_says_why_elsewhere() -> None:
    found = table("MLPerf", one(generated=(generated(valid=False, reasons=reasons("too few " * 20), p99_ms=None),)))
    assert row(found)["verdict"] == "INVALID"
    assert "p99" not in found.headings


def test_the_backends_of_a_scenario_stand_together() -> None:
    tests = generated("SingleStream"), generated("MultiStream", samples_per_query=8)
    found = table("MLPerf", one(generated=tests), ok_row("b", performance=performance(generated=tests)))
    assert [cells[:2] for cells in found.rows] == [
        ("SingleStream", "a"),
        ("SingleStream", "b"),
        ("MultiStream, 8 a query", "a"),
        ("MultiStream, 8 a query", "b"),
    ]


def test_the_highest_load_is_said_in_its_unit_where_a_bound_was_given() -> None:
    tried = tuple(Probe(load, 50.0, 700, valid=True) for load in (10.0, 20.0))
    tests = (
        generated(bound_ms=60.0, highest=37.04, probes=tried),
        generated("MultiStream", bound_ms=60.0, highest=7.0),
        generated("Offline"),
        generated(bound_ms=20.0),
    )
    assert table("Highest load", one(generated=tests)).rows == [
        ("Server", "a", "60.0", "37.0 queries/s", "2"),
        ("Server", "a", "20.0", "none", "-"),
        ("MultiStream", "a", "60.0", "7 samples a query", "-"),
    ]
    assert table("Highest load", one(generated=(generated("Offline"),))).rows == []


def test_noise_checks_show_shares_in_percent_and_leaves_out_what_is_not_exposed() -> None:
    found = table("Noise", one(noise=noise()))
    assert row(found) == {
        "system": "a",
        "drift": "10.8 %",
        "deviation": "1.8 %",
        "steal": "0.3 %",
        "others' CPU": "2.1 %",
        "verdict": "quiet",
    }


def all_failed() -> Noise:
    """Every reason that noise checks have, from blocks that give them reason."""
    blocks = [BlockOf([ms * 1_000_000], 1, round=number) for number, ms in enumerate((10, 20, 30, 40, 50, 60))]
    return noise_checks(blocks, steal=0.5, foreign=0.5, throttled=3)


def test_failed_checks_name_the_columns_that_are_beyond_their_limits() -> None:
    found: Performance = performance(noise=all_failed())
    assert found.noise is not None
    assert len(found.noise.failed) == 5  # or this test knows less than the judge
    assert row(table("Noise", ok_row(performance=found)))["verdict"] == (
        "drift, deviation, steal, others' CPU, throttled"
    )


def test_what_older_records_failed_is_named_too() -> None:
    assert row(table("Noise", one(noise=noise("rate_interval", "control"))))["verdict"] == "FPS, A/A control"


def test_a_reason_that_is_not_known_here_is_no_reason_to_call_a_row_quiet() -> None:
    assert row(table("Noise", one(noise=replace(noise(), failed=reasons("the moon was full")))))["verdict"] == "other"
