"""The flat table: one row a backend, each column of one type, and what CSV, JSON and Parquet make of it."""

import io
import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.columns import COLUMNS
from alexbench.reports.export.flat_table import FLAT_COLUMNS, csv_text, flat, parquet_bytes, rows_json
from tests.support.records import (
    artifact,
    ceiling,
    error_row,
    missing_row,
    noise,
    ok_row,
    parity,
    performance,
    reasons,
    run_record,
)

RUNS = {
    "one row": run_record(),
    "no performance": run_record(ok_row(performance=None)),
    "no accuracy": run_record(ok_row(accuracy=None, parity=None), reference=None),
    "a row in error": run_record(ok_row("a"), error_row("b", 'a, "b"\nand <c>')),
    "nothing ran": run_record(error_row("a"), missing_row("b")),
    "all there is": run_record(
        ok_row("a", performance=performance(noise=noise("drift"))),
        ok_row("b", artifact=artifact(), parity=parity(effective_bits=24.0)),
        ceiling=ceiling(),
        invalid=reasons("the A/A control failed"),
    ),
}


@pytest.mark.parametrize("record", RUNS.values(), ids=RUNS)
def test_there_is_a_row_a_backend_in_every_format(record: RunRecord) -> None:
    frame = flat(record)
    assert list(frame.columns) == list(FLAT_COLUMNS)
    assert sorted(frame["backend"]) == sorted(entry.name for entry in record.systems)
    names = list(frame["backend"])
    assert list(pd.read_csv(io.StringIO(csv_text(frame)))["backend"]) == names
    assert [row["backend"] for row in json.loads(rows_json(frame))] == names
    assert list(pd.read_parquet(io.BytesIO(parquet_bytes(frame)))["backend"]) == names


def test_a_column_has_the_same_type_filled_or_not() -> None:
    types = {name: flat(record).dtypes.to_dict() for name, record in RUNS.items()}
    assert all(found == types["all there is"] for found in types.values())
    whole = pd.concat([pd.read_parquet(io.BytesIO(parquet_bytes(flat(record)))) for record in RUNS.values()])
    assert len(whole) == sum(len(record.systems) for record in RUNS.values())


def test_the_leaderboards_columns_come_first() -> None:
    assert FLAT_COLUMNS[: len(COLUMNS)] == tuple(column.name for column in COLUMNS)
    assert len(set(FLAT_COLUMNS)) == len(FLAT_COLUMNS)


def test_what_keys_a_row_stands_in_it() -> None:
    row = flat(RUNS["all there is"]).set_index("backend").loc["b"]
    assert row["weights_digest"] == "ab" * 32
    assert row["pixels_digest"] == "ef" * 32
    assert row["artifact_digest"] == "12" * 32
    assert row["model"] == "torchvision"
    assert row["cpu"] == "AMD EPYC"
    assert json.loads(row["environment_versions"]) == {"alexbench": "0.1.0", "python": "3.11.7", "numpy": "2.4.6"}
    assert row["invalid"] == "the A/A control failed"


def test_a_row_is_quiet_noisy_or_nobody_looked() -> None:
    record = run_record(
        ok_row("quiet", performance=performance(noise=noise())),
        ok_row("noisy", performance=performance(noise=noise("drift"))),
        ok_row("unmeasured", performance=None),
    )
    verdicts = flat(record).set_index("backend")["noise_verdict"]
    assert verdicts["quiet"] == "quiet"
    assert verdicts["noisy"] == "noisy"
    assert pd.isna(verdicts["unmeasured"])


def test_ranks_and_what_the_run_can_tell_apart_are_numbers_in_every_format() -> None:
    rows = (ok_row("a", performance=performance(100)), ok_row("b", performance=performance(200)), error_row("c"))
    record = run_record(*rows)
    latency, rate = (100 * (one.ratio - 1) for one in record.resolutions)
    frame = flat(record)
    tables = (
        pd.read_csv(io.StringIO(csv_text(frame))),
        pd.DataFrame(json.loads(rows_json(frame))),
        pd.read_parquet(io.BytesIO(parquet_bytes(frame))),
    )
    for table in tables:
        found = table.set_index("backend")
        assert (found.loc["b", "rank"], found.loc["a", "rank"]) == (1, 2)
        assert found.loc["a", "latency_resolution"] == pytest.approx(latency)
        assert found.loc["a", "images_per_second_resolution"] == pytest.approx(rate)
        assert found.loc["c", ["rank", "latency_resolution", "images_per_second_resolution"]].isna().all()


def test_a_machine_has_one_key_and_another_machine_another() -> None:
    record = run_record()
    same = replace(record, machine=dict(reversed(record.machine.items())), environment={"python": "3.13.0"})
    other = replace(record, machine={**record.machine, "usable_cores": 1})
    keys = [flat(one)["machine"].iloc[0] for one in (record, same, other)]
    assert keys[0] == keys[1] != keys[2]
    assert flat(record)["environment"].iloc[0] != flat(same)["environment"].iloc[0]


def test_what_is_infinite_is_null_in_json_and_inf_elsewhere() -> None:
    frame = flat(run_record(ok_row(parity=replace(parity(), sqnr_db=math.inf), load_s=None)))
    row = json.loads(rows_json(frame))[0]
    assert row["sqnr_db"] is None
    assert row["load_s"] is None
    table = pd.read_csv(io.StringIO(csv_text(frame)))
    assert table["sqnr_db"].iloc[0] == math.inf
    assert math.isnan(table["load_s"].iloc[0])


def test_the_same_record_gives_the_same_bytes() -> None:
    for make in (csv_text, rows_json, parquet_bytes):
        assert make(flat(RUNS["all there is"])) == make(flat(RUNS["all there is"]))
