"""Whether training learns: 20 classes of the synthetic training split, scored on images that were held out.

    python tests/studies/training_learns.py FOLDER [--minutes M] [--backend torch]

The recipe is torchvision's (its crops, momentum, weight decay and dropout) with a rate and a batch for a few minutes on
two cores. Held-out images differ from the training images: 10 to 82 % of their cells are foreign. Next to the result
stands the closed-form baseline: a nearest class mean on the features of random layers, without training. FOLDER gets
``curves.json``, ``curves.svg`` and ``result.json``: the figures of docs/evidence/training.md.
"""

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from alexbench.backends.registry import backend_class
from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.preprocess import prepare_picture
from alexbench.datasets.synthetic.write import write_classes
from alexbench.harness.capabilities import GivesActivations, TrainingOptions, Trains
from alexbench.harness.contract import Model, Options
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.recipes import load_recipe
from alexbench.harness.models.seeded import fit_classifier, seeded_weights
from alexbench.harness.models.synthetic_label import WEIGHTS_SEED
from alexbench.harness.records.training_curves import EpochPoint, TrainingCurves
from alexbench.harness.training.batches import TrainingData
from alexbench.harness.training.loop import train_epoch
from alexbench.reports.plots.training_plot import draw_curves
from alexbench.reports.training.curves import curves_markdown

CLASSES: Final = 20
COPIES: Final = 8
"""Of each class's one training image, so that an epoch has 160 crops: the files are equal, the crops are not."""
HELD_OUT: Final = 20
BATCH: Final = 10
RATE: Final = 0.003
SCORED_EVERY: Final = 4
TIMES_CHANCE: Final = 5


def make(folder: Path) -> tuple[Dataset, Dataset]:
    classes = [(one.index, one.wnid) for one in class_list()[:CLASSES]]
    for name, split, count in (("train", "train", COPIES), ("held-out", "val", HELD_OUT)):
        if not (folder / name).exists():
            write_classes(folder / name, split, count, classes, lambda *_: None)
    return open_dataset(folder / "train", split="train"), open_dataset(folder / "held-out")


def prepared(dataset: Dataset, card: Card, layout: str) -> NDArray[np.float32]:
    pixels = [prepare_picture(dataset.root / one.file, card.preprocessing) for one in dataset.samples]
    return network_input(np.stack(pixels), card.preprocessing, layout)  # type: ignore[arg-type]


def top1(backend: str, weights: dict[str, NDArray[np.float32]], card: Card, held_out: Dataset) -> int:
    """How many of the held-out images a runtime answers right, of all 1000 classes."""
    instance = backend_class(backend)()
    instance.load(Model(card.build_network(), weights), Options(usable_cores()))
    inputs = prepared(held_out, card, instance.input_layout)
    answers = np.concatenate([instance.predict(inputs[at : at + 50]).argmax(1) for at in range(0, len(inputs), 50)])
    instance.close()
    return int((answers == held_out.labels).sum())


def baseline(backend: str, card: Card, training: Dataset, held_out: Dataset) -> int:
    """The same for the nearest class mean on random features, among the 20 classes."""
    network = card.build_network()
    instance = backend_class(backend)()
    assert isinstance(instance, GivesActivations)
    instance.load(Model(network, seeded_weights(network.parameter_shapes, WEIGHTS_SEED)), Options(usable_cores()))

    def features(dataset: Dataset) -> NDArray[np.float64]:
        inputs = prepared(dataset, card, instance.input_layout)
        return np.concatenate(
            [instance.activations(inputs[at : at + 50], ["relu7"])["relu7"] for at in range(0, len(inputs), 50)]
        )

    one_each = replace(training, samples=training.samples[::COPIES])
    weight, bias = fit_classifier(features(one_each), one_each.labels, CLASSES)
    found = features(held_out) @ weight.T.astype(np.float64) + bias
    return int((found.argmax(1) == held_out.labels).sum())


def main(folder: Path, minutes: float, backend: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    card, recipe = load_card("torchvision"), replace(load_recipe("torchvision"), lr=RATE, batch=BATCH)
    training, held_out = make(folder)
    chance, images = 100 / CLASSES, len(held_out)
    closed = 100 * baseline(backend, card, training, held_out) / images
    print(f"closed-form baseline on random features: {closed:.1f} % of {images} images", flush=True)
    network = card.build_network()
    model = Model(network, seeded_weights(network.parameter_shapes, 1, bias_bound=0.0))
    instance = backend_class(backend)()
    assert isinstance(instance, Trains)
    how = TrainingOptions(recipe.momentum, recipe.weight_decay, recipe.dropout, seed=1)
    trainer = instance.open_trainer(model, Options(usable_cores()), how)
    losses: list[tuple[int, float]] = []
    epochs: list[EpochPoint] = []
    spent, trained, correct = 0.0, 0, 0
    with TrainingData(training, recipe.augmentation, card.preprocessing, seed=1, workers=1) as data:
        for epoch in range(10_000):
            start = time.monotonic()
            found = list(train_epoch(trainer, data, recipe, card.preprocessing, epoch=epoch))
            spent += time.monotonic() - start
            trained += sum(step.images for step in found)
            losses += [(len(losses) + place + 1, step.loss) for place, step in enumerate(found)]
            last = spent >= minutes * 60
            if epoch % SCORED_EVERY == SCORED_EVERY - 1 or last:
                correct = top1(backend, trainer.weights(), card, held_out)
                mean = sum(step.loss for step in found) / len(found)
                share = 100 * correct / images
                epochs.append(EpochPoint(epoch + 1, len(losses), RATE, mean, spent, trained / spent, share))
                print(
                    f"epoch {epoch + 1}, step {len(losses)}, {spent:.0f} s: loss {mean:.3f}, top-1 {share:.1f} %",
                    flush=True,
                )
            if last:
                break
    low = 100 * binomtest(correct, images).proportion_ci(0.98, method="exact").low
    title = f"{backend}, {CLASSES} classes, recipe torchvision with lr {RATE} and batch {BATCH}"
    curves = TrainingCurves(title, "tests/studies/training_learns.py", True, tuple(losses), tuple(epochs), chance)
    (folder / "curves.json").write_text(json.dumps(asdict(curves)))
    (folder / "curves.svg").write_bytes(draw_curves(curves, baseline=(f"closed form, {closed:.1f} %", closed)))
    (folder / "curves.md").write_text(curves_markdown(curves))
    result = {
        "correct": correct,
        "images": images,
        "top1": 100 * correct / images,
        "lower_99": low,
        "wanted": TIMES_CHANCE * chance,
        "closed_form": closed,
        "minutes": spent / 60,
        "images_trained": trained,
    }
    (folder / "result.json").write_text(json.dumps(result, indent=2))
    verdict = "above" if low > TIMES_CHANCE * chance else "NOT above"
    print(
        f"top-1 {100 * correct / images:.1f} %, lower 99 % bound {low:.1f} %: {verdict} {TIMES_CHANCE} x chance",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--backend", default="torch")
    given = parser.parse_args()
    main(given.folder, given.minutes, given.backend)
