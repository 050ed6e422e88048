"""``alexbench export``: a run in formats that other tools read."""

import os
import sys
from pathlib import Path

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, option


@click.command(
    cls=Command,
    short_help="Write a run as CSV, Parquet, JSON or JUnit XML.",
    examples=("alexbench export RUN --to csv", "alexbench export RUN --to junit --out junit.xml"),
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@option("--to", "form", metavar="FORMAT", required=True, kind=OUTPUT, help="One of the formats above.")
@option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    kind=OUTPUT,
    help="File to write.",
    otherwise="standard output",
)
def export(run: Path, *, form: str, out: Path | None) -> None:
    """Write RUN as a table, as benchmark or test results, or as a workflow's step summary.

    Formats: csv, parquet, json, pytest-benchmark, junit, step-summary.
    To write a model instead: alexbench models export.
    """
    from alexbench.harness.exporting.run_exports import BINARY
    from alexbench.harness.exporting.run_exports import export as make
    from alexbench.harness.files.out_file import check_place, write_out
    from alexbench.reports.export.step_summary import VARIABLE, add_to_step_summary

    if form in BINARY and out is None and sys.stdout.isatty():
        raise click.UsageError(f"--to {form} is a binary format; name a file with --out")
    if out is not None:
        check_place(out)
    content = make(run, form)
    if form == "step-summary" and out is None and os.environ.get(VARIABLE):
        click.echo(add_to_step_summary(content.decode()) or f"appended to the file that {VARIABLE} names", err=True)
        return
    if out is None:
        click.echo(content, nl=False)
    else:
        write_out(out, content)
        click.echo(f"wrote {out}", err=True)
