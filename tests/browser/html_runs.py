"""A run's folder with everything that a page can show, made up: speeds, layers, divergence, mismatches, thumbnails."""

import io
import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from PIL import Image

from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.records import file_names
from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Latency
from alexbench.harness.running import folder as run_folder
from tests.support.records import (
    accuracy,
    ceiling,
    control,
    error_row,
    noise,
    ok_row,
    parity,
    performance,
    run_record,
    throughput,
)

ROWS: Final = ("openvino", "onnxruntime", "torch")
P50_MS: Final = {"openvino": 12.0, "onnxruntime": 15.0, "torch": 19.0, "anchor": 9.0}
FLIPS: Final = 6
FEWER: Final = 15
"""With a thousand images, each system has fewer right than the one before: beyond chance."""
ROUNDS: Final = 30
TWELVE: Final = {
    **{
        f"onnxruntime {precision} tuned, {threads} threads (nightly-2026.11.{place})": 8.0 + 2 * place
        for place, (precision, threads) in enumerate(product(("fp32", "bf16", "int8"), (1, 2, 4)))
    },
    "openvino": 26.0,
    "a_model_of_ours_with_a_very_long_file_name_v2_final.onnx": 27.0,
    "torch": 40.0,
    "anchor": 9.0,
}
"""As many systems with as long names as anybody has."""
NASTY: Final = "</script><img src=x onerror=alert(1)>\"'`&{{ 7*7 }}"
LAYERS: Final = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def write(
    folder: Path,
    *,
    label: str = "tench",
    sample: str = "",
    error: str | None = None,
    flips: int = FLIPS,
    calls: int = 400,
    images: int = 1000,
    noisy_images: bool = False,
    p50_ms: Mapping[str, float] | None = None,
) -> RunRecord:
    """Write it all; the record. ``calls`` are timed of each row; ``noisy_images`` compress as badly as any.

    ``p50_ms``: the rows, fastest first, torch among them, and the machine probe's (``anchor``).
    """
    medians = P50_MS if p50_ms is None else p50_ms
    names = tuple(name for name in medians if name != "anchor")
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.Generator(np.random.PCG64(8))
    record = _record(medians, error, flips, images)
    run_folder.write_record(folder, record)
    _write_timings(folder, p50_ms=medians, generator=generator, calls=calls)
    _write_blocks(folder, medians, generator)
    _write_layers(folder, names)
    samples = [f"n{place:08}/{place}{sample or '.JPEG'}" for place in range(images)]
    _write_answers(folder, names, samples, flips)
    _write_thumbnails(folder, names, samples[: min(flips, 200)], label, generator if noisy_images else None)
    return record


