"""Thumbnails of the images on which rows disagree, next to a run's raw files.

``thumbnails/0001.jpg`` and so on, made from the prepared pixels, which are what every row was given; and
``thumbnails.json``, a list with an entry for each: sample, file (in the run's folder), label (0..999), label_name,
reference (float64's five best classes by name, empty where it was not asked), and by row answers (its five best),
margin_sigma and explained (as in ``flips.parquet``; null where the row's first answer is float64's, or float64 was not
asked). The largest margin comes first.
"""

import io
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets.classes import class_name
from alexbench.harness.errors import RecordError
from alexbench.harness.files.decoding import decode
from alexbench.harness.files.input_files import IMAGE_BYTES_AT_MOST, RECORD_BYTES_AT_MOST, read_file
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.records import file_names
from alexbench.harness.run_tables import TOP, read_table
from alexbench.harness.running import folder as run_folder

MOST: Final = 200
SIDE: Final = 160
QUALITY: Final = 80
"""Pillow's; a thumbnail is 3 to 8 kB."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An image on which rows disagree with float64 or with each other; what the fields are stands above."""

    sample: str
    file: str
    label: int
    label_name: str
    reference: tuple[str, ...]
    answers: dict[str, tuple[str, ...]]
    margin_sigma: dict[str, float | None]
    explained: dict[str, bool | None]

    @property
    def widest(self) -> float:
        """The largest margin; below every other where there is none."""
        return max((one for one in self.margin_sigma.values() if one is not None), default=-1.0)


def write_thumbnails(folder: Path, run_inputs: RunInputs) -> None:
    """Make the thumbnails of a run from the answers in its folder; nothing where no row has answers.

    Raises:
        RecordError: its files are damaged.
        UsageError: the disk is full, or the folder cannot be written to.
    """
    predictions = read_table(folder / file_names.PREDICTIONS)
    if predictions is None:
        return
    reference, flips = read_table(folder / file_names.REFERENCE), read_table(folder / file_names.FLIPS)
    found = disputed(predictions, reference, flips, run_inputs.data.class_names)
    places = {run_inputs.names[place]: place for place in np.flatnonzero(run_inputs.good).tolist()}
    _write(folder, found, lambda one: jpeg(run_inputs.prepared.pixels[places[one.sample]]))


def join_thumbnails(parts: Sequence[Path], folder: Path) -> bool:
    """Make a joined run's thumbnails from those of its parts; False where a part has none, and then nothing is made.

    The 200 of all with the largest margins are among the 200 of each part.

    Raises:
        RecordError: a part's files are damaged.
    """
    if not all((part / file_names.THUMBNAILS).exists() for part in parts):
        return False
    of = {one.sample: (part, one) for part in parts for one in read_thumbnails(part)}

    def copied(one: Thumbnail) -> bytes:
        part, before = of[one.sample]
        try:
            file = part / file_names.THUMBNAIL_FOLDER / Path(before.file).name
            return read_file(file, str(file), RecordError, most=IMAGE_BYTES_AT_MOST)
        except OSError as error:
            raise RecordError(f"{part / before.file} cannot be read: {error.strerror}; restore it") from error

    _write(folder, [one for _, one in of.values()], copied)
    return True


def read_thumbnails(folder: Path) -> list[Thumbnail]:
    """What ``thumbnails.json`` of a run lists; nothing where there is none.

    Raises:
        RecordError: it is damaged.
    """
    path = folder / file_names.THUMBNAILS
    try:
        text = read_file(path, str(path), RecordError, most=RECORD_BYTES_AT_MOST)
        return decode(list[Thumbnail], json.loads(text))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # DecodeError is a ValueError
        raise RecordError(f"{path} is damaged: {error}") from error


def disputed(
    predictions: pd.DataFrame, reference: pd.DataFrame | None, flips: pd.DataFrame | None, own: Sequence[str] = ()
) -> list[Thumbnail]:
    """Every image on which rows have not all the same first answer as float64 and each other, without their files.

    ``predictions``, ``reference`` and ``flips``: the Parquet files of a run; ``own``: the names of its classes where
    they are not ImageNet's. In the order of the images.
    """
    tops = {str(name): rows[[*TOP]].to_numpy(np.int64) for name, rows in predictions.groupby("backend", sort=False)}
    first = predictions[predictions["backend"] == next(iter(tops))]
    truth: dict[str, NDArray[np.int64]] = {}
    if reference is not None:
        truth = dict(zip(reference["sample"], reference[[*TOP]].to_numpy(np.int64), strict=True))
    turned: dict[tuple[str, str], tuple[float, bool]] = {}
    if flips is not None:
        keys = zip(flips["backend"], flips["sample"], strict=True)
        values = zip(flips["margin_sigma"].astype(float), flips["explained"].astype(bool), strict=True)
        turned = dict(zip(keys, values, strict=True))
    found = []
    for place, (sample, label) in enumerate(zip(first["sample"], first["label"].tolist(), strict=True)):
        asked = truth.get(sample)
        firsts = {int(top[place, 0]) for top in tops.values()} | ({int(asked[0])} if asked is not None else set())
        if len(firsts) > 1:
            margins = {name: turned.get((name, sample), (None, None)) for name in tops}
            found.append(
                Thumbnail(
                    sample=sample,
                    file="",
                    label=label,
                    label_name=class_name(label, own),
                    reference=() if asked is None else _names(asked, own),
                    answers={name: _names(top[place], own) for name, top in tops.items()},
                    margin_sigma={name: margin for name, (margin, _) in margins.items()},
                    explained={name: explained for name, (_, explained) in margins.items()},
                )
            )
    return found


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """An image (H, W, 3) uint8 as a JPEG file, 160 pixels square; one Pillow always gives the same bytes."""
    small = Image.fromarray(np.asarray(pixels)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=QUALITY)
    return file.getvalue()


def _write(folder: Path, found: Sequence[Thumbnail], made: Callable[[Thumbnail], bytes]) -> None:
    """The folder of images first, whole or not at all, then the list of them."""
    chosen = sorted(found, key=lambda one: -one.widest)[:MOST]
    named = [
        replace(one, file=f"{file_names.THUMBNAIL_FOLDER}/{number:04}.jpg") for number, one in enumerate(chosen, 1)
    ]
    partial = folder / f".{file_names.THUMBNAIL_FOLDER}.partial"
    for old in (partial, folder / file_names.THUMBNAIL_FOLDER):  # an interrupted run's
        shutil.rmtree(old, ignore_errors=True)
    try:
        if chosen:
            partial.mkdir()
            for one, after in zip(chosen, named, strict=True):
                run_folder.write_bytes(partial / Path(after.file).name, made(one))
            partial.replace(folder / file_names.THUMBNAIL_FOLDER)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    entries: list[dict[str, Any]] = [asdict(one) for one in named]
    text = json_text(entries, indent=1) + "\n"
    run_folder.write_text(folder / file_names.THUMBNAILS, text)


def _names(classes: NDArray[np.int64], own: Sequence[str]) -> tuple[str, ...]:
    """Names of the five best classes, or of all if there are fewer."""
    return tuple(class_name(index, own) for index in classes.tolist()[: len(own) or None])
