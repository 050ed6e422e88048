"""report.html in a browser: it opens in silence, sorts, filters, shows, downloads, is right in the dark and on paper.

Skipped where there is no chromium; where ALEXBENCH_REQUIRE_BROWSER is set, that fails.
"""

import base64
import csv
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import SkippedRecord
from alexbench.reports.html.page import html
from tests.browser import html_runs
from tests.browser.driver import browser, programs
from tests.support.records import artifact, data, effective, noise, parity, performance, run_record

LIMIT_S: Final = 60.0
BOARD: Final = "#leaderboard tbody tr"


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def chromium(downloads: Path) -> Iterator[Any]:
    with browser(*programs(), downloads=downloads) as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything; one row in error, its label full of markup."""
    folder = tmp_path_factory.mktemp("run")
    html_runs.write(folder, label=html_runs.NASTY, error=html_runs.NASTY)
    page = folder / "report.html"
    page.write_text(html(folder, read_run(folder)), encoding="utf-8")
    return page


@pytest.fixture
def page(chromium: Any, written: Path) -> Any:
    return opened(chromium, written)


def opened(chromium: Any, path: Path) -> Any:
    """The page as it is when all is drawn; what earlier ones said is forgotten."""
    chromium.get_log("browser")
    chromium.get(path.as_uri())
    until(lambda: chromium.execute_script("return document.documentElement.dataset.drawn") is not None)
    assert chromium.execute_script("return document.documentElement.dataset.drawn") == "yes"
    return chromium


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end, f"not within {LIMIT_S} s"
        time.sleep(0.05)


def texts(page: Any, selector: str) -> list[str]:
    """Of the elements that are to be seen."""
    found = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)"
    shown: list[str] = page.execute_script(found, selector)
    return shown


def names(page: Any) -> list[str]:
    return [text.split()[0] for text in texts(page, f"{BOARD} th")]


def one(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def heading(page: Any, starting: str) -> Any:
    buttons = page.find_elements("css selector", "#leaderboard thead button")
    return next(button for button in buttons if button.text.startswith(starting))


def choose(page: Any, selector: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(one(page, selector)).select_by_value(value)


def downloaded(folder: Path, name: str) -> list[list[str]]:
    # The browser makes the file, empty, before it has anything to put in.
    until(lambda: (folder / name).is_file() and (folder / name).stat().st_size > 0)
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_it_opens_without_a_word_on_the_console_and_asks_the_network_for_nothing(page: Any) -> None:
    assert [entry["message"] for entry in page.get_log("browser")] == []
    asked = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
    assert page.execute_script(asked) == []
    assert page.title == "AlexBench: torchvision"


def test_every_chart_is_drawn_and_described(page: Any) -> None:
    charts = page.find_elements("css selector", ".chart svg")
    assert len(charts) == 8
    for chart in charts:
        assert chart.size["width"] > 200
    described = page.find_elements("css selector", "figure [role=graphics-document]")
    assert [len(one.get_attribute("aria-label")) > 80 for one in described] == [True] * 8
    assert len(page.find_elements("css selector", "figure details table caption")) == 8


def test_markup_in_data_is_shown_as_text(page: Any) -> None:
    assert page.execute_script("return document.querySelectorAll('img[src=\"x\"]').length") == 0
    assert html_runs.NASTY in one(page, ".remarks").text


def test_headings_sort_up_and_down_and_what_is_missing_stays_last(page: Any) -> None:
    assert names(page) == ["openvino", "onnxruntime", "torch", "tensorflow"]
    latency = heading(page, "p50")
    latency.click()
    assert names(page) == ["openvino", "onnxruntime", "torch", "tensorflow"]
    cell = "return arguments[0].closest('th').getAttribute('aria-sort')"
    assert page.execute_script(cell, latency) == "ascending"
    latency.click()
    assert names(page) == ["torch", "onnxruntime", "openvino", "tensorflow"]
    assert page.execute_script(cell, latency) == "descending"
    heading(page, "system").click()
    assert names(page) == ["onnxruntime", "openvino", "tensorflow", "torch"]
    assert page.execute_script(cell, latency) is None


def test_speed_ups_sort_as_numbers_and_float64_stays_below(page: Any) -> None:
    button = heading(page, "against")
    button.click()
    assert names(page) == ["torch", "onnxruntime", "openvino", "tensorflow"]
    button.click()
    assert names(page) == ["openvino", "onnxruntime", "torch", "tensorflow"]
    assert texts(page, "#leaderboard tr")[-1].startswith("-\treference (float64)")


def test_sorting_works_from_the_keyboard(page: Any) -> None:
    button = heading(page, "system")
    button.send_keys("\n")
    assert names(page) == ["onnxruntime", "openvino", "tensorflow", "torch"]
    assert page.switch_to.active_element == button
    outline = page.execute_script("return getComputedStyle(arguments[0]).outlineStyle", button)
    assert outline != "none"


def test_the_first_tab_reaches_the_skip_link(page: Any) -> None:
    one(page, "body").send_keys("\t")
    assert page.switch_to.active_element.get_attribute("class") == "skip"
    assert page.switch_to.active_element.location["x"] >= 0


def test_filters_hide_rows_and_say_how_many_are_left(page: Any) -> None:
    field = one(page, "#filter-text")
    field.send_keys("TORCH")
    assert names(page) == ["torch"]
    assert one(page, "#filter-count").text == "1 of 4 rows"
    field.clear()
    choose(page, "#filter-ranked", "no")
    assert names(page) == ["tensorflow"]
    choose(page, "#filter-ranked", "")
    assert len(names(page)) == 4


def test_flipped_images_are_pictures_that_load(page: Any) -> None:
    sizes = page.execute_script("return [...document.querySelectorAll('.picture img')].map(e => e.naturalWidth)")
    assert sizes == [160] * html_runs.FLIPS
    first = texts(page, ".picture")[0]
    assert "goldfish" in first
    assert html_runs.NASTY in first
    assert "UNEXPLAINED" in first


def test_a_chart_is_downloaded_as_csv(page: Any, downloads: Path) -> None:
    one(page, "button.csv[data-figure=throughput]").click()
    rows = downloaded(downloads, "throughput.csv")
    assert rows[0] == ["system", "way", "batch size", "images/s", "low", "high"]
    assert len(rows) == 1 + 15


def test_the_leaderboard_is_downloaded_as_it_lies_in_the_folder(page: Any, downloads: Path) -> None:
    one(page, "button.csv[data-table=leaderboard]").click()
    rows = downloaded(downloads, "leaderboard.csv")
    assert rows[0][:2] == ["rank", "system"]
    assert {row[1] for row in rows[1:]} == {*html_runs.ROWS, "tensorflow"}


def test_flips_and_machine_are_downloaded_as_csv(page: Any, downloads: Path) -> None:
    one(page, "button.csv[data-flips]").click()
    rows = downloaded(downloads, "flips.csv")
    assert len(rows) == 1 + html_runs.FLIPS * len(html_runs.ROWS)
    assert rows[1][1] == html_runs.NASTY
    one(page, "button.csv[data-table=context-machine]").click()
    assert ["cpu", "AMD EPYC"] in downloaded(downloads, "machine.csv")


def ground(page: Any) -> str:
    return str(page.execute_script("return getComputedStyle(document.body).backgroundColor"))


def ink_of_charts(page: Any) -> str:
    script = "return getComputedStyle(document.querySelector('.chart svg .role-axis-label text')).fill"
    return str(page.execute_script(script))


def media(page: Any, scheme: str = "", medium: str = "") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})


def test_it_is_dark_where_the_system_is_and_where_it_is_chosen(page: Any) -> None:
    media(page, "light")
    light, ink = ground(page), ink_of_charts(page)
    media(page, "dark")
    assert ground(page) != light
    assert ink_of_charts(page) != ink
    choose(page, "#theme", "light")
    assert (ground(page), ink_of_charts(page)) == (light, ink)
    media(page, "light")
    choose(page, "#theme", "dark")
    assert ground(page) != light
    choose(page, "#theme", "system")
    assert ground(page) == light


def test_paper_is_white_though_the_page_is_dark(page: Any) -> None:
    choose(page, "#theme", "dark")
    media(page, "dark", "print")
    assert ground(page) == "rgb(255, 255, 255)"
    assert ink_of_charts(page) == "rgb(0, 0, 0)"
    assert texts(page, ".filters, .theme, nav") == []
    media(page)
    choose(page, "#theme", "system")
    pdf = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert pdf.startswith(b"%PDF")


@contextmanager
def wide(page: Any, pixels: int) -> Iterator[None]:
    """In a window of so many pixels."""
    metrics = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        until(lambda: page.execute_script("return innerWidth") == pixels)
        yield
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


OVERFLOWING: Final = """
return [...document.querySelectorAll(".scroll")].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth)
    .map(e => e.getAttribute("aria-labelledby"))
