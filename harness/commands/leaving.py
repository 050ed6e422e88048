"""How a command ends: its last line gives the exit code and its meaning, unless the code is 0."""

import sys
from typing import NoReturn

import click

from alexbench.harness.console.streams import nobody_reads
from alexbench.harness.errors import ExitCode
from alexbench.reports.text.exit_words import exit_line


def leave(code: ExitCode, meaning: str = "", *, to_stderr: bool = False) -> NoReturn:
    """Print the last line and exit. ``to_stderr``: stdout has JSON, or nothing.

    The code stays the same where nobody reads the output (``| head``).
    """
    line = exit_line(code, meaning)
    if line:
        try:
            click.echo(line, err=to_stderr)
            sys.stdout.flush()
        except BrokenPipeError:
            nobody_reads()
    sys.exit(code)
