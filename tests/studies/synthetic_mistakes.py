"""What each mistake of preprocessing or loading costs on the synthetic set: the tables of docs/evidence/synthetic.md.

    python tests/studies/synthetic_mistakes.py [--model CARD] [--backend NAME] [--limit N] [--write]

Every mistake is made alone, on the held-out images, with the weights fitted for the card. About 4 minutes a card on
two quiet cores. ``--write`` replaces the card's table in docs/evidence/synthetic.md. Needs opencv-python-headless.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.backends.registry import backend_class
from alexbench.datasets.decode import decode_picture, rgb
from alexbench.datasets.prepared import prepare
from alexbench.datasets.preprocess import crop_offset, resized_size
from alexbench.harness.console.progress import display_for
from alexbench.harness.contract import Model, Options
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.synthetic import NAME, synthetic_pictures, synthetic_weights
from alexbench.harness.judge.top_k import correct, top_k
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.network import LRN, Conv, Network
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.models.weights import map_weights

BATCH = 50
SEED = 1
CARDS = ("torchvision", "bvlc", "tfcnn")  # one of each network
DOCS = Path(__file__).parents[2] / "docs" / "evidence" / "synthetic.md"

Pixels = NDArray[np.uint8]
Resampler = Callable[[Image.Image, tuple[int, int]], Pixels]
Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Mistake:
    """One thing done wrong; what is None is done right."""

    name: str
    geometry: Preprocessing | None = None
    resample: Resampler | None = None
    corner: bool = False
    arithmetic: Preprocessing | None = None
    network: Network | None = None
    weights: Weights | None = None
    labels: NDArray[np.int64] | None = None
    reinterpreted: bool = False


def pillow(kind: Image.Resampling) -> Resampler:
    """Pillow's resampling, with antialias."""
    return lambda image, size: np.asarray(image.resize(size, kind))


def opencv(kind: int) -> Resampler:
    """OpenCV's interpolation, without antialias."""
    return lambda image, size: np.asarray(cv2.resize(np.asarray(image), size, interpolation=kind), dtype=np.uint8)


def mistakes(card: Card, weights: Weights, labels: NDArray[np.int64]) -> Iterator[Mistake]:
    """Every mistake that can be made with ``card``."""
    yield from geometry_mistakes(card.preprocessing)
    yield from arithmetic_mistakes(card.preprocessing)
    yield from model_mistakes(card.build_network(), weights)
    order = np.random.default_rng(SEED).permutation(1000)
    yield Mistake("labels off by one", labels=(labels + 1) % 1000)
    yield Mistake("classes in another order (as devkit ids are)", labels=order[labels])


def geometry_mistakes(right: Preprocessing) -> Iterator[Mistake]:
    """Other pixels."""
    if right.resize == "squash":
        yield Mistake("aspect kept, not squashed", geometry=replace(right, resize="shorter-side"))
    else:
        yield Mistake("aspect squashed to 256 x 256", geometry=replace(right, resize="squash", resize_to=256))
    straight = replace(right, resize="squash", resize_to=right.crop)
    yield Mistake(f"no crop: straight to {right.crop} x {right.crop}", geometry=straight)
    if right.resize != "tf-cnn":
        for side in (232, 288):
            yield Mistake(f"resized to {side}, not 256", geometry=replace(right, resize_to=side))
    else:
        for side in (227, 288):
            wrong = replace(right, resize="shorter-side", resize_to=side)
            yield Mistake(f"shorter side to {side}, not 260", geometry=wrong)
    yield Mistake("crop from the corner, not the centre", corner=True)
    if right.interpolation == "pillow-bilinear":
        yield Mistake("no antialias", geometry=replace(right, interpolation="opencv-bilinear"))
        for name in ("bicubic", "lanczos", "box", "nearest"):
            yield Mistake(f"{name}, not bilinear", resample=pillow(Image.Resampling[name.upper()]))
    else:
        yield Mistake("antialias", geometry=replace(right, interpolation="pillow-bilinear"))
        yield Mistake("bicubic, not bilinear", resample=opencv(cv2.INTER_CUBIC))
        yield Mistake("nearest, not bilinear", resample=opencv(cv2.INTER_NEAREST))
        yield Mistake("lanczos with antialias", resample=pillow(Image.Resampling.LANCZOS))
        if right.interpolation == "tensorflow1-bilinear":
            yield Mistake("half-pixel centres", geometry=replace(right, interpolation="opencv-bilinear"))
        else:
            yield Mistake("no half-pixel centres", geometry=replace(right, interpolation="tensorflow1-bilinear"))
    yield Mistake("EXIF ignored" if right.exif else "EXIF applied", geometry=replace(right, exif=not right.exif))


