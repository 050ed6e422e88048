"""``alexbench datasets``: what a path holds, and the prepared sets."""

from collections.abc import Callable
from typing import Any

import click

from alexbench.harness.commands.leaving import leave


@click.group()
def datasets() -> None:
    """Data sets: what a path holds, and the prepared sets in the cache."""


def _data_options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags that say which pictures."""
    for option in (
        click.option("--seed", type=int, metavar="N", help="Of that draw.  [default: 1]"),
        click.option("--limit", type=int, metavar="N", help="Only N pictures, drawn evenly over the classes."),
        click.option("--labels", metavar="FILE", help="val.txt, LOC_val_solution.csv, or the devkit."),
        click.option("--layout", metavar="NAME", help="How it is read.  [default: recognised by itself]"),
        click.argument("path"),
    ):
        command = option(command)
    return command


@datasets.command("show")
@_data_options
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show_dataset(path: str, *, as_json: bool, **choice: Any) -> None:
    """What PATH holds: layout, labels, counts. No picture is read."""
    from alexbench.harness.inputs.dataset_listing import show

    show(path, as_json=as_json, **_drawn(choice))


@datasets.command("prepare")
@_data_options
@click.option("--model", metavar="CARD", multiple=True, help="Repeatable.  [default: torchvision]")
@click.option("--on-bad-image", metavar="WHAT", default="fail", help="fail or skip.  [default: fail]")
def prepare_dataset(path: str, model: tuple[str, ...], on_bad_image: str, **choice: Any) -> None:
    """Prepare the pictures of PATH as a model card says, into the cache, for runs to come."""
    from alexbench.harness.inputs.dataset_listing import prepare

    prepare(path, models=model, on_bad_image=on_bad_image, **_drawn(choice))


def _drawn(choice: dict[str, Any]) -> dict[str, Any]:
    """With the default seed of a draw; a seed that nothing is drawn with is refused."""
    if choice["seed"] is not None and choice["limit"] is None:
        raise click.UsageError(f"--seed {choice['seed']} is of the draw of --limit; name --limit N too")
    return {**choice, "seed": 1 if choice["seed"] is None else choice["seed"]}


@datasets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_datasets(*, as_json: bool) -> None:
    """The prepared sets in the cache, finished and unfinished."""
    from alexbench.harness.inputs.dataset_listing import list_prepared

    list_prepared(as_json=as_json)


@datasets.command("verify")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
def verify_datasets(keys: tuple[str, ...]) -> None:
    """Hold the pixels of prepared sets (all, or those named) against their digests; exit code 1 if any differ."""
    from alexbench.harness.inputs.dataset_listing import verify

    leave(verify(keys), "a prepared set is not as it was written")


@datasets.command("remove")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All prepared sets.")
@click.option("--unfinished", is_flag=True, help="Those whose preparation was interrupted.")
@click.option("--outdated", is_flag=True, help="Those of other decoders or an older alexbench.")
def remove_datasets(keys: tuple[str, ...], **which: bool) -> None:
    """Remove prepared sets from the cache; the pictures they were made from are not touched."""
    from alexbench.harness.inputs.dataset_listing import remove

    remove(keys, **which)
