"""The embedded default: synthetic images, and weights fitted to them, made once and kept in the cache.

Images come from ``alexbench.datasets.synthetic``, random layers and the closed-form last layer from
``alexbench.harness.models.seeded``; the features between them from the float64 reference. All of it is the same bits
on every machine: the digests expected are in ``alexbench.datasets.synthetic.expected``.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.datasets.classes import CLASS_COUNT, class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.synthetic import SET_VERSION, expected
from alexbench.datasets.synthetic.draw import Split
from alexbench.datasets.synthetic.write import write_classes
from alexbench.harness.console.progress import Advance, Display
from alexbench.harness.contract import Model, Options
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import read_note
from alexbench.harness.files.lines import Progress
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.inputs.images import prepare_with_progress
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import Card
from alexbench.harness.models.checksums import sha256_of
from alexbench.harness.models.network import get_network
from alexbench.harness.models.packaged_classifier import PackagedError, packaged_file, unpack
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.seeded import fit_classifier, seeded_weights
from alexbench.harness.models.synthetic_label import WEIGHTS_SEED
from alexbench.harness.models.weights import weights_digest, weights_path, write_weights
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import AssembleWeights, DrawPictures, FitWeights, SyntheticWeights

NAME: Final = f"synthetic-v{SET_VERSION}"
PER_CLASS: Final[dict[Split, int]] = {"val": 1, "train": 1}
WEIGHTS_FOLDER: Final = "weights"
FEATURES: Final = "relu7"
FIT_BATCH: Final = 16
SPACE_NEEDED_MIB: Final = 1500
"""Images 170 MB, prepared pixels 300 MB, weights 244 MB, and the same again for temporary files."""


def synthetic_pictures(split: Split, cache: Path, *, log: Path, display: Display) -> Dataset:
    """The images of a split, drawn into ``cache`` on first use, whole or not at all."""
    folder = cache / NAME / split
    if not _is_whole(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_whole(folder):
                if folder.exists():
                    display.say(f"{folder} is not as it was drawn; drawing it again")
                    _remove(folder)
                _draw(split, folder, log, display)
    return open_dataset(folder, layout="wnid-folders")


def undamaged_pictures(
    split: Split, cache: Path, chosen: Callable[[Dataset], Dataset], *, log: Path, display: Display
) -> Dataset:
    """The images of a split, of which those that are ``chosen`` have the digests that they were drawn with.

    Damage that leaves a file's size as it is shows in its digest alone; the split is then drawn again. The published
    digests stand for those of a set that an earlier version drew.
    """
    pictures = synthetic_pictures(split, cache, log=log, display=display)
    damaged = _damaged(chosen(pictures), cache / NAME / split)
    if damaged:
        display.say(f"{pictures.root}: {len(damaged)} images are not as they were drawn ({damaged[0]}); drawing again")
        with FileLock(f"{cache / NAME / split}.lock"):
            _remove(cache / NAME / split)
        pictures = synthetic_pictures(split, cache, log=log, display=display)
    return pictures


def _remove(folder: Path) -> None:
    """A split's folder, or the link to one in a cache that is read-only."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)


def _damaged(chosen: Dataset, folder: Path) -> list[str]:
    """The names of those whose files have not the digests that they were drawn with."""
    noted = read_note(dict[str, str], _digests(folder))
    published = expected.by_name("pictures") if folder.name == "val" else {}
    drawn = published if noted is None else noted
    return [
        sample.name
        for sample in chosen.samples
        if not sha256_of(chosen.root / sample.file).startswith(drawn.get(sample.name, ""))
    ]


