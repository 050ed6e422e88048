"""Builds a prepared set: it appears under its name only when complete, and a killed build is resumed."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from alexbench.datasets.dataset import Dataset, Sample
from alexbench.datasets.prepared.preparing import PreparingKilledError, Work, prepare_into
from alexbench.datasets.prepared.sets import (
    DIGEST_BYTES,
    PIXELS,
    SCHEMA_VERSION,
    SOURCE,
    OnBadImage,
    PreparedSet,
    Skipped,
    decoders,
    pixel_digests,
    read_prepared,
    refuse_skipped,
    seal,
)
from alexbench.harness.errors import AlexBenchError, DataError, UsageError
from alexbench.harness.models.preprocessing import Preprocessing

_SPARE_BYTES: Final = 16 * 2**20  # in addition to the pixels: headers, digests, and a small margin
_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_CAN_GO_ON: Final = (KeyboardInterrupt, PreparingKilledError)


def prepare(
    dataset: Dataset,
    preprocessing: Preprocessing,
    cache: Path,
    *,
    workers: int = 1,
    on_bad_image: OnBadImage = "fail",
    on_progress: Callable[[int, int], None] | None = None,
) -> PreparedSet:
    """The prepared set of ``dataset`` with ``preprocessing``, from ``cache`` or else built into it.

    Prepares in ``workers`` processes (small sets in this process). ``on_bad_image``: an image that cannot be prepared
    is an error, or stays black and is listed in ``skipped``. ``on_progress`` is called with (done, total) from the
    calling thread. Two runs that need the same set at once prepare it once. An interrupted build leaves no process
    behind, and the next build resumes it. A build that ends in an error leaves nothing.

    Raises:
        DataError: an image cannot be prepared (the first in order), there is no image, or ``cache`` is full or not
            writable.
        CardError: the crop does not fit the resized images.
        UsageError: fewer than 1 worker.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers cannot prepare anything; give 1 or more")
    job = _job(dataset, preprocessing, cache)
    found = _open(job, from_cache=True)
    if found is not None and found.unread:
        remake(found)  # the files may be readable now
        found = None
    if found is None:
        with _writable(cache):
            cache.mkdir(parents=True, exist_ok=True)
            lock = FileLock(job.file("lock"))
            lock.acquire()
        try:
            # The previous owner of the lock may have prepared this set.
            found = _open(job, from_cache=True)
            if found is None:
                _build(job, workers, on_bad_image, on_progress)
                found = _open(job, from_cache=False)
        finally:
            lock.release()
    if found is None:
        raise DataError(f"{cache}: a prepared set cannot be read back from this folder; use another cache folder")
    refuse_skipped(found, on_bad_image)
    return found


def remake(found: PreparedSet) -> None:
    """Make the next :func:`prepare` redo the images of this set that :meth:`PreparedSet.changed` lists."""
    found.path.with_suffix(".json").unlink(missing_ok=True)


def find_prepared(dataset: Dataset, preprocessing: Preprocessing, cache: Path) -> PreparedSet | None:
    """The prepared set, if it is complete in the cache folder.

    Raises:
        DataError: a file of the data set is missing.
    """
    return _open(_job(dataset, preprocessing, cache), from_cache=True)


@dataclass(frozen=True, slots=True)
class _Job:
    dataset: Dataset
    pictures: tuple[Sample, ...]
    manifest_digest: str
    preprocessing: Preprocessing
    cache: Path
    key: str

    def file(self, kind: str) -> Path:
        return self.cache / f"{self.key}.{kind}"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self.pictures), self.preprocessing.crop, self.preprocessing.crop, 3)


