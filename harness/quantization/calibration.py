"""The images that int8 ranges are taken from: never among the scored images, unless the user asks for it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.layouts.unlabelled import LIST, listed_files, listed_lines, open_unlabelled
from alexbench.datasets.prepared import PreparedSet
from alexbench.datasets.prepared.sets import PIXELS, Skipped
from alexbench.harness.capabilities import FEWEST_CALIBRATION_IMAGES
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import expanded
from alexbench.harness.inputs import synthetic
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.images import Pictures, Selection, open_pictures, prepare_pictures, select
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.records.run_records import KEPT_OUT, SkippedRecord

DEFAULT_IMAGES: Final = 100
DRAWN_IMAGES: Final = 500
"""How many real images, where no others are named: as many as MLPerf's calibration lists have."""
_LIST_BYTES: Final = 8 * 1024 * 1024
"""A longer file of names is not a list of calibration images."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationSet:
    """The calibration images: those of ``prepared`` at ``places`` (N,).

    ``scored``: how many of them are among the scored images.
    """

    prepared: PreparedSet
    places: NDArray[np.int64]
    description: str
    synthetic: bool
    scored: int

    def __len__(self) -> int:
        return len(self.places)

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the images' pixels, in order."""
        return hashlib.sha256(self.prepared.picture_digests[self.places, PIXELS].tobytes()).hexdigest()


def calibration_of(
    config: RunConfig, run_inputs: RunInputs, cache: Path, display: Display
) -> tuple[CalibrationSet, RunInputs]:
    """The calibration images, and the inputs of the run without those that it may no longer score.

    They are those of ``--calibration``, or the synthetic training images. Where real images are scored and no others
    are named, they are a draw of them, or those that a list names (MLPerf's), and are then scored for no row.

    Raises:
        DataError: there are too few, they are of one class, or they are among the scored ones.
    """
    if config.data is not None and config.calibration is None:
        return _drawn(config, run_inputs)
    listed = None
    if config.calibration is not None and not lists_others(Path(config.calibration), config.data):
        listed = listed_places(Path(config.calibration), run_inputs.names, run_inputs.good)
    if listed is not None:
        said = f"of {run_inputs.data.name} that {Path(config.calibration or '').name} lists"
        return _kept_out(config, run_inputs, listed, said, _named(config.calibration))
    found = named_images(
        config.calibration, config.calibration_images, config.seed, run_inputs.card.preprocessing, cache, display
    )
    scored = overlap(found.prepared.picture_digests[:, PIXELS], run_inputs.prepared.picture_digests[:, PIXELS])
    if scored.any() and not config.calibrate_on_scored:
        raise DataError(
            f"{_named(config.calibration)}: {scored.sum()} of {len(found)} calibration images are among the scored"
            " images; name training images, or pass --calibrate-on-scored, which the rows then report"
        )
    return replace(found, scored=int(scored.sum())), run_inputs


def named_images(
    path: str | None, count: int | None, seed: int, preprocessing: Preprocessing, cache: Path, display: Display
) -> CalibrationSet:
    """``count`` images (None: all that are usual) of ``path``; None: the synthetic training images.

    Raises:
        DataError: there are too few, or they are of one class.
    """
    pictures = _pictures(path, count, seed, cache, display)
    prepared = prepare_pictures(pictures, preprocessing, cache, display, on_bad_image="fail")
    _check_enough(prepared.labels if pictures.dataset.labels_from else None, len(prepared), _named(path))
    places = np.arange(len(prepared), dtype=np.int64)
    return CalibrationSet(prepared, places, pictures.dataset.describe(), synthetic=path is None, scored=0)


