"""The prepared set: every picture decoded, resized and cropped once, as uint8 in one file that every worker maps.

A prepared set lies in a cache folder as ``<key>.npy`` with ``<key>.json`` beside it. The key covers where the pictures
are and their names, sizes and times, the geometry of the preprocessing, the decoder's version and that of this code, so
a hit reads no picture. The JSON file is written last: without it the pixels do not count.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import __version__ as pillow_version
from PIL import features

from alexbench.datasets._preparing import Picture, prepare_into
from alexbench.datasets.dataset import Dataset
from alexbench.harness.errors import DataError, UsageError
from alexbench.harness.models.preprocessing import Preprocessing

# Raise it whenever datasets/preprocess.py gives other pixels for the same picture: older sets are then not used.
CODE_VERSION = 1

_SCHEMA_VERSION = 1
_SPARE_BYTES = 16 * 2**20  # beyond the pixels: the header, the sidecar, and a little air
_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSet:
    """Pixels and labels, ready for every backend.

    ``pixels``: (N, crop, crop, 3) uint8 RGB, read-only, mapped from the .npy file ``path``. ``labels``: (N,) int64.
    ``digest``: SHA-256 of the pixels in C order. ``source_digest``: SHA-256 over the SHA-256 of each picture's file, in
    order. ``manifest_digest``: SHA-256 of names, sizes and times. ``from_cache``: nothing had to be prepared.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    digest: str
    source_digest: str
    manifest_digest: str
    path: Path
    from_cache: bool

    def verify(self) -> None:
        """Read all pixels and hold them against ``digest`` (0.1 ms a picture).

        Raises:
            DataError: the file was changed or damaged since.
        """
        if pixels_digest(self.pixels) != self.digest:
            raise DataError(f"{self.path}: not the pixels that were prepared; delete the file and run again")


def prepare(
    dataset: Dataset,
    preprocessing: Preprocessing,
    cache: Path,
    *,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PreparedSet:
    """The prepared set of ``dataset`` under ``preprocessing``, from ``cache`` or else prepared into it.

    Prepares in ``workers`` processes (default: the cores this process may use; small sets in this process).
    ``on_progress`` is called with (done, total) from the calling thread. Two runs that want the same set at once share
    one labour. An interruption or an error leaves no half-written file and no process behind.

    Raises:
        DataError: a picture that cannot be prepared (the first in order), no picture at all, or a full or unwritable
            ``cache``.
        CardError: the crop does not fit the resized pictures.
        UsageError: fewer than 1 worker.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot prepare anything; give 1 or more")
    job = _job(dataset, preprocessing, cache)
    found = _open(job, from_cache=True)
    if found is not None:
        return found
    with _writable(cache):
        cache.mkdir(parents=True, exist_ok=True)
        lock = FileLock(job.file("lock"))
        lock.acquire()
    try:
        # Whoever had the lock before us may have prepared the very set.
        found = _open(job, from_cache=True)
        if found is not None:
            return found
        _build(job, workers or _usable_cores(), on_progress)
        built = _open(job, from_cache=False)
    finally:
        lock.release()
    if built is None:
        raise DataError(f"{cache}: a prepared set cannot be read back from there; use another cache folder")
    return built


@dataclass(frozen=True, slots=True)
class _Job:
    """One set to prepare: what of, how, and where it shall lie."""

    dataset: Dataset
    pictures: tuple[Picture, ...]
    manifest_digest: str
    preprocessing: Preprocessing
    cache: Path
    key: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the pixels."""
        return (len(self.pictures), self.preprocessing.crop, self.preprocessing.crop, 3)

    def file(self, suffix: str) -> Path:
        """A file of this set's in the cache folder."""
        return self.cache / f"{self.key}.{suffix}"


def _job(dataset: Dataset, preprocessing: Preprocessing, cache: Path) -> _Job:
    """Look at the files (not into them) and name the set: a digest of names, sizes and times goes into its key."""
    if not dataset.samples:
        raise DataError(f"{dataset.root}: no picture to prepare")
    pictures, manifest = [], hashlib.sha256()
    for sample in dataset.samples:
        file = dataset.file(sample)
        try:
            status = file.stat()
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror or error}); restore it") from error
        pictures.append(Picture(sample.path, status.st_size))
        manifest.update(json.dumps([sample.path, status.st_size, status.st_mtime_ns]).encode("ascii"))
    # The root too: unpacked archives may agree in all names, sizes and times and still hold other pictures.
    parts = [str(dataset.root), manifest.hexdigest(), _recipe(preprocessing)]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()[:32]
    return _Job(dataset, tuple(pictures), manifest.hexdigest(), preprocessing, cache, key)


