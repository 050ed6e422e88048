"""Lets one backend write and open files of the network `tiny`, and writes down what happened: run as a script.

``python -m alexbench.harness.conformance.file_life BACKEND OUT.json``; :mod:`alexbench.harness.conformance.optional`
judges it.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import ExportFormat, Exports, OpensExports
from alexbench.harness.conformance.cases import WEIGHTS_SEED
from alexbench.harness.conformance.life import BATCH, TINY, attempt, main
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.judge.parity import deviation
from alexbench.harness.models.seeded import seeded_weights

MODEL = Model(TINY, seeded_weights(TINY.parameter_shapes, WEIGHTS_SEED))
OPTIONS = Options(threads=1)


def pixels() -> NDArray[np.float32]:
    """A batch (N, C, H, W)."""
    return np.random.Generator(np.random.PCG64(3)).standard_normal((BATCH, *TINY.input_shape), dtype=np.float32)


def in_layout(layout: str) -> NDArray[np.float32]:
    """The batch as a backend takes it."""
    return pixels() if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(pixels(), 1, -1))


def off(logits: NDArray[np.float32]) -> float:
    """How far from float64's, in standard deviations."""
    reference = ReferenceBackend()
    reference.load(MODEL, OPTIONS)
    return deviation(logits, reference.predict(pixels())).max_abs_over_sigma


def write(backend: Backend, form: ExportFormat, folder: Path) -> dict[str, Any]:
    """A file of ``form``, opened again where the backend opens that format."""
    assert isinstance(backend, Exports)
    path = folder / f"network{form.suffix}"
    seen = attempt(partial(backend.export, MODEL, path, form, {"card": "tiny"}))
    seen |= {"left": path.exists(), "path": str(path), "max_abs_over_sigma": None}
    if isinstance(backend, OpensExports) and form.name in backend.opened_formats and seen["left"]:
        opened = backend.open_export(path, form.name)
        seen["max_abs_over_sigma"] = off(opened.predict(in_layout(backend.input_layout)))
    return seen


def spoiled(backend: Backend, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Files of noise, opened."""
    assert isinstance(backend, OpensExports)
    suffixes = {form.name: form.suffix for form in getattr(backend, "export_formats", ()) if form.suffix}
    for form in backend.opened_formats:
        if form in suffixes:
            path = folder / f"noise{suffixes[form]}"
            path.write_bytes(b"no network at all")
            yield form, attempt(partial(backend.open_export, path, form))


def drive(name: str, folder: Path) -> dict[str, Any]:
    """What was seen; the files that were written stay in ``folder``/FORMAT."""
    backend = backend_class(name)()
    seen: dict[str, Any] = {"exports": {}, "spoiled": {}}
    own = [form for form in backend.export_formats if form.via is None] if isinstance(backend, Exports) else []
    for form in own:
        place = folder / form.name
        place.mkdir(parents=True)
        seen["exports"][form.name] = write(backend, form, place)
    if isinstance(backend, OpensExports):
        seen["spoiled"] = dict(spoiled(backend, folder))
    return seen


if __name__ == "__main__":
    main(drive)