def _job(dataset: Dataset, preprocessing: Preprocessing, cache: Path) -> _Job:
    """The manifest: names, places, sizes and times. No image is read."""
    if not len(dataset):
        raise DataError(f"{dataset.root}: no image to prepare")
    manifest = hashlib.sha256()
    pictures: list[Sample] = []
    sizes: dict[str, int] = {}
    for sample in dataset.samples:
        if sample.file not in sizes:
            file = dataset.root / sample.file
            try:
                status = file.stat()
            except OSError as error:
                raise DataError(f"{file}: cannot be read ({error.strerror or error}); restore it") from error
            sizes[sample.file] = status.st_size
            manifest.update(json.dumps([sample.file, status.st_size, status.st_mtime_ns]).encode("ascii"))
        if dataset.container == "files":
            pictures.append(replace(sample, size=sizes[sample.file]))
        else:
            pictures.append(sample)
            manifest.update(json.dumps([sample.name, sample.at, sample.size]).encode("ascii"))
    # The root is part of the key: unpacked archives may agree in all names, sizes and times and still have other
    # images.
    recipe = {"geometry_key": preprocessing.geometry_key(), **decoders(preprocessing)}
    parts = [str(dataset.root), manifest.hexdigest(), recipe]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()[:32]
    return _Job(dataset, tuple(pictures), manifest.hexdigest(), preprocessing, cache, key)


def _build(job: _Job, workers: int, on_bad_image: OnBadImage, on_progress: Callable[[int, int], None] | None) -> None:
    """Write the set into the cache folder, under temporary names until it is complete. The caller holds the lock."""
    kinds = ("npy", "digests.npy", "json")
    target, noted, sidecar = parts = [job.file(f"{kind}.part") for kind in kinds]
    try:
        with _writable(job.cache):
            done = _begin(job, target, noted)
        digests = np.load(noted, mmap_mode="r+")
        work = Work(target, job.dataset.root, job.dataset.container, job.preprocessing, skip=on_bad_image == "skip")
        skipped = _fill(job, work, digests, done, workers, on_progress)
        _refuse_changed(job)
        digests.flush()
        del digests  # Windows cannot rename a mapped file
        with _writable(job.cache):
            facts = _facts(job, skipped)
            facts["seal"] = seal(facts, np.load(noted))
            sidecar.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            # The pixels are not synced: they are gigabytes, and digests reveal pixels that a power failure lost.
            for file in (noted, sidecar):
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
            for kind, file in zip(kinds, parts, strict=True):  # the JSON file comes last
                file.replace(job.file(kind))
    except _CAN_GO_ON:
        raise
    except BaseException:
        for file in parts:
            file.unlink(missing_ok=True)
        raise


def _refuse_changed(job: _Job) -> None:
    """Check that sizes and times are still those of the manifest."""
    if _job(job.dataset, job.preprocessing, job.cache).key != job.key:
        raise DataError(f"{job.dataset.source}: changed while the set was being prepared; run again")


def _begin(job: _Job, target: Path, noted: Path) -> NDArray[np.bool_]:
    """The two files of a build, in full size: new, or from a killed build; and which images (N,) are done."""
    finals = ((job.file("npy"), target), (job.file("digests.npy"), noted))
    if job.file("json").exists():  # it was complete and then changed: nothing in it can be trusted
        for damaged in (job.file("json"), *(final for final, _ in finals)):
            damaged.unlink(missing_ok=True)
    # Complete except for the last step, or with damaged pixels: its good images are kept.
    for final, part in finals:
        if final.exists() and not part.exists():
            final.replace(part)
    done = _resume(target, noted, job.shape)
    if done is None:
        _allocate(target, job.shape)
        _allocate(noted, (len(job.pictures), 2, DIGEST_BYTES))
        done = np.zeros(len(job.pictures), np.bool_)
    return done


