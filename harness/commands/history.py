"""``alexbench history``: metrics over the runs of a folder."""

from pathlib import Path
from typing import Final

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, json_option, option

_PLOTS: Final = (".svg", ".png")
_LAST: Final = 20


@click.command(
    cls=Command,
    short_help="Show how metrics changed over many runs.",
    examples=("alexbench history", "alexbench history runs --metric top1 --backend torch --plot history.svg"),
)
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
@option("--metric", "metrics", metavar="NAME", multiple=True, help="Metric.", otherwise="top1, p50, FPS")
@option("--backend", "backends", metavar="NAME", multiple=True, help="Backend or system.", otherwise="all")
@option("--last", type=int, metavar="N", help="Points that --details lists; 0: all.", otherwise="20")
@option("--details", is_flag=True, kind=OUTPUT, help="List every point of each series.")
@option(
    "--plot",
    metavar="FILE.svg",
    type=click.Path(path_type=Path),
    kind=OUTPUT,
    help="Draw a plot too, as .svg or .png.",
)
@option("--csv", "as_csv", is_flag=True, kind=OUTPUT, help="Print CSV, one line per point.")
@json_option()
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
    """Show how metrics changed over the runs in FOLDER (default: runs), and when their level changed.

    A series joins only runs of one machine, model, weights, data and configuration. Noisy speeds and those of an
    INVALID run are marked; INVALID ones never count as a change.
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
    if plot is not None:
        from alexbench.harness.files.out_file import check_place

        check_place(plot, flag="--plot")
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
