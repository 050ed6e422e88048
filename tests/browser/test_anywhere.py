"""report.html wherever it is read: by a screen reader, without scripts, behind a strict policy, on a phone, on paper.

Skipped where there is no chromium; where ALEXBENCH_REQUIRE_BROWSER is set, that fails.
"""

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord, SkippedRecord
from alexbench.reports.html.page import html
from tests.browser import html_runs
from tests.browser.driver import media, opened, said, texts, wide
from tests.support.http_server import Asked, serving
from tests.support.records import artifact, data, effective, noise, ok_row, parity, performance, run_record

AXE: Final = files("selenium_axe_python") / "axe-core" / "axe.min.js"
VIOLATIONS: Final = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((one) => one.html).join(" | ")}`)),
  (error) => done([String(error)]),
);
"""
OVERFLOWING: Final = """
return [...document.querySelectorAll(".scroll")].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth)
    .map(e => e.getAttribute("aria-labelledby") ?? e.getAttribute("aria-label"))
"""
MOST_PAGES: Final = 5


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve systems with long names."""
    folder = tmp_path_factory.mktemp("twelve")
    return page_of(folder, html_runs.write(folder, p50_ms=html_runs.TWELVE, flips=40, error="out of memory"))


def page_of(folder: Path, record: RunRecord) -> Path:
    path = folder / "report.html"
    path.write_text(html(folder, record), encoding="utf-8")
    return path


def unfolded(page: Any, which: str = "") -> Any:
    opening = "document.querySelectorAll('details' + arguments[0]).forEach((one) => (one.open = true))"
    page.execute_script(opening, which)
    return page


def violations(page: Any) -> list[str]:
    page.execute_script(AXE.read_text(encoding="utf-8"))
    found: list[str] = page.execute_async_script(VIOLATIONS)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Any, scheme: str) -> None:
    """With one table of a chart's data open: the others are made alike, and hundreds of rows take axe a minute."""
    media(page, scheme)
    assert violations(page) == []
    assert violations(unfolded(page, ":not(.data), #figure-throughput details")) == []
    media(page)


def test_axe_finds_nothing_on_a_phone(page: Any) -> None:
    with wide(page, 400):
        assert violations(unfolded(page, ":not(.data)")) == []


@contextmanager
def scriptless(chromium: Any) -> Iterator[None]:
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        yield
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_without_scripts_charts_and_tables_are_shown(chromium: Any, written: Path) -> None:
    with scriptless(chromium):
        page = opened(chromium, written)
        shown = page.find_elements("css selector", ".chart")
        assert [one.is_displayed() and one.size["height"] > 60 for one in shown] == [True] * 8
        assert len(page.find_elements("css selector", "#leaderboard tbody tr")) == 4
        for useless in (".tools button", ".filters", ".theme"):
            assert not any(one.is_displayed() for one in page.find_elements("css selector", useless))
        page.find_element("css selector", "#reading summary").click()
        assert page.find_element("css selector", "#reading li").is_displayed()


def served(page: bytes, policy: str) -> Any:
    def behave(asked: Asked) -> None:
        asked.send(200, page, Content_Type="text/html; charset=utf-8", Content_Security_Policy=policy)

    return serving(behave)


def test_a_policy_as_strict_as_its_own_costs_nothing(chromium: Any, written: Path) -> None:
    content = written.read_bytes()
    (policy,) = re.findall(rb'Content-Security-Policy" content="(.*?)">', content)
    with served(content, f"{policy.decode()}; require-trusted-types-for 'script'; frame-ancestors 'none'") as script:
        chromium.get_log("browser")
        chromium.get(script.url)
        assert said(chromium) == []
        assert chromium.execute_script("return document.documentElement.className") == "scripted"
        assert (
            chromium.execute_script("return getComputedStyle(document.querySelector('.verdict')).borderLeftWidth")
            == "5px"
        )


def test_in_a_sandbox_that_runs_no_script_the_charts_are_shown(chromium: Any, written: Path) -> None:
    """As servers of CI artifacts serve it."""
    with served(
        written.read_bytes(), "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    ) as script:
        chromium.get(script.url)
        shown = chromium.find_elements("css selector", ".chart")
        assert [one.is_displayed() and one.size["height"] > 60 for one in shown] == [True] * 8


def pages(page: Any) -> int:
    """How many sheets of A4 the page is printed on."""
    asked = {"printBackground": True, "preferCSSPageSize": True, "paperWidth": 8.27, "paperHeight": 11.69}
    pdf = base64.b64decode(page.execute_cdp_cmd("Page.printToPDF", asked)["data"])
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("which", ["written", "twelve"])
def test_it_prints_on_at_most_five_pages(chromium: Any, request: pytest.FixtureRequest, which: str) -> None:
    page = opened(chromium, request.getfixturevalue(which))
    assert 1 < pages(page) <= MOST_PAGES
    assert texts(page, "#reading li") == [], "what printing unfolded is folded again"


@pytest.mark.parametrize("which", ["written", "twelve"])
def test_on_a_narrow_screen_nothing_but_tables_scrolls_sideways(
    chromium: Any, request: pytest.FixtureRequest, which: str
) -> None:
    page = unfolded(opened(chromium, request.getfixturevalue(which)))
    with wide(page, 400):
        assert page.execute_script("return document.documentElement.scrollWidth") <= 400
        assert "leaderboard-caption" in page.execute_script(OVERFLOWING)


@pytest.mark.parametrize("ran", ["alike", "unlike"])
def test_every_table_fits_into_1280_pixels(chromium: Any, written: Path, tmp_path: Path, ran: str) -> None:
    """With all that widens a row: bf16 next to fp32, an artifact, noise, parity that failed, skipped images."""
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
    page = unfolded(opened(chromium, page_of(tmp_path, record)))
    with wide(page, 1280):
        # A leaderboard of rows that ran unlike has a column more, and scrolls in its own region.
        assert page.execute_script(OVERFLOWING) == (["leaderboard-caption"] if ran == "unlike" else [])
        assert page.execute_script("return document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("record", [run_record(), run_record(ok_row(performance=None))], ids=["no files", "no speed"])
def test_a_run_with_next_to_nothing_opens_in_silence_too(chromium: Any, tmp_path: Path, record: RunRecord) -> None:
    page = opened(chromium, page_of(tmp_path, record))
    assert said(page) == []
    assert violations(unfolded(page)) == []
    assert texts(page, "#missing dt")
