"""The published files of cards, in the cache: fetched, verified, and only then given their names.

They lie in ``downloads/<card>/`` of the cache folder. A file bears its name once it was verified; ``<file>.partial`` is
what has come so far, ``<file>.wrong`` what turned out to be another file.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from alexbench.harness.console.progress import Display
from alexbench.harness.errors import UsageError, WeightsError, unknown_name
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST, check_named, read_note
from alexbench.harness.models.card import Card, WeightsSource
from alexbench.harness.models.checksums import (
    check_users_file,
    difference,
    is_verifiable,
    recognise,
    sha256_of,
    verification,
    verify_file,
)

if TYPE_CHECKING:
    from alexbench.harness.models.download import Patience

DOWNLOADS: Final = "downloads"
OFFLINE_VARIABLE: Final = "ALEXBENCH_OFFLINE"
MB: Final = 1_000_000


def place_of(card: Card, source: WeightsSource) -> Path:
    """Where a file of a card lies in the cache once it is verified."""
    return cache_folder() / DOWNLOADS / card.name / source.file


def is_offline() -> bool:
    """Whether ALEXBENCH_OFFLINE forbids connections."""
    return os.environ.get(OFFLINE_VARIABLE, "").lower() not in ("", "0", "false", "no")


def local_state(card: Card, source: WeightsSource) -> str:
    """What is there of a file, in a few words; "-" for nothing. Nothing is read but names, sizes and times."""
    place = place_of(card, source)
    if place.is_file():
        if not is_verifiable(source):
            return "fetched, no checksum is published"
        return (
            "fetched, verified"
            if read_note(_Seal, _note_path(place)) == _seal(place, source)
            else "present, not verified yet"
        )
    partial = _partial(place)
    if partial.is_file():
        done = partial.stat().st_size // MB
        return f"partial {done} MB" if source.size is None else f"partial {done} of {round(source.size / MB)} MB"
    return "-"


def local_states(card: Card) -> str:
    """What is there of all files of a card: the first is spoken of without its name."""
    states = [(source.file, local_state(card, source)) for source in card.weights]
    found = [said if place == 0 else f"{file} {said}" for place, (file, said) in enumerate(states) if said != "-"]
    return "; ".join(found) or "-"


def fetched_weights(card: Card) -> Path | None:
    """The first of the card's files that is in the cache, verified now; None if there is none.

    Raises:
        WeightsError: the file there is not the published one any more; both digests are shown.
    """
    for source in card.weights:
        place = place_of(card, source)
        if place.is_file():
            try:
                verify_file(place, source)
            except WeightsError as error:
                raise WeightsError(f"{error}; fetch it again: alexbench models fetch {card.name}") from error
            _mark(place, source)
            return place
    return None


def fetch(
    card: Card,
    display: Display,
    *,
    file: str | None = None,
    offline: bool = False,
    patience: "Patience | None" = None,
) -> Path:
    """The card's file ``file`` (default: its first), from the cache or its mirrors in order, verified.

    ``offline``: no connection is made, nor where ALEXBENCH_OFFLINE is set.

    Raises:
        WeightsError: no mirror gave the published file; the message says what each did.
        UsageError: the card has no such file, or the cache cannot be written.
    """
    source = _chosen(card, file)
    place = place_of(card, source)
    if _is_there(place, source, display):  # without a lock, which a read-only cache has no place for
        return place
    with _at(place, display):
        if _is_there(place, source, display):
            return place
        if place.is_file():
            differs = difference(place, source)
            aside = _put_aside(place)
            display.say(f"{place} is not what is published ({differs}); it is now {aside.name}")
        if offline or is_offline():
            if _is_whole(place, source):
                return _adopt(place, source, display)
            raise WeightsError(_offline(card, source, place))
        return _from_mirrors(card, source, place, display, patience)


def _is_there(place: Path, source: WeightsSource, display: Display) -> bool:
    """Whether the published file is there already; if so, prints that."""
    if not place.is_file() or difference(place, source):
        return False
    _mark(place, source)
    display.say(f"{source.file} already exists: {_known_by(place, source)}")
    return True


def take(card: Card, path: Path, display: Display) -> Path:
    """Copy a file that the user downloaded by hand into the cache, verified as a fetched one is.

    Raises:
        WeightsError: it is none of the card's files; both digests are shown.
        UsageError: it is not there, or the cache cannot be written.
    """
    if not path.is_file():
        raise UsageError(f"--weights {path} is not there, or not a file")
    check_named(path, "--weights", most=WEIGHTS_BYTES_AT_MOST)
    source = recognise(path, card)
    if source is None:
        check_users_file(path, card)  # says more where the name is right
        wanted = [one for one in card.weights if is_verifiable(one)]
        if not wanted:
            raise WeightsError(f"{path}: card {card.name} publishes no checksum to check it; use it with run --weights")
        against = "; ".join(f"{one.file}: {difference(path, one)}" for one in wanted)
        raise WeightsError(f"{path} is not a file of card {card.name}: {against}")
    place = place_of(card, source)
    with _at(place, display):
        if not (place.exists() and place.samefile(path)):
            shutil.copyfile(path, _partial(place))
        else:
            place.replace(_partial(place))
        if not _is_whole(place, source):
            raise WeightsError(f"{path} changed while it was copied; try again")
        return _adopt(place, source, display)


def _chosen(card: Card, file: str | None) -> WeightsSource:
    if not card.weights:
        raise UsageError(f"card {card.name}: no weights are published; give run --weights a file of your own")
    if file is None:
        return card.weights[0]
    for source in card.weights:
        if source.file == file:
            return source
    raise unknown_name("file", file, [source.file for source in card.weights])


@contextmanager
def _at(place: Path, display: Display) -> Iterator[None]:
    """Alone with a file's place; what the disk refuses becomes one line."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{place}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            display.say(f"waiting for another alexbench that fetches {place.name}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        raise UsageError(
            f"{error.filename or place.parent}: {error.strerror or error}; what was fetched is kept: free space, or "
            "name another cache folder with ALEXBENCH_CACHE"
        ) from error


