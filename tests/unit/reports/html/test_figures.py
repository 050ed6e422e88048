"""The charts of report.html: what they draw, what they leave out, and that a damaged file costs its chart alone."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.judge.early_stopping import samples_needed
from alexbench.harness.judge.paired_tests import paired_test
from alexbench.reports.html import data, svg
from alexbench.reports.html.accuracy_charts import divergence, pareto
from alexbench.reports.html.drift_chart import drift
from alexbench.reports.html.figure import Figure, Missing, places, series
from alexbench.reports.html.latency_charts import ridgelines, slowest_calls
from alexbench.reports.html.page import html
from alexbench.reports.html.roofline import roofline
from alexbench.reports.html.speed_charts import layers, throughput
from tests.browser import html_runs
from tests.support.pages import EVERYTHING, column, drawn, left_out, parsed
from tests.support.records import ceiling, effective, ok_row, performance, run_record
from tests.support.records import throughput as window


@pytest.mark.parametrize("name", ["timings.parquet", "blocks.parquet", "layers.json", "thumbnails.json"])
def test_a_damaged_file_costs_its_figure_alone(name: str, tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    whole = drawn(html(tmp_path, record))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    page = html(tmp_path, record)
    parsed(page)
    assert f"{name} is damaged" in page
    lost = {"timings.parquet": 2, "blocks.parquet": 1, "layers.json": 1, "thumbnails.json": 0}[name]
    assert len(drawn(page)) == len(whole) - lost


FOREIGN: dict[str, Any] = {
    "a list": [1, 2],
    "null": None,
    "no rows": {"images": [], "chosen": ""},
    "a text for rows": {"rows": "abc", "images": [], "chosen": ""},
    "no number": {"rows": [{"name": "torch", "layers": [{"layer": "conv1", "max_abs_over_sigma": None}]}]},
    "NaN": {
        "rows": [
            {
                "name": "torch",
                "layers": [{"layer": "conv1", "max_abs_over_sigma": math.nan, "bound": 1.0, "bits": 1.0}],
            }
        ],
        "images": [],
        "chosen": "",
    },
    "another run's": {"rows": [{"name": "jax", "layers": []}], "images": [], "chosen": ""},
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_comparison_of_layers_is_left_out_and_said_in_a_line(content: Any, tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    (tmp_path / "layers.json").write_text(json.dumps(content), encoding="utf-8")
    page = html(tmp_path, record)
    parsed(page)
    assert "divergence" not in drawn(page)
    (line,) = re.findall(r"<dd>(.*?)</dd>", left_out(page), re.DOTALL)
    assert "\n" not in line
    assert ("layers.json is left out" in line) == (content is not None)


def test_json_nested_without_end_is_left_out(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    (tmp_path / "layers.json").write_text("[" * 200_000, encoding="utf-8")
    assert "layers.json is damaged" in left_out(html(tmp_path, record))


def test_a_row_whose_layers_could_not_be_looked_at_is_said(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    looked = json.loads((tmp_path / "layers.json").read_text("utf-8"))
    looked["rows"][0] |= {"layers": [], "error": "the worker\ndied."}
    (tmp_path / "layers.json").write_text(json.dumps(looked), encoding="utf-8")
    figure = divergence(tmp_path, record)
    assert isinstance(figure, Figure)
    assert figure.said.endswith("openvino was not examined: the worker died.")
    assert {row[0] for row in figure.rows} == {"onnxruntime", "torch"}
    for row in looked["rows"]:
        row |= {"layers": [], "error": "died"}
    (tmp_path / "layers.json").write_text(json.dumps(looked), encoding="utf-8")
    nothing = divergence(tmp_path, record)
    assert isinstance(nothing, Missing)
    assert nothing.why.startswith("openvino was not examined: died.")


def test_latencies_are_every_settled_call_of_the_rows_and_no_other(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    frame = pd.read_parquet(tmp_path / "timings.parquet")
    wanted = frame[(frame["backend"] == "openvino") & frame["settled"] & (frame["scenario"] == "SingleStream")]
    figure = ridgelines(tmp_path, record)
    assert isinstance(figure, Figure)
    assert {row[0] for row in figure.rows} == set(html_runs.ROWS)
    counted = sum(row[3] for row in figure.rows if row[0] == "openvino")  # type: ignore[misc]
    assert 0.99 * len(wanted) <= counted <= len(wanted)


def test_the_p50_that_is_drawn_is_the_leaderboards(tmp_path: Path) -> None:
    """It is the median of block medians: the median of all calls is another figure."""
    record = html_runs.write(tmp_path)
    (first, *others) = record.systems
    assert first.performance is not None
    p50 = first.performance.latency.p50_ms * 1.05
    slower = replace(first.performance, latency=replace(first.performance.latency, p50_ms=p50))
    record = replace(record, systems=(replace(first, performance=slower), *others))
    page = html(tmp_path, record)
    shown = column(record, "p50 ms")[first.name].text
    assert shown == f"{p50:.2f}"
    chart = page[page.index('id="figure-latency"') :]
    assert f"{shown} ms" in chart[: chart.index("</figure>")]
    figure = ridgelines(tmp_path, record)
    assert isinstance(figure, Figure)
    edges = [edge for row in figure.rows for edge in row[1:3]]
    place = svg.Scale(min(edges), max(edges)).percent(p50)  # type: ignore[type-var]
    medians = re.findall(r'<line class="median" x1="([0-9.]+%)"', figure.drawing)
    assert any(float(one[:-1]) == pytest.approx(float(place[:-1]), abs=0.5) for one in medians)


def test_the_slowest_calls_are_the_tables_percentiles(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, calls=1000)
    frame = pd.read_parquet(tmp_path / "timings.parquet")
    wanted = frame[(frame["backend"] == "openvino") & frame["settled"] & (frame["scenario"] == "SingleStream")]
    figure = slowest_calls(tmp_path, record)
    assert isinstance(figure, Figure)
    mine = {row[1]: row[2] for row in figure.rows if row[0] == "openvino"}
    assert mine[90.0] == pytest.approx(np.percentile(wanted["ns"], 90) / 1e6, abs=1e-3)
    assert min(mine) == 75.0
    assert max(mine) == 99.0, "799 calls do not carry p99.9"


def test_a_percentile_is_drawn_from_as_many_calls_as_it_is_stated_from() -> None:
    assert {percentile: samples_needed(percentile) for percentile in data.CARRIED} == data.CARRIED


def test_too_few_calls_make_no_distribution(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, calls=20)
    ridges, tail = ridgelines(tmp_path, record), slowest_calls(tmp_path, record)
    assert isinstance(ridges, Missing)
    assert isinstance(tail, Missing)
    assert ridges.why == "At most 15 calls of a system were timed: too few to show a distribution."


def test_calls_of_unlike_lengths_are_drawn_on_a_logarithmic_scale(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    frame = pd.read_parquet(tmp_path / "timings.parquet")
    frame.loc[frame["backend"] == "torch", "ns"] *= 40
    frame.to_parquet(tmp_path / "timings.parquet")
    found = data.latencies(tmp_path, record)
    assert found is not None
    assert found.logarithmic
    bins = found.histogram[found.histogram["calls"] > 0].groupby("backend").size()
    assert bins["openvino"] > 5, "all of the fast system's calls are not in one bin"


def test_raw_samples_do_not_grow_the_page(tmp_path: Path) -> None:
    few = html(tmp_path / "few", html_runs.write(tmp_path / "few", calls=100))
    many = html(tmp_path / "many", html_runs.write(tmp_path / "many", calls=20_000))
    assert abs(len(many) - len(few)) < 10_000


def test_the_roofline_counts_weights_by_their_precision(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    figure = roofline(record)
    assert isinstance(figure, Figure)
    at_one = next(row for row in figure.rows if row[:2] == ("openvino", 1))
    assert at_one[2] == pytest.approx(2 * 714_188_480 / (4 * 61_100_840), rel=1e-3)
    assert at_one[3] == pytest.approx(1.428376960 * 0.5 * 2400 / html_runs.P50_MS["openvino"], rel=1e-3)


def test_the_configured_batch_size_is_not_drawn_twice() -> None:
    speed = performance(140.0, batch_size=32, sweep=(window(120.0, batch_size=8), window(140.0, batch_size=32)))
    figure = throughput(run_record(ok_row("a", performance=speed)))
    assert isinstance(figure, Figure)
    assert [row[2] for row in figure.rows] == [8, 32]


def test_all_figures_are_in_the_order_of_the_ranks(tmp_path: Path) -> None:
    """Whatever order the record has, and a row without speed leaves the others their colours."""
    record = html_runs.write(tmp_path, error="died")
    record = replace(record, systems=record.systems[::-1])
    assert list(places(record)) == [*html_runs.ROWS, "tensorflow"]
    for figure in (throughput(record), roofline(record), layers(record), slowest_calls(tmp_path, record)):
        assert isinstance(figure, Figure)
        assert [(key.name, key.place) for key in figure.legend] == [(name, n) for n, name in enumerate(html_runs.ROWS)]


def test_two_systems_of_one_colour_have_other_marks_and_dashes() -> None:
    found = [series(place) for place in range(64)]
    assert len(set(found)) == 64
    assert series(0).split()[0] == series(8).split()[0]


def test_accuracy_that_tells_nobody_apart_is_no_axis(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    assert isinstance(pareto(record), Figure)
    right = np.arange(1000) < 565
    same = tuple(replace(one, top1=paired_test("top1", right, right)) for one in record.pairs)
    left = pareto(replace(record, pairs=same))
    assert isinstance(left, Missing)
    assert left.why == "All have the same top-1: only speed tells them apart."


def test_accuracies_within_chance_are_no_axis_either(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    right = np.arange(1000) < 565
    other = right.copy()
    other[:3] = False
    within = paired_test("top1", right, other)
    pairs = tuple(replace(one, top1=within) for one in record.pairs)
    left = pareto(replace(record, pairs=pairs))
    assert isinstance(left, Missing)
    assert "beyond chance" in left.why


def test_one_system_is_compared_with_nothing(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path, p50_ms={"torch": 19.0, "anchor": 9.0}))
    assert 'class="bars' not in page
    assert left_out(page).count("<dt>") == 2
    assert drawn(page) == [one for one in EVERYTHING if one != "pareto"]
    assert 'class="legend"' not in page


def test_two_rounds_show_no_drift(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    frame = pd.read_parquet(tmp_path / "blocks.parquet")
    frame[frame["round"] < 2].to_parquet(tmp_path / "blocks.parquet")
    left = drift(tmp_path, record)
    assert isinstance(left, Missing)
    assert left.why == "Rounds measured: 2. A trend needs 3."


def test_drift_is_a_panel_for_each_system_and_one_for_the_probe(tmp_path: Path) -> None:
    figure = drift(tmp_path, html_runs.write(tmp_path))
    assert isinstance(figure, Figure)
    assert re.findall(r'multiple-name">(.*?)<', figure.drawing) == [*html_runs.ROWS, "machine probe"]


def test_a_block_beyond_the_axis_of_drift_stands_at_its_edge_and_is_counted(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    frame = pd.read_parquet(tmp_path / "blocks.parquet")
    frame.loc[frame.index[10], "median_ns"] *= 50
    frame.to_parquet(tmp_path / "blocks.parquet")
    figure = drift(tmp_path, record)
    assert isinstance(figure, Figure)
    assert "mark-over" in figure.drawing
    assert re.search(r"\d+ of 360 blocks are beyond the axis", figure.said)
    assert "+1000 %" not in figure.drawing


def test_the_roof_and_each_batch_size_are_labelled_once(tmp_path: Path) -> None:
    figure = roofline(html_runs.write(tmp_path))
    assert isinstance(figure, Figure)
    labels = re.findall(r'<text class="label [a-z]+"[^>]*>(.*?)</text>', figure.drawing)
    assert labels == ["353 GFLOP/s", "32.8 GB/s", "batch 1", "8", "32", "64"]


def test_the_batch_sizes_of_each_precision_have_a_line() -> None:
    bf16 = effective(precision=("bf16", "reported"))
    speed = performance(140.0, sweep=(window(120.0, batch_size=8), window(140.0, batch_size=32)))
    rows = ok_row("a", performance=speed), ok_row("b", performance=speed, effective=bf16, parity=None)
    figure = roofline(run_record(*rows, ceiling=ceiling()))
    assert isinstance(figure, Figure)
    assert re.findall(r">([a-z0-9]+, batch 1)<", figure.drawing) == ["bf16, batch 1", "fp32, batch 1"]
