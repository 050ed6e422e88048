"""The flags of ``alexbench train``, checked before anything is read."""

import math
from pathlib import Path
from typing import Any, Final

from alexbench.backends.registry import REFERENCE, availability, backend_classes, backend_names
from alexbench.harness.errors import BackendUnavailableError, UsageError, unknown_name
from alexbench.harness.files.input_files import expanded
from alexbench.harness.inputs.images import Selection
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import DEFAULT_CARD, Card, load_card
from alexbench.harness.models.recipes import check_recipe, load_recipe, recipe_names
from alexbench.harness.records.training_run import TrainingAsked
from alexbench.harness.resolving import check_numbers
from alexbench.harness.trainers import Trains
from alexbench.harness.training.benchmark import Benchmark

DEFAULT_TRAINER: Final = "torch"
HELD_OUT_AT_MOST: Final = 1000
"""Held-out images that each epoch is scored on; ``alexbench run`` scores all."""
ON_ERROR: Final = ("fail", "skip")


def asked_for(
    model: str | None,
    *,
    backends: tuple[str, ...] = (),
    recipe: str | None = None,
    data: str | None = None,
    layout: str | None = None,
    labels: str | None = None,
    limit: int | None = None,
    seed: int = 1,
    batch_size: int | None = None,
    threads: int | None = None,
    workers: int | None = None,
    processes: int = 1,
    out: Path = Path("runs"),
) -> Benchmark:
    """The benchmark that the flags ask for.

    Raises:
        UsageError: a value makes no sense, or a named backend does not train.
        BackendUnavailableError: a named backend is not installed, or no backend that trains is.
    """
    check_numbers({"batch_size": batch_size, "limit": limit, "seed": seed})
    for flag, value, least in (("threads", threads, 1), ("workers", workers, 0), ("processes", processes, 1)):
        if value is not None and value < least:
            raise UsageError(f"--{flag} {value}: give {least} or more")
    if data is None and (layout is not None or labels is not None):
        raise UsageError("--layout and --labels say how --data is read; name --data PATH too")
    card = load_card(model or DEFAULT_CARD)
    name = recipe or _fitting(card)
    check_recipe(load_recipe(name), card)
    return Benchmark(
        card=model or DEFAULT_CARD,
        recipe=name,
        backends=_trainable(backends),
        data=Selection(path=data or "", layout=layout, labels=labels, limit=limit, seed=seed),
        out=expanded(out),
        batch=batch_size,
        threads=threads,
        workers=workers,
        processes=processes,
        seed=seed,
    )


def training_asked(
    model: str | None,
    *,
    val: str | None = None,
    lr: float | None = None,
    epochs: int | None = None,
    on_error: str = "fail",
    deterministic: bool = False,
    checkpoint_minutes: float = 10.0,
    **common: Any,
) -> TrainingAsked:
    """The training that the flags ask for; what they leave open is the recipe's. ``common``: as :func:`asked_for`.

    Raises:
        UsageError, BackendUnavailableError: as :func:`asked_for`.
    """
    given = asked_for(model, **common)
    if common.get("backends") and len(given.backends) > 1:
        raise UsageError(f"--backend {' --backend '.join(given.backends)}: one backend trains; name one")
    for flag, value in (("lr", lr), ("checkpoint-minutes", checkpoint_minutes)):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"--{flag} {value:g}: give a number above 0")
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs {epochs}: give 1 or more")
    if on_error not in ON_ERROR:
        raise unknown_name("--on-error", on_error, ON_ERROR)
    if val is not None and not given.data.path:
        raise UsageError("--val names held-out images for those of --data; name --data PATH too")
    recipe = load_recipe(given.recipe)
    return TrainingAsked(
        card=given.card,
        recipe=given.recipe,
        backend=DEFAULT_TRAINER if DEFAULT_TRAINER in given.backends else next(iter(given.backends)),
        data=_absolute(given.data.path),
        layout=given.data.layout,
        labels=given.data.labels and _absolute(given.data.labels),
        limit=given.data.limit,
        val=_absolute(val or ""),
        val_limit=HELD_OUT_AT_MOST,
        batch=given.batch or recipe.batch,
        lr=lr or recipe.lr,
        epochs=epochs or recipe.epochs,
        seed=given.seed,
        threads=given.threads or usable_cores(),
        workers=usable_cores() if given.workers is None else given.workers,
        on_error="skip" if on_error == "skip" else "fail",
        deterministic=deterministic,
        checkpoint_minutes=checkpoint_minutes,
    )


def _absolute(path: str) -> str:
    return str(expanded(Path(path)).absolute()) if path else ""


def _fitting(card: Card) -> str:
    """The first built-in recipe for images of the card's size."""
    size = card.preprocessing.crop
    return next((name for name in recipe_names() if load_recipe(name).image_size == size), recipe_names()[0])


def _trainable(named: tuple[str, ...]) -> tuple[str, ...]:
    """The backends that are named, or all installed ones that train."""
    training = [name for name, kind in backend_classes().items() if isinstance(kind(), Trains) and name != REFERENCE]
    if not named:
        found = tuple(name for name in training if availability(name).problem is None)
        if not found:
            raise BackendUnavailableError(f"no backend that trains is installed; install {' or '.join(training)}")
        return found
    for name in named:
        if name not in backend_names():
            raise unknown_name("backend", name, training)
        if name not in training:
            raise UsageError(f"--backend {name}: it cannot train; give {' or '.join(training)}")
        problem = availability(name).problem
        if problem is not None:
            raise BackendUnavailableError(problem)
    return tuple(dict.fromkeys(named))
