"""A damaged or hostile run: every command reads it, or refuses it in one line; none ends in a traceback."""

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alexbench.harness.config_file import read_config
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.files.plain_text import short
from alexbench.harness.history.index import gather, index_of
from alexbench.harness.records.record_files import read_run
from alexbench.harness.resolving import resolve
from alexbench.harness.run_tables import COLUMNS, read_table, write_table
from alexbench.harness.running.table_checks import check_tables
from tests.support.gates import timed_run
from tests.unit.harness.records.damage import VALUES, commands, copied, damage_table, ended, mutated, paths_in, without

FINE = {0, 1, 2, 3}
BIG = 12345678901234567890123456


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    sound = timed_run(tmp_path / "runs" / "sound", {"torch": 10, "openvino": 12}, images=40)
    return copied(sound, tmp_path / "runs" / "bad"), sound


def record_of(run: Path) -> Any:
    return json.loads((run / "run.json").read_text(encoding="utf-8"))


def write_record(run: Path, data: Any) -> None:
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")


def test_a_record_with_any_value_anywhere_is_read_or_refused(runs: tuple[Path, Path]) -> None:
    bad, _ = runs
    data, draw = record_of(bad), random.Random(1)
    for path in paths_in(data):
        for value in draw.sample(VALUES, 4):
            write_record(bad, mutated(data, path, value))
            with contextlib.suppress(RecordError):
                read_run(bad)
        write_record(bad, without(data, path))
        with contextlib.suppress(RecordError):
            read_run(bad)


