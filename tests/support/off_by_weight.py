"""A runtime with one weight off: in arrays, or in a worker that is run by a shim in the place of an interpreter.

The backend is the real one; what it is given is not quite what the others were given.
"""

import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.models.network import Conv, Network


def off_by(
    weights: Mapping[str, NDArray[np.float32]], layer: str, deviations: float, seed: int
) -> dict[str, NDArray[np.float32]]:
    """The arrays, one weight of ``layer``, drawn by ``seed``, larger by so many deviations of that layer's weights."""
    name = f"{layer}.weight"
    changed = weights[name].copy()
    changed.reshape(-1)[_drawn(changed.size, seed)] += np.float32(deviations * changed.std(dtype=np.float64))
    return {**weights, name: changed}


def seeds_that_show(
    network: Network, layer: str, activations: Mapping[str, NDArray[np.float64]]
) -> Iterator[tuple[int, int]]:
    """Seeds of weights that have something to weigh in ``activations`` (layer -> (N, ...)), and the channel each is of.

    A weight whose input is zero on every image, for a ReLU never fired, changes nothing there.
    """
    before = ""
    for one in network.layers:
        if one.name == layer:
            break
        before = one.name
    shape = network.parameter_shapes[f"{layer}.weight"]
    outputs, inputs = shape[0], shape[1]
    for seed in itertools.count(1):
        output, source = (int(place) for place in np.unravel_index(_drawn(prod(shape), seed), shape)[:2])
        if isinstance(one, Conv):
            source += inputs * (output * one.groups // outputs)
        if not before or np.abs(activations[before][:, source]).max() > 0:
            yield seed, output


def _drawn(size: int, seed: int) -> int:
    """Which of ``size`` weights."""
    return int(np.random.Generator(np.random.PCG64(seed)).integers(size))


def interpreter(folder: Path, backend: str, layer: str, deviations: float, seed: int) -> str:
    """An executable in ``folder`` for ``--python BACKEND=FILE``: its worker's ``backend`` has a weight off."""
    from tests.support.shims import executable

    arguments = ("-P", __file__, backend, layer, str(deviations), str(seed))
    return executable(folder / f"{backend}-off-in-{layer}", *arguments)


def _plant(backend: type[Backend], layer: str, deviations: float, seed: int) -> None:
    load = backend.load

    def load_off(self: Backend, model: Model, options: Options) -> None:
        load(self, replace(model, weights=off_by(model.weights, layer, deviations, seed)), options)

    backend.load = load_off  # type: ignore[method-assign]


if __name__ == "__main__":
    _plant(backend_class(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
    worker.main()
