"""How fast training images are read, next to how fast AlexNet trains, and the ratios of the two.

    python tests/studies/training_reading.py FOLDER

FOLDER is scratch space, 200 MB. The images are synthetic ones of 500 x 375, as ImageNet's are on average. Needs torch.
Rates are the median of blocks, which take turns; compare within one run of this script, never across.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.synthetic.write import write_classes
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import load_card
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.recipes import load_recipe
from alexbench.harness.training.batches import TrainingData
from tests.unit.datasets.layout_files import slim, write_tfrecords
from tests.unit.datasets.layouts.test_training_split import Trained

CLASSES: Final = 400
BATCH: Final = 32
ROUNDS: Final = 3
STEPS: Final = 6


def make(folder: Path) -> tuple[Dataset, Dataset]:
    """The same images as a folder and as TFRecords."""
    images, records = folder / "folder", folder / "records" / "train-00000-of-00001"
    if not records.exists():
        classes = [(one.index, one.wnid) for one in class_list()[:CLASSES]]
        write_classes(images, "train", 1, classes, lambda *_: None)
        files = sorted(images.glob("*/*.JPEG"))
        labels = {wnid: index for index, wnid in classes}
        write_tfrecords(
            records, (slim(Trained(at, file.read_bytes(), labels[file.parent.name])) for at, file in enumerate(files))
        )
    return open_dataset(images, split="train"), open_dataset(records.parent, split="train")


def reading_rate(data: TrainingData, epoch: int) -> float:
    """Images/s of an epoch; children have started before it."""
    next(iter(data.batches(batch=BATCH, epoch=epoch)), None)
    batches = data.batches(batch=BATCH, epoch=epoch)
    next(batches)
    start, images = time.perf_counter(), 0
    for batch in batches:
        images += len(batch.pixels)
    return images / (time.perf_counter() - start)


def training_step(threads: int) -> Any:
    import torch

    torch.set_num_threads(threads)
    from alexbench.harness.models.network import get_network
    from alexbench.harness.models.seeded import seeded_weights

    network = get_network("owt", input_size=224)
    arrays = {
        name: torch.from_numpy(array).requires_grad_()
        for name, array in seeded_weights(network.parameter_shapes, 1).items()
    }
    optimizer = torch.optim.SGD(arrays.values(), lr=1e-6, momentum=0.9, weight_decay=1e-4)
    card = load_card("torchvision")
    pixels = np.random.default_rng(1).integers(0, 256, (BATCH, 224, 224, 3), dtype=np.uint8)
    inputs = torch.from_numpy(network_input(pixels, card.preprocessing, "NCHW"))
    labels = torch.arange(BATCH)
    f = torch.nn.functional

    def step() -> None:
        x = inputs
        for name, stride, padding, pool in (
            ("conv1", 4, 2, True),
            ("conv2", 1, 2, True),
            ("conv3", 1, 1, False),
            ("conv4", 1, 1, False),
            ("conv5", 1, 1, True),
        ):
            x = f.relu(f.conv2d(x, arrays[f"{name}.weight"], arrays[f"{name}.bias"], stride, padding))
            x = f.max_pool2d(x, 3, 2) if pool else x
        x = x.flatten(1)
        for name in ("fc6", "fc7", "fc8"):
            x = f.linear(x if name == "fc6" else f.relu(x), arrays[f"{name}.weight"], arrays[f"{name}.bias"])
        optimizer.zero_grad()
        f.cross_entropy(x, labels).backward()
        optimizer.step()

    return step


def training_rate(step: Any) -> float:
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return STEPS * BATCH / (time.perf_counter() - start)


def main(folder: Path) -> None:
    cores, recipe, card = usable_cores(), load_recipe("torchvision"), load_card("torchvision")
    sets = dict(zip(("folder", "TFRecord"), make(folder), strict=True))
    step = training_step(cores)
    step()
    rates: dict[str, list[float]] = {}
    for epoch in range(ROUNDS):
        rates.setdefault(f"training, {cores} threads", []).append(training_rate(step))
        for name, dataset in sets.items():
            for workers in (1, cores):
                with TrainingData(dataset, recipe.augmentation, card.preprocessing, workers=workers) as data:
                    rates.setdefault(f"{name}, {workers} processes", []).append(reading_rate(data, epoch))
    needed = statistics.median(rates[f"training, {cores} threads"])
    for name, found in rates.items():
        middle = statistics.median(found)
        print(
            f"{name:24} {middle:8.1f} images/s ({min(found):.1f} to {max(found):.1f}), {middle / needed:.1f} x training"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
