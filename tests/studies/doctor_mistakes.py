"""Does the doctor find what is planted? The tables of docs/evidence/doctor.md.

    PYTHONPATH=. python tests/studies/doctor_mistakes.py [--part PART] [--model CARD] [--only NAME] [--write]

Each mistake is planted alone, in the way that people make it: in the card, the labels file, the weights file, or the
runtime (a backend that is tampered with, in a worker of its own). The doctor is given 500 synthetic images and is not
told. ``--write`` replaces the tables in docs/evidence/doctor.md.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from alexbench.datasets.classes import devkit_order
from alexbench.harness.diagnosis.doctor import Question, diagnose
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.synthetic import NAME, synthetic_pictures, synthetic_weights
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.weights import map_weights, write_weights
from alexbench.harness.records.diagnosis_records import Diagnosis
from alexbench.harness.resolving import resolve
from tests.end_to_end.ailing import ailing
from tests.support.cards import write_card

DOCS = Path(__file__).parents[2] / "docs" / "evidence" / "doctor.md"
CARDS = ("torchvision", "bvlc", "tfcnn")
RESULTS = Path("doctor-results.jsonl")
PARTS = {1: "alone", 2: "pairs"}


class Quiet:
    """No progress."""

    def say(self, line: str) -> None:
        """Nothing."""

    def step(self, title: str) -> Any:
        """Nothing."""
        from contextlib import nullcontext

        return nullcontext(lambda done, total: None)


@dataclass(frozen=True)
class Plant:
    """A mistake. ``factors``: the names by which the doctor should call it, any of them counts."""

    name: str
    factors: tuple[str, ...]
    where: str
    card: Callable[[Preprocessing], Preprocessing] = lambda right: right
    labels: Callable[[int], int] | None = None
    weights: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    runtime: tuple[str, ...] = field(default=())


def plants(card: Card) -> Iterator[Plant]:
    """Every mistake of issue 6 that can be made with ``card``."""
    right = card.preprocessing
    swapped = "BGR" if right.channels == "RGB" else "RGB"
    yield Plant("channels swapped", ("channels",), "card", lambda p: replace(p, channels=swapped))
    if any(right.mean):
        yield Plant("mean missing", ("normalisation",), "card", lambda p: replace(p, mean=(0.0,) * 3))
    factor = 1 / 255 if right.divide_by == 1 else 255.0
    wrong_scale = tuple(value * factor for value in right.mean)
    yield Plant("mean in the wrong scale", ("normalisation",), "card", lambda p: replace(p, mean=wrong_scale))
    if right.divide_by == 1:
        yield Plant("divided by 255", ("normalisation",), "card", lambda p: replace(p, divide_by=255.0))
    else:
        yield Plant("not divided", ("normalisation",), "card", lambda p: replace(p, divide_by=1.0))
    if right.resize == "squash":
        yield Plant("aspect kept", ("resize",), "card", lambda p: replace(p, resize="shorter-side"))
    else:
        squash = {"resize": "squash", "resize_to": 256}
        yield Plant("aspect squashed", ("resize",), "card", lambda p: replace(p, **squash))
    side = 288 if right.resize != "tf-cnn" else 227
    mode = "shorter-side" if right.resize == "tf-cnn" else right.resize
    yield Plant(
        f"resized to {side}", ("resize-to", "resize"), "card", lambda p: replace(p, resize=mode, resize_to=side)
    )
    yield Plant("bicubic", ("interpolation",), "card", lambda p: replace(p, interpolation=_bicubic(right)))
    antialias = "opencv-bilinear" if right.interpolation == "pillow-bilinear" else "pillow-bilinear"
    word = "no antialias" if right.interpolation == "pillow-bilinear" else "antialias"
    yield Plant(word, ("interpolation",), "card", lambda p: replace(p, interpolation=antialias))
    fast = "libjpeg" if right.decode == "libjpeg-fast" else "libjpeg-fast"
    yield Plant("another decoder", ("decoder",), "card", lambda p: replace(p, decode=fast))
    word = "EXIF ignored" if right.exif else "EXIF applied"
    yield Plant(word, ("exif",), "card", lambda p: replace(p, exif=not p.exif))
    yield Plant("labels one too high", ("labels",), "labels file", labels=lambda label: (label + 1) % 1000)
    yield Plant("labels one too low", ("labels",), "labels file", labels=lambda label: (label - 1) % 1000)
    order = devkit_order()
    yield Plant("devkit ids as labels", ("class-order",), "labels file", labels=lambda label: int(order[label]))
    yield Plant("softmax twice", ("softmax",), "runtime", runtime=("softmax twice",))
    yield Plant("NCHW read as NHWC", ("layout",), "runtime", runtime=("layout",))
    yield Plant("fc6 flattened H, W, C", ("flatten",), "runtime", runtime=("flatten",))
    yield Plant("fc6's columns in H, W, C order", ("flatten",), "weights file", weights=_moved)
    yield Plant("dropout on", ("dropout",), "runtime", runtime=("dropout",))
    if card.network == "bvlc":
        yield Plant("groups ignored", ("groups",), "runtime", runtime=("groups",))
        yield Plant("LRN's alpha not divided", ("lrn",), "runtime", runtime=("lrn",))


def _bicubic(right: Preprocessing) -> str:
    return "pillow-bicubic" if right.interpolation.startswith("pillow") else "opencv-bicubic"


def _moved(arrays: dict[str, Any]) -> dict[str, Any]:
    fc6 = arrays["fc6.weight"]
    moved = fc6.reshape(-1, 256, 6, 6).transpose(0, 2, 3, 1).reshape(fc6.shape)
    return {**arrays, "fc6.weight": np.ascontiguousarray(moved)}


PAIRS = (
    ("torchvision", "mean missing", "channels swapped"),
    ("torchvision", "aspect squashed", "no antialias"),
    ("torchvision", "not divided", "devkit ids as labels"),
    ("torchvision", "dropout on", "channels swapped"),
    ("torchvision", "fc6's columns in H, W, C order", "mean missing"),
    ("bvlc", "groups ignored", "aspect kept"),
    ("bvlc", "channels swapped", "EXIF ignored"),
    ("bvlc", "labels one too high", "divided by 255"),
    ("tfcnn", "NCHW read as NHWC", "antialias"),
    ("tfcnn", "softmax twice", "mean in the wrong scale"),
)


class Clinic:
    """The place of models under test: synthetic images and weights of a card, and a folder for what is planted."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder, self.cache, self.threads = folder, cache_folder(), threads

    def visit(self, name: str, planted: list[Plant], *, seed: int = 1, **more: Any) -> tuple[Diagnosis, float]:
        """The doctor's answer to a card's model with these mistakes, and how long it took, in seconds."""
        card = load_card(name)
        values: dict[str, Any] = {"only": "accuracy", "limit": 500, "seed": seed, "backends": ("openvino",)}
        values["threads"] = self.threads
        right = card.preprocessing
        wrong = right
        for one in planted:
            wrong = one.card(wrong)
        values["model"] = str(write_card(self.folder / f"{name}.toml", card, wrong)) if wrong != right else name
        weights = synthetic_weights(card, self.cache, log=self.cache / "inputs.log", display=Quiet()).path
        for one in planted:
            if one.weights is not None:
                arrays = one.weights({key: np.array(value) for key, value in map_weights(weights).items()})
                weights = write_weights(arrays, self.folder)[0]
        values["weights"] = str(weights)
        values |= self._pictures([one.labels for one in planted if one.labels is not None])
        runtime = [mistake for one in planted for mistake in one.runtime]
        if runtime:
            values["pythons"] = (f"openvino={ailing(runtime, self.folder)}",)
        start = time.monotonic()
        found = diagnose(Question(resolve(values), **more), Quiet())
        return found, time.monotonic() - start

    def _pictures(self, planted: list[Callable[[int], int]]) -> dict[str, Any]:
        """The synthetic images as a flat folder with a labels file."""
        pictures = synthetic_pictures("val", self.cache, log=self.cache / "inputs.log", display=Quiet())
        flat = self.folder / "flat"
        lines = []
        for sample in pictures.samples:
            name, label = sample.file.replace("/", "_"), sample.label
            for change in planted:
                label = change(label)
            lines.append(f"{name} {label}")
            if not (flat / name).exists():
                flat.mkdir(exist_ok=True)
                (flat / name).symlink_to(pictures.root / sample.file)
        labels = self.folder / "val.txt"
        labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return {"data": str(flat), "layout": "flat-folder", "labels": str(labels)}


