"""``alexbench quantize``: a network in int8 as a file."""

from typing import Any

import click

from alexbench.harness.commands import completion
from alexbench.harness.commands.help_format import DATA, MODEL, OUTPUT, Command, json_option, option
from alexbench.harness.commands.options import calibration


@click.command(
    cls=Command,
    short_help="Write CARD in int8 as a file for a runtime.",
    examples=(
        "alexbench quantize torchvision --to onnxruntime",
        "alexbench quantize torchvision --to openvino --weights published --calibration TRAIN",
    ),
)
@click.argument("model", metavar="CARD")
@option(
    "--to",
    values=completion.quantizing,
    metavar="BACKEND",
    required=True,
    kind=OUTPUT,
    help="onnxruntime, openvino or torch.",
)
@option("--out", metavar="FILE", kind=OUTPUT, help="File to write.", otherwise="CARD-int8 with its suffix")
@option("--force", is_flag=True, kind=OUTPUT, help="Replace what is there.")
@option("--weights", metavar="FILE", kind=MODEL, help="Weights file, or 'published' (fetched).", otherwise="synthetic")
@calibration
@option("--seed", type=int, default=1, metavar="N", kind=DATA, help="Which images are drawn.", otherwise="1")
@json_option()
def quantize(
    model: str, *, per_tensor: bool, reduce_range: bool, range_method: str | None, as_json: bool, **choice: Any
) -> None:
    """Write CARD's network in int8, by the tool of the runtime's makers.

    Ranges are taken from training images. "alexbench run --precision int8" does the same and measures the result.
    """
    from dataclasses import asdict

    from alexbench.harness.capabilities import RANGE_METHODS, QuantizationOptions, RangeMethod
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.errors import unknown_name
    from alexbench.harness.files.cache_folder import cache_folder
    from alexbench.harness.files.plain_text import json_text
    from alexbench.harness.quantization.quantize import quantize as make
    from alexbench.harness.quantization.quantize import report
    from alexbench.harness.resolving import check_numbers

    check_numbers(choice)
    method: RangeMethod | None = next((one for one in RANGE_METHODS if one == (range_method or "minmax")), None)
    if method is None:
        raise unknown_name("--range-method", str(range_method), RANGE_METHODS)
    how = QuantizationOptions(per_channel=not per_tensor, reduce_range=reduce_range, method=method)
    path, images = choice.pop("calibration"), choice.pop("calibration_images")
    made = make(model, **choice, calibration=path, images=images, how=how, cache=cache_folder(), display=display_for())
    for line in [json_text(asdict(made))] if as_json else report(made):
        click.echo(line)
