"""The step summary: appended, within GitHub's limit, and never a failure."""

from pathlib import Path

import pytest

from alexbench.reports.export.step_summary import LIMIT_BYTES, VARIABLE, add_to_step_summary, fitting

TABLE = "# Board\n\n| a | b |\n|---|---|\n" + "| 1 | ü |\n" * 20


def test_without_github_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert add_to_step_summary(TABLE) is None


def test_it_is_appended_to_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(path))
    assert add_to_step_summary(TABLE) is None
    assert add_to_step_summary(TABLE) is None
    assert path.read_text(encoding="utf-8") == "before" + 2 * f"\n{TABLE}\n"


def test_one_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    remark = add_to_step_summary(TABLE)
    assert remark is not None
    assert str(tmp_path) in remark
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none" / "file"))
    assert "cannot be written" in str(add_to_step_summary(TABLE))


@pytest.mark.parametrize("there", [0, 1000, LIMIT_BYTES - 200])
def test_the_limit_is_kept_at_the_end_of_a_line(there: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * there)
    monkeypatch.setenv(VARIABLE, str(path))
    remark = add_to_step_summary("| ü | 1 |\n" * 200_000)
    assert remark is not None
    assert "cut" in remark
    content = path.read_bytes()
    assert there < len(content) <= LIMIT_BYTES
    assert set(content.decode().strip("x").strip().splitlines()[:-2]) == {"| ü | 1 |"}
    assert "The whole is in" in content.decode()


def test_a_full_one_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (LIMIT_BYTES - 50))
    monkeypatch.setenv(VARIABLE, str(path))
    assert "full" in str(add_to_step_summary(TABLE))
    assert path.stat().st_size == LIMIT_BYTES - 50


def test_what_fits_is_whole() -> None:
    assert fitting(TABLE, len(TABLE.encode()) + 1) == TABLE + "\n"
    assert fitting(TABLE, 0) == ""
