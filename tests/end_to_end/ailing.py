"""A runtime with a mistake built in: run as a script by a shim, in the place of an interpreter (``--python``)."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend, Model
from alexbench.harness.judge.top_k import log_softmax
from alexbench.harness.models.network import Network, get_network
from alexbench.harness.models.weights import map_weights
from alexbench.harness.probing.functions import MISTAKES
from alexbench.harness.worker.protocol.loading import Load, Loaded

Arrays = dict[str, NDArray[np.float32]]
PLANTED = ("channels", "layout", "flatten", "groups", "lrn", "softmax", "softmax twice", "dropout", "nan")


def ailing(mistakes: list[str], folder: Path) -> str:
    """An executable in ``folder`` to be named as a backend's interpreter; every backend that it loads has them."""
    from tests.support.shims import executable

    return executable(folder / f"python-{'-'.join(mistakes).replace(' ', '-')}", "-P", __file__, *mistakes)


class Ailing:
    """A backend whose inputs and outputs are tampered with."""

    def __init__(self, backend: Backend, mistakes: list[str]) -> None:
        self._backend, self._mistakes = backend, mistakes
        self._random = np.random.default_rng(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The backend's answer to pixels with the mistakes, and what they make of it."""
        nchw = self._backend.input_layout == "NCHW"
        for one in MISTAKES:
            if one.factor in self._mistakes and one.factor in ("channels", "layout"):
                seen = pixels if nchw else pixels.transpose(0, 3, 1, 2)
                seen = one.pixels(np.ascontiguousarray(seen))
                pixels = seen if nchw else np.ascontiguousarray(seen.transpose(0, 2, 3, 1))
        scores = self._backend.predict(pixels).astype(np.float64)
        if "nan" in self._mistakes:
            scores[:, 0] = np.nan
        for _ in range(("softmax" in self._mistakes) + 2 * ("softmax twice" in self._mistakes)):
            scores = np.exp(log_softmax(scores))
        return scores.astype(np.float32)


def without_rows(
    weights: dict[str, NDArray[np.float32]], network: Network, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Dropout left on, one draw of it: half of what the two last layers see is gone, the rest doubled."""
    generator = np.random.default_rng(seed)
    masked = ("fc6.weight", "fc7.weight") if network.name == "owt" else ("fc7.weight", "fc8.weight")
    drawn = {name: (2 * generator.integers(0, 2, weights[name].shape[1])).astype(np.float32) for name in masked}
    return {**weights, **{name: weights[name] * mask for name, mask in drawn.items()}}


class Forgetful(Ailing):
    """Dropout left on: another draw at every call, of three models that were drawn once."""

    def __init__(self, backends: list[Backend], mistakes: list[str]) -> None:
        super().__init__(backends[0], mistakes)
        self._backends, self._call = backends, 0

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The number of the next call."""
        self._call += 1
        self._backend = self._backends[self._call % len(self._backends)]
        return super().predict(pixels)


def tampered(model: Model, mistakes: list[str]) -> Model:
    """The model with those of the mistakes that are in its network or weights."""
    network, weights = model.network, dict(model.weights)
    done = set()
    for one in MISTAKES:
        if one.factor in mistakes and one.factor not in done:
            done.add(one.factor)  # of two under one name, the first
            weights = dict(one.weights(network, weights))
            network = one.network(network)
    return replace(model, network=network, weights=weights)


def _load(self: worker.Worker, asked: Load) -> Loaded:
    mistakes = sys.argv[1:]
    answer = self.load(asked)
    network = get_network(asked.network, input_size=asked.input_size)
    model = tampered(Model(network, map_weights(asked.weights)), mistakes)
    assert self._backend is not None
    kind, options = type(self._backend), self._options
    assert options is not None
    if "dropout" in mistakes:
        made = []
        for seed in range(3):
            one = kind()
            one.load(replace(model, weights=without_rows(dict(model.weights), network, seed)), options)
            made.append(one)
        self._backend = Forgetful(made, mistakes)  # type: ignore[assignment]
    else:
        self._backend.load(model, options)
        self._backend = Ailing(self._backend, mistakes)  # type: ignore[assignment]
    return answer


if __name__ == "__main__":
    worker.HANDLERS[Load] = _load
    worker.main()
