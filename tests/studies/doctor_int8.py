"""Does the doctor name each fault of an int8 file? The table of docs/evidence/doctor.md.

    PYTHONPATH=. python tests/studies/doctor_int8.py FOLDER [--model CARD] [--only NAME] [--seeds N] [--write]

The quantizer of each runtime's makers (ONNX Runtime's, where none is named) writes each file, into FOLDER, from
synthetic training images that are read wrongly, too few, or others. The doctor's examination of int8 files (without its
search by labels) then judges it on other images.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import QuantizationOptions, Quantizes
from alexbench.harness.contract import Model
from alexbench.harness.diagnosis.quantized import examine_quantized
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.images import Selection, prepare_pictures, select
from alexbench.harness.inputs.synthetic import synthetic_pictures, synthetic_weights
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.models.weights import map_weights, write_weights
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.systems import InputConvention, ModelFile, System
from alexbench.reports.text.quantization_words import quantization_changes
from tests.end_to_end.saturating import saturating
from tests.studies.doctor_mistakes import DOCS, Quiet

RESULTS: Final = Path("doctor-int8.jsonl")
IMAGES: Final = 64
Pixels = NDArray[np.uint8]
Arrays = dict[str, NDArray[np.float32]]
DEFAULT: Final = QuantizationOptions()


@dataclass(frozen=True)
class Plant:
    """A fault, with the factor that the doctor is to name ("" for none).

    ``fed``: how calibration images are read. ``told``: the doctor is given those images. ``spread``: channels of the
    weights differ a hundredfold, which the next layer takes back.
    """

    name: str
    factor: str
    images: int = 100
    fed: Callable[[Preprocessing], Preprocessing] = lambda given: given
    pixels: Callable[[Pixels, int], Pixels] = lambda pixels, _: pixels
    how: QuantizationOptions = DEFAULT
    told: bool = False
    spread: bool = False
    kernels: bool = False
    backend: str = "onnxruntime"


def _swapped(given: Preprocessing) -> Preprocessing:
    order = "BGR" if given.channels == "RGB" else "RGB"
    return replace(given, channels=order, mean=given.mean[::-1], std=given.std[::-1])


def _as_grey(divide_by: float) -> Callable[[Preprocessing], Preprocessing]:
    return lambda given: replace(given, divide_by=divide_by, mean=(0.0,) * 3, std=(1.0,) * 3)


def _noise(pixels: Pixels, seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, pixels.shape).astype(np.uint8)


def _faint(pixels: Pixels, _: int) -> Pixels:
    return pixels // 4 + 96


PLANTS: Final = (
    Plant("kernels that saturate", "int8-kernels", kernels=True),
    Plant("calibrated in BGR", "calibration-channels", fed=_swapped),
    Plant("calibrated in BGR, with --calibration", "calibration-channels", fed=_swapped, told=True),
    Plant("calibrated on 0..1", "calibration-normalisation", fed=_as_grey(255.0)),
    Plant("calibrated on 0..255", "calibration-normalisation", fed=_as_grey(1.0)),
    Plant("1 calibration image", "calibration-images", images=1),
    Plant("2 calibration images", "calibration-images", images=2),
    Plant("3 calibration images", "calibration-images", images=3),
    Plant("3 calibration images, with --calibration", "calibration-images", images=3, told=True),
    Plant("calibrated on noise", "calibration-data", images=30, pixels=_noise),
    Plant("calibrated on images of a quarter of the contrast", "calibration-contrast", images=30, pixels=_faint),
    Plant(
        "one scale per layer, channels differ", "per-tensor", 30, how=replace(DEFAULT, per_channel=False), spread=True
    ),
    *(
        Plant(f"{said} ({backend} file)", factor, images, fed=fed, backend=backend)
        for backend in ("openvino", "torch")
        for said, factor, images, fed in (
            ("calibrated on 0..1", "calibration-normalisation", 100, _as_grey(255.0)),
            ("1 calibration image", "calibration-images", 1, lambda given: given),
        )
    ),
)
HEALTHY: Final = (
    *(Plant(f"*nothing* ({count} images)", "", count) for count in (100, 100, 100, 50, 30, 200)),
    Plant("*nothing* (one scale per layer)", "", how=replace(DEFAULT, per_channel=False)),
    Plant("*nothing* (percentile)", "", 30, how=replace(DEFAULT, method="percentile")),
    Plant("*nothing* (entropy)", "", 30, how=replace(DEFAULT, method="entropy")),
    Plant("*nothing* (reduced range)", "", how=replace(DEFAULT, reduce_range=True)),
    *(Plant(f"*nothing* ({backend} file)", "", backend=backend) for backend in ("openvino", "torch") for _ in range(2)),
)


def spread(arrays: Arrays) -> Arrays:
    """The same function, with channels of conv2 to conv4 a hundredfold apart."""
    found = {name: np.array(one) for name, one in arrays.items()}
    for layer, after in (("conv2", "conv3"), ("conv3", "conv4"), ("conv4", "conv5")):
        factor = np.geomspace(0.1, 10, len(found[f"{layer}.bias"])).astype(np.float32)
        found[f"{layer}.weight"] *= factor[:, None, None, None]
        found[f"{layer}.bias"] *= factor
        found[f"{after}.weight"] /= factor[None, :, None, None]
    return found


class Study:
    """A card's synthetic weights, images to calibrate with and images to judge by."""

    def __init__(self, card: Card, folder: Path) -> None:
        cache = cache_folder()
        self.card, self.folder, self.log = card, folder, folder / "log"
        self.weights = synthetic_weights(card, cache, log=self.log, display=Quiet()).path
        self.train, self.val = (self._prepared(split, cache) for split in ("train", "val"))

    def _prepared(self, split: str, cache: Path) -> Pixels:
        whole = synthetic_pictures(split, cache, log=self.log, display=Quiet())  # type: ignore[arg-type]
        chosen = select(whole, Selection(path="", limit=600 if split == "train" else IMAGES))
        made = prepare_pictures(chosen, self.card.preprocessing, cache, Quiet(), on_bad_image="fail")
        return np.array(np.load(made.path, mmap_mode="r")[made.first : made.first + len(made)])

    def ask(self, plant: Plant, seed: int) -> dict[str, object]:
        """One line of the table."""
        arrays = {name: np.asarray(one) for name, one in map_weights(self.weights).items()}
        arrays = spread(arrays) if plant.spread else arrays
        chosen = self.train[np.random.default_rng(seed).permutation(len(self.train))[: plant.images]]
        chosen = plant.pixels(chosen, seed)
        with TemporaryDirectory(dir=self.folder) as made:
            folder = Path(made)
            inputs = network_input(chosen, plant.fed(self.card.preprocessing), "NCHW")
            backend = backend_class(plant.backend)()
            assert isinstance(backend, Quantizes)
            path = folder / f"int8{backend.quantized_suffix}"
            model = Model(self.card.build_network(), arrays)
            backend.quantize(model, [inputs[at : at + 1] for at in range(len(inputs))], path, plant.how, {})
            os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)  # torch sets it here; a confined worker may not write there
            weights = write_weights(arrays, folder)[0] if plant.spread else self.weights
            np.save(folder / "images.npy", self.val)
            np.save(folder / "calibration.npy", chosen)
            file = ModelFile(str(path), convention=InputConvention("normalised"), trusted=True)
            system = System(plant.backend, 2, artifact=file)
            python = saturating(folder) if plant.kernels else None
            told = (folder / "calibration.npy", len(chosen)) if plant.told else None
            with ModelUnderTest(self.card, system, weights=weights, python=python, folder=folder) as under_test:
                found = examine_quantized(under_test, folder / "images.npy", len(self.val), folder, told)
        named = [one.factor for one in quantization_changes(found)]
        return {
            "planted": plant.name,
            "wanted": plant.factor,
            "seed": seed,
            "named": named,
            "given_db": found.given_db,
            "refitted_db": found.refitted_db,
            "right": named == ([plant.factor] if plant.factor else []),
        }