def arithmetic_mistakes(right: Preprocessing) -> Iterator[Mistake]:
    """Other values of the same pixels."""
    other = "BGR" if right.channels == "RGB" else "RGB"
    yield Mistake("channels swapped", arithmetic=replace(right, channels=other))
    yield Mistake("mean missing", arithmetic=replace(right, mean=(0.0, 0.0, 0.0)))
    if right.std != (1.0, 1.0, 1.0):
        yield Mistake("std missing", arithmetic=replace(right, std=(1.0, 1.0, 1.0)))
    if right.divide_by == 1:
        scaled = replace(right, divide_by=255.0)
        yield Mistake("divided by 255, mean as it was", arithmetic=scaled)
        yield Mistake("divided by 255, mean too", arithmetic=replace(scaled, mean=scale(right.mean, 1 / 255)))
        yield Mistake("mean 127.5 for every channel", arithmetic=replace(right, mean=(127.5,) * 3))
    else:
        raw = replace(right, divide_by=1.0)
        yield Mistake("not divided, mean as it was", arithmetic=raw)
        yield Mistake("not divided, mean to match", arithmetic=replace(raw, mean=scale(right.mean, right.divide_by)))
        yield Mistake("mean of 0..255 on divided values", arithmetic=replace(right, mean=scale(right.mean, 255)))
    yield Mistake("NHWC data read as NCHW", reinterpreted=True)


def model_mistakes(network: Network, weights: Weights) -> Iterator[Mistake]:
    """Another function from the same arrays."""
    fc6 = weights["fc6.weight"]
    moved = fc6.reshape(-1, 256, 6, 6).transpose(0, 2, 3, 1).reshape(fc6.shape)
    yield Mistake("fc6 flattened H, W, C", weights={**weights, "fc6.weight": moved})
    masked = ("fc6.weight", "fc7.weight") if network.name == "owt" else ("fc7.weight", "fc8.weight")
    generator = np.random.default_rng(SEED)
    # One draw for all images: in reality, which inputs are lost differs from image to image, but not how many.
    dropped = {
        name: weights[name] * (2 * generator.integers(0, 2, weights[name].shape[1])).astype(np.float32)
        for name in masked
    }
    yield Mistake("dropout left on", weights={**weights, **dropped})
    if network.name == "bvlc":
        layers = tuple(
            replace(layer, alpha=layer.alpha * layer.size) if isinstance(layer, LRN) else layer
            for layer in network.layers
        )
        yield Mistake("LRN's alpha not divided by its size", network=replace(network, layers=layers))
        yield ungrouped(network, weights)


def ungrouped(network: Network, weights: Weights) -> Mistake:
    """Every filter of a grouped convolution put on the first group's maps, as a loader without groups does."""
    layers, arrays = [], dict(weights)
    for layer in network.layers:
        if isinstance(layer, Conv) and layer.groups > 1:
            array = weights[f"{layer.name}.weight"]
            arrays[f"{layer.name}.weight"] = np.concatenate([array, np.zeros_like(array)], axis=1)
            layers.append(replace(layer, groups=1))
        else:
            layers.append(layer)
    return Mistake("groups ignored", network=replace(network, layers=tuple(layers)), weights=arrays)


