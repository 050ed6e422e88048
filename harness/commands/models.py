"""``alexbench models``: cards, their files, exports."""

from pathlib import Path
from typing import Any

import click

from alexbench.harness.commands.help_format import OUTPUT, Group, json_option, option
from alexbench.harness.commands.options import chosen_weights


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="List, fetch and export models.",
    examples=("alexbench models", "alexbench models fetch torchvision"),
)
@json_option()
@click.pass_context
def models(context: click.Context, *, as_json: bool) -> None:
    """List the model cards: network, size, preprocessing, published figures."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"--json goes after {context.invoked_subcommand}, if that command has it")
        return
    from alexbench.harness.inputs.catalogue import model_list, print_listing

    print_listing(model_list(), as_json=as_json)


@models.command("show", short_help="Show all about a model CARD.", examples=("alexbench models show bvlc",))
@click.argument("card")
@json_option()
def show_model(card: str, *, as_json: bool) -> None:
    """Show a model CARD (a name, or a .toml file): network, input, output, weights, figures, licence."""
    from alexbench.harness.inputs.card_page import show

    show(card, as_json=as_json)


@models.command(
    "fetch", short_help="Download and verify the weights of CARD.", examples=("alexbench models fetch torchvision",)
)
@click.argument("card")
@option("--file", metavar="NAME", help="Which of the card's files.", otherwise="the first")
@option("--weights", metavar="FILE", help="Verify and take this downloaded file.")
@option("--offline", is_flag=True, help="Do not connect (also ALEXBENCH_OFFLINE=1).")
def fetch_model(card: str, *, file: str | None, weights: str | None, offline: bool) -> None:
    """Download and verify the weights of CARD, and print their path in the cache."""
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.inputs.fetching import fetch, take
    from alexbench.harness.models.card import load_card

    if weights is not None and file is not None:
        raise click.UsageError("--weights recognises the card's file by its content; leave --file out")
    found = load_card(card)
    if weights is not None:
        click.echo(take(found, Path(weights), display_for()))
    else:
        click.echo(fetch(found, display_for(), file=file, offline=offline))


@models.command(
    "export",
    short_help="Write CARD with its weights for other programs.",
    examples=(
        "alexbench models export torchvision --to onnx",
        "alexbench models export torchvision --to onnx --via torch.onnx --weights published",
    ),
)
@click.argument("model", metavar="CARD")
@option("--to", metavar="FORMAT", required=True, kind=OUTPUT, help="One of the formats above.")
@option("--via", metavar="EXPORTER", kind=OUTPUT, help="torch.onnx or openvino-convert.", otherwise="AlexBench's own")
@option("--out", metavar="PATH", kind=OUTPUT, help="File or folder to write.", otherwise="CARD with its suffix")
@option("--force", is_flag=True, kind=OUTPUT, help="Replace what is there.")
@chosen_weights
@json_option()
def export_model(model: str, *, as_json: bool, **choice: Any) -> None:
    """Write CARD with its weights as a file that other programs run.

    Formats: onnx, openvino, savedmodel, torch, safetensors. Before the file gets its name, its runtime loads it and
    its outputs are compared with the float64 reference.
    """
    from dataclasses import asdict

    from alexbench.harness.console.progress import display_for
    from alexbench.harness.exporting.model_export import export, report
    from alexbench.harness.files.cache_folder import cache_folder
    from alexbench.harness.files.plain_text import json_text

    made = export(model, **choice, cache=cache_folder(), display=display_for())
    lines = [json_text(asdict(made))] if as_json else report(made)
    for line in lines:
        click.echo(line)
