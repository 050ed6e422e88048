"""``alexbench export``: a run in the formats of others."""

import os
import sys
from pathlib import Path

import click


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--to", "form", metavar="FORMAT", required=True, help="csv, parquet, json, pytest-benchmark, junit, step-summary."
)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="[default: standard output]")
def export(run: Path, *, form: str, out: Path | None) -> None:
    """Write RUN as a table (a row a backend), as benchmark or test results, or as a workflow's step summary.

    Models are exported by: alexbench models export.
    """
    from alexbench.harness.exporting.run_exports import BINARY
    from alexbench.harness.exporting.run_exports import export as make
    from alexbench.harness.files.out_file import write_out
    from alexbench.reports.export.step_summary import VARIABLE, add_to_step_summary

    if form in BINARY and out is None and sys.stdout.isatty():
        raise click.UsageError(f"--to {form} is no text: name a file with --out")
    content = make(run, form)
    if form == "step-summary" and out is None and os.environ.get(VARIABLE):
        click.echo(add_to_step_summary(content.decode()) or f"appended to the file that {VARIABLE} names", err=True)
        return
    if out is None:
        click.echo(content, nl=False)
    else:
        write_out(out, content)
        click.echo(f"wrote {out}", err=True)
