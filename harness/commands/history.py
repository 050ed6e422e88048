"""``alexbench history``: metrics over the runs of a folder."""

from pathlib import Path
from typing import Final

import click

_PLOTS: Final = (".svg", ".png")
_LAST: Final = 20


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Repeatable.  [default: top1, p50, images/s]")
@click.option("--backend", "backends", metavar="NAME", multiple=True, help="Or a system. Repeatable.  [default: all]")
@click.option("--details", is_flag=True, help="List every point of each series.")
@click.option("--last", type=int, metavar="N", help="Points that --details lists; 0: all.  [default: 20]")
@click.option("--plot", metavar="FILE.svg", type=click.Path(path_type=Path), help="Also draw it, as .svg or .png.")
@click.option("--csv", "as_csv", is_flag=True, help="A line a point.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def history(
    folder: Path,
    *,
    metrics: tuple[str, ...],
    backends: tuple[str, ...],
    details: bool,
    last: int | None,
    plot: Path | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """How metrics went over the runs in FOLDER (runs), and where their level changed.

    Only runs of one machine, model, weights, data and way of running are joined; what is not joined is said. Speeds
    of an INVALID run are marked, and count for no change; noisy ones are marked.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: give one of them")
    if last is not None and last < 0:
        raise click.UsageError(f"--last {last}: give 0 or more")
    if (last is not None or details) and (as_csv or as_json):
        flag = "--details" if details else f"--last {last}"
        raise click.UsageError(f"{flag} is for the tables; --csv and --json have every point: leave it out")
    if plot is not None and plot.suffix.lower() not in _PLOTS:
        raise click.UsageError(f"--plot {plot}: name a file that ends in .svg or .png")
    from alexbench.harness.history.collecting import history as read

    found = read(folder, metrics=metrics, backends=backends)
    from alexbench.reports.history import output as history_output

    if as_json:
        click.echo(history_output.history_json(found), nl=False)
    elif as_csv:
        click.echo(history_output.history_csv(found), nl=False)
        for line in history_output.sentences(found):
            click.echo(f"! {line}", err=True)
    else:
        shown = details or last is not None
        history_output.print_history(found, details=shown, last=_LAST if last is None else last)
    if plot is not None:
        from alexbench.harness.files.out_file import write_out
        from alexbench.reports.history.plot import draw_history

        write_out(plot, draw_history(found, "svg" if plot.suffix.lower() == ".svg" else "png"), flag="--plot")
        click.echo(f"wrote {plot}", err=True)