def table(results: Sequence[dict[str, object]]) -> Iterator[str]:
    """A line for each plant, over its draws."""
    yield "| planted | draws | named | dB as given | dB with fitted ranges |"
    yield "|---|---:|---|---:|---:|"
    for name in dict.fromkeys(str(one["planted"]) for one in results):
        mine = [one for one in results if one["planted"] == name]
        answers = [", ".join(one["named"]) or "healthy" for one in mine]  # type: ignore[arg-type]
        said = "; ".join(f"{answer} ({answers.count(answer)})" for answer in dict.fromkeys(answers))
        given, fitted = ([float(one[key]) for one in mine] for key in ("given_db", "refitted_db"))  # type: ignore[arg-type]
        wanted = next((one.factor for one in PLANTS if one.name == name), "")
        right = all(one["named"] == ([wanted] if wanted else []) for one in mine)
        yield (
            f"| {name} | {len(mine)} | {said if right else f'**{said}**'} | {min(given):.1f} to {max(given):.1f} |"
            f" {min(fitted):.1f} to {max(fitted):.1f} |"
        )


def write(results: Sequence[dict[str, object]]) -> None:
    """Replace the table of docs/evidence/doctor.md, between its two markers."""
    start, end = "<!-- table int8 -->", "<!-- end int8 -->"
    before, rest = DOCS.read_text(encoding="utf-8").split(start)
    lines = "\n".join(table(results))
    DOCS.write_text(f"{before}{start}\n{lines}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def _results() -> list[dict[str, object]]:
    """What was found so far."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Run and print, appending to RESULTS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="torchvision")
    parser.add_argument("--only", action="append")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--write", action="store_true", help="put what RESULTS has so far into the page, and end")
    asked = parser.parse_args()
    if asked.write:
        write(list({(one["planted"], one["seed"]): one for one in _results()}.values()))
        return
    study = Study(load_card(asked.model), asked.folder)
    cases = [(plant, asked.first + seed) for seed in range(asked.seeds) for plant in PLANTS]
    cases[len(PLANTS) : len(PLANTS)] = [(plant, 100 + at) for at, plant in enumerate(HEALTHY)]
    done = {(one["planted"], one["seed"]) for one in _results()}
    for plant, seed in cases:
        if (plant.name, seed) in done:
            continue
        if asked.only is None or any(name in plant.name for name in asked.only):
            line = json.dumps(study.ask(plant, seed))
            print(line, flush=True)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
