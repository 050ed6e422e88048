"""``alexbench conformance``: does a backend keep the contract?"""

import click

from alexbench.harness.commands import completion
from alexbench.harness.commands.help_format import Command, json_option
from alexbench.harness.commands.leaving import leave


@click.command(
    cls=Command,
    short_help="Check a backend, or your own plugin.",
    examples=("alexbench conformance openvino", "alexbench conformance myruntime --json"),
)
@click.argument("backend", metavar="NAME", shell_complete=lambda *_: list(completion.backends()))
@json_option()
def conformance(backend: str, *, as_json: bool) -> None:
    """Check that the backend NAME keeps the contract, and say what its users may rely on.

    Its answers are compared with float64 on three networks, its threads are counted, its options are tried, and so is
    what it declares beyond. It takes 1 to 4 minutes and needs pytest: pip install 'alexbench[conformance]'.

    Exit code 0: all checks passed. 1: a check failed.
    """
    from alexbench.harness.conformance.checking import check_backend
    from alexbench.harness.conformance.matrix import keep
    from alexbench.harness.console.progress import display_for
    from alexbench.reports.conformance.page import conformance_json, print_conformance

    found = check_backend(backend, display_for())
    keep(found)
    if as_json:
        click.echo(conformance_json(found), nl=False)
    else:
        print_conformance(found)
    leave(found.exit_code, "" if found.passed else f"{backend} breaks the contract", to_stderr=as_json)
