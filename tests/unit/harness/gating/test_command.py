"""What `alexbench gate` and `compare` write where, and how they end, whatever becomes of what they write."""

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alexbench.harness import cli
from alexbench.harness.commands.compare import compare as compare_command
from alexbench.harness.commands.gate import gate as gate_command
from alexbench.harness.errors import UsageError
from alexbench.harness.files import out_file
from alexbench.harness.gating.baseline import save
from tests.support.gates import timed_run


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--markdown", "b.json"], "--markdown b.json is also an input; name another file"),
        (["--junit", "gate.toml"], "--junit gate.toml is also an input; name another file"),
        (["--markdown", "x.md", "--junit", "x.md"], " x.md is named twice; name another file"),
        (["--junit", "run/run.json"], "--junit run/run.json is one of the files of "),
    ],
    ids=["baseline", "policy", "twice", "run"],
)
def test_nothing_that_is_read_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = timed_run(tmp_path / "run", {"torch": 10})
    save(run, tmp_path / "b.json", "")
    Path("gate.toml").write_text("", encoding="utf-8")
    before = contents(tmp_path)
    ended = CliRunner().invoke(gate_command, ["run", "--baseline", "b.json", "--policy", "gate.toml", *flags])
    assert ended.exit_code == 2
    assert said in ended.output
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "flags",
    [
        ["--out", "one/run.json"],
        ["--out", "two/report.html"],
        ["--junit", "two/predictions.parquet"],
        ["--out", "x", "--junit", "x"],
        ["--out", "nowhere/x.md"],
    ],
    ids=lambda flags: flags[-1],
)
def test_a_comparison_writes_over_nothing_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        timed_run(tmp_path / name, {"torch": 10})
    (tmp_path / "two" / "report.html").touch()
    before = contents(tmp_path)
    ended = CliRunner().invoke(compare_command, ["one", "two", *flags])
    said = f"{ended.output} {ended.exception}"
    assert ended.exit_code != 0, said
    assert f"{flags[-2]} {flags[-1]}" in said
    assert "name another file" in said
    assert contents(tmp_path) == before


def test_a_verdict_is_told_though_a_file_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, head = (timed_run(tmp_path / name, {"torch": 10}, seed=seed) for seed, name in enumerate(("base", "head")))

    def full(path: Path, text: str, *, flag: str) -> None:
        raise UsageError(f"{flag} {path}: No space left on device; {len(text) > 0}")

    monkeypatch.setattr(out_file, "write_out", full)
    flags = ("--baseline", base, "--no-follow-up", "--json", "--markdown", tmp_path / "x.md")
    ended = CliRunner().invoke(gate_command, [str(word) for word in (head, *flags)])
    assert json.loads(ended.output)["verdict"] == "PASS"
    assert isinstance(ended.exception, UsageError)
    assert "--markdown" in str(ended.exception)


@pytest.mark.parametrize(("ms", "code", "flags"), [(10, 0, []), (20, 3, ["--json"])])
def test_a_reader_that_goes_is_no_verdict(tmp_path: Path, flags: list[str], ms: float, code: int) -> None:
    base, head = timed_run(tmp_path / "base", {"torch": 10}), timed_run(tmp_path / "head", {"torch": ms}, seed=1)
    script = shutil.which("alexbench", path=sysconfig.get_path("scripts"))
    words: list[Any] = [script, "gate", head, "--baseline", base, "--no-follow-up", *flags]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(60) == code, said
    assert "roken" not in said


def test_a_fault_of_ours_has_an_exit_code_that_no_verdict_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("never thought of")

    monkeypatch.setattr(cli.cli, "main", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 70
    said = capsys.readouterr().err
    assert "RuntimeError: never thought of" in said
    assert said.splitlines()[-1] == "alexbench: internal error (exit code 70): please report the lines above"
