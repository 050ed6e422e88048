"""What is wrong with a statically quantized file: its activation ranges, its kernels on this CPU, its weights' scales.

The file is compared with itself without rounding of activations, so its weights need not be known. What its activations
are on the doctor's images, read in every known way, is compared with its ranges
(:mod:`alexbench.harness.judge.ranges`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Options
from alexbench.harness.diagnosis.levels import arithmetics
from alexbench.harness.judge.outputs import agreement_db, as_logits
from alexbench.harness.judge.ranges import (
    ALIKE,
    FAINT,
    Cause,
    FileRanges,
    Reached,
    cause_of,
    distance,
    images_cut,
    input_fits,
    input_scale,
    of_calibration,
    widths,
)
from alexbench.harness.measure.machine import machine
from alexbench.harness.models.preprocessing import Preprocessing, said_formula
from alexbench.harness.models.weights import map_weights, write_weights
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.probing.ranges import Activations, activations, scores_with
from alexbench.harness.records.quantization_records import LOSS_DB, KernelCheck, QuantizedFile, RangeFault, RangeSeen
from alexbench.harness.running.kernel_check import has_vnni
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, OpenPixels
from alexbench.harness.worker.protocol.scoring import WriteLogits

IMAGES: Final = 64
"""Images whose activations are compared with the ranges."""
FIRST_LOOK: Final = 8
"""Images for finding out how calibration images were read, in some forty ways."""
CALIBRATION: Final = 500
"""Images of the calibration that are looked at."""
WEIGHTS_IMAGES: Final = 32
_MOST: Final = 127
"""The largest of 8 bits with a sign, as all tools round weights to."""


def examine_quantized(
    under_test: ModelUnderTest, pixels: Path, count: int, folder: Path, calibration: tuple[Path, int] | None
) -> QuantizedFile:
    """Examine the file on the first of ``count`` prepared images of ``pixels``.

    ``calibration``: prepared images that it was calibrated with, and how many, where the user names them.

    Raises:
        UnsupportedOptionError: its ranges cannot be read, or not be replaced.
    """
    images = range(min(IMAGES, count))
    fed = under_test.given.fed
    seen = activations(under_test, pixels, images, [fed], folder)
    fast = under_test.outputs(under_test.given, pixels, images)
    under_test.learn_kind(fast)
    truth = as_logits(seen.scores[0], under_test.kind)
    given = agreement_db(scores_with(under_test, seen.own, pixels, images, folder), truth, under_test.kind)
    refitted = agreement_db(scores_with(under_test, seen.refitted, pixels, images, folder), truth, under_test.kind)
    kernels = KernelCheck(agreement_db(fast, truth, under_test.kind), given, has_vnni(machine()["flags"]))
    file = _file_ranges(seen)
    confirmed, fault = None, None
    if calibration is not None:
        confirmed, fault = _of_calibration(under_test, file, calibration, folder)
    if fault is None and refitted - given >= LOSS_DB:
        fault = _of_images(under_test, file, seen, pixels, folder, refitted - given)
    weights, per_channel = _weights(under_test, pixels, seen, folder) if seen.one_scale else (None, None)
    return QuantizedFile(
        images=len(images),
        given_db=given,
        refitted_db=refitted,
        ranges=_seen(seen, file),
        fault=None if fault is None else _as_fault(fault, seen, file),
        kernels=kernels,
        one_scale=bool(seen.one_scale),
        weights_db=weights,
        per_channel_db=per_channel,
        confirmed=confirmed,
    )


_Found = tuple[Cause, Preprocessing]
"""A cause, and the reading of the calibration images that it names."""


def _of_images(
    under_test: ModelUnderTest, file: FileRanges, seen: Activations, pixels: Path, folder: Path, loss_db: float
) -> _Found:
    """What explains the ranges, by images that are not those of the calibration."""
    readings = [under_test.given.fed, *arithmetics(under_test.given.fed)]
    looked = range(min(FIRST_LOOK, len(seen.lowest[0])))
    reached = _reached(activations(under_test, pixels, looked, readings, folder))
    whole = Reached(seen.lowest[0], seen.highest[0])
    found = cause_of(file, whole, reached, _formulas(readings), loss_db)
    assert found is not None
    faint = _of_contrast(under_test, file, whole, pixels, looked, folder) if found.cause == "unknown" else None
    return faint or (found, readings[found.reading])


def _of_contrast(
    under_test: ModelUnderTest, file: FileRanges, whole: Reached, pixels: Path, images: Sequence[int], folder: Path
) -> _Found | None:
    """Whether images of less contrast, or values scaled so, explain all of the ranges."""
    fed, (factor, shift) = under_test.given.fed, input_scale(file, whole)
    if not 0 < factor < FAINT:
        return None
    red, green, blue = fed.std
    std = red / factor, green / factor, blue / factor
    red, green, blue = (mean - shift * one for mean, one in zip(fed.mean, std, strict=True))
    reading = replace(fed, mean=(red, green, blue), std=std)
    (reached,) = _reached(activations(under_test, pixels, images, [reading], folder))
    explained = input_fits(file, reached) and distance(file, reached) <= ALIKE
    return (Cause("contrast"), reading) if explained else None


def _of_calibration(
    under_test: ModelUnderTest, file: FileRanges, calibration: tuple[Path, int], folder: Path
) -> tuple[bool, _Found | None]:
    """Whether the ranges are those of the named images; and what is wrong then."""
    pixels, count = calibration
    readings = [under_test.given.fed, *arithmetics(under_test.given.fed)]
    looked = activations(under_test, pixels, range(min(FIRST_LOOK, count)), readings, folder)
    near = [place for place in _nearest(file, _reached(looked)) if place][:3]
    chosen = [readings[0], *(readings[place] for place in near)]
    whole = activations(under_test, pixels, range(min(CALIBRATION, count)), chosen, folder)
    confirmed, found = of_calibration(file, _reached(whole), _formulas(chosen))
    return confirmed, None if found is None else (found, chosen[found.reading])


def _nearest(file: FileRanges, reached: Sequence[Reached]) -> list[int]:
    fitting = [place for place, one in enumerate(reached) if input_fits(file, one)]
    return sorted(fitting, key=lambda place: distance(file, reached[place]))


def _reached(seen: Activations) -> list[Reached]:
    return [Reached(low, high) for low, high in zip(seen.lowest, seen.highest, strict=True)]


def _file_ranges(seen: Activations) -> FileRanges:
    ends = np.array([(one.low, one.high) for one in seen.ranges], np.float64)
    return FileRanges(ends[:, 0], ends[:, 1], [one.place for one in seen.ranges])


def _formulas(readings: Sequence[Preprocessing]) -> list[int]:
    """A number for each normalisation, whatever the order of the channels."""
    known: dict[tuple[object, ...], int] = {}
    found = []
    for one in readings:
        step = 1 if one.channels == "RGB" else -1
        found.append(known.setdefault((one.divide_by, one.mean[::step], one.std[::step]), len(known)))
    return found


def _seen(seen: Activations, file: FileRanges) -> tuple[RangeSeen, ...]:
    """Each range once: the inner ones that only hand one on are left out."""
    cut = images_cut(file, Reached(seen.lowest[0], seen.highest[0]))
    low, high = seen.lowest[0].min(axis=0), seen.highest[0].max(axis=0)
    inner = set(file.inner.tolist())
    low = np.where(file.relu, np.maximum(low, 0), low)
    return tuple(
        RangeSeen(one.name, one.low, one.high, float(low[at]), float(high[at]), float(cut[at]), float(seen.cut[at]))
        for at, one in enumerate(seen.ranges)
        if one.place != "inner" or at in inner
    )


def _as_fault(found: _Found, seen: Activations, file: FileRanges) -> RangeFault:
    cause, reading = found
    reached = Reached(seen.lowest[0], seen.highest[0])
    width, cut, at = widths(file, reached), images_cut(file, reached), file.inner
    worst = int(at[np.argmax(np.abs(np.log(np.maximum(width[at], 1e-12))))])
    calibrated = reading.channels if cause.cause == "channels" else _scale(reading)
    if cause.cause == "contrast":
        calibrated = f"{input_scale(file, reached)[0]:.2g}"
    return RangeFault(
        cause.cause, seen.ranges[worst].name, float(cut[worst]), float(width[worst]), calibrated, cause.images
    )


def _scale(reading: Preprocessing) -> str:
    """A code for what is common, else the formula."""
    if any(reading.mean) or set(reading.std) != {1.0}:
        return said_formula(reading)
    return {1.0: "0..255", 255.0: "0..1"}.get(reading.divide_by, said_formula(reading))


def _weights(
    under_test: ModelUnderTest, pixels: Path, seen: Activations, folder: Path
) -> tuple[float | None, float | None]:
    """SQNR (dB) of the file's weights against those it was made from, and of the latter with a scale per channel."""
    if under_test.weights is None:
        return None, None
    images = range(min(WEIGHTS_IMAGES, len(seen.scores[0])))
    arrays = {name: per_channel(np.asarray(one)) for name, one in map_weights(under_test.weights).items()}
    rounded = write_weights(arrays, folder)[0]
    truth, other = (_native(under_test, one, pixels, images, folder) for one in (under_test.weights, rounded))
    values = truth.astype(np.float64)
    file = agreement_db(seen.scores[0][: len(images)], values, under_test.kind)
    return file, agreement_db(other, values, "logits")


def per_channel(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights (outputs, ...) rounded to 8 bits with a scale for each output; biases (outputs,) as they are."""
    if weight.ndim < 2:
        return weight
    rows = weight.reshape(len(weight), -1)
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.float32(1e-30)) / _MOST
    return np.asarray((np.round(rows / scale) * scale).reshape(weight.shape), np.float32)


def _native(
    under_test: ModelUnderTest, weights: Path, pixels: Path, images: Sequence[int], folder: Path
) -> NDArray[np.float32]:
    """Logits of the card's network in fp32 on the same runtime."""
    card, out = under_test.card, folder / "native.npy"
    with WorkerProcess(under_test.backend, log=folder / "native.log") as worker:
        options = Options(threads=under_test.system.threads)
        worker.ask(Load(under_test.backend, card.network, card.preprocessing.crop, weights, options))
        worker.ask(OpenPixels(pixels, card.preprocessing))
        worker.ask(WriteLogits(tuple(images), IMAGES, out))
    found: NDArray[np.float32] = np.load(out)
    return found
