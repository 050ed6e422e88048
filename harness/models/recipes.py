"""Training recipes: how a published AlexNet was trained, as data. One TOML file per recipe."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.files.decoding import DecodeError, decode
from alexbench.harness.files.input_files import TEXT_BYTES_AT_MOST, read_file, toml_table
from alexbench.harness.models.card import Card
from alexbench.harness.records.training_speed_records import PublishedTraining

DEFAULT_RECIPE: Final = "torchvision"

AugmentationName = Literal["random-resized-crop", "distorted-bounding-box", "none"]
"""torchvision's, tf_cnn_benchmarks', or the card's own preprocessing of images that are scored."""


@dataclass(frozen=True, slots=True)
class PublishedRate:
    """A learning rate that was published for the same recipe, and where."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe, validated.

    ``image_size``: the side of a training image in pixels. ``batch``: images a process in each step. ``lr``: the
    learning rate of the first epoch; it is multiplied by ``gamma`` after every ``step_size`` epochs. ``other_lr``: what
    else was published. ``weight_decay``: of all weights and biases, as L2 (added to the gradient). ``dropout``: the
    share of activations set to zero. ``published``: throughput, with its hardware.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    image_size: int
    batch: int
    epochs: int
    momentum: float
    weight_decay: float
    lr: float
    lr_source: str
    step_size: int
    gamma: float
    augmentation: AugmentationName
    dropout: float
    other_lr: tuple[PublishedRate, ...] = ()
    published: tuple[PublishedTraining, ...] = ()
    notes: tuple[str, ...] = ()

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0: torch's StepLR."""
        return self.lr * self.gamma ** (epoch // self.step_size)


@functools.cache
def recipe_names() -> tuple[str, ...]:
    """The names of the built-in recipes, the default first."""
    names = sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml"))
    return (DEFAULT_RECIPE, *(name for name in names if name != DEFAULT_RECIPE))


def load_recipe(name: str) -> Recipe:
    """The recipe of that name, or the one in a TOML file if ``name`` is a path that ends in ``.toml``.

    Raises:
        UsageError: no recipe has that name, or the file is missing or not a valid recipe. The message names the key.
    """
    if name.endswith(".toml"):
        try:
            text = read_file(Path(name), f"recipe {name}", UsageError, most=TEXT_BYTES_AT_MOST)
        except OSError as error:
            raise UsageError(f"recipe {name} cannot be read: {error.strerror}") from error
        return _parse(text, name)
    if name not in recipe_names():
        raise unknown_name("recipe", name, recipe_names())
    return _parse((_folder() / f"{name}.toml").read_bytes(), f"{name}.toml")


def published_training() -> tuple[PublishedTraining, ...]:
    """The published training throughput of all built-in recipes."""
    return tuple(one for name in recipe_names() for one in load_recipe(name).published)


def check_recipe(recipe: Recipe, card: Card) -> None:
    """Refuse a recipe whose images do not have the card's size.

    Raises:
        UsageError: the sizes differ. The message names the recipes that fit.
    """
    size = card.preprocessing.crop
    if recipe.image_size == size:
        return
    fitting = [name for name in recipe_names() if load_recipe(name).image_size == size]
    fix = f"--recipe {' or '.join(fitting)}" if fitting else f"a recipe with image_size = {size} in a TOML file"
    raise UsageError(
        f"recipe {recipe.name} trains on images of {recipe.image_size} pixels, card {card.name} takes {size};"
        f" give {fix}"
    )


def _folder() -> Any:
    return resources.files("alexbench.harness.models") / "recipe_files"


def _parse(text: bytes, source: str) -> Recipe:
    data = toml_table(text, f"recipe {source}", UsageError)
    try:
        recipe = decode(Recipe, data)
    except DecodeError as error:
        raise UsageError(f"recipe {source}: {error}") from error
    for problem in _problems(recipe):
        raise UsageError(f"recipe {source}: {problem}")
    return recipe


def _problems(recipe: Recipe) -> Iterator[str]:
    """Values of the right type that are not valid: the key, its value, and what is expected."""
    for key in ("image_size", "batch", "epochs", "step_size"):
        value = getattr(recipe, key)
        if value < 1:
            yield f"{key} = {value}: wanted 1 or more"
    rates = [("lr", recipe.lr)] + [(f"other_lr[{place}].value", one.value) for place, one in enumerate(recipe.other_lr)]
    for key, rate in (*rates, ("gamma", recipe.gamma)):
        if rate <= 0:
            yield f"{key} = {rate:g}: wanted a number above 0"
    for key in ("momentum", "dropout"):
        value = getattr(recipe, key)
        if not 0 <= value < 1:
            yield f"{key} = {value:g}: wanted 0 or more, and less than 1"
    if recipe.weight_decay < 0:
        yield f"weight_decay = {recipe.weight_decay:g}: wanted 0 or more"
