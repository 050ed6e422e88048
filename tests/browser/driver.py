"""Debian's headless Chromium, driven by selenium. Nothing but files of this machine is opened."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

REQUIRED: Final = "ALEXBENCH_REQUIRE_BROWSER"
LIMIT_S: Final = 60.0
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
    opened.set_script_timeout(3 * LIMIT_S)  # axe takes 3 s, and 30 s on a busy machine
    try:
        yield opened
    finally:
        opened.quit()


def opened(chromium: Any, path: Path, anchor: str = "") -> Any:
    """The page, loaded; what earlier ones said is forgotten."""
    chromium.get_log("browser")
    chromium.get("about:blank")  # else a page that differs in its anchor alone is not loaded again
    chromium.get(path.as_uri() + anchor)
    return chromium


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end, f"not within {LIMIT_S} s"
        time.sleep(0.05)


def texts(page: Any, selector: str) -> list[str]:
    """The visible elements."""
    found = "return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)"
    shown: list[str] = page.execute_script(found, selector)
    return shown


def one(page: Any, selector: str) -> Any:
    """The first such element."""
    return page.find_element("css selector", selector)


def said(page: Any) -> list[str]:
    """The page's console messages."""
    return [entry["message"] for entry in page.get_log("browser")]


def media(page: Any, scheme: str = "", medium: str = "") -> None:
    """What the page is told of its medium and the system's colours."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})


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
