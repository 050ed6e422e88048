"""``alexbench train``: how fast each runtime trains."""

from pathlib import Path
from typing import Any

import click

from alexbench.harness.commands import completion
from alexbench.harness.commands.help_format import DATA, MEASURING, MODEL, OUTPUT, SYSTEMS, Command, json_option, option


@click.command(
    cls=Command,
    short_help="Measure how fast each runtime trains CARD.",
    examples=(
        "alexbench train --benchmark",
        "alexbench train tfcnn --benchmark --recipe tf-cnn --batch-size 32 --data ILSVRC2012 --processes 2",
    ),
)
@click.argument("model", metavar="[CARD]", required=False)
@option("--benchmark", is_flag=True, kind=MEASURING, help="Measure training throughput.")
@option(
    "--backend",
    "backends",
    values=completion.backends,
    metavar="NAME",
    multiple=True,
    kind=SYSTEMS,
    help="Backend that trains.",
    otherwise="torch and tensorflow where installed",
)
@option("--recipe", metavar="NAME", kind=MODEL, help="Recipe, or a TOML file.", otherwise="the one that fits CARD")
@option("--data", metavar="PATH", kind=DATA, help="Training images.", otherwise="synthetic images")
@option("--layout", values=completion.layouts, metavar="NAME", kind=DATA, help="Layout of the images.")
@option("--labels", metavar="FILE", kind=DATA, help="Labels of flat images.")
@option("--limit", type=int, metavar="N", kind=DATA, help="Use N images, drawn by class.")
@option("--seed", type=int, default=1, metavar="N", kind=DATA, help="Weights, order and crops.", otherwise="1")
@option(
    "--batch-size", type=int, metavar="N", kind=MEASURING, help="Images per step and process.", otherwise="the recipe's"
)
@option("--threads", type=int, metavar="N", kind=SYSTEMS, help="Threads that train.", otherwise="all cores")
@option(
    "--workers", type=int, metavar="N", kind=MEASURING, help="Processes that decode images.", otherwise="one per core"
)
@option(
    "--processes",
    type=int,
    default=1,
    metavar="N",
    kind=MEASURING,
    help="Measure scaling at 1 to N processes.",
    otherwise="1",
)
@option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs",
    metavar="FOLDER",
    kind=OUTPUT,
    help="Where the result goes.",
    otherwise="runs",
)
@json_option()
def train(model: str | None, *, benchmark: bool, as_json: bool, **flags: Any) -> None:
    """Measure how fast each runtime trains CARD (default: torchvision) by a published recipe.

    All runtimes train in turns, with the same weights, batches and seed. Their losses are compared with float64's. The
    result has images/s with batches in memory and end to end, where a step's time goes, and peak memory.

    Exit code 0: success. 1: a runtime failed, or its losses are not float64's.
    """
    from dataclasses import asdict

    from alexbench.harness.commands.leaving import leave
    from alexbench.harness.commands.report import show_training_speed
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.errors import ExitCode, UsageError
    from alexbench.harness.files.cache_folder import cache_folder
    from alexbench.harness.files.plain_text import json_text
    from alexbench.harness.inputs.gathering import writable
    from alexbench.harness.training.asking import asked_for
    from alexbench.harness.training.benchmark import benchmark as measured

    if not benchmark:
        raise UsageError("alexbench train measures only: give --benchmark")
    folder, speed = measured(asked_for(model, **flags), cache=writable(cache_folder()), display=display_for())
    show_training_speed(folder, speed, printed=not as_json)
    if as_json:
        click.echo(json_text({"run": str(folder), **asdict(speed)}))
    failed = [row.name for row in speed.rows if row.error or (row.check is not None and not row.check.agrees)]
    code = ExitCode.FAILED if failed else ExitCode.OK
    leave(code, f"failed: {', '.join(failed)}" if failed else "", to_stderr=as_json)
