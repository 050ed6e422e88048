"""The chart library in the tree is what its tool makes of the pinned version."""

from alexbench.reports.html import page
from tests.support.tools import tool


def test_the_bundle_is_the_pinned_version_and_nothing_else() -> None:
    made = tool("vega_bundle")
    assert made.BUNDLE.read_text(encoding="utf-8") == made.bundle(), "run: python tools/vega_bundle.py"


def test_the_page_carries_its_licences() -> None:
    text = page._asset("vega.js")
    assert "University of Washington Interactive Data Lab" in text
    assert "</script" not in text.lower()
