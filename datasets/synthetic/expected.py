"""The digests of the synthetic set and its weights, the same on every machine, and the reasons when they differ.

Taken with NumPy 2.4.6 and Pillow 13.0.0; `nox -s digests` takes the digests of the default card again with other
versions.
"""

import functools
import importlib.resources
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.records.reasons import Reason

PICTURES: Final = "9f973a49acb0ad4677e82354ba21bdd735f609eaa684c76a0759369e2b7ee8e3"
"""SHA-256 over the SHA-256 of each held-out image's JPEG file, in the order of the set."""

PIXELS: Final = {
    "torchvision": "d17e1e72409bfb038bf650cae4b3300598e80a068a1420add607a9e1329c691b",
    "bvlc": "d004576309bd29211c50964c6c11ce1c4ffdd360450a3555fbb148b29d97ccb3",
    "tfcnn": "e6af5328b9fa6bdb2cbd4323711bded7c4b9941c51ad6830704ea139378b08b8",
}
"""Card -> digest of the held-out images' prepared pixels: SHA-256 over that of each image."""

WEIGHTS: Final = {
    "torchvision": "0b1b54134ec7f6f2746ec06567385bc1cfbe20c03ec3405781608ecd8d29a233",
    "bvlc": "e458f6f76f2b7c25085255a180e3b1e5e3cede35aa966d2a2b4568ee42de80af",
    "tfcnn": "1dae0731ee87ba1267d2885fffae3e2c42a03fd8ec89cb5cbd84ecbc27d92e0e",
}
"""Card -> digest of the weights fitted for it."""


def differences(*, card: str, pictures: str | None, pixels: str | None, weights: str) -> list[Reason]:
    """A reason for each digest that is not the expected one. None is for a part of the set, which has no digest."""
    compared = (
        ("images", pictures, PICTURES),
        ("prepared pixels", pixels, PIXELS.get(card)),
        ("weights", weights, WEIGHTS.get(card)),
    )
    return [
        Reason("synthetic_differs", of=what, base=expected[:12], head=found[:12])
        for what, found, expected in compared
        if found is not None and expected is not None and found != expected
    ]


def part_differences(
    *, card: str, names: Sequence[str], pictures: NDArray[np.uint8], pixels: NDArray[np.uint8]
) -> list[Reason]:
    """A reason for each kind of digest that differs from the published one for some held-out images.

    ``names`` of N of them; ``pictures`` and ``pixels``: (N, 32) uint8, the SHA-256 of each one's file and pixels.
    """
    said = []
    for what, column, found in (("images", "pictures", pictures), ("prepared pixels", card, pixels)):
        published = by_name(column)
        others = [name for name, one in zip(names, found, strict=True) if not _is(published.get(name), one)]
        if others and published:
            named = f"{others[0]}, ..." if len(others) > 1 else others[0]
            said.append(Reason("synthetic_images_differ", of=what, count=len(others), total=len(names), text=named))
    return said


@functools.cache
def by_name(column: str) -> Mapping[str, str]:
    """Name of a held-out image -> the first 16 hex digits of a SHA-256: of its file (``pictures``), or of its pixels.

    ``column``: ``pictures``, or a card; empty for a card whose pixels are not published.
    """
    columns = ("pictures", *PIXELS)
    if column not in columns:
        return {}
    place = 1 + columns.index(column)
    packaged = importlib.resources.files("alexbench.datasets").joinpath("data/synthetic_digests.txt")
    lines = (line.split() for line in packaged.read_text(encoding="ascii").splitlines())
    return {words[0]: words[place] for words in lines}


def _is(published: str | None, digest: NDArray[np.uint8]) -> bool:
    return published is not None and digest.tobytes().hex().startswith(published)
