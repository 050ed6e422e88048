"""A history as text, JSON, CSV and an image."""

import io
import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from alexbench.harness.judge.change_points import change_points
from alexbench.reports.history.answer import LEAST_POINTS, answer
from alexbench.reports.history.output import history_csv, history_json, print_history, summaries
from alexbench.reports.history.plot import draw_history, title
from alexbench.reports.history.series import METRICS, History
from tests.support.histories import CHANGE, HISTORY, KEY, POINTS, SPEED


def printed(history: History = HISTORY, *, details: bool = True, last: int = 0) -> str:
    file = io.StringIO()
    print_history(history, details=details, last=last, stream=file)
    return file.getvalue()


def test_a_table_has_value_interval_change_and_marks() -> None:
    lines = printed().splitlines()
    assert "torch: p50 ms (lower is better)" in lines
    assert any(line.startswith("SYNTHETIC; machine d2b54b080d1f, model torchvision") for line in lines)
    (changed,) = [line for line in lines if "run-4" in line]
    assert "11.000" in changed
    assert "9.500 to 11.500" in changed
    assert "+10.0 %" in changed
    assert "torch 1.0 -> 2.0, a 1 -> 2, b 1 -> 2 and 1 more" in changed
    assert "CHANGE" in changed
    (noisy,) = [line for line in lines if "run-6" in line]
    assert "noisy" in noisy


def test_a_change_and_what_was_left_out_are_sentences() -> None:
    text = printed()
    assert "CHANGE since 2026-11-04 03:00: 10.000 -> 11.000 (+10.0 %, WORSE), p = 1e-05" in text
    assert "! torch: p50 ms: 1 of 7 points are marked and left out of changes" in text
    assert "! left out: [bold]damaged[/bold]" in text


def test_it_begins_with_what_got_worse() -> None:
    news = "torch 1.0 -> 2.0, a 1 -> 2, b 1 -> 2 and 1 more"
    assert printed().splitlines()[0] == f"Worse in 1 of 1 series: torch p50 ms +10.0 % since 2026-11-04 ({news})."
    better = replace(SPEED, changes=(replace(CHANGE, better=True, change=-10.0),))
    assert answer(replace(HISTORY, series=(better,)))[0].startswith("Better in 1 of 1 series: torch p50 ms -10.0 %")


def test_where_no_level_changed_that_is_the_answer() -> None:
    steady = replace(SPEED, changes=())
    assert answer(replace(HISTORY, series=(steady, steady))) == ["No level changed in 2 series over 7 runs."]


def test_few_runs_cannot_show_a_change_and_it_says_how_many_could() -> None:
    few = replace(SPEED, points=POINTS[:3], changes=())
    assert answer(replace(HISTORY, series=(few,))) == [
        "Too few runs to find a change: a series needs 6 points, and the longest of 1 has 3."
    ]
    steady = replace(SPEED, changes=())
    assert answer(replace(HISTORY, series=(few, steady)))[1].startswith("1 of 2 series have fewer than 6 points")
    assert change_points([1.0] * (LEAST_POINTS - 1)) == []
    assert change_points([1.0, 1.01, 0.99, 2.0, 2.01, 1.99]), "six points can show one"


def test_a_series_is_one_line_with_its_last_value_change_and_trend() -> None:
    text = printed(details=False)
    (line,) = [line for line in text.splitlines() if line.startswith("torch")]
    assert line.split()[:3] == ["torch", "p50", "ms"]
    assert "11.000" in line
    assert "WORSE +10.0 % since 2026-11-04" in line
    assert "run-5" not in text
    assert "left out: [bold]damaged[/bold]" in text


def test_series_of_other_data_are_lines_of_the_same_table_and_the_answer_reports_it() -> None:
    one, other = (replace(SPEED, key={**KEY, "data": key}, points=POINTS[:2], changes=()) for key in ("d1", "d2"))
    (table,) = summaries(replace(HISTORY, series=(one, other)))
    assert table.columns[table.headings.index("data")] == ["d1", "d2"]
    assert answer(replace(HISTORY, series=(one, other)))[-1] == "Runs that differ in data are separate series."


def test_two_machines_with_the_same_processor_are_told_apart_by_their_keys() -> None:
    here, there = (replace(SPEED, key={**KEY, "machine": key}, machine="EPYC (2 cores)") for key in ("aaaa", "bbbb"))
    assert [
        table.title.partition(";")[0].rpartition(" on ")[2]
        for table in summaries(replace(HISTORY, series=(here, there)))
    ] == ["EPYC (2 cores) (machine aaaa)", "EPYC (2 cores) (machine bbbb)"]


def test_series_of_one_machine_and_model_share_a_table_under_its_processor() -> None:
    here = replace(SPEED, machine="EPYC (2 cores)")
    other = replace(here, key={**KEY, "machine": "aaaa"}, machine="Xeon (4 cores)")
    tables = summaries(replace(HISTORY, series=(here, replace(here, system="openvino"), other)))
    assert [table.title.partition(";")[0] for table in tables] == [
        "SYNTHETIC: torchvision on EPYC (2 cores)",
        "SYNTHETIC: torchvision on Xeon (4 cores)",
    ]
    assert len(tables[0].rows) == 2


def test_the_plot_has_the_model_the_machine_and_the_dates() -> None:
    one = replace(SPEED, machine="EPYC (2 cores)")
    drawn = title(replace(HISTORY, series=(one,)))
    assert drawn == "torchvision on SYNTHETIC data\nEPYC (2 cores): 7 runs, 2026-11-01 to 2026-11-07"
    two = replace(one, machine="Xeon (4 cores)")
    assert "2 machines: 7 runs" in title(replace(HISTORY, series=(one, two)))


def test_only_the_last_points_are_shown_and_the_rest_counted() -> None:
    text = printed(last=2)
    assert "run-5" not in text
    assert "5 older left out" in text


def test_json_and_csv_have_every_point() -> None:
    whole = json.loads(history_json(HISTORY))
    assert next(iter(whole)) == "answer"
    assert len(whole["series"][0]["points"]) == 7
    table = pd.read_csv(io.StringIO(history_csv(HISTORY)))
    assert list(table["run"]) == [point.run for point in POINTS]
    assert list(table["change_point"]) == [day == 4 for day in range(1, 8)]
    assert set(table["machine"]) == {"d2b54b080d1f"}


def test_a_history_without_series_has_all_formats() -> None:
    empty = History("runs", 1, ())
    assert printed(empty).splitlines() == ["No run here has these metrics.", "", "runs: 1 run"]
    assert history_csv(empty).strip().strip('"') == ""
    assert ET.fromstring(draw_history(empty)).tag.endswith("svg")


def test_an_image_is_the_same_bytes_each_time() -> None:
    more = tuple(replace(SPEED, system=f"$b_{place}", key={**KEY, "rigor": f"r{place}"}) for place in range(9))
    history = replace(HISTORY, series=(*HISTORY.series, *more, replace(SPEED, metric=METRICS["top1"])))
    svg = draw_history(history)
    assert svg == draw_history(history)
    assert ET.fromstring(svg).tag.endswith("svg")
    assert draw_history(history, "png")[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_is_a_column_of_the_flat_table(metric: object) -> None:
    from alexbench.reports.export.flat_table import FLAT_COLUMNS
    from alexbench.reports.history.series import Metric

    assert isinstance(metric, Metric)
    assert {metric.name, metric.low or metric.name, metric.high or metric.name} <= set(FLAT_COLUMNS)
