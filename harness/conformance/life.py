"""Drives one backend through its life in this process, and writes down what happened: run as a script.

``python -m alexbench.harness.conformance.life BACKEND OUT.json``; :mod:`alexbench.harness.conformance.required` judges
it. A process of its own, because a runtime may keep threads and settings until its process ends.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import KeepsOnDevice
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.judge.parity import deviation
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights

TINY: Final = get_network("tiny")
BATCH: Final = 4
NOT_FINITE: Final = {2: np.nan, 5: np.inf}
"""Class -> what its answer is made."""


def attempt(action: Callable[[], Any]) -> dict[str, Any]:
    """What an action raised, as data; ``same``: what it returned, where that is a bool."""
    try:
        same = action()
    except Exception as error:
        ours, message = isinstance(error, AlexBenchError), " ".join(str(error).split())[:500]
        return {"raised": type(error).__name__, "ours": ours, "message": message, "same": False}
    return {"raised": None, "ours": False, "message": "", "same": same if isinstance(same, bool) else None}


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


def other_types(pixels: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """What is not float32, or empty: refused, or answered correctly."""
    return {"uint8": pixels.astype(np.uint8), "float64": pixels.astype(np.float64), "no image": pixels[:0]}


def other_shapes(pixels: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Arrays that are not a batch of this network's input."""
    channels = pixels.shape.index(TINY.input_shape[0])
    return {
        "one image without a batch": pixels[0],
        "the other layout": np.ascontiguousarray(np.moveaxis(pixels, channels, 1 if channels == 3 else 3)),
        "height and width swapped": np.ascontiguousarray(np.swapaxes(pixels, *_sides(pixels))),
        "a row short": np.ascontiguousarray(np.delete(pixels, 0, axis=_sides(pixels)[0])),
    }


def not_finite_weights() -> dict[str, NDArray[np.float32]]:
    """Arrays whose answers are not finite in two classes, and as ever in the others."""
    arrays = weights()
    bias = arrays["fc7.bias"].copy()
    bias[list(NOT_FINITE)] = list(NOT_FINITE.values())
    return {**arrays, "fc7.bias": bias}


def correct(backend: Backend, given: NDArray[Any]) -> bool:
    """Whether the answer to ``given`` is that to the same values in float32."""
    answer, wanted = backend.predict(given), backend.predict(given.astype(np.float32)) if len(given) else None
    if wanted is None:
        return answer.shape == (0, TINY.outputs)
    return bool(np.allclose(answer, wanted, rtol=1e-4, atol=1e-4 * wanted.std()))


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
    if isinstance(backend, KeepsOnDevice):
        seen["resident_before_load"] = attempt(lambda: backend.resident(first))
    seen["defects"] = {
        what: attempt(partial(backend.load, Model(TINY, arrays), options)) for what, arrays in defects().items()
    }

    backend.load(model, options)
    if isinstance(backend, KeepsOnDevice):
        seen["resident_is_none"] = backend.resident(first) is None
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
    seen["read_only_pixels"] = attempt(lambda: bool(np.array_equal(backend.predict(first), kept)))
    first.flags.writeable = True
    reference = ReferenceBackend()
    reference.load(model, options)
    found = deviation(kept, reference.predict(channels_first[0]))
    seen["deviation"] = {"max_abs_over_sigma": found.max_abs_over_sigma, "sqnr_db": found.sqnr_db}

    seen["shapes"] = {what: attempt(partial(backend.predict, pixels)) for what, pixels in other_shapes(first).items()}
    seen["types"] = {what: attempt(partial(correct, backend, pixels)) for what, pixels in other_types(first).items()}
    seen["well_after_refusals"] = attempt(lambda: bool(np.array_equal(backend.predict(first), kept)))

    seen["close"] = [attempt(backend.close), attempt(backend.close)]
    seen["predict_after_close"] = attempt(lambda: backend.predict(first))
    seen["effective_after_close"] = attempt(backend.effective)

    def again() -> bool:
        backend.load(model, options)
        return bool(np.array_equal(backend.predict(first), kept))

    seen["loads_again"], seen["loads_over"] = attempt(again), attempt(again)
    with contextlib.closing(type(backend)()) as broken:
        broken.load(Model(TINY, not_finite_weights()), options)
        seen["not_finite"] = answer_of_each(broken.predict(first))
    seen["last_close"] = attempt(backend.close)
    return seen


def answer_of_each(logits: NDArray[np.float32]) -> list[str]:
    """Class by class: finite, inf or nan, over all images."""
    kinds = [{("nan" if np.isnan(one) else "finite" if np.isfinite(one) else "inf") for one in row} for row in logits.T]
    return ["/".join(sorted(kind)) for kind in kinds]


def drive(name: str, _: Path) -> dict[str, Any]:
    """What was seen."""
    before = set(sys.modules)
    backend = backend_class(name)()
    imported = sorted({module.partition(".")[0] for module in set(sys.modules) - before})
    return {"imported_by_construction": imported} | life(backend)


def main(drive: Callable[[str, Path], dict[str, Any]]) -> None:
    """The script: what it saw goes to a file, whole or not at all; other files stay next to it."""
    name, out = sys.argv[1:]
    text = json.dumps(drive(name, Path(out).parent))
    Path(out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(drive)