def scale(mean: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    """Each of three values times ``factor``."""
    first, second, third = mean
    return first * factor, second * factor, third * factor


class Bench:
    """The held-out images of a card and the backend that looks at them."""

    def __init__(self, card: Card, backend: str, limit: int) -> None:
        """Draw, fit and load what is not in the cache yet."""
        self.card, self.cache = card, cache_folder()
        display = display_for()
        log = self.cache / "mistakes.log"
        self.cache.mkdir(parents=True, exist_ok=True)
        pictures = synthetic_pictures("val", self.cache, log=log, display=display)
        self.pictures = pictures.subset(limit, seed=SEED) if limit < len(pictures) else pictures
        self.labels = self.pictures.labels
        fitted = synthetic_weights(card, self.cache, log=log, display=display)
        self.weights: Weights = dict(map_weights(fitted.path))
        self._kind = backend_class(backend)
        self._loaded = self._kind()
        self._load(Model(card.build_network(), self.weights))

    def _load(self, model: Model) -> None:
        self._loaded.load(model, Options(threads=usable_cores()))

    def top1(self, mistake: Mistake) -> tuple[float, float]:
        """Percent top-1 and top-5 with that mistake made."""
        pixels = self._pixels(mistake)
        arithmetic = mistake.arithmetic or self.card.preprocessing
        changed = mistake.network is not None or mistake.weights is not None
        if changed:
            network = mistake.network or self.card.build_network()
            self._load(Model(network, mistake.weights or self.weights))
        layout = self._loaded.input_layout
        answers = []
        for first in range(0, len(pixels), BATCH):
            if mistake.reinterpreted:
                wrong: NDArray[np.float32] = network_input(pixels[first : first + BATCH], arithmetic, "NHWC")
                batch = wrong.reshape(len(wrong), 3, *wrong.shape[1:3])
                batch = batch if layout == "NCHW" else np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
            else:
                batch = network_input(pixels[first : first + BATCH], arithmetic, layout)
            answers.append(top_k(self._loaded.predict(batch), 5)[0] - self.card.label_offset)
        if changed:
            self._load(Model(self.card.build_network(), self.weights))
        labels = self.labels if mistake.labels is None else mistake.labels
        hits1, hits5 = correct(np.concatenate(answers), labels)
        return 100 * hits1 / len(pixels), 100 * hits5 / len(pixels)

    def _pixels(self, mistake: Mistake) -> Pixels:
        if mistake.resample is not None or mistake.corner:
            with ThreadPoolExecutor(usable_cores()) as threads:
                return np.stack(list(threads.map(lambda one: self._one(one.file, mistake), self.pictures.samples)))
        if mistake.geometry is None:
            return prepare(self.pictures, self.card.preprocessing, self.cache / "prepared").pixels
        with TemporaryDirectory(dir=self.cache) as folder:
            # Into memory: the file goes with the folder.
            return np.array(prepare(self.pictures, mistake.geometry, Path(folder)).pixels)

    def _one(self, path: str, mistake: Mistake) -> Pixels:
        right = self.card.preprocessing
        data = (self.pictures.root / path).read_bytes()
        image = Image.fromarray(rgb(decode_picture(data, path, decoder=right.decode, exif=right.exif)))
        size = resized_size(*image.size, right)
        if mistake.resample is not None:
            resized = mistake.resample(image, size)
        elif right.interpolation == "pillow-bilinear":
            resized = pillow(Image.Resampling.BILINEAR)(image, size)
        else:
            resized = opencv(cv2.INTER_LINEAR)(image, size)
        top, left = (0, 0) if mistake.corner else (crop_offset(size[1], right), crop_offset(size[0], right))
        return resized[top : top + right.crop, left : left + right.crop]


def table(card: Card, backend: str, limit: int) -> str:
    """The Markdown table of one card."""
    bench = Bench(card, backend, limit)
    right = bench.top1(Mistake("none"))
    images = len(bench.labels)
    lines = [
        f"| `{card.name}` ({card.network}), {images} images | top-1 % | top-5 % | cost, points |",
        "|---|---:|---:|---:|",
        f"| *no mistake* | {right[0]:.1f} | {right[1]:.1f} | |",
    ]
    for mistake in mistakes(card, bench.weights, bench.labels):
        found = bench.top1(mistake)
        cost = right[0] - found[0]
        shown = f"{cost:.1f}" if cost >= 2 else f"**{cost:.1f}**"
        lines.append(f"| {mistake.name} | {found[0]:.1f} | {found[1]:.1f} | {shown} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def write(card: str, text: str) -> None:
    """Replace the card's table in docs/evidence/synthetic.md, between its two markers."""
    start, end = f"<!-- table {card} -->", f"<!-- end {card} -->"
    page = DOCS.read_text(encoding="utf-8")
    before, rest = page.split(start)
    after = rest.split(end)[1]
    DOCS.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=CARDS, action="append")
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    print(f"{NAME}, {arguments.backend}, {usable_cores()} threads, process {os.getpid()}")
    for name in arguments.model or CARDS:
        text = table(load_card(name), arguments.backend, arguments.limit)
        print(text)
        if arguments.write:
            write(name, text)


if __name__ == "__main__":
    main()
