"""report.html: what is in it, what is left out and why, and that nothing in a record can break it."""

import base64
import json
import math
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord, SkippedRecord, SystemRecord
from alexbench.reports.html.accuracy_charts import divergence
from alexbench.reports.html.board import board
from alexbench.reports.html.figure import Figure, Missing
from alexbench.reports.html.latency_charts import latency_histogram, latency_percentiles
from alexbench.reports.html.page import html, in_script
from alexbench.reports.html.speed_charts import roofline, throughput
from alexbench.reports.leaderboard.boards import leaderboard
from tests.browser import html_runs
from tests.browser.html_runs import NASTY
from tests.support.records import (
    data,
    effective,
    error_row,
    missing_row,
    noise,
    ok_row,
    performance,
    run_record,
    synthetic_run,
)
from tests.support.records import throughput as window

FIXTURES = Path(__file__).parents[3] / "fixtures"
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Balanced(HTMLParser):
    """Elements that are open, and the text of each kind of element."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value is not None]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    return parser


def payload(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def not_drawn(page: str) -> str:
    """The part of the page that says what is left out."""
    found = re.search(r'<dl class="facts missing">(.*?)</dl>', page, re.DOTALL)
    return "" if found is None else found[1]


def test_a_run_with_everything_has_every_figure_and_its_data_as_a_table(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    page = html(tmp_path, record)
    figures = payload(page)["figures"]
    everything = ["pareto", "latency", "percentiles", "throughput", "roofline", "layers", "divergence", "drift"]
    assert list(figures) == everything
    assert not_drawn(page) == ""
    parser = parsed(page)
    rows = sum(tag == "tr" for tag, _ in parser.seen)
    assert rows > sum(len(figure["rows"]) for figure in figures.values())


def test_nothing_in_it_is_fetched(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    for tag, attributes in parsed(page).seen:
        for name in ("src", "href", "action", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page.partition("</style>")[0]


def test_the_same_record_makes_the_same_bytes(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    assert html(tmp_path, record) == html(tmp_path, read_run(tmp_path))


@pytest.mark.parametrize("schema", sorted(path.name for path in FIXTURES.glob("schema-*")))
def test_a_run_of_an_older_schema_has_a_page(schema: str, tmp_path: Path) -> None:
    shutil.copyfile(FIXTURES / schema / "run.json", tmp_path / "run.json")
    page = html(tmp_path, read_run(tmp_path))
    parsed(page)
    timed = "This run measured no speed." not in page
    assert timed == ("timings.parquet is not in the run&#39;s folder" in not_drawn(page))
    assert len(payload(page)["figures"]) + not_drawn(page).count("<dt>") == 8


def test_a_run_without_speed_says_so_in_place_of_its_charts(tmp_path: Path) -> None:
    page = html(tmp_path, run_record(ok_row("a", performance=None), ok_row("b", performance=None)))
    assert not_drawn(page).count("This run measured no speed.") == 7  # all but the divergence of layers
    assert payload(page)["figures"] == {}
    assert "vegaEmbed = " not in page, "the library is left out where nothing is drawn"


def test_a_run_without_accuracy_has_speed_charts_and_no_pareto(tmp_path: Path) -> None:
    rows = [ok_row(name, accuracy=None, parity=None) for name in ("a", "b")]
    page = html(tmp_path, run_record(*rows, reference=None))
    assert "This run measured no accuracy." in not_drawn(page)
    assert "This run was not held against float64." in page


def test_one_backend_is_weighed_against_nothing(tmp_path: Path) -> None:
    page = html(tmp_path, run_record(ok_row()))
    assert "One row has both: there is nothing to weigh it against." in not_drawn(page)


def test_zero_flips_are_said(tmp_path: Path) -> None:
    assert "No flips: no row&#39;s first answer" in html(tmp_path, run_record(ok_row()))


def test_rows_that_did_not_run_are_on_the_board(tmp_path: Path) -> None:
    page = html(tmp_path, run_record(ok_row(), error_row("openvino"), missing_row("torch")))
    assert "worker openvino was killed by SIGKILL" in page
    assert "not installed" in page


def column(record: RunRecord, heading: str) -> dict[str, Any]:
    """Backend -> its cell of the leaderboard, the rows below the others too."""
    found = board(record)
    place, name = found.table.headings.index(heading), found.head
    return {line.cells[name].text.split()[0]: line.cells[place] for line in (*found.lines, *found.last)}


def test_the_leaderboard_says_what_it_says_in_markdown(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, error="died")
    shown = leaderboard(record)
    found = board(record)
    assert found.table.headings == shown.headings
    texts = [tuple(str(cell) for cell in line.cells) for line in (*found.lines, *found.last)]
    assert texts == shown.rows
    assert found.table.notes == shown.notes
    page = html(tmp_path, record)
    assert all(note.replace("'", "&#39;") in page for note in found.table.notes)


def test_speed_up_and_difference_stand_in_one_cell_that_sorts_by_speed(tmp_path: Path) -> None:
    cells = column(html_runs.write(tmp_path, error="died"), "against torch")
    assert cells["openvino"].text == "1.58x"
    assert float(cells["openvino"].key) == pytest.approx(19 / 12, rel=1e-3)
    (aside,) = cells["openvino"].asides
    assert aside.startswith("top-1 +0.20 (")
    assert (cells["torch"].text, cells["torch"].key) == ("base", "1")
    assert (cells["tensorflow"].text, cells["tensorflow"].key) == ("-", "")


def test_without_speed_it_sorts_by_the_difference(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    slow = replace(record, systems=tuple(replace(row, performance=None) for row in record.systems))
    cells = column(slow, "against torch")
    assert cells["openvino"].text == "top-1 +0.20"
    assert float(cells["openvino"].key) == pytest.approx(0.2)
    assert (cells["torch"].text, cells["torch"].key) == ("base", "0")


def test_rows_that_ran_unlike_have_a_column_that_says_how() -> None:
    bf16 = effective(precision=("bf16", "reported"))
    record = run_record(ok_row("torch"), ok_row("openvino", effective=bf16, parity=None))
    assert {name: cell.text for name, cell in column(record, "ran as").items()} == {
        "torch": "fp32",
        "openvino": "bf16",
        "reference": "-",
    }
    assert len(board(record).groups) == 2
    assert "ran as" not in board(run_record(ok_row("torch"), ok_row("openvino"))).table.headings


def test_the_best_of_each_group_is_bold() -> None:
    def timed(name: str, rate: float, precision: str) -> SystemRecord:
        return ok_row(
            name, performance=performance(rate), effective=effective(precision=(precision, "reported")), parity=None
        )

    rows = [timed("a", 100, "fp32"), timed("b", 150, "fp32"), timed("c", 300, "bf16"), timed("d", 200, "bf16")]
    cells = column(run_record(*rows, reference=None), "FPS, batch 32")
    assert [name for name, cell in cells.items() if cell.best] == ["c", "b"]


def test_float64_stands_below_the_rows_and_is_not_sorted_among_them(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    (last,) = board(record).last
    assert last.cells[1].text == "reference (float64)"
    page = html(tmp_path, record)
    foot = page[page.index("<tfoot>") : page.index("</tfoot>")]
    assert "reference (float64)" in foot
    assert board(replace(record, reference=None)).last == ()


def test_what_qualifies_a_row_is_said_once_below_its_table() -> None:
    row = ok_row("a", performance=performance(noise=noise("drift")))
    page = html(Path("nowhere"), synthetic_run(row, ok_row("b")))
    assert page.count("drifted by 10.8 % (limit 5 %).") == 1


def test_why_a_run_is_invalid_is_shown_in_words() -> None:
    page = html(Path("nowhere"), run_record(ok_row("a"), invalid=(Reason("suspended", measured=30.0),)))
    assert "<strong>INVALID:</strong> the machine was suspended for 30.0 s. No row is ranked." in page


def test_markup_in_labels_paths_and_errors_is_text(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, label=NASTY, sample=f"{NASTY}.JPEG", error=NASTY)
    skipped = (SkippedRecord(NASTY, NASTY),)
    record = replace(record, data=data(skipped=skipped, description=NASTY), machine={NASTY: NASTY})
    page = html(tmp_path, record)
    parser = parsed(page)
    assert not any("alert" in str(attributes.get("onerror", "")) for _, attributes in parser.seen)
    assert sum(tag == "script" for tag, _ in parser.seen) == 3
    names = {row[0] for row in payload(page)["figures"]["latency"]["rows"]}
    assert names == {entry.name for entry in record.systems if entry.performance is not None}


def test_json_in_the_page_cannot_end_its_element() -> None:
    text = in_script({"</script><!--": "\u2028&"})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"</script><!--": "\u2028&"}


def test_flips_are_shown_as_pictures_with_every_answer(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    images = [attributes for tag, attributes in parsed(page).seen if tag == "img"]
    assert len(images) == html_runs.FLIPS
    prefix = "data:image/jpeg;base64,"
    for image in images:
        source, text = image["src"], image["alt"]
        assert source is not None
        assert source.startswith(prefix)
        assert base64.b64decode(source.removeprefix(prefix)).startswith(b"\xff\xd8")
        assert text
    assert "UNEXPLAINED" in page
    assert "explained by rounding" in page


def test_a_thumbnail_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "run"
    record = html_runs.write(inside)
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8secret")
    listed = json.loads((inside / "thumbnails.json").read_text())
    listed[0]["file"] = "../secret.jpg"
    (inside / "thumbnails.json").write_text(json.dumps(listed))
    page = html(inside, record)
    assert base64.b64encode(b"\xff\xd8secret").decode() not in page
    assert sum(tag == "img" for tag, _ in parsed(page).seen) == html_runs.FLIPS - 1


def test_a_thousand_flips_show_two_hundred(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, flips=1000)
    page = html(tmp_path, record)
    shown = sum(attributes.get("class") == "picture" for _, attributes in parsed(page).seen)
    assert shown == 200
    assert "the 200 with the widest margins" in page


def test_without_thumbnails_flips_are_classes_by_number(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    (tmp_path / "thumbnails.json").unlink()
    page = html(tmp_path, record)
    shown = [attributes for _, attributes in parsed(page).seen if attributes.get("class") == "picture"]
    assert len(shown) == html_runs.FLIPS
    assert all(re.fullmatch(r"class \d+", str(one["data-label"])) for one in shown)
    assert "<img" not in page.partition("<script")[0]


@pytest.mark.parametrize("name", ["timings.parquet", "blocks.parquet", "layers.json", "thumbnails.json"])
def test_a_damaged_file_costs_its_figure_alone(name: str, tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    whole = payload(html(tmp_path, record))["figures"]
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    page = html(tmp_path, record)
    parsed(page)
    assert f"{name} is damaged" in page
    lost = {"timings.parquet": 2, "blocks.parquet": 1, "layers.json": 1, "thumbnails.json": 0}[name]
    assert len(payload(page)["figures"]) == len(whole) - lost


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
    assert "divergence" not in payload(page)["figures"]
    (line,) = re.findall(r"<dd>(.*?)</dd>", not_drawn(page), re.DOTALL)
    assert "\n" not in line
    assert ("layers.json is left out" in line) == (content is not None)


def test_json_nested_without_end_is_left_out(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    (tmp_path / "layers.json").write_text("[" * 200_000, encoding="utf-8")
    assert "layers.json is damaged" in not_drawn(html(tmp_path, record))


def test_a_row_whose_layers_could_not_be_looked_at_is_said(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    looked = json.loads((tmp_path / "layers.json").read_text("utf-8"))
    looked["rows"][0] |= {"layers": [], "error": "the worker\ndied."}
    (tmp_path / "layers.json").write_text(json.dumps(looked), encoding="utf-8")
    figure = divergence(tmp_path, record)
    assert isinstance(figure, Figure)
    assert figure.description.endswith("openvino was not looked at: the worker died.")
    assert {row[0] for row in figure.rows} == {"onnxruntime", "torch"}
    for row in looked["rows"]:
        row |= {"layers": [], "error": "died"}
    (tmp_path / "layers.json").write_text(json.dumps(looked), encoding="utf-8")
    nothing = divergence(tmp_path, record)
    assert isinstance(nothing, Missing)
    assert nothing.why.startswith("openvino was not looked at: died.")


def test_latencies_are_every_settled_call_of_the_rows_and_no_other(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    frame = pd.read_parquet(tmp_path / "timings.parquet")
    wanted = frame[(frame["backend"] == "openvino") & frame["settled"] & (frame["scenario"] == "SingleStream")]
    figure = latency_histogram(tmp_path, record)
    assert isinstance(figure, Figure)
    assert {row[0] for row in figure.rows} == set(html_runs.ROWS)
    counted = sum(row[3] for row in figure.rows if row[0] == "openvino")  # type: ignore[misc]
    assert 0.99 * len(wanted) <= counted <= len(wanted)
    percentiles = latency_percentiles(tmp_path, record)
    assert isinstance(percentiles, Figure)
    (median,) = (row[2] for row in percentiles.rows if row[:2] == ("openvino", 50.0))
    assert median == pytest.approx(np.median(wanted["ns"]) / 1e6, abs=1e-3)


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


def test_a_row_without_speed_leaves_the_others_their_colours(tmp_path: Path) -> None:
    record: RunRecord = html_runs.write(tmp_path, error="died")
    figure = latency_histogram(tmp_path, record)
    assert isinstance(figure, Figure)
    domain = figure.spec["encoding"]["color"]["scale"]["domain"]
    assert domain == list(html_runs.ROWS)
