"""Lists, verifies and removes the prepared sets in a cache folder by key, without their original images."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from filelock import FileLock, Timeout

from alexbench.datasets.prepared.sets import CODE_VERSION, SCHEMA_VERSION, decoders, pixel_digests, read_prepared
from alexbench.harness.errors import DataError, UsageError

State = Literal["whole", "unfinished", "outdated", "damaged"]
"""``unfinished``: its build was interrupted; the next build resumes it. ``outdated``: from other decoders or an older
alexbench; never used. ``damaged``: changed since it was written; the next run keeps its good images."""

_KEY_LENGTH: Final = 32
SHOWN_KEY: Final = 12
_NAMED: Final = 5
"""Characters of a key that a list shows. Any prefix of a key that matches only one set is enough."""


@dataclass(frozen=True, slots=True)
class CachedSet:
    """A set in the cache. If it is not ``whole``, most other fields are unknown."""

    key: str
    state: State
    size_bytes: int
    images: int = 0
    skipped: int = 0
    dataset: str = ""
    description: str = ""
    source: str = ""
    preprocessing: str = ""
    prepared: str = ""
    path: str = ""


def cached_sets(cache: Path) -> list[CachedSet]:
    """The sets in ``cache``, the newest last; empty if the folder does not exist."""
    keys: dict[str, int] = {}
    for file in sorted(cache.glob("*.*")) if cache.is_dir() else []:
        key = file.name.split(".", 1)[0]
        if len(key) == _KEY_LENGTH and not file.name.endswith(".lock"):
            keys[key] = keys.get(key, 0) + file.stat().st_size
    return sorted((_describe(cache, key, size) for key, size in keys.items()), key=lambda one: (one.prepared, one.key))


def _describe(cache: Path, key: str, size_bytes: int) -> CachedSet:
    sidecar = cache / f"{key}.json"
    read = read_prepared(sidecar)
    if read is None:
        state: State = "unfinished" if not sidecar.exists() else "damaged" if _is_ours(sidecar) else "outdated"
        return CachedSet(key=key, state=state, size_bytes=size_bytes, path=str(sidecar.with_suffix(".npy")))
    facts, pixels, _ = read
    now = decoders()
    return CachedSet(
        key=key,
        state="whole" if all(facts.get(what) == value for what, value in now.items()) else "outdated",
        size_bytes=size_bytes,
        images=len(pixels),
        skipped=len(facts["skipped"]),
        dataset=facts["dataset"],
        description=facts["description"],
        source=facts["source"],
        preprocessing=facts["preprocessing"],
        prepared=facts["prepared"],
        path=str(sidecar.with_suffix(".npy")),
    )


def _is_ours(sidecar: Path) -> bool:
    """Whether this version wrote a set that cannot be read. If so, it was damaged later."""
    try:
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
        return bool(facts["schema_version"] == SCHEMA_VERSION and facts["code_version"] == CODE_VERSION)
    except (OSError, ValueError, LookupError, TypeError):
        return True


def find_sets(cache: Path, keys: Sequence[str]) -> list[CachedSet]:
    """The sets that ``keys`` name, by any prefix that matches only one.

    Raises:
        UsageError: a key matches no set, or several.
    """
    known = cached_sets(cache)
    found = []
    for key in keys:
        fitting = [one for one in known if key and one.key.startswith(key)]
        if len(fitting) != 1:
            what = f"matches {len(fitting)} sets" if fitting else "matches no set"
            some = [one.key[:SHOWN_KEY] for one in fitting or known]
            more = f" and {len(some) - _NAMED} more (alexbench datasets list)" if len(some) > _NAMED else ""
            listed = ", ".join(some[:_NAMED]) + more or "none"
            there = "those are" if fitting else "there are"
            raise UsageError(f"prepared set {key!r} {what} in {cache}; {there}: {listed}")
        found.append(fitting[0])
    return found


def damaged_pictures(one: CachedSet, *, threads: int) -> list[int]:
    """Places of the images whose pixels differ from those that were prepared; 0.1 ms per image and thread."""
    read = read_prepared(Path(one.path).with_suffix(".json"))
    if read is None:
        raise DataError(f"{one.path}: an unfinished or damaged set; prepare it again or remove it")
    _, pixels, digests = read
    now = pixel_digests(pixels, threads=threads)
    places: list[int] = np.flatnonzero((now != digests[:, 1]).any(axis=1)).tolist()
    return places


def remove_sets(sets: Iterable[CachedSet]) -> int:
    """Remove sets. Returns the bytes freed. A set that is being built is refused.

    Raises:
        DataError: a set is being built, or cannot be removed.
    """
    freed = 0
    for one in sets:
        stem = Path(one.path).with_suffix("")
        lock = FileLock(f"{stem}.lock", timeout=0)
        try:
            with lock:
                # The JSON file goes first: without it the other files are ignored.
                for kind in ("json", "npy", "digests.npy", "json.part", "npy.part", "digests.npy.part"):
                    stem.with_name(f"{stem.name}.{kind}").unlink(missing_ok=True)
                freed += one.size_bytes
        except Timeout as error:
            raise DataError(f"prepared set {one.key[:SHOWN_KEY]} is being built; wait, or end that run") from error
        except OSError as error:
            raise DataError(f"{stem}.*: cannot be removed ({error.strerror or error})") from error
        Path(f"{stem}.lock").unlink(missing_ok=True)
    return freed