"""


def test_on_a_narrow_screen_nothing_but_tables_scrolls_sideways(page: Any) -> None:
    with wide(page, 400):
        until(lambda: page.execute_script("return document.documentElement.scrollWidth") <= 400)
        assert "leaderboard-caption" in page.execute_script(OVERFLOWING)


@pytest.mark.parametrize("ran", ["alike", "unlike"])
def test_every_table_fits_into_1280_pixels(chromium: Any, written: Path, tmp_path: Path, ran: str) -> None:
    """With all that widens a row: bf16 beside fp32, an artifact, noise, parity that failed, skipped pictures."""
    record = read_run(written.parent)
    if ran == "unlike":
        first, second, *others = record.systems
        first = replace(
            first, effective=effective(precision=("bf16", "reported")), artifact=artifact(path=f"m_{60 * 'a'}.onnx")
        )
        second = replace(second, parity=parity(passed=False, flips=3, unexplained=2))
        others = [replace(one, performance=performance(1234.5, p50_ms=123.45, noise=noise("drift"))) for one in others]
        skipped = tuple(SkippedRecord(f"{place}.JPEG", "truncated") for place in range(12))
        record = replace(record, systems=(first, second, *others), data=data(skipped=skipped))
    path = tmp_path / "report.html"
    path.write_text(html(tmp_path, record), encoding="utf-8")
    page = opened(chromium, path)
    with wide(page, 1280):
        assert page.execute_script(OVERFLOWING) == []
        assert page.execute_script("return document.documentElement.scrollWidth") <= 1280


def test_a_run_with_next_to_nothing_opens_in_silence_too(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html(tmp_path, run_record()), encoding="utf-8")
    page = opened(chromium, path)
    assert [entry["message"] for entry in page.get_log("browser")] == []
    assert texts(page, ".missing dt")
