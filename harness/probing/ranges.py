"""A quantized file's activations on images, without their rounding: shown by a worker, read by the doctor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import ActivationRange, OpenedRanges, OpensRanges
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.files.lines import Progress
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.worker.inspection import runs_artifacts
from alexbench.harness.worker.protocol.ranges import RangesTried, TryRanges

BATCH: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """What a quantized file's activations are on images without their rounding.

    ``ranges``: those of the file. ``lowest``, ``highest`` (readings, images, ranges); ``cut`` (ranges,): the share of
    values beyond the range, of the first reading; ``scores`` (readings, images, outputs).
    """

    ranges: tuple[ActivationRange, ...]
    one_scale: tuple[str, ...]
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]
    cut: NDArray[np.float64]
    scores: NDArray[np.float32]

    @property
    def own(self) -> dict[str, tuple[float, float]]:
        """The file's own ranges, by name."""
        return {one.name: (one.low, one.high) for one in self.ranges}

    @property
    def refitted(self) -> dict[str, tuple[float, float]]:
        """The ranges that the images of the first reading have, by name."""
        low, high = self.lowest[0].min(axis=0), self.highest[0].max(axis=0)
        lows = [0.0 if one.low == 0 and one.place == "inner" else low[at] for at, one in enumerate(self.ranges)]
        return {one.name: (float(lows[at]), float(high[at])) for at, one in enumerate(self.ranges)}


def activations(
    under_test: ModelUnderTest, pixels: Path, images: Sequence[int], readings: Sequence[Preprocessing], folder: Path
) -> Activations:
    """The activations of a quantized file on ``images`` of ``pixels``.

    Raises:
        UnsupportedOptionError: its backend does not show them, or not of such a file.
    """
    out = folder / "activations.npz"
    found = under_test.try_ranges(pixels, images, readings, out)
    with np.load(out) as arrays:
        return Activations(
            found.ranges, found.one_scale, arrays["lowest"], arrays["highest"], arrays["cut"], arrays["scores"]
        )


def scores_with(
    under_test: ModelUnderTest,
    ranges: Mapping[str, tuple[float, float]],
    pixels: Path,
    images: Sequence[int],
    folder: Path,
) -> NDArray[np.float32]:
    """Scores (N, outputs) of the file in fp32 with other activation ranges."""
    out = folder / "with-ranges.npz"
    under_test.try_ranges(pixels, images, [under_test.given.fed], out, dict(ranges))
    with np.load(out) as arrays:
        scores: NDArray[np.float32] = arrays["scores"][0]
    return scores


def try_ranges(asked: TryRanges, progress: Progress) -> RangesTried:
    """Carry out the request. Runs in a worker."""
    backend = backend_class(asked.backend)()
    runs_artifacts(backend, asked.artifact)
    if not isinstance(backend, OpensRanges):
        raise UnsupportedOptionError(f"{asked.backend}: activation ranges are not known")
    opened = backend.open_ranges(asked.artifact, asked.facts, asked.options, asked.ranges)
    pixels = np.load(asked.pixels, mmap_mode="r")
    shown = [_shown(opened, asked, pixels, reading, place, progress) for place, reading in enumerate(asked.readings)]
    names = ("scores",) if asked.ranges is not None else ("scores", "lowest", "highest")
    arrays = {name: np.stack([one[name] for one in shown]) for name in names}
    np.savez(asked.out, **arrays, cut=shown[0]["cut"])  # type: ignore[arg-type]  # its stub takes no names
    backend.close()
    return RangesTried(opened.ranges, opened.one_scale)


def _shown(
    opened: OpenedRanges,
    asked: TryRanges,
    pixels: NDArray[np.uint8],
    reading: Preprocessing,
    place: int,
    progress: Progress,
) -> dict[str, NDArray[np.floating]]:
    """Arrays of one reading, by their names in the file."""
    found: dict[str, list[NDArray[np.floating]]] = {"scores": [], "lowest": [], "highest": []}
    cut, count = np.zeros(len(opened.ranges)), len(asked.images)
    size = asked.facts.batch or BATCH
    for first in range(0, count, size):
        chosen = list(asked.images[first : first + size])
        padded = chosen + chosen[:1] * ((asked.facts.batch or 0) - len(chosen))
        given = network_input(pixels[padded], reading, asked.facts.layout).astype(asked.facts.dtype)
        scores, values = opened.run(given)
        found["scores"].append(scores[: len(chosen)])
        if values:
            flat = [values[one.name].reshape(len(padded), -1)[: len(chosen)] for one in opened.ranges]
            found["lowest"].append(np.stack([one.min(axis=1) for one in flat], axis=1))
            found["highest"].append(np.stack([one.max(axis=1) for one in flat], axis=1))
            cut += [beyond(one, given) * len(chosen) / count for one, given in zip(flat, opened.ranges, strict=True)]
        progress(place * count + min(first + size, count), count * len(asked.readings))
    return {name: np.concatenate(several) for name, several in found.items() if several} | {"cut": cut}


def beyond(values: NDArray[np.float32], given: ActivationRange) -> float:
    """The share of ``values`` that the range cuts off; what a ReLU would is none."""
    below = 0 if given.low == 0 and given.place == "inner" else np.count_nonzero(values < given.low)
    return float(np.count_nonzero(values > given.high) + below) / values.size
