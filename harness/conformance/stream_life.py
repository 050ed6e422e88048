"""Drives one backend's stream through its life in this process, and writes down what happened: run as a script.

``python -m alexbench.harness.conformance.stream_life BACKEND OUT.json``; :mod:`alexbench.harness.conformance.streams`
judges it: what only a caller in the same process can do. The network is `tiny`, with every kind of layer.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import Streams
from alexbench.harness.conformance.life import TINY, attempt, main, weights
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.judge.parity import deviation

SEED: Final = 5
BATCH: Final = 4
SIZES: Final = (BATCH, BATCH, 1, BATCH, BATCH - 1, BATCH, 2)
THREADS: Final = 2


def batches(backend: Backend) -> list[NDArray[np.float32]]:
    """Batches of several sizes, all different, the second read-only as a mapped file's pixels are."""
    random = np.random.Generator(np.random.PCG64(SEED))
    channels, height, width = TINY.input_shape
    shape = (channels, height, width) if backend.input_layout == "NCHW" else (height, width, channels)
    made = [random.standard_normal((size, *shape), np.float32) for size in SIZES]
    made[1].flags.writeable = False
    return made


def same(found: list[NDArray[np.float32]], wanted: list[NDArray[np.float32]]) -> dict[str, Any]:
    """How far the stream's logits lie from the loop's."""
    assert [one.shape for one in found] == [one.shape for one in wanted]
    seen = deviation(np.concatenate(found), np.concatenate(wanted).astype(np.float64))
    return {"max_abs_over_sigma": seen.max_abs_over_sigma, "dtypes": sorted({str(one.dtype) for one in found})}


def drive(name: str, _: Path) -> dict[str, Any]:
    """What was seen."""
    backend = backend_class(name)()
    assert isinstance(backend, Streams)
    model, options = Model(TINY, weights()), Options(THREADS)
    seen: dict[str, Any] = {}
    backend.load(model, options)
    given = batches(backend)
    loop = [backend.predict(one) for one in given]
    effective = backend.effective()

    stream = backend.open_stream(model, options, batch_size=BATCH)
    seen["effective_beside"] = backend.effective() == effective
    seen["streams"], seen["how"] = stream.streams.value, stream.how
    first = stream.run(given)
    kept = [one.copy() for one in first]
    seen["through"] = same(first, loop)
    seen["again"] = same(stream.run(given[::-1])[::-1], loop)
    seen["kept_its_first_results"] = all(np.array_equal(one, copy) for one, copy in zip(first, kept, strict=True))
    seen["nothing"] = stream.run([])
    seen["read_only"] = not given[1].flags.writeable
    misshapen = given[2][..., :-1].copy()
    seen["misshapen"] = attempt(lambda: stream.run([given[0], misshapen, *given[1:]]))
    seen["after_an_error"] = same(stream.run(given), loop)
    seen["beside"] = all(np.array_equal(backend.predict(one), logits) for one, logits in zip(given, loop, strict=True))

    seen["close"] = [attempt(stream.close), attempt(stream.close)]
    seen["run_after_close"] = attempt(lambda: stream.run(given))
    seen["effective_after"] = backend.effective() == effective
    seen["after"] = all(np.array_equal(backend.predict(one), logits) for one, logits in zip(given, loop, strict=True))

    alone = backend_class(name)()
    assert isinstance(alone, Streams)
    without_load = alone.open_stream(model, options, batch_size=BATCH)
    seen["without_load"] = same(without_load.run(given), loop)
    without_load.close()

    def open_unknown() -> None:
        backend.open_stream(model, Options(THREADS, device="abacus"), batch_size=BATCH)

    seen["unknown_device"] = attempt(open_unknown)
    in_bf16 = Options(THREADS, precision="bf16")
    seen["bf16"] = attempt(lambda: backend.open_stream(model, in_bf16, batch_size=BATCH).close())
    backend.close()
    return seen


if __name__ == "__main__":
    main(drive)