def _record(p50_ms: Mapping[str, float], error: str | None, flips: int, images: int) -> RunRecord:
    rows = []
    shares = {1: 0.5, 8: 0.8, 32: 1.0, 64: 1.02}
    names = [name for name in p50_ms if name != "anchor"]
    for place, name in enumerate(names):
        p50, rate = p50_ms[name], 2400 / p50_ms[name]
        speed = performance(
            rate,
            latency=Latency(p50, p50 - 0.2, p50 + 0.2, blocks=30, samples=700, processes=3, p99_ms=2 * p50),
            sweep=tuple(throughput(rate * share, batch_size=size) for size, share in shares.items()),
            offline=throughput(1.2 * rate, way="streams"),
            layers_ms={layer: round(p50 / (4 + number), 3) for number, layer in enumerate(LAYERS)},
            noise=noise(),
        )
        counts = accuracy((565 - FEWER * place) * images // 1000, 791 * images // 1000, images=images, interval=True)
        held = parity(flips=flips if name == "torch" else 0, effective_bits=20.0)
        rows.append(ok_row(name, accuracy=counts, parity=held, performance=speed))
    if error is not None:
        rows.append(error_row("tensorflow", error))
    return run_record(*rows, ceiling=ceiling(), controls=(control(),), pairs=_pairs(names, images))


def _pairs(names: Sequence[str], images: int) -> tuple[RowPair, ...]:
    """Every row with torch: whoever has more right has all the others' right too."""
    right = {name: np.arange(images) < (565 - FEWER * place) * images // 1000 for place, name in enumerate(names)}
    same = paired_test("top5", right["torch"], right["torch"])
    return tuple(
        RowPair("torch", name, paired_test("top1", right["torch"], right[name]), same)
        for name in names
        if name != "torch"
    )


def _write_timings(folder: Path, *, p50_ms: Mapping[str, float], generator: np.random.Generator, calls: int) -> None:
    frames = []
    for name, p50 in p50_ms.items():
        ns = (1e6 * p50 * generator.lognormal(0.0, 0.1, calls)).astype(np.int64)
        scenario, way = ("Anchor", "latency") if name == "anchor" else ("SingleStream", "loop")
        key = {"backend": name, "scenario": scenario, "batch": np.int32(1), "way": way, "process": np.int32(0)}
        place = np.arange(calls)
        when = {"round": place * ROUNDS // calls, "settled": place > calls // 5}
        frames.append(pd.DataFrame({**key, **when, "ns": ns}))
        if name != "anchor":  # what must not be taken for latency at batch 1
            frames.append(pd.DataFrame({**key, "scenario": "Offline", "round": 0, "settled": True, "ns": 20 * ns[:50]}))
    run_folder.write_parquet(folder / file_names.TIMINGS, pd.concat(frames, ignore_index=True))


def _write_blocks(folder: Path, p50_ms: Mapping[str, float], generator: np.random.Generator) -> None:
    rows: list[dict[str, Any]] = []
    for name, p50 in p50_ms.items():
        scenario, way = ("Anchor", "latency") if name == "anchor" else ("SingleStream", "loop")
        for process in range(3):
            for number in range(ROUNDS):
                median = 1e6 * p50 * (1 + 0.3 * np.exp(-number)) * generator.lognormal(0.0, 0.01)
                key = {"backend": name, "scenario": scenario, "batch": 1, "way": way, "process": process}
                rows.append({**key, "images": 1, "round": number, "settled": number > 4, "median_ns": median})
    run_folder.write_parquet(folder / file_names.BLOCKS, pd.DataFrame(rows))


def _write_layers(folder: Path, names: Sequence[str]) -> None:
    """As reports/divergence.layers_json makes it; torch leaves its bound at fc6."""
    rows = []
    for name in names:
        layers = []
        for place, layer in enumerate(LAYERS):
            found = 2e-7 * (place + 1) * (3000 if name == "torch" and place >= 5 else 1)
            figures = {"max_abs_over_sigma": found, "relative_rms": found / 4, "bits": 21.0, "bound": 2.6e-5}
            layers.append({"layer": layer, **figures})
        rows.append({"name": name, "precision": "fp32", "layers": layers, "error": None, "first": None, "where": None})
    looked = {"run": "run", "images": ["a", "b"], "chosen": "flipped", "rows": rows, "exit_code": 1}
    (folder / "layers.json").write_text(json.dumps(looked), encoding="utf-8")


def _write_answers(folder: Path, names: Sequence[str], samples: list[str], flips: int) -> None:
    """float64 answers with the label, and so does everyone; torch with another class at its mismatches."""
    labels = (np.arange(len(samples)) % 1000).astype(np.int16)
    frames = []
    for name in names:
        answers = labels.copy()
        if name == "torch":
            answers[:flips] = (labels[:flips] + 1) % 1000
        columns = {"backend": name, "sample": samples, "label": labels, "top1": answers}
        columns |= {f"top{place}": (labels + place) % 1000 for place in range(2, 6)}
        columns |= {f"score{place}": np.float32(9 - place) for place in range(1, 6)}
        frames.append(pd.DataFrame(columns))
    run_folder.write_predictions(folder, frames)
    run_folder.write_parquet(folder / file_names.REFERENCE, frames[0].drop(columns="backend"))
    margins = np.linspace(1e-1, 1e-6, flips)
    found = {"backend": "torch", "sample": samples[:flips], "margin_sigma": margins, "explained": margins < 1e-3}
    run_folder.write_flips(folder, [pd.DataFrame(found)])


def _write_thumbnails(
    folder: Path, names: Sequence[str], samples: list[str], label: str, generator: np.random.Generator | None
) -> None:
    (folder / "thumbnails").mkdir()
    listed = []
    count = len(samples)
    margins = np.linspace(1e-1, 1e-6, count)
    for place in range(count):
        ramp = np.add.outer(np.arange(160), np.arange(160)) * (place + 1) % 256
        pixels = np.stack([ramp, ramp.T, 255 - ramp], axis=-1)
        if generator is not None:
            pixels = generator.integers(0, 256, pixels.shape)
        encoded = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(encoded, "JPEG", quality=80)
        name = f"thumbnails/{place + 1:04}.jpg"
        (folder / name).write_bytes(encoded.getvalue())
        right, wrong = [label, "goldfish"], ["goldfish", label]
        answers = {row: wrong if row == "torch" else right for row in names}
        margin = {row: float(margins[place]) if row == "torch" else None for row in names}
        explained = {row: bool(margins[place] < 1e-3) if row == "torch" else None for row in names}
        key = {"sample": samples[place], "file": name, "label": place % 1000, "label_name": label}
        listed.append({**key, "reference": right, "answers": answers, "margin_sigma": margin, "explained": explained})
    (folder / "thumbnails.json").write_text(json.dumps(listed), encoding="utf-8")