@pytest.mark.parametrize("seed", range(6))
def test_no_command_ends_in_an_accident_over_a_hostile_record(
    seed: int, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    bad, sound = runs
    draw = random.Random(seed)
    data = record_of(bad)
    for table in bad.glob("*.parquet"):
        table.unlink()  # else most records are refused for what the tables say
    write_record(bad, mutated(data, draw.choice(list(paths_in(data))), draw.choice(VALUES)))
    for command in draw.sample(commands(bad, sound, tmp_path), 5):
        assert ended(command) in FINE, command


@pytest.mark.parametrize("seed", range(6))
def test_no_command_ends_in_an_accident_over_a_damaged_table(
    seed: int, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    bad, sound = runs
    draw = random.Random(100 + seed)
    damage_table(draw.choice(sorted(bad.glob("*.parquet"))), draw)
    for command in draw.sample(commands(bad, sound, tmp_path), 5):
        assert ended(command) in FINE, command


@pytest.mark.parametrize("name", ["predictions.parquet", "samples.parquet", "timings.parquet"])
def test_no_flipped_bit_gives_other_contents(name: str, runs: tuple[Path, Path], tmp_path: Path) -> None:
    frame = pd.read_parquet(runs[1] / name).head(30)
    path = tmp_path / name
    write_table(path, frame)
    good, draw = path.read_bytes(), random.Random(2)
    wanted = read_table(path)
    assert wanted is not None
    for at in draw.sample(range(len(good)), 600):
        flipped = bytearray(good)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            found = read_table(path)
        except RecordError:
            continue
        assert found is not None
        pd.testing.assert_frame_equal(found, wanted, check_dtype=False)


def test_a_table_of_an_older_alexbench_has_no_checksums_and_is_read(runs: tuple[Path, Path]) -> None:
    bad, _ = runs
    for name in COLUMNS:
        if (bad / name).exists():
            pd.read_parquet(bad / name).to_parquet(bad / name, engine="pyarrow", compression="zstd", index=False)
    check_tables(bad, read_run(bad))


def _swapped(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[0, ["top1", "top2"]] = [frame.loc[0, "top2"], frame.loc[0, "top1"]]
    return frame


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("predictions.parquet", _swapped),
        ("predictions.parquet", lambda frame: frame.iloc[1:]),
        ("predictions.parquet", lambda frame: frame[frame["backend"] != "torch"]),
        ("predictions.parquet", lambda frame: frame.assign(backend=frame["backend"] + "x")),
        ("predictions.parquet", lambda frame: frame.assign(sample="other.JPEG")),
        ("samples.parquet", lambda frame: frame.iloc[1:]),
        ("samples.parquet", lambda frame: frame.assign(pixels_sha256="00" * 32)),
        ("samples.parquet", lambda frame: frame.assign(skipped="unreadable")),
        ("timings.parquet", lambda frame: frame.assign(ns=frame["ns"] * 2)),
        ("timings.parquet", lambda frame: frame.assign(settled=False)),
        ("timings.parquet", lambda frame: frame[frame["scenario"] != "Offline"]),
        ("blocks.parquet", lambda frame: frame.assign(median_ns=frame["median_ns"] * 2)),
        ("blocks.parquet", lambda frame: frame.iloc[1:]),
    ],
)
def test_a_table_that_disagrees_with_its_record_is_said_by_every_command(
    name: str, change: Any, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    bad, sound = runs
    write_table(bad / name, change(pd.read_parquet(bad / name)))
    with pytest.raises(RecordError, match=name):
        check_tables(bad, read_run(bad))
    of_each = {command[0]: command for command in reversed(commands(bad, sound, tmp_path))}
    for name_of, command in of_each.items():
        if name_of not in ("history", "merge"):  # one reads no table, and these are not parts
            assert ended(command) == 2, command


def test_one_bad_run_leaves_the_others_in_a_history(runs: tuple[Path, Path]) -> None:
    bad, _ = runs
    data = record_of(bad)
    for value in (0, "x", int("9" * 400), None, 1e999):
        write_record(bad, mutated(data, ("systems", 0, "performance", "latency", "p50_ms"), value))
        found = gather(bad.parent)
        assert found.runs == 1
        assert len(found.remarks) == 1
        assert "run.json is damaged" in found.remarks[0]


def test_a_seed_of_26_digits_that_was_once_taken_is_reported(runs: tuple[Path, Path], tmp_path: Path) -> None:
    bad, sound = runs
    data = mutated(mutated(record_of(bad), ("configuration", "seed"), BIG), ("data", "subset_seed"), BIG)
    write_record(bad, data)
    assert read_run(bad).data.subset_seed == BIG
    for command in commands(bad, sound, tmp_path):
        if command[0] in ("report", "export", "history"):
            assert ended(command) == 0, command


def test_no_flipped_bit_of_an_index_changes_a_history(runs: tuple[Path, Path]) -> None:
    folder = runs[0].parent
    wanted = gather(folder)
    good, draw = index_of(folder).read_bytes(), random.Random(3)
    for at in draw.sample(range(len(good)), 150):
        flipped = bytearray(good)
        flipped[at] ^= 1 << draw.randrange(8)
        index_of(folder).write_bytes(flipped)
        assert gather(folder).rows == wanted.rows


@pytest.mark.parametrize("key", ["seed", "limit", "threads", "batch_size"])
@pytest.mark.parametrize("value", [-1, BIG, -BIG, int("9" * 400), 16**6000], ids=short)
def test_a_number_beyond_its_bounds_is_refused_before_anything_is_measured(key: str, value: int) -> None:
    with pytest.raises(UsageError, match=f"--{key.replace('_', '-')} ") as refused:
        resolve({key: value})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("key", ["seed", "limit", "threads", "batch_size", "latency_bound"])
@pytest.mark.parametrize(
    "value", [f"0x{'f' * 6000}", "9" * 400, "9" * 6000, "inf", "[1]", "1979-05-27", '"\\u0000"'], ids=short
)
def test_a_number_of_a_file_is_held_to_the_same_bounds(key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    value = "[1, -1]" if (key, value) == ("threads", "[1]") else value  # of threads a list is fine
    path.write_text(f"{key} = {value}\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        resolve({"scenarios": ("Server",), **read_config(path)})
    assert len(str(refused.value)) < 300
