"""The images that int8 ranges are taken from: never among the scored images, unless the user says so."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.prepared import PreparedSet
from alexbench.datasets.prepared.sets import PIXELS
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import DataError, UsageError
from alexbench.harness.inputs import synthetic
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.images import Pictures, Selection, open_pictures, prepare_pictures, select

DEFAULT_IMAGES: Final = 100
FEWEST_IMAGES: Final = 10
"""Fewer say too little about the range of an activation."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """The calibration images. ``scored``: how many of them are among the scored images."""

    prepared: PreparedSet
    description: str
    synthetic: bool
    scored: int

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the images' pixels, in order."""
        return self.prepared.digest


def calibration_set(config: RunConfig, run_inputs: RunInputs, cache: Path, display: Display) -> CalibrationSet:
    """Draw and prepare the calibration images: those of ``--calibration``, or the synthetic training images.

    Raises:
        UsageError: real images are scored and no calibration images are named.
        DataError: there are too few, they are of one class, or they are among the scored ones.
    """
    pictures, said = _pictures(config, cache, display)
    _check_enough(pictures, said)
    prepared = prepare_pictures(pictures, run_inputs.card.preprocessing, cache, display, on_bad_image="fail")
    scored = int(overlap(prepared.picture_digests[:, PIXELS], run_inputs.prepared.picture_digests[:, PIXELS]).sum())
    if scored and not config.calibrate_on_scored:
        raise DataError(
            f"{said}: {scored} of {len(prepared)} calibration images are among the scored images; name training images,"
            " or pass --calibrate-on-scored to have the rows say so"
        )
    return CalibrationSet(prepared, pictures.dataset.describe(), config.calibration is None, scored)


def overlap(calibration: NDArray[np.uint8], scored: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the pixel digests ``calibration`` (N, 32) are among ``scored`` (M, 32)."""
    known = {digest.tobytes() for digest in scored}
    return np.array([digest.tobytes() in known for digest in calibration], dtype=np.bool_)


def _pictures(config: RunConfig, cache: Path, display: Display) -> tuple[Pictures, str]:
    """The images, and how to name them in a message."""
    limit = config.calibration_images or DEFAULT_IMAGES
    if config.calibration is not None:
        chosen = Selection(path=config.calibration, limit=limit, seed=config.seed)
        return open_pictures(chosen, display), f"--calibration {config.calibration}"
    if config.data is not None:
        raise UsageError(
            "--precision int8 needs calibration images: name a folder of training images with --calibration PATH"
        )
    chosen = Selection(path="", limit=limit, seed=config.seed)
    log = cache / "inputs.log"
    drawn = synthetic.undamaged_pictures(
        "train", cache, lambda whole: select(whole, chosen).dataset, log=log, display=display
    )
    return select(drawn, chosen), "the synthetic training images"


def _check_enough(pictures: Pictures, said: str) -> None:
    dataset = pictures.dataset
    classes = int(np.count_nonzero(dataset.class_counts))
    if len(dataset) < FEWEST_IMAGES:
        raise DataError(f"{said}: {len(dataset)} images are too few to calibrate; give {FEWEST_IMAGES} or more")
    if classes < 2:
        raise DataError(f"{said}: all {len(dataset)} images are of one class; give images of many classes")
