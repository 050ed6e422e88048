"""Drives one backend through its life in this process, and writes down what happened: run as a script.

``python lifecycle.py BACKEND OUT.json``. What it saw is judged in tests/conformance/test_lifecycle.py. A process of its
own, because a runtime may keep threads and settings until its process ends.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.judge.parity import deviation
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    Network,
    ReLU,
)
from alexbench.harness.models.seeded import seeded_weights

# Every kind of layer, none of them at its easiest: height is not width, windows hang over the edge in one direction
# only, the adaptive pooling's windows overlap.
TINY: Final = Network(
    "tiny",
    "every kind of layer",
    (3, 31, 38),
    (
        Conv("conv1", 3, 8, 5, stride=2, padding=1),
        ReLU("relu1"),
        LRN("norm1", 5, 1e-1, 0.75, 2.0),
        MaxPool("pool1", 3, 2, ceil_mode=True),
        Conv("conv2", 8, 12, 3, padding=1, groups=2),
        ReLU("relu2"),
        AdaptiveAvgPool("avgpool", 3),
        Flatten("flatten"),
        Dropout("drop6", 0.5),
        Linear("fc6", 108, 16),
        ReLU("relu6"),
        Linear("fc7", 16, 7),
    ),
)
BATCH: Final = 4


def attempt(action: Callable[[], Any]) -> dict[str, Any]:
    """What an action raised, as data."""
    try:
        action()
    except Exception as error:
        return {"raised": type(error).__name__, "ours": isinstance(error, AlexBenchError), "message": str(error)}
    return {"raised": None, "ours": False, "message": ""}


def weights() -> dict[str, NDArray[np.float32]]:
    """Seeded arrays, read-only as those of a mapped file are."""
    arrays = seeded_weights(TINY.parameter_shapes, 7)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def defects() -> dict[str, dict[str, NDArray[Any]]]:
    """Arrays that do not fit, by what is wrong with them."""
    good = weights()
    return {
        "missing": {name: array for name, array in good.items() if name != "conv2.bias"},
        "extra": {**good, "fc9.weight": np.zeros((2, 7), np.float32)},
        "misshapen": {**good, "fc6.weight": np.ascontiguousarray(good["fc6.weight"].T)},
        "float64": {**good, "conv1.weight": good["conv1.weight"].astype(np.float64)},
    }


def refused_pixels(pixels: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Arrays that are not a batch of this network's input."""
    channels = pixels.shape.index(TINY.input_shape[0])
    return {
        "uint8": pixels.astype(np.uint8),
        "float64": pixels.astype(np.float64),
        "one image without a batch": pixels[0],
        "the other layout": np.ascontiguousarray(np.moveaxis(pixels, channels, 1 if channels == 3 else 3)),
        "height and width swapped": np.ascontiguousarray(np.swapaxes(pixels, *_sides(pixels))),
        "a row short": np.ascontiguousarray(np.delete(pixels, 0, axis=_sides(pixels)[0])),
        "no image": pixels[:0],
    }


def _sides(pixels: NDArray[np.float32]) -> tuple[int, int]:
    _, height, width = TINY.input_shape
    return pixels.shape.index(height), pixels.shape.index(width)


def life(backend: Backend) -> dict[str, Any]:
    """Birth to death, and what was seen on the way."""
    seen: dict[str, Any] = {"close_before_load": [attempt(backend.close), attempt(backend.close)]}
    model, options = Model(TINY, weights()), Options(threads=1)
    random = np.random.Generator(np.random.PCG64(11))
    channels_first = random.standard_normal((2, BATCH, *TINY.input_shape), dtype=np.float32)
    first, second = (
        np.ascontiguousarray(one if backend.input_layout == "NCHW" else np.moveaxis(one, 1, -1))
        for one in channels_first
    )
    seen["predict_before_load"] = attempt(lambda: backend.predict(first))
    seen["effective_before_load"] = attempt(backend.effective)
    seen["defects"] = {
        what: attempt(lambda arrays=arrays: backend.load(Model(TINY, arrays), options))
        for what, arrays in defects().items()
    }

    backend.load(model, options)
    untouched = first.copy()
    logits = backend.predict(first)
    kept = logits.copy()
    backend.predict(second)
    seen["logits"] = {"shape": list(logits.shape), "dtype": logits.dtype.name}
    seen["kept_its_first_result"] = bool(np.array_equal(logits, kept))
    seen["pixels_untouched"] = bool(np.array_equal(first, untouched))
    logits[...] = -1.0
    seen["unmoved_by_its_caller"] = bool(np.array_equal(backend.predict(first), kept))
    first.flags.writeable = False
    seen["read_only_pixels"] = bool(np.array_equal(backend.predict(first), kept))
    first.flags.writeable = True
    reference = ReferenceBackend()
    reference.load(model, options)
    found = deviation(kept, reference.predict(channels_first[0]))
    seen["deviation"] = {"max_abs_over_sigma": found.max_abs_over_sigma, "sqnr_db": found.sqnr_db}

    seen["pixels"] = {
        what: attempt(lambda pixels=pixels: backend.predict(pixels)) for what, pixels in refused_pixels(first).items()
    }
    seen["well_after_refusals"] = bool(np.array_equal(backend.predict(first), kept))

    seen["close"] = [attempt(backend.close), attempt(backend.close)]
    seen["predict_after_close"] = attempt(lambda: backend.predict(first))
    seen["effective_after_close"] = attempt(backend.effective)
    backend.load(model, options)
    seen["loads_again"] = bool(np.array_equal(backend.predict(first), kept))
    backend.load(model, options)
    seen["loads_over"] = bool(np.array_equal(backend.predict(first), kept))
    backend.close()
    return seen


def main() -> None:
    """The script."""
    name, out = sys.argv[1:]
    before = set(sys.modules)
    backend = backend_class(name)()
    seen = {"imported_by_construction": sorted({module.partition(".")[0] for module in set(sys.modules) - before})}
    seen |= life(backend)
    Path(out).write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
