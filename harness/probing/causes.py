"""Why outputs that are nearly float64's are not quite: the reference with each known cause. Runs in a worker."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.error_causes import SCALED, Cause, Rounded, about_rows, along, resemblance
from alexbench.harness.judge.outputs import agreement_db, as_compared, as_logits
from alexbench.harness.judge.rounding import rounded
from alexbench.harness.models.network import Conv, Layer, Linear
from alexbench.harness.models.weights import map_weights
from alexbench.harness.probing.functions import with_mistakes
from alexbench.harness.worker.protocol.making import FindCause

Pixels = NDArray[np.float32]
Values = NDArray[np.float64]

STEP: Final = 0.01
"""A layer's weights are scaled by one more than this for the direction in which a scale moves the scores."""
AGREES_DB: Final = 95.0
"""With the scale found built in, what is left must be fp32's own rounding (100 dB, less what 8 images may miss)."""
BITS: Final = (8, 11)
"""The bits of bf16's significand, and of TF32's and fp16's."""
REFINED: Final = 3
"""How often the scale of a layer is corrected."""
CLEARER: Final = 3.0
"""How many times less a layer must leave unexplained than the next one to be named."""


class _Rounding(ReferenceBackend):
    """The reference with significands of a few bits in places."""

    def __init__(self, model: Model, bits: int) -> None:
        super().__init__()
        self._bits = bits
        self._where: Rounded = "all"
        rounds = {name: rounded(one, bits) for name, one in model.weights.items()}
        self.load(replace(model, weights=rounds), Options(threads=1))
        self._rounded = self._weights
        self._whole = {name: one.astype(np.float64) for name, one in model.weights.items() if name.endswith(".bias")}

    def logits(self, where: Rounded, pixels: Pixels) -> Values:
        """With those of its numbers rounded that ``where`` says."""
        self._where = where
        self._weights = {**self._rounded, **(self._whole if where == "products" else {})}
        return self.predict(pixels)

    def _apply(self, layer: Layer, x: Values) -> Values:
        product = isinstance(layer, Conv | Linear)
        if product and self._where != "weights":
            x = self._round(x)
        x = super()._apply(layer, x)
        return self._round(x) if product and self._where == "all" else x

    def _round(self, values: Values) -> Values:
        return rounded(values.astype(np.float32), self._bits).astype(np.float64)


def cause_of_error(asked: FindCause) -> Cause:
    """What the request asks for; its ``made`` are places in MISTAKES that are built in already."""
    weights, kind = map_weights(asked.weights), asked.kind
    model, pixels = with_mistakes(asked.network, asked.input_size, weights, np.load(asked.inputs), asked.made)
    found = np.load(asked.outputs)

    def seen(logits: Values) -> Values:
        return about_rows(as_compared(logits, kind))

    scaling = _Scaling(model, pixels)
    plain = seen(scaling.plain)
    error = about_rows(as_logits(found, kind)) - plain
    directions = {name: (seen(scaling.logits(name, 1 + STEP)) - plain) / STEP for name in scaling.layers}
    explained = sorted((along(error, one)[1], name, along(error, one)[0]) for name, one in directions.items())
    (left, layer, factor), (next_left, _, _) = explained[0], explained[1]
    if left <= SCALED and CLEARER * left <= next_left:
        for _ in range(REFINED):  # by the first slope: what is left of a scale far from 1
            missing = about_rows(as_logits(found, kind)) - seen(scaling.logits(layer, 1 + factor))
            factor += along(missing, directions[layer])[0]
        if agreement_db(found, scaling.logits(layer, 1 + factor), kind) >= AGREES_DB:
            return Cause(layer=layer, scale=1 + factor)
    simulated: dict[tuple[Rounded, int], Values] = {}
    for bits in BITS:
        rounding = _Rounding(model, bits)
        simulated |= {(where, bits): seen(rounding.logits(where, pixels)) - plain for where in get_args(Rounded)}
    (where, bits), correlation = resemblance(error, simulated, [plain, *directions.values()])
    return Cause(where, bits, correlation)


class _Scaling(ReferenceBackend):
    """The reference with one layer's weights scaled, computed from that layer on. ``plain``: its logits with none."""

    def __init__(self, model: Model, pixels: Pixels) -> None:
        super().__init__()
        self.load(model, Options(threads=1))
        self._all = model.network.layers
        self._bare: dict[str, Values] = {}
        self._biases = {
            layer.name: _as_column(model.weights[f"{layer.name}.bias"], layer) for layer in _products(model)
        }
        self.plain = self._onwards(0, pixels.astype(np.float64))

    @property
    def layers(self) -> list[str]:
        """Those that have weights."""
        return list(self._biases)

    def logits(self, layer: str, factor: float) -> Values:
        """With the weights of ``layer``, not its biases, ``factor`` times as large."""
        place = next(place for place, one in enumerate(self._all) if one.name == layer)
        return self._onwards(place + 1, self._bare[layer] * factor + self._biases[layer])

    def _onwards(self, place: int, x: Values) -> Values:
        first = place == 0
        for layer in self._all[place:]:
            x = self._apply(layer, x)
            if first and layer.name in self._biases:
                self._bare[layer.name] = x - self._biases[layer.name]
        return x


def _products(model: Model) -> Iterator[Conv | Linear]:
    return (layer for layer in model.network.layers if isinstance(layer, Conv | Linear))


def _as_column(bias: NDArray[np.float32], layer: Conv | Linear) -> Values:
    """A layer's biases, to be added to its outputs (N, C, H, W) or (N, outputs)."""
    return bias.astype(np.float64).reshape((1, -1, 1, 1) if isinstance(layer, Conv) else (1, -1))
