import pytest

from alexbench.harness.errors import ExitCode
from alexbench.reports.text.exit_words import exit_line


@pytest.mark.parametrize("code", [code for code in ExitCode if code != ExitCode.OK])
def test_every_exit_code_but_0_is_named_with_a_meaning(code: ExitCode) -> None:
    number, _, meaning = exit_line(code).partition(": ")
    assert number == f"Exit code {code.value}"
    assert meaning


def test_exit_code_0_needs_no_line() -> None:
    assert exit_line(ExitCode.OK) == ""
    assert exit_line(ExitCode.OK, "a row failed") == ""


def test_a_command_may_say_what_it_means_by_its_code() -> None:
    assert exit_line(ExitCode.FAILED, "a row failed") == "Exit code 1: a row failed"
