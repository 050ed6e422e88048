"""Where an exported file goes: refused before anything is made, and then put there whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from alexbench.harness.capabilities import ExportFormat
from alexbench.harness.errors import UsageError
from alexbench.harness.files.out_file import unwritable
from alexbench.harness.files.plain_text import is_utf8
from alexbench.harness.models.checksums import sha256_of


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that was made: its place, size and SHA-256 (hex)."""

    path: str
    bytes: int
    sha256: str


def chosen_target(out: str | None, default_stem: str, form: ExportFormat, *, force: bool) -> Path:
    """The path to write to: ``out``, or the format's own name in the current folder.

    Raises:
        UsageError: it is there already and ``force`` may not replace it, its folder is not there, or its name does not
            end as the format's files do.
    """
    if out == "":
        raise UsageError("--out is empty; name a file")
    if out is not None and not is_utf8(Path(out).absolute()):
        raise UsageError(f"--out {out}: this path is not UTF-8, and not every runtime can open it; name another")
    target = Path(out) if out is not None else Path(f"{default_stem}{form.suffix or f'-{form.name}'}")
    if target.suffix.lower() != form.suffix and form.suffix:
        inside = f", as in {target / default_stem}{form.suffix}" if target.is_dir() else ""
        raise UsageError(f"--out {out}: wanted a file name that ends in {form.suffix}{inside}")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"--out {target}: no such folder: {target.parent}; make it first")
    why = unwritable(target.absolute().parent)
    if why is not None:
        raise UsageError(f"--out {target}: {why}; name a place that can be written")
    refuse_existing(target, form, force=force)
    return target


def refuse_existing(target: Path, form: ExportFormat, *, force: bool) -> None:
    """Refuse what may not be replaced: without ``force`` anything, with it whatever is not a file of this format."""
    for path in (target, *_beside(target, form)):
        if not path.exists() and not path.is_symlink():
            continue
        if not force:
            raise UsageError(f"{path} already exists; name another with --out, or replace it with --force")
        if path.is_dir() and not (form.marker is not None and (path / form.marker).is_file()):
            raise UsageError(f"{path} is a folder with something else in it, which --force does not replace")
        if form.marker is not None and not path.is_dir():
            raise UsageError(f"{path} is not a folder, but a {form.name} is one; name another with --out")


def refuse_too_little_space(target: Path, needed_bytes: int) -> None:
    """Refuse a disk without room for the file and its temporary files.

    Raises:
        UsageError: less than ``needed_bytes`` is free.
    """
    folder = target.absolute().parent
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UsageError(
            f"{folder}: {free // 2**20} MiB free, the export needs {-(-needed_bytes // 2**20)}; free some, or name "
            "another folder with --out"
        )


@contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """A hidden temporary folder on the disk of ``target``, removed at the end of the block in any case.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        made = TemporaryDirectory(
            prefix=f".{target.name}.", suffix=".partial", dir=target.absolute().parent, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise UsageError(f"--out {target}: {target.absolute().parent} cannot be written: {error.strerror}") from error
    with made as folder:
        yield Path(folder)


def publish(partial: Path, target: Path, form: ExportFormat, *, force: bool) -> None:
    """Move the files of ``partial`` with the target's name to their place; nothing remains there if that fails.

    The file that users name comes last, and an older one goes first: a file there never has another one's companions.
    """
    refuse_existing(target, form, force=force)
    made = partial / target.name
    if form.marker is not None:
        _swap_folder(made, target, aside=partial / "replaced")
        return
    placed: list[Path] = []
    try:
        if form.beside:
            target.unlink(missing_ok=True)
        for source, place in zip((*_beside(made, form), made), (*_beside(target, form), target), strict=True):
            source.replace(place)
            placed.append(place)
    except BaseException:
        for place in placed:
            place.unlink(missing_ok=True)
        raise


def _swap_folder(made: Path, target: Path, *, aside: Path) -> None:
    """A folder is not replaced by renaming; the older one is moved away first, and back if that is all that worked."""
    if not target.exists():
        made.rename(target)
        return
    target.rename(aside)
    try:
        made.rename(target)
    except BaseException:
        if not target.exists():
            aside.rename(target)
        raise


def _beside(target: Path, form: ExportFormat) -> tuple[Path, ...]:
    return tuple(target.with_suffix(suffix) for suffix in form.beside)


def exported_files(target: Path, form: ExportFormat, *, called: Path) -> tuple[ExportedFile, ...]:
    """Every file of the export at ``target``, under the names it has at ``called``."""
    if form.marker is not None:
        found = [(path, called / path.relative_to(target)) for path in sorted(target.rglob("*")) if path.is_file()]
    else:
        names = zip((target, *_beside(target, form)), (called, *_beside(called, form)), strict=True)
        found = list(names)
    return tuple(ExportedFile(str(name), path.stat().st_size, sha256_of(path)) for path, name in found)
