"""report.html: what is in it, what is left out and why, and that nothing in a record can break it."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import fields, replace
from pathlib import Path

import pytest

from alexbench.harness.config import RunConfig
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import SkippedRecord, SystemRecord
from alexbench.reports.html.board import board
from alexbench.reports.html.configuration import DEFAULTS, configuration
from alexbench.reports.html.page import html, in_script
from alexbench.reports.leaderboard.boards import leaderboard
from tests.browser import html_runs
from tests.browser.html_runs import NASTY
from tests.support.pages import EVERYTHING, column, drawn, left_out, parsed, payload
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

FIXTURES = Path(__file__).parents[3] / "fixtures"


def test_a_run_with_everything_has_every_figure_and_its_data_as_a_table(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    parser = parsed(page)
    assert drawn(page) == EVERYTHING
    assert left_out(page) == ""
    assert {f"data-{key}" for key in EVERYTHING} <= set(parser.ids)


def test_the_answer_comes_first(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    order = ['class="verdict', 'class="bars', 'id="leaderboard"', 'id="figure-latency"', 'id="cover"', 'id="details"']
    found = [page.index(one, page.index("<main")) for one in order]
    assert found == sorted(found)


def test_what_explains_the_answer_is_folded(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    opened = [attributes for tag, attributes in parsed(page).seen if tag == "details" and "open" in attributes]
    assert opened == []
    before = page[: page.index('id="charts"')]
    assert before.count("<details") == 0


def test_charts_need_no_script(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    for chart in re.findall(r"<figure.*?</figure>", page, re.DOTALL):
        assert "<svg" in chart.partition('class="chart"')[2]


def test_no_element_has_a_style_or_a_handler_of_its_own(tmp_path: Path) -> None:
    """A strict Content-Security-Policy would drop it."""
    for tag, attributes in parsed(html(tmp_path, html_runs.write(tmp_path, error=NASTY))).seen:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag


def test_the_policy_names_the_style_and_the_script_and_nothing_else(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)">', page)
    rules = dict(part.split(" ", 1) for part in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    for kind, text in (
        ("style", re.findall(r"<style>(.*?)</style>", page, re.DOTALL)),
        ("script", re.findall(r"<script>(.*?)</script>", page, re.DOTALL)),
    ):
        digest = base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"


def test_nothing_in_it_is_fetched(tmp_path: Path) -> None:
    page = html(tmp_path, html_runs.write(tmp_path))
    for tag, attributes in parsed(page).seen:
        for name in ("src", "href", "action", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
    assert "@import" not in page
    assert "url(" not in page.partition("</style>")[0]


def test_the_page_is_small(tmp_path: Path) -> None:
    assert len(html(tmp_path, html_runs.write(tmp_path, flips=0)).encode()) < 300_000


def test_the_same_record_makes_the_same_bytes(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    assert html(tmp_path, record) == html(tmp_path, read_run(tmp_path))


@pytest.mark.parametrize("schema", sorted(path.name for path in FIXTURES.glob("schema-*")))
def test_a_run_of_an_older_schema_has_a_page(schema: str, tmp_path: Path) -> None:
    shutil.copyfile(FIXTURES / schema / "run.json", tmp_path / "run.json")
    page = html(tmp_path, read_run(tmp_path))
    parsed(page)
    timed = "This run measured no speed." not in page
    assert timed == ("timings.parquet is not in the run&#39;s folder" in left_out(page))
    bars = int('class="bars' in page)
    assert len(drawn(page)) + bars + left_out(page).count("<dt>") == len(EVERYTHING) + 1


def test_a_run_without_speed_reports_it_in_place_of_its_charts(tmp_path: Path) -> None:
    page = html(tmp_path, run_record(ok_row("a", performance=None), ok_row("b", performance=None)))
    assert left_out(page).count("This run measured no speed.") == 7  # all but the divergence of layers, and the bars
    assert drawn(page) == []


def test_a_run_without_accuracy_has_speed_charts_and_no_pareto(tmp_path: Path) -> None:
    rows = [ok_row(name, accuracy=None, parity=None) for name in ("a", "b")]
    page = html(tmp_path, run_record(*rows, reference=None))
    assert "This run measured no accuracy." in left_out(page)
    assert "This run was not compared with the float64 reference." in page


def test_without_a_mismatch_that_is_said(tmp_path: Path) -> None:
    assert "No system&#39;s top-1 is known to differ" in html(tmp_path, run_record(ok_row()))


def test_rows_that_did_not_run_are_on_the_board(tmp_path: Path) -> None:
    page = html(tmp_path, run_record(ok_row(), error_row("openvino"), missing_row("torch")))
    assert "worker openvino was killed by SIGKILL" in page
    assert "not installed" in page


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


def test_speed_up_and_difference_sort_by_their_values(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, error="died")
    cells = column(record, "speed-up")
    assert cells["openvino"].text == "1.58x"
    assert float(cells["openvino"].key) == pytest.approx(19 / 12, rel=1e-3)
    assert column(record, "top-1 diff")["openvino"].text == "+3.00"
    assert (cells["torch"].text, cells["torch"].key) == ("base", "1")
    assert (cells["tensorflow"].text, cells["tensorflow"].key) == ("-", "")


def test_without_speed_there_is_a_difference_and_no_speed_up(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path)
    slow = replace(record, systems=tuple(replace(row, performance=None) for row in record.systems))
    cells = column(slow, "top-1 diff")
    assert "speed-up" not in board(slow).table.headings
    assert float(cells["openvino"].key) == pytest.approx(3.0)
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
    cells = column(run_record(*rows, reference=None), "FPS")
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
    assert page.count("latency drifted by 11 %") == 1


def test_why_a_run_is_not_ranked_is_said_once_in_the_verdict() -> None:
    page = html(Path("nowhere"), run_record(ok_row("a"), invalid=(Reason("suspended", measured=30.0),)))
    body = page[page.index("<main") : page.index("</main>")]
    assert body.count("the machine was suspended for 30.0 s") == 1
    assert '<p class="verdict bad">' in body


def test_a_flag_that_was_not_given_shows_its_default() -> None:
    asked = {"data": None, "limit": None, "budget": None, "scenarios": [], "rigor": "smoke", "batch_size": 32}
    shown = configuration(replace(synthetic_run(ok_row()), configuration=asked))
    assert shown == {
        "data": "default: synthetic",
        "limit": "default: all images",
        "budget": "default: by rigor smoke",
        "scenarios": "default: none",
        "rigor": "smoke",
        "batch_size": 32,
    }


def test_every_flag_of_a_run_that_may_be_absent_has_a_default_in_words() -> None:
    absent = {field.name for field in fields(RunConfig) if field.default is None}
    assert absent <= set(DEFAULTS)


def test_markup_in_labels_paths_and_errors_is_text(tmp_path: Path) -> None:
    record = html_runs.write(tmp_path, label=NASTY, sample=f"{NASTY}.JPEG", error=NASTY)
    skipped = (SkippedRecord(NASTY, NASTY),)
    record = replace(record, data=data(skipped=skipped, description=NASTY), machine={NASTY: NASTY})
    page = html(tmp_path, record)
    parser = parsed(page)
    assert not any("alert" in str(attributes.get("onerror", "")) for _, attributes in parser.seen)
    assert sum(tag == "script" for tag, _ in parser.seen) == 2
    assert "leaderboard" in payload(page)["csv"]


def test_json_in_the_page_cannot_end_its_element() -> None:
    text = in_script({"</script><!--": "\u2028&"})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"</script><!--": "\u2028&"}
