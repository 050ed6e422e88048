"""``alexbench models``: cards, their files, exports."""

from pathlib import Path
from typing import Any

import click


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_context
def models(context: click.Context, *, as_json: bool) -> None:
    """The model cards: network, size, preprocessing, published figures."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError(f"--json: give it behind {context.invoked_subcommand}, where that has it")
        return
    from alexbench.harness.inputs.catalogue import model_list, print_listing

    print_listing(model_list(), as_json=as_json)


@models.command("show")
@click.argument("card")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show_model(card: str, *, as_json: bool) -> None:
    """All of a model CARD (a name, or a .toml file): network, input, output, weights, figures, licence."""
    from alexbench.harness.inputs.card_page import show

    show(card, as_json=as_json)


@models.command("fetch")
@click.argument("card")
@click.option("--file", metavar="NAME", help="Which of the card's files.  [default: the first]")
@click.option("--weights", metavar="FILE", help="Take this file, downloaded by hand; it is verified as if fetched.")
@click.option("--offline", is_flag=True, help="Make no connection: only what is there. Also ALEXBENCH_OFFLINE=1.")
def fetch_model(card: str, *, file: str | None, weights: str | None, offline: bool) -> None:
    """Fetch a CARD's weights into the cache, verified, and print where they are."""
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.inputs.fetching import fetch, take
    from alexbench.harness.models.card import load_card

    if weights is not None and file is not None:
        raise click.UsageError("--weights says by its content which of the card's files it is; leave --file out")
    found = load_card(card)
    if weights is not None:
        click.echo(take(found, Path(weights), display_for()))
    else:
        click.echo(fetch(found, display_for(), file=file, offline=offline))


@models.command("export")
@click.argument("model", metavar="CARD")
@click.option("--to", metavar="FORMAT", required=True, help="onnx, openvino, savedmodel, torch or safetensors.")
@click.option("--via", metavar="EXPORTER", help="torch.onnx or openvino-convert.  [default: the backends' own graphs]")
@click.option("--weights", metavar="FILE", help="A file, or published (fetched).  [default: synthetic weights]")
@click.option("--weights-layout", metavar="NAME", help="NCHW or NHWC: how a TensorFlow checkpoint was trained.")
@click.option("--weights-key", metavar="KEY", help="Which model of a file that holds several (model_ema).")
@click.option("--out", metavar="PATH", help="The file, or the SavedModel's folder.  [default: CARD with its suffix]")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def export_model(model: str, *, as_json: bool, **choice: Any) -> None:
    """Write CARD's network with its weights as a file that runs elsewhere.

    The file is loaded back by its runtime and compared with the float64 reference before it gets its name.
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
