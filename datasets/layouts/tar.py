"""A plain tar of class folders or flat images. Its members are listed once."""

import itertools
import posixpath
import tarfile
from pathlib import Path
from typing import BinaryIO, Final, cast

from alexbench.datasets.dataset import Container, validation_number
from alexbench.datasets.layouts.assembling import Labelled, check_count
from alexbench.datasets.layouts.class_folders import take_class_folders
from alexbench.datasets.layouts.flat import take_flat
from alexbench.datasets.layouts.listing import (
    Below,
    Entry,
    is_class_name,
    is_litter,
    is_picture,
    listed,
    may_be_class,
    plural,
    some,
)
from alexbench.datasets.layouts.shards import WORDS, Wanted
from alexbench.datasets.layouts.surroundings import choose, within
from alexbench.harness.errors import DataError, UsageError
from alexbench.harness.files.plain_text import escaped

_LOOKED_AT: Final = 64
"""How many members of an archive decide what it is."""
_END: Final = bytes(tarfile.BLOCKSIZE)
_HEADER_AT_MOST: Final = 1 << 20
"""The most bytes of a member's headers: Linux allows paths of 4096 bytes."""
_TAIL_AT_MOST: Final = 1 << 20
"""Archives are padded with zeros to a whole record: usually 10 KiB, 1 MiB for tapes."""