def _build(job: _Job, workers: int, on_progress: Callable[[int, int], None] | None) -> None:
    """Write the set into the cache folder, under a temporary name until it is whole. The lock is ours."""
    # One fixed name is enough under the lock; what a killed run left there is overwritten.
    target, sidecar = job.file("npy.tmp"), job.file("json.tmp")
    try:
        with _writable(job.cache):
            _allocate(target, job.shape)
        pixels = np.load(target, mmap_mode="r")
        whole, sources, done = hashlib.sha256(), hashlib.sha256(), 0
        labour = prepare_into(target, job.dataset.root, job.pictures, job.preprocessing, workers=workers)
        with contextlib.closing(labour) as chunks:
            for digests in chunks:
                whole.update(pixels[done : done + len(digests)])  # while the children are at the next ones
                sources.update(b"".join(bytes.fromhex(digest) for digest in digests))
                done += len(digests)
                if on_progress is not None:
                    on_progress(done, len(job.pictures))
        del pixels  # Windows renames no mapped file
        facts = {
            "schema_version": _SCHEMA_VERSION,
            "digest": whole.hexdigest(),
            "source_digest": sources.hexdigest(),
            "manifest_digest": job.manifest_digest,
            "dataset": job.dataset.name,
            "count": len(job.pictures),
            **_recipe(job.preprocessing),
        }
        with _writable(job.cache):
            sidecar.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            for file in (target, sidecar):
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
            target.replace(job.file("npy"))
            sidecar.replace(job.file("json"))
    finally:
        for file in (target, sidecar):
            file.unlink(missing_ok=True)


def _open(job: _Job, *, from_cache: bool) -> PreparedSet | None:
    """The set, if it lies whole in the cache folder."""
    try:
        facts = json.loads(job.file("json").read_text(encoding="utf-8"))
        pixels = np.load(job.file("npy"), mmap_mode="r")
        if facts["schema_version"] != _SCHEMA_VERSION or (pixels.shape, pixels.dtype) != (job.shape, np.uint8):
            return None
        return PreparedSet(
            pixels=pixels,
            labels=job.dataset.labels,
            digest=facts["digest"],
            source_digest=facts["source_digest"],
            manifest_digest=facts["manifest_digest"],
            path=job.file("npy"),
            from_cache=from_cache,
        )
    except (OSError, ValueError, LookupError, TypeError, EOFError):
        return None  # absent, or damaged: it will be written anew


def _recipe(preprocessing: Preprocessing) -> dict[str, Any]:
    """What decides the pixels besides the pictures. Two versions of a JPEG decoder may differ by a grey level."""
    return {
        "geometry_key": preprocessing.geometry_key(),
        "pillow": pillow_version,
        "jpeg_decoder": features.version("libjpeg_turbo") or features.version("jpg"),
        "code_version": CODE_VERSION,
    }


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """Create the .npy file, all of its space taken: a write to a map on a full disk would kill the process (SIGBUS).

    Raises:
        DataError: there is not enough room.
    """
    needed = int(np.prod(shape)) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    room = f"the prepared set needs {needed / 2**30:.2f} GiB"
    mend = "free some, use another cache folder, or limit the number of pictures"
    if free < needed:
        raise DataError(f"{path.parent}: {room} and {free / 2**30:.2f} GiB are free; {mend}")
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                if error.errno in _FULL:
                    raise DataError(f"{path.parent}: {room}, which cannot be had ({error.strerror}); {mend}") from error
                # Any other: a file system without this call, where the check above must do.


@contextlib.contextmanager
def _writable(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{cache}: cannot be written ({error.strerror or error}); use another cache folder") from error


def pixels_digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) of the pixels in C order, as :attr:`PreparedSet.digest`; 0.1 ms a picture."""
    digest = hashlib.sha256()
    for start in range(0, len(pixels), 256):  # a part at a time: the map need not fit into memory at once
        digest.update(np.ascontiguousarray(pixels[start : start + 256]).data)
    return digest.hexdigest()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
