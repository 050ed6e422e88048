"""report.html taken apart, for tests of what is in it."""

import json
import re
from html.parser import HTMLParser
from typing import Any

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.html.board import board

EVERYTHING = ["latency", "throughput", "pareto", "percentiles", "roofline", "layers", "divergence", "drift"]
"""The charts of a page that has all of them, in order."""
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


def left_out(page: str) -> str:
    """The part of the page that says which charts are left out, and why."""
    found = re.search(r'<details id="missing">(.*?)</details>', page, re.DOTALL)
    return "" if found is None else found[1]


def drawn(page: str) -> list[str]:
    """The charts of the page, in order; the bars are none of them."""
    return re.findall(r'<figure id="figure-([a-z]+)"', page)


def column(record: RunRecord, heading: str) -> dict[str, Any]:
    """Backend -> its cell of the leaderboard, the rows below the others too."""
    found = board(record)
    place, name = found.table.headings.index(heading), found.head
    return {line.cells[name].text.split()[0]: line.cells[place] for line in (*found.lines, *found.last)}