def synthetic_weights(card: Card, cache: Path, *, log: Path, display: Display) -> SyntheticWeights:
    """Weights fitted to the training images as ``card`` prepares them: from the cache, or made now in a worker.

    The last layer comes with the package where the card's recipe is the default's; other recipes are fitted here.
    """
    note = cache / NAME / f"weights-{card.network}-{fit_key(card)}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{note}.lock"):
        found = _known(note, cache / WEIGHTS_FOLDER)
        if found is not None:
            return found
        _check_space(note.parent)
        made = _assembled_weights(card, cache, log, display)
        if made is None:
            made = fitted_weights(card, cache, log=log, display=display)
        write_whole(note, json.dumps({"digest": made.digest}).encode("utf-8"))
        return made


def _assembled_weights(card: Card, cache: Path, log: Path, display: Display) -> SyntheticWeights | None:
    """Weights with the last layer that the package has for this recipe; None where it has none, or a wrong one."""
    key = fit_key(card)
    if not packaged_file(card.network, key).is_file():
        return None
    title = f"making synthetic weights for {card.name}"
    with WorkerProcess("assemble", log=log) as worker, display.step(title):
        made = worker.ask(AssembleWeights(card.network, card.preprocessing.crop, key, cache / WEIGHTS_FOLDER))
    if made.weights is None:
        display.say(f"{made.refused}; fitting the weights instead, which takes minutes (reinstall AlexBench)")
    return made.weights


def assemble(asked: AssembleWeights) -> SyntheticWeights:
    """Seeded random layers and the packaged last layer, written into a folder. Runs in a worker.

    Raises:
        PackagedError: the package's layer is damaged, or does not give the published weights; nothing is written then.
    """
    weight, bias = unpack(packaged_file(asked.network, asked.key).read_bytes())
    shapes = get_network(asked.network, input_size=asked.input_size).parameter_shapes
    arrays = {**seeded_weights(shapes, WEIGHTS_SEED), "fc8.weight": weight, "fc8.bias": bias}
    digest = weights_digest(arrays)
    if digest not in expected.WEIGHTS.values():
        raise PackagedError(f"the packaged classifier does not give the published weights ({digest[:12]})")
    return SyntheticWeights(*write_weights(arrays, asked.folder))


def fitted_weights(card: Card, cache: Path, *, log: Path, display: Display) -> SyntheticWeights:
    """The weights fitted from nothing: training images drawn and prepared, their features, the last layer."""
    pictures = undamaged_pictures("train", cache, lambda whole: whole, log=log, display=display)
    prepared = prepare_with_progress(pictures, card.preprocessing, cache, display, "synthetic training images")
    labels = cache / NAME / f"weights-{card.network}-{fit_key(card)}.labels.npy"
    np.save(labels, prepared.labels)
    title = f"fitting synthetic weights for {card.name} (float64 features of {len(pictures)} images)"
    try:
        with WorkerProcess("fit", log=log) as worker, display.step(title) as advance:
            asked = FitWeights(
                network=card.network,
                input_size=card.preprocessing.crop,
                label_offset=card.label_offset,
                preprocessing=card.preprocessing,
                pixels=prepared.path,
                labels=labels,
                folder=cache / WEIGHTS_FOLDER,
            )
            return worker.ask(asked, progress=advance)
    finally:
        labels.unlink(missing_ok=True)


def fit(asked: FitWeights, progress: Progress) -> SyntheticWeights:
    """Seeded random layers, and a last layer that is the nearest class mean over float64 features. Runs in a worker.

    A background output, where the network has one, gets weights of zero and a logit below every logit of the training
    images.
    """
    pixels, labels = np.load(asked.pixels, mmap_mode="r"), np.load(asked.labels)
    shape = get_network(asked.network, input_size=asked.input_size)
    arrays = seeded_weights(shape.parameter_shapes, WEIGHTS_SEED)
    reference = ReferenceBackend()
    reference.load(Model(shape, arrays), Options(threads=usable_cores()))
    features: list[NDArray[np.float64]] = []
    for first in range(0, len(pixels), FIT_BATCH):
        batch = network_input(pixels[first : first + FIT_BATCH], asked.preprocessing, reference.input_layout)
        features.append(reference.activations(batch, [FEATURES])[FEATURES])
        progress(min(first + FIT_BATCH, len(pixels)), len(pixels))
    reference.close()
    all_features = np.concatenate(features)
    offset = asked.label_offset
    weight, bias = fit_classifier(all_features, labels, shape.outputs - offset)
    if offset:
        lowest = np.floor((all_features @ weight.T.astype(np.float64) + bias).min())
        weight = np.concatenate([np.zeros((offset, weight.shape[1]), np.float32), weight])
        bias = np.concatenate([np.full(offset, lowest, np.float32), bias])
    return SyntheticWeights(*write_weights({**arrays, "fc8.weight": weight, "fc8.bias": bias}, asked.folder))


