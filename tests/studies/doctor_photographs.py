"""Does the doctor answer rightly about photographs? Tables of docs/evidence/doctor.md.

    PYTHONPATH=. python tests/studies/doctor_photographs.py FOLDER [--model CARD] [--only NAME] [--draws N] [--write]

FOLDER has photographs, whose own labels do not matter: each is labelled with what the float64 reference answers for it
under the card's preprocessing. So the right reading has 100 %, and every mistake costs what it costs. The weights are
the card's synthetic ones. ``--variants 5`` adds a mirrored one and three crops of each, the only way to more images.
The command runs as a user runs it; each planted fault has its allowed answers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.backends._shared.onnx_graph import complete_model
from alexbench.backends.reference import ReferenceBackend
from alexbench.datasets.preprocess import load_pixels, resize_and_crop_picture
from alexbench.harness.contract import Model, Options
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.synthetic import synthetic_weights
from alexbench.harness.judge.rounding import rounded
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.weights import map_weights, write_weights
from tests.end_to_end.ailing import ailing
from tests.end_to_end.planted import shim
from tests.studies.doctor_mistakes import DOCS, Quiet, plants
from tests.studies.rescaled import rescaled
from tests.support.cards import write_card
from tests.support.onnx_files import drop_out

Arrays = dict[str, NDArray[np.float32]]
RESULTS = Path("doctor-photographs.jsonl")
UNUSED = 0
"""The value of fc7 that is 0 for all of the photographs (so are 20 % of them); the next one is above 0 for all."""
NOTHING = ("healthy", "unexplained")
HARDLY = frozenset({"decoder", "interpolation", "crop-rounding", "exif"})
"""What may be too little to be shown by so few images: not naming it is not a wrong answer there."""


@dataclass(frozen=True)
class Case:
    """What is planted, where, and which factors (or verdicts without any) are a right answer to it.

    ``command``: arguments of ``alexbench doctor``, of a folder to write into. ``labels``: what is done to them.
    ``pixels``: what is done to the images, 8-bit RGB.
    """

    name: str
    where: str
    right: tuple[str, ...]
    command: Callable[[Path], list[str]] = lambda _: []
    labels: Callable[[int], int] = lambda label: label
    pixels: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None


def of_plants(card: Card, weights: Path) -> Iterator[Case]:
    """The mistakes of doctor_mistakes.py."""
    for plant in plants(card):
        wrong = plant.card(card.preprocessing)

        def command(folder: Path, plant: Any = plant, wrong: Any = wrong) -> list[str]:
            said = []
            if wrong != card.preprocessing:
                said += ["--model", str(write_card(folder / "wrong.toml", card, wrong))]
            file = weights
            if plant.weights is not None:
                file = write_weights(plant.weights(arrays_of(weights)), folder)[0]
            if plant.runtime:
                said += ["--python", f"openvino={ailing(list(plant.runtime), folder)}"]
            return [*said, "--weights", str(file), "--backend", "openvino"]

        right = (*plant.factors, *(NOTHING if HARDLY & set(plant.factors) else ()))
        yield Case(plant.name, plant.where, right, command, plant.labels or (lambda label: label))


def arrays_of(weights: Path) -> Arrays:
    """Copies of all arrays."""
    return {name: np.array(one) for name, one in map_weights(weights).items()}


def artifacts(card: Card, weights: Path) -> Iterator[Case]:
    """An ONNX file that is not quite what its weights are, which are given too."""
    network = card.build_network()

    def save(folder: Path, arrays: Arrays, change: Callable[[Any], None] = lambda proto: None) -> list[str]:
        import onnx

        file = folder / "mine.onnx"
        proto = complete_model(Model(network, arrays))
        change(proto)
        onnx.save(proto, file)
        return ["--artifact", f"onnxruntime={file}", "--weights", str(weights)]

    def changed(name: str, change: Callable[[NDArray[np.float32]], Any]) -> Callable[[Path], list[str]]:
        def command(folder: Path) -> list[str]:
            arrays = arrays_of(weights)
            arrays[name] = np.asarray(change(arrays[name]), np.float32)
            return save(folder, arrays)

        return command

    def each(change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Callable[[Path], list[str]]:
        return lambda folder: save(folder, {name: change(one) for name, one in arrays_of(weights).items()})

    slightly = ("weights", "function")
    yield Case("nothing (an artifact)", "artifact", ("healthy",), each(lambda one: one))
    for layer, scale in (("fc7", 1.02), ("fc7", 1.005), ("fc7", 1.0002), ("conv1", 1.005), ("conv4", 1.0002)):
        yield Case(f"{layer}'s weights x {scale}", "artifact", ("weights",), changed(f"{layer}.weight", _times(scale)))
    yield Case("all weights x 1.002", "artifact", slightly, each(_times(1.002)))
    yield Case("conv3's biases + 0.01", "artifact", slightly, changed("conv3.bias", lambda one: one + 0.01))
    yield Case("a channel of conv3 zeroed", "artifact", slightly, changed("conv3.weight", _zeroed))
    yield Case("two channels of conv5 swapped", "artifact", slightly, changed("conv5.weight", _swapped))
    yield Case("one weight of fc8 off", "artifact", slightly, changed("fc8.weight", _one_off))
    unused = changed("fc8.weight", lambda one: _one_off(one, UNUSED))
    yield Case("a weight of fc8 off that no image uses", "artifact", ("healthy",), unused)
    yield Case("one weight of conv2 off", "artifact", slightly, changed("conv2.weight", _one_off))
    yield Case("fc6 stored H, W, C", "artifact", ("flatten",), changed("fc6.weight", _stored))
    yield Case("fc6 stored as if it had been H, W, C", "artifact", ("flatten",), changed("fc6.weight", _taken))
    yield Case("weights stored in bf16", "artifact", ("precision",), each(lambda one: rounded(one, 8)))
    half = each(lambda one: one.astype(np.float16).astype(np.float32))
    yield Case("weights stored in fp16", "artifact", ("precision",), half)
    yield Case("dropout on", "artifact", ("dropout",), lambda folder: save(folder, arrays_of(weights), drop_out))
    for bits, name in ((8, "bf16"), (11, "TF32")):

        def fewer(folder: Path, bits: int = bits) -> list[str]:
            return [
                "--weights",
                str(weights),
                "--backend",
                "torch",
                "--python",
                f"torch={shim(f'{bits} bits', folder)}",
            ]

        yield Case(f"computes in {name}", "runtime", ("precision",), fewer)


def _times(scale: float) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return lambda one: one * np.float32(scale)


def _zeroed(one: NDArray[np.float32]) -> NDArray[np.float32]:
    one[int(np.abs(one).reshape(len(one), -1).sum(axis=1).argmax())] = 0
    return one


def _swapped(one: NDArray[np.float32]) -> NDArray[np.float32]:
    one[[3, 7]] = one[[7, 3]]
    return one


def _one_off(one: NDArray[np.float32], column: int = 1) -> NDArray[np.float32]:
    """A weight in the middle, 20 standard deviations off. ``column``: of those of its row."""
    one.reshape(len(one), -1)[len(one) // 2, column] += 20 * one.std()
    return one


def _stored(one: NDArray[np.float32]) -> NDArray[np.float32]:
    return one.reshape(-1, 256, 6, 6).transpose(0, 2, 3, 1).reshape(one.shape)


def _taken(one: NDArray[np.float32]) -> NDArray[np.float32]:
    return one.reshape(-1, 6, 6, 256).transpose(0, 3, 1, 2).reshape(one.shape)


def others(card: Card, weights: Path) -> Iterator[Case]:
    """Faults that no reading undoes: nothing may be named; and faults of a weights file."""
    plain = ["--weights", str(weights), "--backend", "openvino"]
    for name, change in (("gamma 1 / 2.2 once more", 1 / 2.2), ("gamma 2.2 (linear light)", 2.2)):
        table = (255 * (np.arange(256) / 255) ** change + 0.5).astype(np.uint8)
        yield Case(name, "pixels", ("tone", *NOTHING), lambda _: plain, pixels=lambda one, table=table: table[one])
    yield Case("half the contrast", "pixels", NOTHING, lambda _: plain, pixels=lambda one: one // 2 + 64)
    yield Case("upside down", "pixels", NOTHING, lambda _: plain, pixels=lambda one: one[::-1])

    def file(folder: Path) -> list[str]:
        arrays = arrays_of(weights)
        arrays["fc6.weight"] = np.ascontiguousarray(_taken(arrays["fc6.weight"]))
        return ["--weights", str(write_weights(arrays, folder)[0]), "--backend", "openvino"]

    yield Case("fc6's columns moved once too often", "weights file", ("flatten",), file)


class Photographs:
    """FOLDER's photographs, in variants, with what the reference answers for them under a card."""

    def __init__(self, source: Path, folder: Path, card: Card, weights: Path, variants: int) -> None:
        self.folder = folder / "photographs"
        self.folder.mkdir()
        for number, file in enumerate(sorted(source.iterdir())):
            self._write(number, file, variants)
        self.files = sorted(self.folder.iterdir())
        self.labels = self._answers(card, weights)

    def _write(self, number: int, file: Path, variants: int) -> None:
        (self.folder / f"{number:03d}-0.JPEG").write_bytes(file.read_bytes())
        with Image.open(file) as opened:
            whole = opened.convert("RGB")
        wide, high = whole.size
        cuts = [(0, 0), (wide // 8, high // 8), (0, high // 8), (wide // 8, 0)]
        for variant in range(1, variants):
            left, top = cuts[variant - 1]
            made = whole.crop((left, top, left + wide - wide // 8, top + high - high // 8))
            if variant == 1:
                made = whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            exif = Image.Exif()
            if variant == 2 and number % 2:
                exif[0x0112] = 6  # turned by 90 degrees, for whoever looks
            made.save(self.folder / f"{number:03d}-{variant}.JPEG", quality=92, exif=exif)

    def _answers(self, card: Card, weights: Path) -> list[int]:
        backend = ReferenceBackend()
        backend.load(Model(card.build_network(), map_weights(weights)), Options(threads=2))
        found: list[int] = []
        contract = card.preprocessing
        for first in range(0, len(self.files), 10):
            pixels = [
                resize_and_crop_picture(load_pixels(file.read_bytes(), contract, name=file.name), contract, name="")
                for file in self.files[first : first + 10]
            ]
            logits = backend.predict(network_input(np.stack(pixels), contract, "NCHW"))
            found += (logits.argmax(axis=1) - card.label_offset).tolist()
        return found

    def given(self, folder: Path, case: Case) -> list[str]:
        """Arguments that name them as the case has them."""
        labels = folder / "val.txt"
        lines = [f"{file.name} {case.labels(label)}" for file, label in zip(self.files, self.labels, strict=True)]
        labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
        where = self.folder
        if case.pixels is not None:
            where = folder / "changed"
            where.mkdir()
            for file in self.files:
                with Image.open(file) as opened:
                    pixels = np.asarray(opened.convert("RGB"))
                Image.fromarray(case.pixels(pixels)).save(where / file.name, "JPEG", quality=95)
        return ["--data", str(where), "--layout", "flat-folder", "--labels", str(labels)]


def ask(case: Case, card: Card, pictures: Photographs, threads: int, *, seed: int, limit: int) -> dict[str, Any]:
    """One line of the table: what the command answers to a case."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        said = [*case.command(folder), *pictures.given(folder, case), "--json"]
        if "--model" not in said:
            said += ["--model", card.name]
        options = ["--limit", str(limit), "--seed", str(seed), "--threads", str(threads)]
        started = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "alexbench.harness", "doctor", *said, *options],
            capture_output=True,
            text=True,
            check=False,
        )
    if not ended.stdout.startswith("{"):
        return _line(case, card, {}, ended.returncode, time.monotonic() - started, ended.stderr.strip()[-300:], seed)
    return _line(case, card, json.loads(ended.stdout), ended.returncode, time.monotonic() - started, "", seed)


def _line(
    case: Case, card: Card, found: dict[str, Any], code: int, seconds: float, error: str, seed: int
) -> dict[str, Any]:
    factors = [one["change"]["factor"] for one in found.get("findings", ())]
    verdict = found.get("verdict", f"no JSON: {error}")
    right = set(factors) <= set(case.right) if factors else verdict in case.right
    accuracy = found.get("accuracy") or {}
    images = accuracy.get("images", 0) or 1
    return {
        "card": card.name,
        "planted": case.name,
        "where": case.where,
        "answer": factors or [verdict],
        "words": [one["change"]["found"] for one in found.get("findings", ())],
        "leanings": [one["change"]["factor"] for one in found.get("leanings", ())],
        "right": right,
        "code": code,
        "given": 100 * accuracy.get("base_correct", 0) / images,
        "fixed": 100 * accuracy.get("other_correct", 0) / images,
        "images": accuracy.get("images", 0),
        "parity": (found.get("parity") or {}).get("passed"),
        "seconds": round(seconds, 1),
        "seed": seed,
    }


def table(results: list[dict[str, Any]]) -> str:
    """Lines of results as Markdown."""
    lines = [
        "| card | planted | in the | answer | exit | top-1 as given | fixed | right? | s |",
        "|---|---|---|---|---:|---:|---:|---|---:|",
    ]
    lines += [
        f"| `{one['card']}` | {one['planted']} | {one['where']} | {', '.join(one['answer'])} | {one['code']} |"
        f" {one['given']:.1f} | {one['fixed']:.1f} | {'yes' if one['right'] else '**no**'} | {one['seconds']:.0f} |"
        for one in results
    ]
    return "\n".join(lines)


def write(results: list[dict[str, Any]]) -> None:
    """Replace the table of docs/evidence/doctor.md, between its two markers."""
    start, end = "<!-- table photographs -->", "<!-- end photographs -->"
    before, rest = DOCS.read_text(encoding="utf-8").split(start)
    DOCS.write_text(f"{before}{start}\n{table(results)}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main() -> None:
    """Plant, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="torchvision")
    parser.add_argument("--only", action="append")
    parser.add_argument("--variants", type=int, default=1, choices=range(1, 6))
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--write", action="store_true", help="put what RESULTS has so far into docs/evidence/doctor.md, and end"
    )
    asked = parser.parse_args()
    if asked.write:
        write([json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()])
        return
    card, cache = load_card(asked.model), cache_folder()
    made = synthetic_weights(card, cache, log=cache / "inputs.log", display=Quiet()).path
    with tempfile.TemporaryDirectory() as folder:
        weights = rescaled(made, Path(folder) / "weights")
        pictures = Photographs(asked.folder, Path(folder), card, weights, asked.variants)
        print(f"{len(pictures.files)} images, {len(set(pictures.labels))} answers; process {os.getpid()}", flush=True)
        share = min(asked.limit, max(32, int(0.8 * len(pictures.files))))
        native = ["--weights", str(weights), "--backend", "openvino"]
        healthy = Case("*nothing*", "", ("healthy",), lambda _: native)
        cases = [*others(card, weights), *artifacts(card, weights), *of_plants(card, weights)]
        tried = [(healthy, seed, share) for seed in range(asked.draws)] + [(case, 1, asked.limit) for case in cases]
        for case, seed, limit in tried:
            if asked.only is None or any(name in case.name for name in asked.only):
                line = ask(replace(case), card, pictures, asked.threads, seed=seed, limit=limit)
                print(json.dumps(line), flush=True)
                with RESULTS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