def _from_mirrors(
    card: Card, source: WeightsSource, place: Path, display: Display, patience: "Patience | None"
) -> Path:
    from alexbench.harness.models.download import TransferError

    problems: list[str] = []

    def failed(url: str, why: str) -> None:
        problems.append(f"{urlsplit(url).hostname or url}: {why}")
        display.say(f"tried {url}: {why}")

    for url in source.urls:
        try:
            glued = _transfer(url, source, place, display, patience)
            if glued and difference(_partial(place), source):
                display.say(f"{place.name}: the parts from several answers do not fit; starting from the beginning")
                _discard(place)
                _transfer(url, source, place, display, patience)
        except TransferError as error:
            failed(url, str(error))
            continue
        differs = difference(_partial(place), source)
        if not differs:
            return _adopt(place, source, display)
        aside = _put_aside(_partial(place), place)
        failed(url, f"it serves another file ({differs}), kept as {aside} and not used")
    if not problems:
        problems = ["the card names no URL"]
    kept = "; what arrived is kept for the next try" if _partial(place).exists() else ""
    raise WeightsError(
        f"{source.file} of card {card.name} was not fetched: {'; '.join(problems)}{kept}; a file downloaded by hand is "
        f"taken by alexbench models fetch {card.name} --weights FILE"
    )


def _transfer(url: str, source: WeightsSource, place: Path, display: Display, patience: "Patience | None") -> bool:
    from alexbench.harness.models.download import Patience, Transfer, download

    with display.step(f"fetching {source.file} from {urlsplit(url).hostname}, MB") as advance:
        shown = -1

        def on_bytes(done: int, total: int | None) -> None:
            nonlocal shown
            if done // MB != shown or done == total:
                shown = done // MB
                advance(shown, max(shown, round((total or 0) / MB)))

        glue = source.sha256 is not None or source.sha384 is not None
        transfer = Transfer(url, _partial(place), source.size, glue=glue, on_bytes=on_bytes, on_retry=display.say)
        return download(transfer, patience or Patience())


def _is_whole(place: Path, source: WeightsSource) -> bool:
    """Whether the partial file is all of the published one: a fetch was killed between the last byte and the name."""
    partial = _partial(place)
    return partial.is_file() and is_verifiable(source) and not difference(partial, source)


def _adopt(place: Path, source: WeightsSource, display: Display) -> Path:
    """Give a verified partial file its name."""
    _partial(place).replace(place)
    _discard(place)
    _mark(place, source)
    display.say(f"{source.file} is {_known_by(place, source)}")
    return place


def _known_by(place: Path, source: WeightsSource) -> str:
    if is_verifiable(source):
        return f"verified: {verification(source)}"
    return f"not verified, as no checksum is published; its SHA-256 is {sha256_of(place)}"


def _put_aside(path: Path, place: Path | None = None) -> Path:
    place = place or path
    aside = place.with_name(f"{place.name}.wrong")
    path.replace(aside)
    _discard(place)
    return aside


def _discard(place: Path) -> None:
    partial = _partial(place)
    for path in (partial, partial.with_name(f"{partial.name}.json")):
        path.unlink(missing_ok=True)


def _partial(place: Path) -> Path:
    return place.with_name(f"{place.name}.partial")


def _offline(card: Card, source: WeightsSource, place: Path) -> str:
    by = f" ({verification(source)} will be compared with the published one)" if is_verifiable(source) else ""
    return (
        f"offline, and {source.file} of card {card.name} is not in the cache: put it at {place}{by}, or fetch it where "
        f"there is a connection, from {' or '.join(source.urls) or 'its author'}"
    )


@dataclass(frozen=True, slots=True)
class _Seal:
    """What a file was when it was verified, and against what."""

    size: int
    mtime_ns: int
    against: tuple[int | str | None, ...]


def _seal(place: Path, source: WeightsSource) -> _Seal:
    stat = place.stat()
    return _Seal(stat.st_size, stat.st_mtime_ns, (source.size, source.sha256, source.sha384, source.sha256_prefix))


def _mark(place: Path, source: WeightsSource) -> None:
    """So that a listing need not read 244 MB to say that a file is verified; whatever uses it verifies it again."""
    with suppress(OSError):
        _note_path(place).write_text(json.dumps(asdict(_seal(place, source))), encoding="utf-8")


def _note_path(place: Path) -> Path:
    return place.with_name(f"{place.name}.verified")
