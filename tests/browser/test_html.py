"""report.html in a browser: it opens in silence, sorts, filters, shows, downloads, is right in the dark.

Skipped where there is no chromium; where ALEXBENCH_REQUIRE_BROWSER is set, that fails.
"""

import csv
from pathlib import Path
from typing import Any, Final

from tests.browser import html_runs
from tests.browser.driver import media, one, opened, said, texts, until

BOARD: Final = "#leaderboard tbody tr"


def names(page: Any) -> list[str]:
    return [text.split()[0] for text in texts(page, f"{BOARD} th")]


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


def fold(page: Any, section: str) -> Any:
    """A section, unfolded."""
    found = one(page, f"#{section} > details")
    page.execute_script("arguments[0].open = true", found)
    return found


def test_it_opens_without_a_word_on_the_console_and_asks_the_network_for_nothing(page: Any) -> None:
    assert said(page) == []
    asked = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
    assert page.execute_script(asked) == []
    assert page.title == "AlexBench: torchvision"


def test_every_chart_is_drawn_and_described(page: Any) -> None:
    charts = page.find_elements("css selector", ".chart")
    assert len(charts) == 8
    for chart in charts:
        assert chart.size["width"] > 200
        assert chart.size["height"] > 60
    described = page.find_elements("css selector", "figure [role=img][aria-describedby]")
    assert [len(one(page, f"#{each.get_attribute('aria-describedby')}").text) > 60 for each in described] == [True] * 8


def test_what_is_drawn_stays_in_its_figure(page: Any) -> None:
    beyond = """
    return [...document.querySelectorAll("figure")].filter((figure) => {
      const box = figure.getBoundingClientRect();
      return [...figure.querySelectorAll(".chart text, .chart use, .chart line")].some((mark) => {
        const { left, right } = mark.getBoundingClientRect();
        return left < box.left - 1 || right > box.right + 1;
      });
    }).map((figure) => figure.id)
    """
    assert page.execute_script(beyond) == []


def test_a_link_to_a_section_opens_it(chromium: Any, written: Path) -> None:
    page = opened(chromium, written)
    assert texts(page, "#reading li") == []
    one(page, "nav a[href='#reading']").click()
    until(lambda: len(texts(page, "#reading li")) > 3)
    assert texts(opened(chromium, written, "#mismatches"), ".image")


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
    button = heading(page, "speed-up")
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


def test_mismatches_are_images_that_load(page: Any) -> None:
    fold(page, "mismatches")
    sizes = "return [...document.querySelectorAll('.image img')].map(e => e.naturalWidth)"
    until(lambda: page.execute_script(sizes) == [160] * html_runs.FLIPS)
    first = texts(page, ".image")[0]
    assert "goldfish" in first
    assert html_runs.NASTY in first
    assert "UNEXPLAINED" in first


def test_a_chart_is_downloaded_as_csv(page: Any, downloads: Path) -> None:
    one(page, "#figure-throughput summary").click()
    one(page, "button.csv[data-table=data-throughput]").click()
    rows = downloaded(downloads, "throughput.csv")
    assert rows[0] == ["system", "way", "batch size", "FPS", "low", "high"]
    assert len(rows) == 1 + 15


def test_the_leaderboard_is_downloaded_as_it_lies_in_the_folder(page: Any, downloads: Path) -> None:
    one(page, "button.csv[data-table=leaderboard]").click()
    rows = downloaded(downloads, "leaderboard.csv")
    assert rows[0][:2] == ["rank", "system"]
    assert {row[1] for row in rows[1:]} == {*html_runs.ROWS, "tensorflow"}


def test_mismatches_and_machine_are_downloaded_as_csv(page: Any, downloads: Path) -> None:
    fold(page, "mismatches")
    one(page, "button.csv[data-mismatches]").click()
    rows = downloaded(downloads, "mismatches.csv")
    assert len(rows) == 1 + html_runs.FLIPS * len(html_runs.ROWS)
    assert rows[1][1] == html_runs.NASTY
    fold(page, "context")
    one(page, "button.csv[data-table=context-machine]").click()
    assert ["cpu", "AMD EPYC"] in downloaded(downloads, "machine.csv")


def ground(page: Any) -> str:
    return str(page.execute_script("return getComputedStyle(document.body).backgroundColor"))


def ink_of_charts(page: Any) -> str:
    script = "return getComputedStyle(document.querySelector('.chart .tick')).fill"
    return str(page.execute_script(script))


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