def row(clinic: Clinic, card: str, planted: list[Plant], *, seed: int = 1, **more: Any) -> dict[str, Any]:
    """One line of a table, kept in RESULTS as well."""
    found, seconds = clinic.visit(card, planted, seed=seed, **more)
    return keep(card, planted, found, seconds, seed=seed)


def keep(card: str, planted: list[Plant], found: Diagnosis, seconds: float, *, seed: int) -> dict[str, Any]:
    """The line of a diagnosis."""
    factors = [one.change.factor for one in found.findings]
    wanted = [one.factors for one in planted]
    named = all(any(name in factors for name in names) for names in wanted)
    open_ones = [change.factor for one in found.not_excluded for change in one.changes]
    told = all(any(name in factors + open_ones for name in names) for names in wanted)
    made = {
        "part": "healthy" if not planted else "modelhub" if card == "modelhub-onnx" else PARTS[len(planted)],
        "card": card,
        "planted": [one.name for one in planted],
        "where": [one.where for one in planted],
        "verdict": found.verdict,
        "factors": factors,
        "fixes": [one.change.fix for one in found.findings],
        "named": named,
        "first": bool(factors) and bool(wanted) and factors[0] in wanted[0],
        "only": len(factors) == len(planted),
        "told": told,
        "given": found.accuracy.base,
        "fixed": found.accuracy.other,
        "inferences": found.inferences,
        "seconds": round(seconds, 1),
        "seed": seed,
        "not_excluded": sorted(set(open_ones)),
    }
    print(json.dumps(made), flush=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(made) + "\n")
    return made


