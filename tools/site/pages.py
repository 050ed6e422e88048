"""The sources of the documentation site: ``python tools/site/pages.py OUT``, then a site builder on OUT.

Copies docs/ and the pages at the repository's root, fills in what is generated from the code (:mod:`generated`), and
keeps only links that lead to a page of the site: GitHub shows the code, the site does not.
"""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent))  # a script's own folder, also where a test loads it

from generated import GENERATED

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = "docs/"
FROM_THE_ROOT: Final = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "LEADERBOARD.md": "example/leaderboard.md",
    "README.md": "index.md",
    "SECURITY.md": "contributing/security-policy.md",
    "tests/conformance/README.md": "contributing/conformance.md",
}
"""A page outside docs/ -> its place in the site. docs/index.md is the site's own first page."""
SHOWN: Final = {".css", ".csv", ".html", ".md", ".png", ".svg", ".toml", ".yml"}
"""Files of docs/ that the site has; an example run's raw tables are in the repository."""
MARKER: Final = re.compile(r"<!-- generated: ([a-z-]+) -->")
_LINK: Final = re.compile(r"(?<!`)(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCED: Final = re.compile(r"^([ ]*```.*?^[ ]*```[ ]*$)", re.MULTILINE | re.DOTALL)
"""A block that is shown as it is; splitting by it leaves text at even places and blocks at odd ones."""


def place_of(path: str) -> str | None:
    """Where the site has a file of the repository; None where it has not. Both with / and relative to their roots."""
    if path in FROM_THE_ROOT:
        return FROM_THE_ROOT[path]
    if not (path.startswith(DOCS) and Path(path).suffix in SHOWN and (ROOT / path).is_file()):
        return None
    # A page from report.md is called report.html, so the run's own report.html has another name.
    return re.sub(r"/report\.html$", "/whole-report.html", path.removeprefix(DOCS))


def relinked(text: str, source: str, page: str) -> str:
    """A page's text with its links as they are in the site.

    A link to a file that the site has not becomes its words. A dead link stays, for the builder to find.
    """

    def one(found: re.Match[str]) -> str:
        image, words, target = found.groups()
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return found[0]
        file = os.path.normpath(Path(source).parent / path).replace(os.sep, "/")
        place = place_of(file)
        if place is None:
            return words if (ROOT / file).exists() else found[0]
        there = os.path.relpath(place, Path(page).parent).replace(os.sep, "/")
        return f"{image}[{words}]({there}{'#' + anchor if anchor else ''})"

    parts = _FENCED.split(text)
    return "".join(part if number % 2 else _LINK.sub(one, part) for number, part in enumerate(parts))


def filled_in(text: str) -> str:
    """A page's text with what is generated in place of its markers.

    Raises:
        KeyError: nothing of that name is generated.
    """
    return MARKER.sub(lambda found: GENERATED[found[1]](), text)


def sources() -> dict[str, str]:
    """Each file of the site, by its place there: its path in the repository."""
    found = {place: path for path, place in FROM_THE_ROOT.items() if path != "README.md"}
    for path in sorted((ROOT / "docs").rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        place = place_of(name)
        if place is not None:
            found[place] = name
    return found


def write(out: Path) -> None:
    """Make the folder anew."""
    shutil.rmtree(out, ignore_errors=True)
    for place, name in sources().items():
        target = out / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".md":
            text = relinked((ROOT / name).read_text(encoding="utf-8"), name, place)
            target.write_text(filled_in(text), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, target)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
