"""Debian's headless Chromium, driven by selenium. Nothing but files of this machine is opened."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

REQUIRED: Final = "ALEXBENCH_REQUIRE_BROWSER"
ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)


def programs() -> tuple[str, str]:
    """Chromium and its driver; the test is skipped where they are not installed, and fails where they are required."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        message = "no chromium and chromedriver (apt-get install chromium chromium-driver)"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{message}, and {REQUIRED} is set")
        pytest.skip(message)
    return chromium, driver


@contextmanager
def browser(
    chromium: str, driver: str, *, downloads: Path | None = None, size: tuple[int, int] = (1280, 1000)
) -> Iterator[Any]:
    """A browser that keeps what pages say on their console."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--window-size={size[0]},{size[1]}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    opened = Chrome(options=options, service=Service(executable_path=driver))
    try:
        yield opened
    finally:
        opened.quit()
