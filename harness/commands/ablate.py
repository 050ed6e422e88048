"""``alexbench ablate``: what does each choice of preprocessing cost?"""

from typing import Any

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, json_option, option
from alexbench.harness.commands.options import EXAMINED_IMAGES, one_model


@click.command(
    cls=Command,
    short_help="Measure what each preprocessing choice costs.",
    examples=(
        "alexbench ablate",
        "alexbench ablate --vary interpolation --vary crop --out ablation",
        "alexbench ablate --data ILSVRC2012_img_val.tar --weights published",
    ),
)
@one_model
@option(
    "--vary",
    metavar="AXIS",
    multiple=True,
    help="decoder, interpolation, antialias, crop, channels.",
    otherwise="all",
)
@json_option()
@option("--out", metavar="DIR", kind=OUTPUT, help="Write ablation.md, .csv, .svg and .png there.")
def ablate(*, vary: tuple[str, ...], as_json: bool, out: str | None, limit: int | None, **flags: Any) -> None:
    """Measure what each choice of preprocessing costs, with the same weights and images.

    Decoder, interpolation, antialiasing, crop and channel order, in points of top-1 with paired intervals.
    """
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.resolving import resolve

    values = {key: value for key, value in flags.items() if value is not None and value != ()}
    config = resolve({"only": "accuracy", "limit": EXAMINED_IMAGES if limit is None else limit, **values})
    from alexbench.harness.ablation.ablate import ablate as carry_out
    from alexbench.harness.ablation.result_files import folder_for, write_files
    from alexbench.harness.worker.client import telling
    from alexbench.reports.ablation.tables import ablation_json, print_ablation

    folder = None if out is None else folder_for(out)
    display = display_for()
    with telling(display.say):
        ablation = carry_out(config, vary, display)
    if as_json:
        click.echo(ablation_json(ablation), nl=False)
    else:
        print_ablation(ablation)
    if folder is not None:
        for path in write_files(folder, ablation):
            display.say(f"wrote {path}")
