"""What a prepared set is, once it lies in a cache folder: pixels, labels, digests, and what had to be skipped."""

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
"""Raise it whenever preparing gives other pixels for the same picture: older sets are then not used."""

SCHEMA_VERSION: Final = 3
DIGEST_BYTES: Final = 32
SOURCE, PIXELS = 0, 1
"""The places of a picture's two digests: of its file, and of its prepared pixels."""

_NAMED_AT_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that could not be prepared: its ``place`` in the set, its name, and what was wrong."""

    place: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSet:
    """Pixels and labels, ready for every backend.

    ``pixels``: (N, crop, crop, 3) uint8 RGB, read-only, mapped from the .npy file ``path``, from its picture ``first``
    on; a skipped picture is black. ``labels``: (N,) int64. ``picture_digests``: (N, 2, 32) uint8, SHA-256 of each
    picture's file and of its pixels. ``manifest_digest``: SHA-256 of names, sizes and times. ``from_cache``: nothing
    had to be prepared.
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
        """SHA-256 over the SHA-256 of each picture's pixels, in order."""
        return hashlib.sha256(self.picture_digests[:, PIXELS].tobytes()).hexdigest()

    @property
    def source_digest(self) -> str:
        """SHA-256 over the SHA-256 of each picture's file, in order."""
        return hashlib.sha256(self.picture_digests[:, SOURCE].tobytes()).hexdigest()

    @property
    def unread(self) -> bool:
        """Whether a picture was skipped because its file could not be read, which may have passed."""
        places = [one.place for one in self.skipped]
        return bool((~self.picture_digests[places, SOURCE].any(axis=1)).any())

    @property
    def good(self) -> NDArray[np.bool_]:
        """(N,): which pictures count."""
        kept = np.ones(len(self), dtype=np.bool_)
        kept[[one.place for one in self.skipped]] = False
        return kept

    def part(self, first: int, last: int) -> "PreparedSet":
        """The pictures ``first`` up to ``last`` (not in it) of this set, in the same file."""
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
        """Places of the pictures whose pixels are not those that were prepared; reads all of them (0.1 ms each)."""
        now = pixel_digests(self.pixels, threads=threads)
        return np.flatnonzero((now != self.picture_digests[:, PIXELS]).any(axis=1))

    def verify(self, *, threads: int = 1) -> None:
        """Read all pixels and hold them against their digests.

        Raises:
            DataError: the file was changed or damaged since.
        """
        changed = self.changed(threads=threads)
        if len(changed):
            named = ", ".join(str(place + self.first) for place in changed[:_NAMED_AT_MOST])
            more = ", ..." if len(changed) > _NAMED_AT_MOST else ""
            raise DataError(
                f"{self.path}: {len(changed)} of {len(self)} pictures (number {named}{more}) are not the pixels that"
                f" were prepared; remove the set (alexbench datasets remove {self.path.stem}) and run again"
            )


def refuse_skipped(found: PreparedSet, on_bad_image: OnBadImage) -> None:
    """A set that was prepared around bad pictures is none for who does not accept that.

    Raises:
        DataError: the first bad picture, and how many more there are.
    """
    if found.skipped and on_bad_image == "fail":
        first, *others = found.skipped
        more = f"; {len(others)} more are bad" if others else ""
        raise DataError(f"{first.reason}{OR_SKIP}{more}")


def seal(facts: dict[str, Any], digests: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) over all facts but itself, and the digests: what a changed byte in either would not have."""
    rest = {key: value for key, value in facts.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("ascii") + digests.tobytes()).hexdigest()


def read_prepared(sidecar: Path) -> tuple[dict[str, Any], NDArray[np.uint8], NDArray[np.uint8]] | None:
    """What lies beside ``<key>.json``: facts, pixels (mapped) and digests; None if not whole or not as written."""
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
        return None  # absent, or damaged: it will be written anew
    return facts, pixels, digests


OPENCV_CODE_VERSION: Final = 2
"""As CODE_VERSION, of preprocessing that OpenCV defines: 2 is bit-exact, and XMP turns no picture."""


def decoders(preprocessing: Preprocessing | None = None) -> dict[str, Any]:
    """What decides the pixels besides pictures and geometry. Two JPEG decoders may differ by a grey level.

    With what is of ``preprocessing`` alone: the version of our code for OpenCV's, or of OpenCV where it computes.
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
    """SHA-256 of the pixels of each picture, or of those at ``places``: (n, 32) uint8; 0.1 ms a picture and thread."""
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
