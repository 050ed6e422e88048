"""Whether a tag may become a release, and the notes of it: ``python tools/release.py v0.2.0 owner/alexbench``.

Prints the changelog's section of the version. Where the tag, ``pyproject.toml``, ``CHANGELOG.md`` and ``CITATION.cff``
disagree, or ``[project.urls]`` leads to another repository, it ends with 1 and a line for each. Standard library only:
CI runs it before anything is installed.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_SECTION: Final = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def newest(changelog: str) -> tuple[str, str, str]:
    """Version, date and text of the newest dated section.

    Raises:
        ValueError: no section has a version and a date.
    """
    found = [*_SECTION.finditer(changelog)]
    ends = [*(one.start() for one in found[1:]), len(changelog)]
    for one, end in zip(found, ends, strict=True):
        if one["date"] is not None:
            return one["name"], one["date"], changelog[one.end() : end].strip()
    raise ValueError("CHANGELOG.md: no section has a date")


def cited(citation: str) -> tuple[str, str]:
    """Version and date of CITATION.cff."""
    found = dict(re.findall(r"^(version|date-released): (\S+)$", citation, re.MULTILINE))
    return found.get("version", ""), found.get("date-released", "")


def disagreements(root: Path, tag: str | None = None, repository: str | None = None) -> list[str]:
    """A sentence for each; ``tag`` as in v0.2.0, ``repository`` as in owner/name, are not asked about where None."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version, date, _ = newest((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    wanted = project["version"]
    said = []
    if tag is not None and tag != f"v{wanted}":
        said.append(f"the tag is {tag}, and pyproject.toml has version {wanted}")
    if version != wanted:
        said.append(f"CHANGELOG.md: its newest dated section is {version}, wanted {wanted}")
    if cited((root / "CITATION.cff").read_text(encoding="utf-8")) != (wanted, date):
        said.append(f"CITATION.cff: wanted version {wanted} and date-released {date}")
    home = f"https://github.com/{repository}"
    if repository is not None:
        said += [
            f"pyproject.toml: {name} leads to {url}, which is not in {home}"
            for name, url in project["urls"].items()
            if url != home and not url.startswith(f"{home}/")
        ]
    return said


def main(tag: str, repository: str) -> str:
    """The notes."""
    said = disagreements(ROOT, tag, repository)
    if said:
        raise SystemExit("\n".join(said))
    return newest((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[2]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python tools/release.py TAG OWNER/NAME")
    print(main(sys.argv[1], sys.argv[2]))