class TarListing:
    """A tar, read as a folder. A folder that wraps all of it (``val/``) is skipped, and so are sets of other splits.

    Raises DataError if the archive is cut off, damaged, or of a kind that cannot be read in place, and OSError if the
    user may not read it.
    """

    container: Container = "tar"
    folder = None

    def __init__(self, path: Path, wanted: Wanted = "val") -> None:
        self.said = escaped(str(path))
        self._path = path
        everything = members_of(path)
        outside = [member.path for member in everything if ".." in member.path.split("/") and is_picture(member.path)]
        if outside:
            raise DataError(
                f"{self.said}: {some(outside)} of {plural(len(everything), 'file')} in it, by their paths, lie outside"
                " of it (..); pack it again from the folder that holds them"
            )
        members = _strip_wrappers([member for member in everything if not _is_hidden(member.path)])
        members, self.part, self.left_out = self._part_of(members, wanted)
        tars = [member.path for member in members if member.path.lower().endswith(".tar")]
        if tars and not any(is_picture(member.path) for member in members):
            raise DataError(
                f"{self.said}: a tar of tars ({some(tars)}), as the training set's is; unpack it into class folders"
                + (", or give ILSVRC2012_img_val.tar" if wanted == "val" else "")
            )
        self._top: list[Entry] = []
        self._below: dict[str, Below] = {}
        self._inside: dict[str, list[str]] = {}
        self._others: dict[str, Entry] = {}
        for member in members:
            folder, slash, rest = member.path.partition("/")
            if slash:
                self._inside.setdefault(folder, []).append(rest)
                below = self._below.setdefault(folder, Below())
                if is_picture(rest):
                    below.pictures.append(member)
                else:
                    below.others += 1
            elif is_picture(member.path):
                self._top.append(member)
            else:
                self._others[member.path] = member
        self.others = list(self._others)
        self.folders = sorted(self._below)
        self.pictures = sorted(entry.path for entry in self._top)

    def _part_of(self, members: list[Entry], wanted: Wanted) -> tuple[list[Entry], str, int]:
        """For an archive of several sets: the members of the one wanted, its folder, and how many are left out."""
        images = [member.path for member in members if is_picture(member.path)]
        if not images or any("/" not in path or may_be_class(path.split("/")[0]) for path in images):
            return members, "", 0
        places = within(images)
        if not any(place.sure for place in places):
            return members, "", 0
        give = "unpack it and give one of them"
        place = places[0] if len(places) == 1 else choose(self.said, places, give=give, wanted=wanted)
        folder = "" if place is None else place.path.as_posix()
        inside = [member for member in members if member.path.startswith(f"{folder}/")]
        if not folder or not inside:
            return members, "", 0
        stripped = [member._replace(path=member.path[len(folder) + 1 :]) for member in inside]
        return stripped, folder, len(members) - len(inside)

    def flat(self) -> list[Entry]:
        """The images at the top."""
        return self._top

    def below(self, folder: str) -> Below:
        """The content below one of the ``folders``."""
        return self._below[folder]

    def names_in(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders and files directly in one of the ``folders``."""
        inside = self._inside[folder]
        return sorted({path.split("/", 1)[0] for path in inside if "/" in path}), [p for p in inside if "/" not in p]

    def read(self, name: str, most: int) -> bytes:
        """The first ``most`` bytes of one of the ``others``."""
        member = self._others[name]
        with self._path.open("rb") as file:
            file.seek(member.at)
            return file.read(min(most, member.size))


def first_names(path: Path) -> list[str]:
    """The paths of the first files in an archive; empty if it is not an archive."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=cast("BinaryIO", _Headers(file)), mode="r:") as archive:
            first = itertools.islice(archive, _LOOKED_AT)
            return [posixpath.normpath(member.name).lstrip("/") for member in first if member.isfile()]
    except (tarfile.TarError, OSError, EOFError, ValueError):
        return []


class _Headers:
    """A file for tarfile that listing reads headers from, not members. A name of gigabytes is treated as damage."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """Read ``size`` bytes, at most as many as a header has."""
        if size > _HEADER_AT_MOST:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


def members_of(path: Path) -> list[Entry]:
    """Every file in the archive. Headers are read and images are not; the end of the archive is checked."""
    found: list[Entry] = []
    number, said = 0, escaped(str(path))
    with path.open("rb") as file:
        try:
            with tarfile.open(fileobj=cast("BinaryIO", _Headers(file)), mode="r:") as archive:
                for number, member in enumerate(archive, start=1):
                    if (member.isdir() or not is_picture(member.name)) and not member.isfile():
                        continue
                    name = posixpath.normpath(member.name).lstrip("/")
                    if not member.isfile() or member.issparse():
                        raise DataError(
                            f"{said}: member {number} ({escaped(name)}) is a link or a sparse file, not a plain file;"
                            " pack it again with tar --dereference --hard-dereference"
                        )
                    found.append(Entry(name, path.name, member.offset_data, member.size))
                    check_count(said, len(found))
                end = archive.offset
        except (tarfile.TarError, EOFError, ValueError, UnicodeError) as error:
            raise _broken(path, number, str(error)) from error
        file.seek(end)
        tail = file.read(_TAIL_AT_MOST + 1)
    # tarfile treats a missing or damaged header as the end. The real end is a block of zeros.
    if tail[: len(_END)] != _END:
        detail = "the end-of-archive block is missing" if len(tail) < len(_END) else "there is no header of a member"
        raise _broken(path, number, detail)
    # tarfile also treats the first block of zeros as the end, even if a hole or another archive is there.
    if len(tail) > _TAIL_AT_MOST or tail.count(0) != len(tail):
        behind = path.stat().st_size - end
        after = f"after member {number}" if number else "at its very start"
        raise DataError(
            f"{said}: the archive ends {after}, and {behind:,} bytes follow its end, as in an incomplete download or"
            " in two archives joined byte by byte; download it again, or join archives with tar --concatenate"
        )
    return found


def _broken(path: Path, number: int, detail: str) -> DataError:
    said = escaped(str(path))
    if path.stat().st_size == 0:
        return DataError(f"{said}: an empty file; restore the archive")
    after = f"at or after member {number}" if number else "at its very start"
    return DataError(f"{said}: not a whole tar, cut off or damaged {after} ({escaped(detail)}); restore the archive")


def _is_hidden(path: str) -> bool:
    return any(is_litter(part) for part in path.split("/"))


def _strip_wrappers(members: list[Entry]) -> list[Entry]:
    """The members without the folders that wrap all of them, except a class folder."""
    while members:
        first, slash, _ = members[0].path.partition("/")
        if not slash or may_be_class(first) or not all(member.path.startswith(first + "/") for member in members):
            break
        members = [member._replace(path=member.path[len(first) + 1 :]) for member in members]
    return members


def take_tar(path: Path, *, labels: Path | None, wanted: Wanted = "val") -> Labelled:
    """The images in the archive ``path``, flat or in class folders. ``labels``: the user's, for flat images.

    ``wanted``: the split, of an archive of several.

    Raises:
        DataError: there is no image, there are both kinds, or something that neither kind allows.
        UsageError: labels are given for class folders.
    """
    listing = TarListing(path, wanted)
    if _holds_flat(listing):
        found = take_flat(listing, labels=labels, folder=None)
    elif labels is not None:
        raise UsageError(
            f"--labels {labels}: wnid folders have their labels in the names of their folders; leave --labels away"
        )
    else:
        found = take_class_folders(listing, None)
    found.pictures = [(entry._replace(file=path.name), label) for entry, label in found.pictures]
    found.layout = ""
    found.left_out += listing.left_out
    if listing.part:
        found.notes.append(f"read from {escaped(listing.part)} in the archive, the one {WORDS[wanted]} set in it")
    return found


def _holds_flat(listing: TarListing) -> bool:
    """Whether its images are flat.

    Folders that are not class folders count as class folders here; a later check reports them.
    """
    flat = [name for name in listing.pictures if validation_number(name) is not None]
    folders = [name for name in listing.folders if is_class_name(name)]
    if flat and folders:
        raise DataError(
            f"{listing.said}: holds flat images ({listed(flat[:1])}) and class folders ({listed(folders[:1])});"
            " unpack it and name one with --layout, or make an archive of one kind"
        )
    if not listing.folders and not listing.pictures:
        raise DataError(f"{listing.said}: no image in it; give an archive of images, such as ILSVRC2012_img_val.tar")
    return bool(flat) or not listing.folders
