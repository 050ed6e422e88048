"""Names and errors may hold anything: no report obeys it, and every file stays well-formed."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from alexbench.harness.records.record_files import read_run, to_json
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.export.flat_table import csv_text, flat, parquet_bytes, rows_json
from alexbench.reports.export.junit import junit_xml
from alexbench.reports.history.plot import draw_history
from alexbench.reports.history.series import METRICS, History, Point, Series
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.many_runs import many_runs
from alexbench.reports.leaderboard.output import markdown
from alexbench.reports.markdown import NO_WIDTH, escape, listed
from alexbench.reports.plots.heat_map import HeatMap, draw
from alexbench.reports.plots.run_plots import draw_leaderboard
from tests.support.records import artifact, data, effective, error_row, model, ok_row, reasons, run_record

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "@here and @org/team",
    "$\\undefined{$ $x",
    "</script><!-- <b>",
    "]]> -- -->",
    "a\x00\x0b\x1b[2J\x7f\x9b",
    "\u202egnp.exe\u2066",
    "\ud800 \udcff \ufffe \uffff",
    "http://example.org www.example.org a@example.org #12 GH-7",
    "[x](javascript:1) ![y](z) | ` ~~~",
    "漢字 \U0001f40d",
    "long " * 600,
    "\n\n# heading\n- list\n",
)


def run_of(text: str) -> RunRecord:
    rows = (
        ok_row(f"torch{text}", effective=effective(text), artifact=artifact(text)),
        ok_row("openvino", remarks=reasons(text)),
        error_row("tensorflow", text),
    )
    return run_record(
        *rows,
        model=model(card=text, weights=text, preprocessing=text),
        data=data(name=text, description=text, certificate=text),
        machine={"cpu": text, text: text},
        environment={"python": text, "packages": {text: text}},
        notes=reasons(text),
        invalid=reasons(text),
    )


def readable(text: str) -> bool:
    return all(one.isprintable() or one in f"\n\t{NO_WIDTH}\u00a0" for one in text) and bool(text.encode())


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_every_report_of_a_hostile_record_is_well_formed(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(to_json(run_of(text)), encoding="utf-8")
    record = read_run(tmp_path)
    assert readable(markdown(record))
    assert readable(many_runs([record]))
    assert readable(csv_text(flat(record)))
    assert html(tmp_path, record).encode()
    assert html(tmp_path, record).count("</script>") == html(tmp_path, run_of("plain")).count("</script>")
    assert parquet_bytes(flat(record))
    assert json.loads(rows_json(flat(record)))
    assert ET.fromstring(junit_xml(record)).find("testsuite") is not None
    drawn = draw_leaderboard(record)
    assert drawn is not None
    ET.fromstring(drawn.svg)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_every_plot_of_hostile_names_is_well_formed(text: str) -> None:
    point = Point(text, "2026-11-21T03:00:00+00:00", text, text, (), 1.0, None, None, (), counts=True, change=None)
    series = Series(METRICS["top1"], text, text, {"model": text}, synthetic=False, points=(point,))
    ET.fromstring(draw_history(History(text, 1, (series,))))
    ET.fromstring(
        draw(
            HeatMap(text, (text,), ("a",), (("b",),), (("c",),), ((1.0,),), ((True,),), (0, 0), unit="%", notes=(text,))
        ).svg
    )


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_a_cell_of_text_computes_nothing_and_a_number_stays_one(text: str) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(flat(run_of(text))))))
    assert len(rows) == 3
    for row in rows:
        for column, value in row.items():
            assert value[:1] not in ("=", "+", "@", "\t", "\r"), column
            assert not value.startswith("-") or float(value) < 0, column
    assert float(rows[0]["gflops"]) > 0


@pytest.mark.parametrize(
    "live",
    ["@octocat", "(@octocat)", "a@example.org", "http://example.org", "www.example.org", "mailto:a", "#12", "GH-12"],
)
def test_markdown_mentions_nobody_and_links_nowhere(live: str) -> None:
    said = escape(live)
    assert NO_WIDTH in said
    assert said.replace(NO_WIDTH, "").replace("\\", "") == live


@pytest.mark.parametrize("text", ["onnxruntime@head", "torch 2.13.0: 5 ms", "A/A #", "a: b", "2 x MACs"])
def test_ordinary_text_is_the_same_in_markdown(text: str) -> None:
    assert escape(text) == text


def test_markdown_has_no_formula_and_no_heading_of_others() -> None:
    assert "$" not in escape("$x$")
    assert listed(["# a", "- b", "1. c", "#1"]) == f"- \\# a\n- \\- b\n- 1\\. c\n- #{NO_WIDTH}1"