def _fill(
    job: _Job,
    work: Work,
    digests: NDArray[np.uint8],
    done: NDArray[np.bool_],
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> list[Skipped]:
    """Prepare the images that are not ``done`` and record their digests one by one. Returns the bad images."""
    missing = [(place, job.pictures[place]) for place in np.flatnonzero(~done).tolist()]
    if work.container != "files":  # forward through each file
        missing.sort(key=lambda one: (one[1].file, one[1].at))
    skipped: list[Skipped] = []
    count = len(job.pictures) - len(missing)
    with contextlib.closing(prepare_into(work, missing, workers=workers)) as chunks:
        for chunk in chunks:
            for one in chunk:
                digests[one.place, SOURCE] = np.frombuffer(one.source, np.uint8)
                digests[one.place, PIXELS] = np.frombuffer(one.pixels, np.uint8)
                if one.bad is not None:
                    skipped.append(Skipped(one.place, job.pictures[one.place].name, one.bad))
            count += len(chunk)
            if on_progress is not None:
                on_progress(count, len(job.pictures))
    if len(skipped) == len(job.pictures):
        raise DataError(f"{job.dataset.root}: no image can be prepared; the first: {skipped[0].reason}")
    return skipped


def _resume(target: Path, noted: Path, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Which images (N,) a killed build finished: those whose pixels have the recorded digest. None if it left nothing.

    Black images do not count: they may have been skipped.
    """
    try:
        pixels, digests = np.load(target, mmap_mode="r"), np.load(noted, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    if (pixels.shape, pixels.dtype) != (shape, np.uint8) or digests.shape != (shape[0], 2, DIGEST_BYTES):
        return None
    done: NDArray[np.bool_] = digests[:, PIXELS].any(axis=1) & (digests[:, PIXELS] != _black(shape)).any(axis=1)
    places = np.flatnonzero(done)
    now = pixel_digests(pixels, places, threads=os.cpu_count() or 1)
    done[places] = (now == digests[places, PIXELS]).all(axis=1)
    return done


def _black(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The digest (32,) of a black image in a set of that shape."""
    return np.frombuffer(hashlib.sha256(bytes(math.prod(shape[1:]))).digest(), np.uint8)


def _facts(job: _Job, skipped: list[Skipped]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "manifest_digest": job.manifest_digest,
        "dataset": job.dataset.name,
        "description": job.dataset.describe(),
        "source": os.fspath(job.dataset.source),
        "count": len(job.pictures),
        "preprocessing": job.preprocessing.name,
        "prepared": datetime.now(UTC).isoformat(timespec="seconds"),
        "skipped": [[one.place, one.name, one.reason] for one in sorted(skipped, key=lambda one: one.place)],
        "geometry_key": job.preprocessing.geometry_key(),
        **decoders(job.preprocessing),
    }


def _open(job: _Job, *, from_cache: bool) -> PreparedSet | None:
    """The set, if it is complete in the cache folder."""
    read = read_prepared(job.file("json"))
    if read is None:
        return None
    facts, pixels, digests = read
    if pixels.shape != job.shape:
        return None
    return PreparedSet(
        pixels=pixels,
        labels=job.dataset.labels,
        picture_digests=digests,
        skipped=tuple(Skipped(*one) for one in facts["skipped"]),
        manifest_digest=facts["manifest_digest"],
        path=job.file("npy"),
        from_cache=from_cache,
    )


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """Create the .npy file with its space allocated: writing to a map on a full disk would kill the process (SIGBUS).

    Raises:
        DataError: there is not enough space.
    """
    needed = int(np.prod(shape)) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    room = f"the prepared set needs {needed / 2**30:.2f} GiB"
    fix = "free some, use another cache folder (ALEXBENCH_CACHE), or limit the number of images"
    if free < needed:
        raise DataError(f"{path.parent}: {room} and {free / 2**30:.2f} GiB are free; {fix}")
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                if error.errno in _FULL:
                    raise DataError(
                        f"{path.parent}: {room}, which cannot be allocated ({error.strerror}); {fix}"
                    ) from error
                # Any other error: the file system lacks this call, so the check above has to suffice.


@contextlib.contextmanager
def _writable(cache: Path) -> Iterator[None]:
    try:
        yield
    except AlexBenchError:
        raise
    except OSError as error:
        raise DataError(f"{cache}: cannot be written ({error.strerror or error}); use another cache folder") from error
