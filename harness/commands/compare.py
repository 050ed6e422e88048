"""``alexbench compare``: rows held against each other, picture by picture."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from alexbench.harness.app.compare import Compared
    from alexbench.harness.app.divergence import LayerComparison


@click.command()
@click.argument("runs", metavar="RUN[:ROW] [RUN[:ROW]]", nargs=-1, required=True)
@click.option("--base", metavar="ROW", help="Of one run: the row that the others are held against.  [default: torch]")
@click.option(
    "--margin", type=float, default=0.5, metavar="POINTS", help="What counts as no difference.  [default: 0.5]"
)
@click.option("--different-weights", is_flag=True, help="The two runs are meant to be of different weights.")
@click.option("--flips", type=int, default=10, metavar="N", help="How many flips of a pair are listed.  [default: 10]")
@click.option("--layers", is_flag=True, help="Also hold every layer against float64, on flipped pictures.")
@click.option("--images", type=int, default=8, metavar="N", help="How many pictures --layers takes.  [default: 8]")
@click.option("--out", metavar="FILE.md", help="Also write it as Markdown, with every flip.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, with every flip.")
def compare(
    runs: tuple[str, ...],
    *,
    base: str | None,
    margin: float,
    different_weights: bool,
    flips: int,
    layers: bool,
    images: int,
    out: str | None,
    as_json: bool,
) -> None:
    """Compare the rows of one run, or two runs, on the same pictures: accuracy, difference, equivalence, flips.

    Exit code 3: the pictures are too few to decide some pair, and the output says how many could. 1: with --layers, an
    fp32 row leaves float64 at some layer.
    """
    if flips < 0:
        raise click.UsageError(f"--flips {flips}: give 0 or more")
    if images < 1:
        raise click.UsageError(f"--images {images}: give 1 or more")
    from alexbench.harness.app.compare import compare as hold
    from alexbench.harness.app.compare import to_json
    from alexbench.harness.app.out_file import write_whole

    compared = hold(runs, base=base, margin=margin, different_weights=different_weights)
    looked = _layers(compared, images) if layers else []
    if as_json:
        click.echo(to_json(compared, layers=_plain(looked) if layers else None), nl=False)
    else:
        _print(compared, looked, flips)
    if out is not None:
        write_whole(Path(out), _markdown(compared, looked))
        click.echo(f"wrote {out}", err=as_json)
    sys.exit(max((one.exit_code for one in looked), default=0) or compared.exit_code)


def _layers(compared: "Compared", images: int) -> "list[LayerComparison]":
    """Every layer of the compared rows, run by run, on pictures to which they have different answers."""
    from alexbench.harness.app.compare import flipped
    from alexbench.harness.app.divergence import compare_layers
    from alexbench.harness.app.progress import display_for

    chosen = flipped(compared, images)
    return [
        compare_layers(
            run.folder,
            run.record,
            display=display_for(),
            rows=rows,
            images=chosen,
            chosen="flipped between the rows compared" if chosen else "",
            count=images,
        )
        for run, rows in compared.runs
    ]


def _plain(looked: "list[LayerComparison]") -> list[dict[str, Any]]:
    from alexbench.harness.app.divergence_tables import layers_json

    return [layers_json(one) for one in looked]


def _print(compared: "Compared", looked: "list[LayerComparison]", flips: int) -> None:
    from alexbench.reports.comparison_output import print_comparison

    print_comparison(compared.report, flips=flips)
    if looked:
        from alexbench.harness.app.divergence_tables import print_layers

        for one in looked:
            click.echo()
            print_layers(one)


def _markdown(compared: "Compared", looked: "list[LayerComparison]") -> str:
    from alexbench.reports.comparison_output import comparison_markdown

    text = comparison_markdown(compared.report)
    if looked:
        from alexbench.harness.app.divergence_tables import layers_markdown

        text += "".join(f"\n{layers_markdown(one)}" for one in looked)
    return text
