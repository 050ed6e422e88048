"""Why outputs that are nearly float64's are not quite: the reference computed with each known cause. Runs in a worker."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.app.doctor.functions import with_mistakes
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.error_causes import ROUNDING, SCALED, about_rows, along, resemblance
from alexbench.harness.judge.outputs import Kind, agreement_db, as_compared, as_logits
from alexbench.harness.judge.rounding import rounded
from alexbench.harness.models.network import Conv, Layer, Linear
from alexbench.harness.models.weights import map_weights

Where = Literal["all", "products", "weights"]
Pixels = NDArray[np.float32]
Values = NDArray[np.float64]

STEP: Final = 0.01
"""A layer's weights are scaled by one more than this for the direction in which a scale moves the scores."""
AGREES_DB: Final = 95.0
"""With the scale found built in, what is left must be fp32's own rounding (100 dB, less what 8 pictures may miss)."""
CLEARER: Final = 3.0
"""How many times less a layer must leave unexplained than the next one to be named."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """One way to compute in few bits: significands of ``bits`` bits in ``where``.

    ``all``: weights, biases, inputs and outputs of each product. ``products``: weights and inputs, as TF32 and bf16
    units do. ``weights``: only what is stored.
    """

    where: Where
    bits: int

    @property
    def name(self) -> str:
        """By which the worker's answer calls it."""
        return f"{self.where} {self.bits}"


ARITHMETICS: Final = tuple(Arithmetic(where, bits) for where in ("all", "products", "weights") for bits in (8, 11))


@dataclass(frozen=True, slots=True)
class Cause:
    """What the error is. ``layer`` and ``scale``: of the layer whose weights are scaled, where one explains all of it.

    ``rounding``: the arithmetic (``Arithmetic.name``) that it resembles most, ``correlation`` how much.
    """

    rounding: str
    correlation: float
    layer: str | None = None
    scale: float = 1.0

    @property
    def is_rounding(self) -> bool:
        """Whether it is that rounding beyond doubt."""
        return self.correlation >= ROUNDING


class _Rounding(ReferenceBackend):
    """The reference with significands of a few bits in places."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        super().__init__()
        self._arithmetic = arithmetic

    def load(self, model: Model, options: Options) -> None:
        """As the reference; weights (and biases) rounded."""
        kept = ".weight" if self._arithmetic.where == "products" else ""
        arrays = {name: self._round(one) if name.endswith(kept) else one for name, one in model.weights.items()}
        super().load(replace(model, weights=arrays), options)

    def _apply(self, layer: Layer, x: Values) -> Values:
        product = isinstance(layer, Conv | Linear)
        if product and self._arithmetic.where != "weights":
            x = self._round(x.astype(np.float32)).astype(np.float64)
        x = super()._apply(layer, x)
        if product and self._arithmetic.where == "all":
            x = self._round(x.astype(np.float32)).astype(np.float64)
        return x

    def _round(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return rounded(values, self._arithmetic.bits)


def cause_of_error(
    *, network: str, input_size: int, weights: Path, inputs: Path, outputs: Path, kind: Kind, made: list[int]
) -> Cause:
    """Why ``outputs`` (N, outputs) of ``inputs`` (N, C, H, W), both .npy files, are not float64's.

    ``made``: places in MISTAKES that are built in already.
    """
    model, pixels = with_mistakes(network, input_size, map_weights(weights), np.load(inputs), made)
    found = np.load(outputs)

    def seen(logits: Values) -> Values:
        return about_rows(as_compared(logits, kind))

    plain = seen(_logits(ReferenceBackend(), model, pixels))
    error = about_rows(as_logits(found, kind)) - plain
    directions = {
        name: (seen(_logits(ReferenceBackend(), _scaled(model, name, 1 + STEP), pixels)) - plain) / STEP
        for name in _layers(model)
    }
    simulated = {one.name: seen(_logits(_Rounding(one), model, pixels)) - plain for one in ARITHMETICS}
    like = resemblance(error, simulated, [plain, *directions.values()])
    explained = sorted((along(error, one)[1], name, along(error, one)[0]) for name, one in directions.items())
    (left, layer, factor), (next_left, _, _) = explained[0], explained[1]
    if left <= SCALED and CLEARER * left <= next_left and 1 + factor > 0:
        with_it = _logits(ReferenceBackend(), _scaled(model, layer, 1 + factor), pixels)
        if agreement_db(found, with_it, kind) >= AGREES_DB:
            return Cause(like.name, like.correlation, layer, 1 + factor)
    return Cause(like.name, like.correlation)


def _logits(backend: ReferenceBackend, model: Model, pixels: Pixels) -> Values:
    backend.load(model, Options(threads=1))
    found = backend.predict(pixels)
    backend.close()
    return found


def _layers(model: Model) -> Iterator[str]:
    return (layer.name for layer in model.network.layers if isinstance(layer, Conv | Linear))


def _scaled(model: Model, layer: str, factor: float) -> Model:
    name = f"{layer}.weight"
    scaled = (model.weights[name].astype(np.float64) * factor).astype(np.float32)
    return replace(model, weights={**model.weights, name: scaled})
