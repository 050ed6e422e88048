"""A version is the same wherever it stands, and tools/release.py sees where it is not."""

import shutil
from pathlib import Path

import pytest

from tests.support.tools import ROOT, tool

release = tool("release")
FILES = ("pyproject.toml", "CHANGELOG.md", "CITATION.cff")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The three files, to be changed."""
    for name in FILES:
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def version() -> str:
    found: str = release.newest((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))[0]
    return found


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_this_projects_own_files_agree() -> None:
    assert release.disagreements(ROOT, f"v{version()}") == []


def test_another_tag_is_said(copy: Path) -> None:
    (said,) = release.disagreements(copy, "v9.9.9")
    assert "v9.9.9" in said
    assert version() in said


@pytest.mark.parametrize(("name", "line"), [("CITATION.cff", "version: {}"), ("CHANGELOG.md", "## [{}]")])
def test_a_file_that_was_forgotten_is_named(copy: Path, name: str, line: str) -> None:
    replace(copy / name, line.format(version()), line.format("0.0.9"))
    (said,) = release.disagreements(copy, f"v{version()}")
    assert name in said
    assert version() in said


def test_pages_of_another_repository_are_said(copy: Path) -> None:
    assert release.disagreements(copy, repository="OWNER/alexbench") == []
    found = release.disagreements(copy, repository="someone/else")
    assert found
    assert all("someone/else" in said for said in found)


def test_the_notes_are_the_versions_section_alone() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n- a\n\n## [1.1.0] - 2026-02-03\n\n- b\n\n## [1.0.0] - 2026-01-02\n\n- c\n"
    assert release.newest(text) == ("1.1.0", "2026-02-03", "- b")


def test_a_changelog_without_a_date_is_refused() -> None:
    with pytest.raises(ValueError, match="no section has a date"):
        release.newest("## [Unreleased]\n\n- later\n")
