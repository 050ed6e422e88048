"""Backends with one fault each, and the kit on all of them: run as a script, ``python planted.py OUT.json``.

A stub that computes with NumPy, in this process and on a tiny network: each takes a tenth of a second.
"""

import contextlib
import importlib
import io
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from alexbench.backends import registry
from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.conformance import BackendTests
from alexbench.harness.conformance.cases import TINY
from alexbench.harness.conformance.checking import Collected
from alexbench.harness.conformance.kit import Kit, Seen
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.worker_process import Worker


class Sound(Backend):
    """Keeps the contract; a fault overrides what it breaks."""

    requires = Requirements()
    input_layout = "NCHW"
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    devices_taken: ClassVar[tuple[str, ...]] = ("cpu",)

    def __init__(self) -> None:
        self.made: ReferenceBackend | None = None

    def load(self, model: Model, options: Options) -> None:
        if options.precision not in self.precisions or options.device not in self.devices_taken:
            raise UnsupportedOptionError(f"{options.precision} on {options.device}: fp32 on the CPU would have run")
        self.made, self.options = ReferenceBackend(), options
        self.made.load(model, Options(1))

    def predict(self, pixels: Any) -> Any:
        assert self.made is not None
        return self.made.predict(pixels).astype(np.float32)

    def effective(self) -> Effective:
        assert self.made is not None
        known = Known("1", "requested")
        threads, precision = Known(str(self.options.threads), "requested"), Known(self.options.precision, "requested")
        return Effective("stub", "1.0", Known("cpu", "reported"), known, precision, threads, known, {})

    def close(self) -> None:
        self.made = None


class MixesTheBatch(Sound):
    def predict(self, pixels: Any) -> Any:
        return np.roll(super().predict(pixels), 1, axis=0)


class DropsOut(Sound):
    random = np.random.Generator(np.random.PCG64(1))

    def predict(self, pixels: Any) -> Any:
        logits = super().predict(pixels)
        return logits * self.random.integers(0, 2, logits.shape).astype(np.float32)


class TakesMoreThreads(Sound):
    other = ThreadPoolExecutor(1)

    def predict(self, pixels: Any) -> Any:
        begun = self.other.submit(super().predict, pixels)
        logits = super().predict(pixels)
        begun.result()
        return logits


class IgnoresPrecision(Sound):
    precisions = ("fp32", "bf16")


class IgnoresDevice(Sound):
    devices_taken = ("cpu", "cuda", "gpu", "abacus")


class ReusesItsBuffer(Sound):
    buffer = np.zeros((64, 7), np.float32)

    def predict(self, pixels: Any) -> Any:
        logits = super().predict(pixels)
        self.buffer[: len(logits)] = logits
        return self.buffer[: len(logits)]


class LoadsOnce(Sound):
    def load(self, model: Model, options: Options) -> None:
        super().load(model, options)
        if getattr(self, "was_closed", False):
            raise RuntimeError("the device is in use")

    def close(self) -> None:
        self.was_closed = getattr(self, "was_closed", False) or self.made is not None
        super().close()


class TakesAnyShape(Sound):
    def predict(self, pixels: Any) -> Any:
        assert self.made is not None
        return super().predict(np.resize(pixels, (max(1, len(pixels)), 3, 31, 38)).astype(np.float32))


class HidesNaN(Sound):
    def predict(self, pixels: Any) -> Any:
        return np.nan_to_num(super().predict(pixels))


class FillsMissingWeights(Sound):
    def load(self, model: Model, options: Options) -> None:
        shapes = model.network.parameter_shapes
        arrays = {name: np.resize(model.weights.get(name, 0), shape) for name, shape in shapes.items()}
        super().load(
            replace(model, weights={name: array.astype(np.float32) for name, array in arrays.items()}), options
        )


class ReturnsFloat64(Sound):
    def predict(self, pixels: Any) -> Any:
        return super().predict(pixels).astype(np.float64)


class WritesIntoPixels(Sound):
    def predict(self, pixels: Any) -> Any:
        logits = super().predict(pixels)
        pixels += 0 * pixels + 1
        return logits


class MisstatesThreads(Sound):
    def effective(self) -> Effective:
        return replace(super().effective(), threads=Known("8", "reported"))


class ClosesOnce(Sound):
    def close(self) -> None:
        if self.made is None:
            raise RuntimeError("closed already")
        super().close()


class Prints(Sound):
    def predict(self, pixels: Any) -> Any:
        print("inference done")
        return super().predict(pixels)


class Bf16(Sound):
    """Computes what was declared as a gap."""

    precisions = ("fp32", "bf16")

    def load(self, model: Model, options: Options) -> None:
        if options.precision == "bf16":
            model = replace(model, weights={name: _bf16(array) for name, array in model.weights.items()})
        super().load(model, options)


def _bf16(array: Any) -> Any:
    return (array.view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32)


class LayersOfAnother(Sound):
    def activations(self, pixels: Any, layers: Sequence[str]) -> dict[str, Any]:
        assert self.made is not None
        found = self.made.activations(pixels, layers)
        return {name: array * (0.99 if name == "conv2" else 1) for name, array in found.items()}


class ReversesItsStream(Sound):
    def open_stream(self, model: Model, options: Options, *, batch_size: int) -> Any:
        other = type(self)()
        other.load(model, options)

        class Stream:
            streams, how = Known("1", "requested"), "a loop"

            def run(self, batches: Any) -> Any:
                return [other.predict(one) for one in batches[::-1]]

            def close(self) -> None:
                pass

        return Stream()


class InProcess:
    """A worker in this process."""

    def __init__(self) -> None:
        self._worker = Worker(lambda *_: None)

    def ask(self, request: Any) -> Any:
        return self._worker.handle(request)

    def close(self) -> None:
        self._worker.close()


class StubKit(Kit):
    count_threads_s = 0.05

    def start(self, what: str, **options: Any) -> Any:
        return InProcess()

    def drive(self, script: str) -> Seen:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            seen = importlib.import_module(f"alexbench.harness.conformance.{script}").drive(self.name, self.folder)
        return {**seen, "printed": printed.getvalue()}


STUBS = {kind.__name__: kind for kind in (Sound, *Sound.__subclasses__())}
for _name, _kind in STUBS.items():
    _kind.name = _name
    _on_tiny = {"backend": _name, "cases": (TINY,), "other_sizes": (TINY,), "threads": 1, "kit_class": StubKit}
    _gaps = {"gaps": dict.fromkeys(("bf16", "fp16"), UnsupportedOptionError) if _name != "Sound" else None}
    globals()[f"Test{_name}"] = type(f"Test{_name}", (BackendTests,), _on_tiny | _gaps)


class ByBackend(Collected):
    """What became of the checks of each."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, list[dict[str, Any]]] = {}

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        before = len(self.checks)
        super().pytest_runtest_makereport(item, call)
        self.of.setdefault(item.cls.backend, []).extend(map(asdict, self.checks[before:]))


def main() -> None:
    points = {name: EntryPoint(name, f"{__name__}:{name}", registry.GROUP) for name in STUBS}
    sys.modules[__name__] = sys.modules["__main__"]
    known = registry._entry_points() | points
    registry._entry_points = lambda: known  # type: ignore[assignment]
    collected = ByBackend()
    flags = ["-q", "-p", "no:cacheprovider", "--noconftest", "-c", "pyproject.toml", "--import-mode=importlib"]
    pytest.main([__file__, *flags], plugins=[collected])
    Path(sys.argv[1]).write_text(json.dumps(collected.of), encoding="utf-8")


if __name__ == "__main__":
    main()
