"""Trying readings on images: each is prepared, shown and scored once, on the requested images only."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.containers.readers import reader_for
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.preprocess import load_pixels, resize_and_crop_picture
from alexbench.harness.judge.evidence import evidence_of, spread
from alexbench.harness.judge.outputs import as_logits
from alexbench.harness.judge.symptoms import Batch, symptom
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.preprocessing import Decoder, Preprocessing
from alexbench.harness.probing.model_under_test import BATCH, ModelUnderTest
from alexbench.harness.probing.reading import GAMMA, LABEL_READINGS, LabelReading, Reading, Tone, read_labels

LEAST_IMAGES: Final = 32
"""Below, a reading that halves accuracy may still win by chance; a right one wins over a killed one at 16."""
ORDER_SEED: Final = 20261121
"""The seed of the order in which images are tried: the first ones stand for all."""
_CHUNK: Final = 64
_KEPT: Final = 128
"""Images kept decoded (0.75 MB each at ImageNet's usual size): those that every reading is tried on."""


class _Shown:
    """What a reading (labels aside) gave for the images so far: evidence for each reading of the labels, and hits."""

    def __init__(self) -> None:
        self.images = 0
        self.evidence: dict[LabelReading, list[NDArray[np.float64]]] = {one: [] for one in LABEL_READINGS}
        self.hits: dict[LabelReading, list[NDArray[np.bool_]]] = {one: [] for one in LABEL_READINGS}


class Trials:
    """The images of ``dataset`` in a random order, and how well the model answers for them under a reading.

    ``scratch``: a folder for pixels. ``inferences``: how many images were shown in total. ``symptom``: what makes
    outputs worthless, on the images shown so far without changes.
    """

    def __init__(self, dataset: Dataset, under_test: ModelUnderTest, scratch: Path) -> None:
        order = np.random.default_rng(ORDER_SEED).permutation(len(dataset))
        self.samples = [dataset.samples[place] for place in order.tolist()]
        self.labels = dataset.labels[order]
        self.places = np.argsort(order)
        self.inferences = 0
        self.symptom: str | None = None
        self.given = under_test.given
        self._dataset, self._under_test, self._scratch = dataset, under_test, scratch
        self._shown: dict[Reading, _Shown] = {}
        self._reader = reader_for(dataset.container, dataset.root)
        self._decoded: dict[tuple[Decoder, bool], dict[int, NDArray[np.uint8]]] = {}
        self._files: dict[str, tuple[Path, np.memmap[tuple[int, ...], np.dtype[np.uint8]], int]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def evidence(self, reading: Reading, images: int) -> NDArray[np.float64]:
        """The first ``images`` images' evidence, (images,) nats: :func:`alexbench.harness.judge.evidence.evidence`."""
        shown = self._show(reading, images)
        return np.concatenate(shown.evidence[reading.labels])[:images]

    def hits(self, reading: Reading, images: int) -> NDArray[np.bool_]:
        """Whether top-1 is right for each of the first ``images`` images."""
        shown = self._show(reading, images)
        return np.concatenate(shown.hits[reading.labels])[:images]

    def pixels(self, fed: Preprocessing, images: int, tone: Tone = "as given") -> Path:
        """A .npy file whose first ``images`` images are prepared as ``fed`` says, grey levels as ``tone`` says."""
        if tone != "as given":
            return _toned(self.pixels(fed, images), images, tone)
        key = fed.geometry_key()
        if key not in self._files:
            path = self._scratch / f"{key}.npy"
            shape = (len(self), fed.crop, fed.crop, 3)
            made = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            self._files[key] = (path, made, 0)
        path, array, done = self._files[key]
        for first in range(done, images, _CHUNK):
            last = min(first + _CHUNK, images)
            self._prepare(fed, array, first, last)
            self._files[key] = (path, array, last)
        return path

    def _prepare(self, fed: Preprocessing, out: NDArray[np.uint8], first: int, last: int) -> None:
        wanted = self.samples[first:last]
        names = [self._dataset.where(sample) for sample in wanted]
        known = self._decoded.setdefault((fed.decode, fed.exif), {})
        # A reader is not for several threads.
        data = [None if first + n in known else self._reader.read(sample) for n, sample in enumerate(wanted)]

        def prepare(number: int) -> None:
            encoded = data[number]
            decoded = known[first + number] if encoded is None else load_pixels(encoded, fed, name=names[number])
            if first + number < _KEPT:
                known[first + number] = decoded
            out[first + number] = resize_and_crop_picture(decoded, fed, name=names[number])

        with ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(prepare, range(len(wanted))))

    def look_for_symptoms(self, outputs: NDArray[np.float32], pixels: Path, first: int) -> None:
        """Batch by batch, as a run does."""
        shown = np.load(pixels, mmap_mode="r")
        before: Batch | None = None
        for start in range(0, len(outputs), BATCH):
            logits = outputs[start : start + BATCH]
            batch = Batch(first + start, np.asarray(shown[first + start : first + start + len(logits)]), logits)
            self.symptom = self.symptom or symptom(batch, before)
            before = batch

    def _show(self, reading: Reading, images: int) -> _Shown:
        reading = replace(reading, labels="as given")
        shown = self._shown.setdefault(reading, _Shown())
        if images > shown.images:
            first = shown.images
            pixels = self.pixels(reading.fed, images, reading.tone)
            outputs = self._under_test.outputs(reading, pixels, range(first, images))
            if reading == self.given:
                self.look_for_symptoms(outputs, pixels, first)
            logits = as_logits(outputs, self._under_test.kind)
            self.inferences += images - first
            scores, best = spread(logits), logits.argmax(axis=1)
            for one in LABEL_READINGS:
                among = read_labels(self.labels, one) + self._under_test.card.label_offset
                labels = among[first:images]
                shown.evidence[one].append(evidence_of(scores, labels, among))
                shown.hits[one].append(best == labels)
            shown.images = images
        return shown


def _toned(path: Path, images: int, tone: Tone) -> Path:
    """The first ``images`` images of a file of prepared pixels with other grey levels, as a file in the same folder."""
    power = GAMMA if tone == "darker" else 1 / GAMMA
    table = (255 * (np.arange(256) / 255) ** power + 0.5).astype(np.uint8)
    changed = path.with_name(f"{path.stem}-{tone}.npy")
    np.save(changed, table[np.load(path, mmap_mode="r")[:images]])
    return changed