def _draw(split: Split, folder: Path, log: Path, display: Display) -> None:
    _check_space(folder.parent)
    partial = folder.with_name(f".{split}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        with display.step(f"drawing synthetic images ({split})") as advance:
            _draw_in_workers(split, partial, log, advance)
        sizes = _sizes(partial)
        write_whole(_manifest(folder), json.dumps(sizes).encode("utf-8"))
        digests = {name: sha256_of(partial / name) for name in sizes}
        write_whole(_digests(folder), json.dumps(digests).encode("utf-8"))
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _check_space(folder: Path) -> None:
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < SPACE_NEEDED_MIB:
        raise DataError(
            f"{folder}: {free_mib} MiB free, the synthetic set needs {SPACE_NEEDED_MIB}; "
            f"free some, or name another folder with ALEXBENCH_CACHE"
        )


def _manifest(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _digests(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.digests.json")


def _sizes(folder: Path) -> dict[str, int]:
    """Path below ``folder`` -> size in bytes, of every file."""
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.glob("*/*"))}


def _is_whole(folder: Path) -> bool:
    """Whether the folder holds what was drawn into it, by names and sizes (20 ms)."""
    return folder.is_dir() and _sizes(folder) == read_note(dict[str, int], _manifest(folder))


def _draw_in_workers(split: Split, folder: Path, log: Path, advance: Advance) -> None:
    """A worker a core, each with every n-th class; all are ended before this returns, however it does."""
    count = usable_cores()
    done = [0] * count

    def draw_part(part: int, worker: WorkerProcess) -> None:
        def report(done_here: int, _: int) -> None:
            done[part] = done_here
            advance(sum(done), CLASS_COUNT)

        worker.ask(DrawPictures(split, folder, part, count), progress=report)

    # Left in reverse: the workers end first, and with them whatever the threads wait for.
    with ThreadPoolExecutor(count) as threads, ExitStack() as on_exit:
        workers = [on_exit.enter_context(WorkerProcess(f"draw-{part}", log=log)) for part in range(count)]
        for future in [threads.submit(draw_part, part, worker) for part, worker in enumerate(workers)]:
            future.result()


def draw_part(asked: DrawPictures, progress: Progress) -> None:
    """A part of the classes. Runs in a worker."""
    classes = [(one.index, one.wnid) for one in class_list()[asked.part :: asked.parts]]
    write_classes(asked.folder, asked.split, PER_CLASS[asked.split], classes, progress)


def fit_key(card: Card) -> str:
    """Everything that the fit depends on, except the network, as 16 hex digits."""
    recipe = {
        "set": NAME,
        "seed": WEIGHTS_SEED,
        "features": FEATURES,
        "per_class": PER_CLASS["train"],
        "network": card.network,
        "preprocessing": {key: value for key, value in card.preprocessing.facts().items() if key != "name"},
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


def _known(note: Path, folder: Path) -> SyntheticWeights | None:
    """What an earlier run made: the note holds a digest and no path, for a cache may be moved."""
    digest = (read_note(dict[str, str], note) or {}).get("digest")
    if digest is None or not weights_path(folder, digest).is_file():
        return None
    return SyntheticWeights(weights_path(folder, digest), digest)
