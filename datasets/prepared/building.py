"""Building a prepared set: whole under its name or not there, and gone on with where a build was killed."""

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

_SPARE_BYTES: Final = 16 * 2**20  # beyond the pixels: the headers, the digests, and a little air
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
    """The prepared set of ``dataset`` under ``preprocessing``, from ``cache`` or else prepared into it.

    Prepares in ``workers`` processes (small sets in this process). ``on_bad_image``: a picture that cannot be prepared
    is an error, or is left black and listed in ``skipped``. ``on_progress`` is called with (done, total) from the
    calling thread. Two runs that want the same set at once prepare it once. An interrupted build leaves no process
    behind, and the next one goes on from it; one that ends in an error leaves nothing.

    Raises:
        DataError: a picture that cannot be prepared (the first in order), no picture at all, or a full or unwritable
            ``cache``.
        CardError: the crop does not fit the resized pictures.
        UsageError: fewer than 1 worker.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers cannot prepare anything; give 1 or more")
    job = _job(dataset, preprocessing, cache)
    found = _open(job, from_cache=True)
    if found is not None and found.unread:
        remake(found)  # the files may be readable by now
        found = None
    if found is None:
        with _writable(cache):
            cache.mkdir(parents=True, exist_ok=True)
            lock = FileLock(job.file("lock"))
            lock.acquire()
        try:
            # Whoever had the lock before us may have prepared the very set.
            found = _open(job, from_cache=True)
            if found is None:
                _build(job, workers, on_bad_image, on_progress)
                found = _open(job, from_cache=False)
        finally:
            lock.release()
    if found is None:
        raise DataError(f"{cache}: a prepared set cannot be read back from there; use another cache folder")
    refuse_skipped(found, on_bad_image)
    return found


def remake(found: PreparedSet) -> None:
    """Let the next :func:`prepare` redo the pictures of this set that :meth:`PreparedSet.changed` names."""
    found.path.with_suffix(".json").unlink(missing_ok=True)


def find_prepared(dataset: Dataset, preprocessing: Preprocessing, cache: Path) -> PreparedSet | None:
    """The prepared set, if it lies whole in the cache folder.

    Raises:
        DataError: a file of the data set is gone.
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
    """The manifest: names, places, sizes and times, no picture is read."""
    if not len(dataset):
        raise DataError(f"{dataset.root}: no picture to prepare")
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
    # The root too: unpacked archives may agree in all names, sizes and times and still hold other pictures.
    recipe = {"geometry_key": preprocessing.geometry_key(), **decoders(preprocessing)}
    parts = [str(dataset.root), manifest.hexdigest(), recipe]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()[:32]
    return _Job(dataset, tuple(pictures), manifest.hexdigest(), preprocessing, cache, key)


def _build(job: _Job, workers: int, on_bad_image: OnBadImage, on_progress: Callable[[int, int], None] | None) -> None:
    """Write the set into the cache folder, under other names until it is whole. The lock is ours."""
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
        del digests  # Windows renames no mapped file
        with _writable(job.cache):
            facts = _facts(job, skipped)
            facts["seal"] = seal(facts, np.load(noted))
            sidecar.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            # Not the pixels: gigabytes, and pixels that a power failure lost are found by their digests.
            for file in (noted, sidecar):
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
            for kind, file in zip(kinds, parts, strict=True):  # the JSON file last
                file.replace(job.file(kind))
    except _CAN_GO_ON:
        raise
    except BaseException:
        for file in parts:
            file.unlink(missing_ok=True)
        raise


def _refuse_changed(job: _Job) -> None:
    """Sizes and times are still those of the manifest."""
    if _job(job.dataset, job.preprocessing, job.cache).key != job.key:
        raise DataError(f"{job.dataset.source}: changed while the set was being prepared; run again")


def _begin(job: _Job, target: Path, noted: Path) -> NDArray[np.bool_]:
    """The two files of a build, in full size: new, or those of one that was killed. Which pictures (N,) are done."""
    finals = ((job.file("npy"), target), (job.file("digests.npy"), noted))
    if job.file("json").exists():  # whole once, and not as it was written: nothing of it can be trusted
        for damaged in (job.file("json"), *(final for final, _ in finals)):
            damaged.unlink(missing_ok=True)
    # Whole but for the last step, or with pixels that were damaged since: what is good of it is kept.
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
    """Prepare what is not ``done`` and note its digests, picture by picture; the bad ones."""
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
        raise DataError(f"{job.dataset.root}: no picture can be prepared; the first: {skipped[0].reason}")
    return skipped


def _resume(target: Path, noted: Path, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Which pictures (N,) a killed build left done: those whose pixels have the digest noted. None if it left nothing.

    Black ones are not: they may have been skipped.
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
    """The digest (32,) of a black picture of a set of that shape."""
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
    """The set, if it lies whole in the cache folder."""
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
    """Create the .npy file, all of its space taken: a write to a map on a full disk would kill the process (SIGBUS).

    Raises:
        DataError: there is not enough room.
    """
    needed = int(np.prod(shape)) + _SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    room = f"the prepared set needs {needed / 2**30:.2f} GiB"
    mend = "free some, use another cache folder (ALEXBENCH_CACHE), or limit the number of pictures"
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
    except AlexBenchError:
        raise
    except OSError as error:
        raise DataError(f"{cache}: cannot be written ({error.strerror or error}); use another cache folder") from error
