"""How large the page of a made-up 50,000-image run is, how long it takes to make, and how soon it is seen.

    python tests/studies/html_report.py [FOLDER]

Three backends, 200 mismatches whose thumbnails compress as badly as any (noise: 40 kB each is the most that a page
takes), 100,000 timed calls a row. Or, with FOLDER, a run that there is. The figures are in
docs/decisions/0014-html-report.md.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from alexbench.harness.records.record_files import read_run
from alexbench.reports.html.page import html
from tests.browser import html_runs
from tests.browser.driver import browser, programs


def opened_s(page: Path) -> float:
    """Seconds from the start of navigation until the page is loaded and painted: two frames after its load event."""
    painted = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))"
    with browser(*programs()) as chromium:
        chromium.get("about:blank")
        start = time.perf_counter()
        chromium.get(page.as_uri())
        chromium.execute_async_script(painted)
        return time.perf_counter() - start


def main(folder: Path) -> None:
    """Print the figures of a run's page."""
    record = read_run(folder)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        text = html(folder, record)
        times.append(time.perf_counter() - start)
    page = folder / "report.html"
    page.write_text(text, encoding="utf-8")
    print(f"made in {', '.join(f'{one:.2f}' for one in times)} s (the first with what is read once)")
    print(f"size: {page.stat().st_size / 1e6:.2f} MB")
    print(f"opened and painted in {', '.join(f'{opened_s(page):.2f}' for _ in range(3))} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            html_runs.write(Path(made), images=50_000, flips=1000, calls=100_000, noisy_images=True)
            main(Path(made))
