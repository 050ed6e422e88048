import pytest

from alexbench.harness.commands.leaving import leave
from alexbench.harness.errors import ExitCode


def test_the_last_line_gives_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        leave(ExitCode.INCONCLUSIVE)
    assert ended.value.code == ExitCode.INCONCLUSIVE
    assert capsys.readouterr().out.startswith("Exit code 3: ")


def test_json_on_stdout_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        leave(ExitCode.FAILED, to_stderr=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Exit code 1: ")


def test_success_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        leave(ExitCode.OK)
    assert ended.value.code == ExitCode.OK
    assert capsys.readouterr() == ("", "")


def test_the_code_stays_where_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("click.echo", broken)
    monkeypatch.setattr("alexbench.harness.commands.leaving.nobody_reads", lambda: None)
    with pytest.raises(SystemExit) as ended:
        leave(ExitCode.FAILED)
    assert ended.value.code == ExitCode.FAILED
