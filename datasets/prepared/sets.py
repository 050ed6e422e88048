"""A prepared set in a cache folder: pixels, labels, digests, and skipped images."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import __version__ as pillow_version
from PIL import features

from alexbench.datasets.prepared.preparing import OR_SKIP
from alexbench.datasets.resize.opencv import opencv_version
from alexbench.harness.errors import DataError
from alexbench.harness.models.preprocessing import Preprocessing

OnBadImage = Literal["fail", "skip"]

CODE_VERSION: Final = 2
"""Increase it whenever preparing gives other pixels for the same image. Older sets are then not used."""

SCHEMA_VERSION: Final = 3
DIGEST_BYTES: Final = 32
SOURCE, PIXELS = 0, 1
"""The columns of an image's two digests: of its file, and of its prepared pixels."""

_NAMED_AT_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image that could not be prepared: its ``place`` in the set, its name, and the fault."""

    place: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSet:
    """Pixels and labels, ready for every backend.

    ``pixels``: (N, crop, crop, 3) uint8 RGB, read-only, mapped from the .npy file ``path``, starting at its image
    ``first``; a skipped image is black. ``labels``: (N,) int64. ``picture_digests``: (N, 2, 32) uint8, SHA-256 of each
    image's file and of its pixels. ``manifest_digest``: SHA-256 of names, sizes and times. ``from_cache``: no image had
    to be prepared.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    picture_digests: NDArray[np.uint8]
    skipped: tuple[Skipped, ...]
    manifest_digest: str
    path: Path
    from_cache: bool
    first: int = 0

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def digest(self) -> str:
        """SHA-256 over the SHA-256 of each image's pixels, in order."""
        return hashlib.sha256(self.picture_digests[:, PIXELS].tobytes()).hexdigest()

    @property
    def source_digest(self) -> str:
        """SHA-256 over the SHA-256 of each image's file, in order."""
        return hashlib.sha256(self.picture_digests[:, SOURCE].tobytes()).hexdigest()

    @property
    def unread(self) -> bool:
        """Whether an image was skipped because its file could not be read. That may be temporary."""
        places = [one.place for one in self.skipped]
        return bool((~self.picture_digests[places, SOURCE].any(axis=1)).any())

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which images count: (N,) bool."""
        kept = np.ones(len(self), dtype=np.bool_)
        kept[[one.place for one in self.skipped]] = False
        return kept

    def part(self, first: int, last: int) -> "PreparedSet":
        """The images ``first`` to ``last`` (exclusive) of this set, in the same file."""
        skipped = tuple(replace(one, place=one.place - first) for one in self.skipped if first <= one.place < last)
        return replace(
            self,
            pixels=self.pixels[first:last],
            labels=self.labels[first:last],
            picture_digests=self.picture_digests[first:last],
            skipped=skipped,
            first=self.first + first,
        )

    def changed(self, *, threads: int = 1) -> NDArray[np.intp]:
        """Places of the images whose pixels differ from those that were prepared. Reads all of them (0.1 ms each)."""
        now = pixel_digests(self.pixels, threads=threads)
        return np.flatnonzero((now != self.picture_digests[:, PIXELS]).any(axis=1))

    def verify(self, *, threads: int = 1) -> None:
        """Read all pixels and check them against their digests.

        Raises:
            DataError: the file has been changed or damaged.
        """
        changed = self.changed(threads=threads)
        if len(changed):
            named = ", ".join(str(place + self.first) for place in changed[:_NAMED_AT_MOST])
            more = ", ..." if len(changed) > _NAMED_AT_MOST else ""
            raise DataError(
                f"{self.path}: {len(changed)} of {len(self)} images (number {named}{more}) are not the pixels that"
                f" were prepared; remove the set (alexbench datasets remove {self.path.stem}) and run again"
            )


def refuse_skipped(found: PreparedSet, on_bad_image: OnBadImage) -> None:
    """Refuse a set with skipped images if the caller does not accept bad images.

    Raises:
        DataError: the message names the first bad image, and how many more there are.
    """
    if found.skipped and on_bad_image == "fail":
        first, *others = found.skipped
        more = f"; {len(others)} more are bad" if others else ""
        raise DataError(f"{first.reason}{OR_SKIP}{more}")


def seal(facts: dict[str, Any], digests: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) over all facts except itself, and over the digests. A changed byte in either changes it."""
    rest = {key: value for key, value in facts.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("ascii") + digests.tobytes()).hexdigest()


def read_prepared(sidecar: Path) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]] | None:
    """The facts, the pixels (mapped) and the digests of ``<key>.json``; None if incomplete or changed."""
    try:
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
        pixels = np.load(sidecar.with_suffix(".npy"), mmap_mode="r")
        digests = np.load(sidecar.with_suffix(".digests.npy"))
        if facts["schema_version"] != SCHEMA_VERSION or pixels.dtype != np.uint8 or pixels.ndim != 4:
            return None
        if digests.shape != (len(pixels), 2, DIGEST_BYTES) or facts["count"] != len(pixels):
            return None
        if facts["seal"] != seal(facts, digests):
            return None
    except (OSError, ValueError, LookupError, TypeError, EOFError):
        return None  # missing or damaged: it will be written again
    return facts, pixels, digests


OPENCV_CODE_VERSION: Final = 2
"""Like CODE_VERSION, for preprocessing that OpenCV defines. 2 is bit-exact and ignores the orientation in XMP."""


def decoders(preprocessing: Preprocessing | None = None) -> dict[str, Any]:
    """What decides the pixels, other than images and geometry. Two JPEG decoders may differ by a grey level.

    Some of it depends on ``preprocessing``: the version of our code for OpenCV's arithmetic, or of OpenCV if OpenCV
    computes.
    """
    own: dict[str, Any] = {}
    if preprocessing is not None and (preprocessing.exif or preprocessing.interpolation.startswith("opencv")):
        own["opencv_code_version"] = OPENCV_CODE_VERSION
    if preprocessing is not None and preprocessing.interpolation == "opencv-bicubic":
        own["opencv"] = opencv_version()
    return {
        **own,
        "pillow": pillow_version,
        "simplejpeg": metadata.version("simplejpeg"),
        "jpeg_decoder": features.version("libjpeg_turbo") or features.version("jpg"),
        "code_version": CODE_VERSION,
    }


def pixel_digests(
    pixels: NDArray[np.uint8], places: NDArray[np.intp] | None = None, *, threads: int = 1
) -> NDArray[np.uint8]:
    """SHA-256 of the pixels of each image, or of those at ``places``: (n, 32) uint8; 0.1 ms per image and thread."""
    chosen = range(len(pixels)) if places is None else places.tolist()
    out = np.empty((len(chosen), DIGEST_BYTES), np.uint8)

    def digest(start: int) -> None:
        for index in range(start, min(start + 256, len(chosen))):
            whole = np.ascontiguousarray(pixels[chosen[index]])
            out[index] = np.frombuffer(hashlib.sha256(whole.data).digest(), np.uint8)

    starts = range(0, len(chosen), 256)
    if threads == 1:
        for start in starts:
            digest(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(digest, starts))
    return out


def pixels_digest(pixels: NDArray[np.uint8], *, threads: int = 1) -> str:
    """The digest (hex) of pixels (N, H, W, 3), as :attr:`PreparedSet.digest`."""
    return hashlib.sha256(pixel_digests(pixels, threads=threads).tobytes()).hexdigest()
