"""LEADERBOARD.md: one table with what differs between runs, the same bytes in whatever order they are named."""

import io
import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.many_runs import many_runs, print_many_runs
from tests.support.records import (
    data,
    effective,
    error_row,
    model,
    ok_row,
    performance,
    reasons,
    run_record,
    synthetic_run,
)

FIXTURES = Path(__file__).parents[3] / "fixtures"


def run(day: int = 21, version: str = "1.2.3", rate: float = 140.0, **changes: Any) -> RunRecord:
    """Two rows on a day of November."""
    rows = (
        ok_row("onnxruntime", effective=effective(version), performance=performance(rate)),
        ok_row("torch", performance=performance(100)),
    )
    return run_record(*rows, started=f"2026-11-{day}T03:00:00+00:00", **changes)


def sections(text: str) -> list[str]:
    return re.findall(r"^## (?!How|Leaderboard)(.+)$", text, flags=re.MULTILINE)


def lines(text: str) -> list[list[str]]:
    """The cells of the only table, its headings first."""
    (table,) = (block for block in text.split("\n\n") if block.startswith("|"))
    heads, _, *found = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
    return [heads, *found]


def rows(text: str) -> list[list[str]]:
    """The first cells of the table's rows, but those of float64."""
    return [line[:3] for line in lines(text)[1:] if not line[2].startswith("reference")]


def column(text: str, heading: str) -> list[str]:
    """The values of the timed rows, each once; none if there is no such column."""
    heads, *found = lines(text)
    return (
        list(dict.fromkeys(line[heads.index(heading)] for line in found if line[1] != "-")) if heading in heads else []
    )


def test_runs_of_one_set_stand_side_by_side_the_newest_first() -> None:
    text = many_runs([run(20), run(21, "1.3.0", 150.0)])
    assert sections(text) == ["torchvision, AMD EPYC"]
    assert rows(text) == [
        ["A", "1", "onnxruntime 1.3.0"],
        ["A", "2", "torch 1.2.3"],
        ["B", "1", "onnxruntime 1.2.3"],
        ["B", "2", "torch 1.2.3"],
    ]
    assert "- **Run A** 2026-11-21T03:00:00+00:00" in text
    assert text.count("**150.0") == text.count("**140.0") == 1  # the best of each run, and no rank between them


def test_the_order_of_the_arguments_does_not_matter() -> None:
    records = [run(20), run(21), synthetic_run(ok_row("a"))]
    assert len({many_runs(order) for order in permutations(records)}) == 1
    assert many_runs(records).endswith("\n")


@pytest.mark.parametrize(
    ("changes", "apart", "heading", "cells"),
    [
        ({"model": model(weights_digest="12" * 32)}, "weights", "model", ["weights ", "weights 121212"]),
        ({"model": model(recipe_digest="12" * 32)}, "preprocessing, decoders or labels", "model", ["prepared "]),
        ({"data": data(pixels_digest="12" * 32)}, "pixels", None, []),
        ({"data": data(names_digest="12" * 32)}, "names or labels of the images", "data", ["names 121212"]),
        ({"data": data(images=7)}, None, "data", ["1000 images", "7 images"]),
        ({"machine": {"cpu": "AMD EPYC", "usable_cores": 1, "logical_cores": 2}}, "machine", "machine", []),
        ({"model": model(card="bvlc")}, None, "model", ["bvlc", "torchvision"]),
        ({"machine": {"cpu": "Intel Xeon"}}, None, "machine", ["AMD EPYC", "Intel Xeon"]),
    ],
    ids=["weights", "recipe", "pixels", "names", "images", "machine", "card", "processor"],
)
def test_runs_that_may_not_be_compared_say_in_a_column_what_differs(
    changes: dict[str, Any], apart: str | None, heading: str | None, cells: list[str]
) -> None:
    text = many_runs([run(20), run(21, **changes)])
    assert len(sections(text)) == (1 if heading == "data" and apart is None else 2)
    assert re.findall(r"card and processor in: (.+)", text) == ([] if apart is None else [apart])
    assert {one for one in ("model", "data", "batch", "machine") if column(text, one)} == {heading} - {None}
    if heading:
        assert len(column(text, heading)) == 2
        assert all(any(said.startswith(cell) for said in column(text, heading)) for cell in cells)