def overlap(calibration: NDArray[np.uint8], scored: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of the pixel digests ``calibration`` (N, 32) are among ``scored`` (M, 32)."""
    known = {digest.tobytes() for digest in scored}
    return np.array([digest.tobytes() in known for digest in calibration], dtype=np.bool_)


def balanced_draw(labels: NDArray[np.int64], good: NDArray[np.bool_], count: int, seed: int) -> NDArray[np.int64]:
    """Places of ``count`` good images, sorted, as many of each class as can be; the same for the same ``seed``.

    ``labels`` (N,) and ``good`` (N,) are of the same images.
    """
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(good))
    seen: dict[int, int] = {}
    turn = np.empty(len(shuffled), dtype=np.int64)  # 0 for the first image of its class, 1 for the second ...
    for index, label in enumerate(labels[shuffled].tolist()):
        turn[index] = seen.get(label, 0)
        seen[label] = turn[index] + 1
    return np.sort(shuffled[np.argsort(turn, kind="stable")[:count]])


def _drawn(config: RunConfig, run_inputs: RunInputs) -> tuple[CalibrationSet, RunInputs]:
    """A draw of the scored images."""
    count = config.calibration_images or DRAWN_IMAGES
    places = balanced_draw(run_inputs.prepared.labels, run_inputs.good, count, config.seed)
    said = f"drawn from {run_inputs.data.name} with seed {config.seed}"
    return _kept_out(config, run_inputs, places, said, f"--calibration-images {count}")


def lists_others(path: Path, data: str | None) -> bool:
    """Whether ``path`` is a list of files of which none is below ``data``, whatever they are called."""
    files = listed_files(path, listed_lines(path)) if path.is_file() else []
    scored = expanded(data or "").resolve()
    return bool(files) and all(one is not None and not one.resolve().is_relative_to(scored) for one in files)


def listed_places(path: Path, names: Sequence[str], good: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """The places among ``names`` that are ``good`` (N,) and that a text file lists by base name.

    None where ``path`` is not such a list: a folder, another file, or a list of other images only.

    Raises:
        DataError: it names some of them, and one that is not there or not good.
    """
    listed = _base_names(path) if path.is_file() else []
    places = {PurePath(name).name: place for place, name in enumerate(names) if good[place]}
    absent = [name for name in listed if name not in places]
    if len(absent) == len(listed):
        return None
    if absent:
        raise DataError(
            f"--calibration {path}: {len(absent)} of its {len(listed)} images are not among those of --data,"
            f" as {absent[0]}; --limit leaves images out"
        )
    return np.array(sorted({places[name] for name in listed}), dtype=np.int64)


def _base_names(path: Path) -> list[str]:
    """One a line, whatever else is in the line after a blank; none of a file that is not text."""
    with path.open("rb") as file:
        content = file.read(_LIST_BYTES)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return []
    return [PurePath(line.split()[0]).name for line in lines if line.strip()]


def _kept_out(
    config: RunConfig, run_inputs: RunInputs, places: NDArray[np.int64], description: str, asked: str
) -> tuple[CalibrationSet, RunInputs]:
    """Calibrate with the scored images at ``places``, and score the others. ``asked``: the flag that chose them."""
    prepared, count, total = run_inputs.prepared, len(places), int(run_inputs.good.sum())
    if 2 * count > total:
        raise DataError(
            f"{config.data}: to calibrate with {count} of its {total} images would leave too few to"
            " score; name training images with --calibration PATH, or fewer with --calibration-images N"
        )
    _check_enough(prepared.labels[places], count, asked)
    kept = [Skipped(int(place), run_inputs.names[place], KEPT_OUT) for place in places]
    skipped = tuple(sorted((*prepared.skipped, *kept), key=lambda one: one.place))
    data = replace(
        run_inputs.data,
        images=run_inputs.data.images - count,
        skipped=tuple(SkippedRecord(one.name, one.reason) for one in skipped),
        calibration=count,
    )
    remaining = replace(prepared, skipped=skipped)
    left = replace(run_inputs, prepared=remaining, good=remaining.good, data=data)
    return CalibrationSet(prepared, places, f"{count:,} images {description}", synthetic=False, scored=0), left


def _named(path: str | None) -> str:
    """How a message calls the images."""
    return "the synthetic training images" if path is None else f"--calibration {path}"


def calibration_pictures(path: str, count: int | None, seed: int, display: Display) -> Pictures:
    """The images of a folder or a file, whether or not they have labels, or those that a list names.

    ``count`` None: all of a list, DEFAULT_IMAGES of others.

    Raises:
        DataError: there are none, or one of a list is not there.
    """
    try:
        found = open_unlabelled(expanded(path))
        if found is None:
            return open_pictures(Selection(path=path, limit=count or DEFAULT_IMAGES, seed=seed), display)
    except DataError as error:
        raise DataError(f"--calibration {error}") from error
    limit = len(found) if count is None and found.layout == LIST else count or DEFAULT_IMAGES
    chosen = select(found, Selection(path=path, limit=limit, seed=seed))
    display.say(f"  {chosen.dataset.describe()}")
    return chosen


def _pictures(path: str | None, count: int | None, seed: int, cache: Path, display: Display) -> Pictures:
    if path is not None:
        return calibration_pictures(path, count, seed, display)
    chosen = Selection(path="", limit=count or DEFAULT_IMAGES, seed=seed)
    log = cache / "inputs.log"
    return select(
        synthetic.undamaged_pictures(
            "train", cache, lambda whole: select(whole, chosen).dataset, log=log, display=display
        ),
        chosen,
    )


def _check_enough(labels: NDArray[np.int64] | None, count: int, named: str) -> None:
    """Whether ``count`` images are enough, and of several classes; ``labels`` None: nobody knows their classes."""
    if count < FEWEST_CALIBRATION_IMAGES:
        raise DataError(f"{named}: {count} images are too few to calibrate; give {FEWEST_CALIBRATION_IMAGES} or more")
    if labels is not None and len(np.unique(labels)) < 2:
        raise DataError(f"{named}: all {count} images are of one class; give images of many classes")
