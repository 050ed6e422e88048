"""One browser for all of these tests, and the page of a run that has everything."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.reports.html.page import html
from tests.browser import html_runs
from tests.browser.driver import browser, opened, programs


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def chromium(downloads: Path) -> Iterator[Any]:
    with browser(*programs(), downloads=downloads) as found:
        yield found


@pytest.fixture(scope="session")
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