def modelhub(clinic: Clinic) -> None:
    """The doctor's first real model: ModelHub's ONNX contract on weights that were fitted under omz's."""
    card = load_card("omz")
    weights = synthetic_weights(card, clinic.cache, log=clinic.cache / "inputs.log", display=Quiet()).path
    plant = Plant("modelhub-onnx on omz's weights", ("channels", "normalisation", "interpolation"), "card")
    pictures = synthetic_pictures("val", clinic.cache, log=clinic.cache / "inputs.log", display=Quiet())
    asked = {"only": "accuracy", "limit": 500, "backends": ("openvino",), "model": "modelhub-onnx"}
    asked["threads"] = clinic.threads
    asked |= {"data": str(pictures.root), "weights": str(weights)}
    start = time.monotonic()
    found = diagnose(Question(resolve(asked)), Quiet())
    keep("modelhub-onnx", [plant], found, time.monotonic() - start, seed=1)


def table(results: list[dict[str, Any]]) -> str:
    """Lines of results as Markdown; those that an earlier doctor made are marked [1]."""
    lines = [
        "| card | planted | in the | found, first to last | top-1 as given | fixed | cannot tell apart | s |",
        "|---|---|---|---|---:|---:|---|---:|",
    ]
    for one in results:
        planted = ", ".join(one["planted"]) or "*nothing*"
        found = ", ".join(one["factors"]) or one["verdict"]
        if not one["named"] and one["planted"]:
            found = f"**{found}**"
        where = ", ".join(dict.fromkeys(one["where"]))
        open_ones = ", ".join(one["not_excluded"])
        mark = " [1]" if one.get("earlier") else ""
        lines.append(
            f"| `{one['card']}`{mark} | {planted} | {where} | {found} | {one['given']:.1f} | {one['fixed']:.1f} |"
            f" {open_ones} | {one['seconds']:.0f} |"
        )
    return "\n".join(lines)


def write(part: str, results: list[dict[str, Any]]) -> None:
    """Replace a table of docs/evidence/doctor.md, between its two markers."""
    start, end = f"<!-- table {part} -->", f"<!-- end {part} -->"
    before, rest = DOCS.read_text(encoding="utf-8").split(start)
    DOCS.write_text(f"{before}{start}\n{table(results)}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main() -> None:
    """Plant, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("alone", "pairs", "healthy", "modelhub"), action="append")
    parser.add_argument("--model", choices=CARDS, action="append")
    parser.add_argument("--only", action="append")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument(
        "--write", action="store_true", help="put what RESULTS has so far into docs/evidence/doctor.md, and end"
    )
    arguments = parser.parse_args()
    if arguments.write:
        results = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
        for part in ("alone", "pairs", "modelhub", "healthy"):
            write(part, [one for one in results if one["part"] == part])
        return
    parts = arguments.part or ["alone", "pairs", "healthy", "modelhub"]
    print(f"{NAME}, {arguments.threads} threads, process {os.getpid()}")
    with tempfile.TemporaryDirectory() as folder:
        clinic = Clinic(Path(folder), arguments.threads)
        for card in arguments.model or CARDS:
            if "alone" in parts:
                for plant in plants(load_card(card)):
                    if arguments.only is None or plant.name in arguments.only:
                        row(clinic, card, [plant])
        if "pairs" in parts:
            for card, first, second in PAIRS:
                known = {plant.name: plant for plant in plants(load_card(card))}
                row(clinic, card, [known[first], known[second]])
        if "modelhub" in parts:
            modelhub(clinic)
        if "healthy" in parts:
            for seed in range(1, arguments.seeds + 1):
                row(clinic, CARDS[seed % len(CARDS)], [], seed=seed)


if __name__ == "__main__":
    main()