def test_rows_that_ran_unlike_say_as_what() -> None:
    one = run_record(ok_row("a", effective=effective(threads=("1", "measured"))), reference=None)
    text = many_runs([run(20), replace(one, started="2026-11-22T03:00:00+00:00")])
    assert len(sections(text)) == 1
    assert column(text, "ran as") == ["1 thread", "2 threads"]
    assert column(many_runs([run(20), run(21)]), "ran as") == []


def test_runs_with_other_batches_say_with_which() -> None:
    configuration = {**run().configuration, "batch_size": 8}
    assert column(many_runs([run(20), run(21, configuration=configuration)]), "batch") == ["8", "32"]


def test_what_differs_between_environments_is_said() -> None:
    other = {"python": "3.13.0", "packages": {"numpy": "2.3.0"}, "variables": {}, "git": None}
    text = many_runs([run(21), run(20, environment=other), run(19)])
    assert "environment: packages.numpy 2.3.0 (A: 2.4.6), python 3.13.0 (A: 3.11.7)" in text
    assert text.count("environment: same as A") == 1


def test_rows_that_failed_are_below_with_what_happened() -> None:
    text = many_runs([run_record(ok_row("a"), error_row("b", "it <b>died</b> | here"))])
    assert rows(text)[-1] == ["A", "-", r"b \[1\]"]
    assert r"- \[1\] it \<b\>died\</b\> \| here" in text


def test_remarks_name_their_runs_and_a_shared_one_stands_once() -> None:
    text = many_runs([run(20, notes=reasons("drawn")), run(21, notes=reasons("drawn"), invalid=reasons("asleep"))])
    assert "- A, B: drawn" in text
    assert "- A: Not ranked: asleep." in text


def test_synthetic_is_said_over_all_and_over_its_section() -> None:
    assert many_runs([synthetic_run()]).startswith("# AlexBench leaderboard on SYNTHETIC data\n")
    mixed = many_runs([synthetic_run(), run()])
    assert mixed.startswith("# AlexBench leaderboard, SYNTHETIC data in part\n")
    assert sum("SYNTHETIC" in title for title in sections(mixed)) == 1


def test_every_older_schema_is_still_shown() -> None:
    records = [read_run(FIXTURES / f"schema-{schema}") for schema in (1, 2, 3, 4, 5)]
    text = many_runs(records)
    assert all(record.started in text for record in records)


def test_a_run_without_speed_and_one_without_accuracy_are_shown() -> None:
    bare = run_record(ok_row("a", accuracy=None, parity=None), reference=None)
    text = many_runs([bare, replace(run_record(ok_row("a", performance=None)), started="2026-11-20T00:00:00+00:00")])
    assert "images per second at batch 32" in text
    assert "top-1 %" in text


def test_thirty_runs_have_letters_of_their_own() -> None:
    text = many_runs([run(place % 28 + 1, finished=f"{place}") for place in range(30)])
    assert "**Run Z** " in text
    assert "**Run AD** " in text


def test_what_holds_for_some_runs_only_names_them() -> None:
    whole = run(20, data=data(images=1000, available_images=1000, synthetic=True, pixels_digest="12" * 32))
    text = many_runs([whole, run(21)]).partition("## How to read it")[2]
    assert re.findall(r"- ([AB]): .* on the whole set, so without sampling error", text)
    assert "- FPS: images per second of wall time" in text


def test_the_table_is_printed_with_what_each_run_is() -> None:
    stream = io.StringIO()
    print_many_runs([run(20), run(21, model=model(card="bvlc"))], stream)
    printed = stream.getvalue()
    assert all(said in printed for said in ("bvlc", "torchvision", "run A", "run B", "2026-11-20"))
