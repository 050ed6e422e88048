"""``alexbench datasets``: what a path holds, and the prepared sets."""

from collections.abc import Callable
from typing import Any

import click

from alexbench.harness.commands.help_format import DATA, Group, json_option, option
from alexbench.harness.commands.leaving import leave


@click.group(
    cls=Group,
    short_help="Show, prepare and clean up image sets.",
    examples=("alexbench datasets show ILSVRC2012_img_val.tar", "alexbench datasets list"),
)
def datasets() -> None:
    """Show what a path contains, and manage the prepared sets in the cache."""


def _data_options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags that say which images."""
    for decorator in (
        option("--seed", type=int, metavar="N", kind=DATA, help="Seed of that draw.", otherwise="1"),
        option("--limit", type=int, metavar="N", kind=DATA, help="Use N images, drawn evenly over the classes."),
        option("--labels", metavar="FILE", kind=DATA, help="val.txt, LOC_val_solution.csv or the devkit."),
        option("--layout", metavar="NAME", kind=DATA, help="How it is read.", otherwise="recognised"),
        click.argument("path"),
    ):
        command = decorator(command)
    return command


@datasets.command(
    "show",
    short_help="Show the layout, labels and counts of PATH.",
    examples=("alexbench datasets show ILSVRC2012_img_val.tar --labels val.txt",),
)
@_data_options
@json_option()
def show_dataset(path: str, *, as_json: bool, **choice: Any) -> None:
    """Show the layout, labels and counts of PATH, without reading an image."""
    from alexbench.harness.inputs.dataset_listing import show

    show(path, as_json=as_json, **_drawn(choice))


@datasets.command(
    "prepare",
    short_help="Preprocess images as a model card says.",
    examples=("alexbench datasets prepare ILSVRC2012_img_val.tar --model bvlc",),
)
@_data_options
@option("--model", metavar="CARD", multiple=True, help="Model card.", otherwise="torchvision")
@option("--on-bad-image", metavar="WHAT", default="fail", help="fail or skip.", otherwise="fail")
def prepare_dataset(path: str, model: tuple[str, ...], on_bad_image: str, **choice: Any) -> None:
    """Preprocess the images of PATH as a model card says, and cache them for later runs."""
    from alexbench.harness.inputs.dataset_listing import prepare

    prepare(path, models=model, on_bad_image=on_bad_image, **_drawn(choice))


def _drawn(choice: dict[str, Any]) -> dict[str, Any]:
    """With the default seed of a draw; a seed that nothing is drawn with is refused."""
    if choice["seed"] is not None and choice["limit"] is None:
        raise click.UsageError(f"--seed {choice['seed']} has no effect without --limit; add --limit N")
    return {**choice, "seed": 1 if choice["seed"] is None else choice["seed"]}


@datasets.command(
    "list", short_help="List the prepared sets in the cache.", examples=("alexbench datasets list --json",)
)
@json_option()
def list_datasets(*, as_json: bool) -> None:
    """List the prepared sets in the cache, finished and unfinished."""
    from alexbench.harness.inputs.dataset_listing import list_prepared

    list_prepared(as_json=as_json)


@datasets.command("verify", short_help="Check the pixels of prepared sets.", examples=("alexbench datasets verify",))
@click.argument("keys", metavar="[KEY]...", nargs=-1)
def verify_datasets(keys: tuple[str, ...]) -> None:
    """Check the pixels of prepared sets against their digests; exit code 1 if any differ."""
    from alexbench.harness.inputs.dataset_listing import verify

    leave(verify(keys), "a prepared set is not as it was written")


@datasets.command(
    "remove", short_help="Remove prepared sets from the cache.", examples=("alexbench datasets remove --unfinished",)
)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@option("--all", "everything", is_flag=True, help="Every prepared set.")
@option("--unfinished", is_flag=True, help="Sets whose preparation was interrupted.")
@option("--outdated", is_flag=True, help="Sets of other decoders or an older alexbench.")
def remove_datasets(keys: tuple[str, ...], **which: bool) -> None:
    """Remove prepared sets from the cache; the original images are not touched."""
    from alexbench.harness.inputs.dataset_listing import remove

    remove(keys, **which)
