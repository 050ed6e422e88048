"""``alexbench datasets``: what a path holds, and the prepared sets in the cache."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from alexbench.datasets import fingerprint as certificate
from alexbench.datasets.prepared.cache import (
    SHOWN_KEY,
    State,
    cached_sets,
    damaged_pictures,
    find_sets,
    remove_sets,
)
from alexbench.harness.config import ON_BAD_IMAGE, OnBadImage
from alexbench.harness.console.progress import PlainDisplay, display_for
from alexbench.harness.errors import ExitCode, UsageError, unknown_name
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.catalogue import print_listing
from alexbench.harness.inputs.images import PREPARED_FOLDER, Selection, open_pictures, prepare_pictures
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import DEFAULT_CARD, load_card

_MIB: Final = 2**20
_NAMED_AT_MOST: Final = 5


def show(path: str, *, layout: str | None, labels: str | None, limit: int | None, seed: int, as_json: bool) -> None:
    """Print what ``path`` has. No image is read."""
    quiet = open_pictures(Selection(path, layout, labels, limit, seed), _Silent())
    dataset = quiet.dataset
    entry: dict[str, Any] = {
        "path": str(dataset.source),
        "holds": dataset.describe(),
        "layout": dataset.layout,
        "labels_from": dataset.labels_from,
        "pictures": len(dataset),
        "pictures_per_class": certificate.per_class(dataset),
        "is": certificate.plain_word(dataset),
        "notes": list(dataset.notes),
        "names_digest": certificate.names_digest(dataset),
    }
    if as_json:
        print_listing([entry], as_json=True)
        return
    counts: dict[str, int] = entry["pictures_per_class"]
    entry["pictures"] = f"{len(dataset):,}"
    entry["pictures_per_class"] = ", ".join(f"{pictures} in {classes:,}" for pictures, classes in counts.items())
    entry["notes"] = " ".join(dataset.notes) or "none"
    for key, value in entry.items():
        sys.stdout.write(f"{key.replace('_', ' ') + ':':<20}{value}\n")


class _Silent(PlainDisplay):
    """Says nothing: what is known is printed at the end."""

    def say(self, line: str) -> None:
        """Nothing."""


def prepare(
    path: str,
    *,
    models: Sequence[str],
    on_bad_image: str,
    layout: str | None,
    labels: str | None,
    limit: int | None,
    seed: int,
) -> None:
    """Prepare the images of ``path`` for each of the cards, and print where they are."""
    if on_bad_image not in ON_BAD_IMAGE:
        raise unknown_name("--on-bad-image", on_bad_image, ON_BAD_IMAGE)
    policy: OnBadImage = "skip" if on_bad_image == "skip" else "fail"
    cards = [load_card(name) for name in models or (DEFAULT_CARD,)]
    display = display_for()
    pictures = open_pictures(Selection(path, layout, labels, limit, seed), display)
    for card in cards:
        found = prepare_pictures(pictures, card.preprocessing, cache_folder(), display, on_bad_image=policy)
        skipped = f", {len(found.skipped)} skipped" if found.skipped else ""
        how = "were there" if found.from_cache else "prepared"
        sys.stdout.write(
            f"{card.name}: {len(found):,} images {how}{skipped}; pixels {found.digest[:12]}, files"
            f" {found.source_digest[:12]}; set {found.path.stem[:SHOWN_KEY]} in {found.path.parent}\n"
        )


def list_prepared(*, as_json: bool) -> None:
    """Print the prepared sets in the cache."""
    cache = cache_folder() / PREPARED_FOLDER
    known = cached_sets(cache)
    if as_json:
        print_listing([asdict(one) for one in known], as_json=True)
        return
    if not known:
        sys.stdout.write(f"no prepared set in {cache}\n")
        return
    print_listing(
        [
            {
                "set": one.key[:SHOWN_KEY],
                "state": one.state,
                "pictures": one.images or None,
                "skipped": one.skipped if one.images else None,
                "MiB": round(one.size_bytes / _MIB),
                "for": one.preprocessing,
                "prepared (UTC)": one.prepared[:16].replace("T", " "),
                "from": one.source,
            }
            for one in known
        ],
        as_json=False,
    )
    sys.stdout.write(f"{sum(one.size_bytes for one in known) / _MIB:,.0f} MiB in {cache}\n")


def verify(keys: Sequence[str]) -> ExitCode:
    """Check sets against their digests, a line each; FAILED if any differs."""
    cache = cache_folder() / PREPARED_FOLDER
    chosen = (
        find_sets(cache, keys) if keys else [one for one in cached_sets(cache) if one.state in ("whole", "damaged")]
    )
    if not chosen:
        sys.stdout.write(f"no prepared set in {cache}\n")
    bad = False
    for one in chosen:
        if one.state == "damaged":
            bad = True
            sys.stdout.write(f"{one.key[:SHOWN_KEY]}: NOT as it was written; the next run repairs it, or remove it\n")
            continue
        places = damaged_pictures(one, threads=usable_cores())
        bad = bad or bool(places)
        what = f"{one.images:,} images as they were prepared"
        if places:
            named = ", ".join(map(str, places[:_NAMED_AT_MOST])) + (", ..." if len(places) > _NAMED_AT_MOST else "")
            what = (
                f"{len(places):,} of {one.images:,} images are NOT as they were prepared (number {named});"
                f" the next run prepares them again, or: alexbench datasets remove {one.key[:SHOWN_KEY]}"
            )
        sys.stdout.write(f"{one.key[:SHOWN_KEY]} ({one.dataset}, {one.preprocessing}): {what}\n")
    return ExitCode.FAILED if bad else ExitCode.OK


def remove(keys: Sequence[str], *, everything: bool, unfinished: bool, outdated: bool) -> None:
    """Remove sets from the cache: those named, or all of a state, or all.

    Raises:
        UsageError: nothing was named, or sets together with a flag.
    """
    if bool(keys) == (everything or unfinished or outdated):
        raise UsageError("name sets (alexbench datasets list), or --unfinished, --outdated or --all")
    wanted: dict[State, bool] = {
        "whole": everything,
        "unfinished": unfinished,
        "outdated": outdated,
        "damaged": everything,
    }
    cache = cache_folder() / PREPARED_FOLDER
    known = cached_sets(cache)
    chosen = find_sets(cache, keys) if keys else [one for one in known if everything or wanted[one.state]]
    freed = remove_sets(chosen)
    sys.stdout.write(f"removed {len(chosen)} prepared set{'' if len(chosen) == 1 else 's'}, {freed / _MIB:,.0f} MiB\n")
