"""Is the model under test the function that its card says? Compared with float64, plain and with a mistake built in.

A mistake in a runtime or a file (groups forgotten, fc6 flattened in another order) needs no labels to be found where
the weights are known: the model's outputs are those of the network with that mistake, to the last bits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.models.network import LRN, Conv, MaxPool, Network, fits, get_network, output_shapes
from alexbench.harness.models.weights import map_weights
from alexbench.harness.probing.model_under_test import FC6, reflattened
from alexbench.harness.probing.reading import FlattenOrder
from alexbench.harness.worker.protocol.making import ComputeVariants

Weights = Mapping[str, NDArray[np.float32]]
Pixels = NDArray[np.float32]

SAME_DB: Final = 20.0
"""Signal to noise above which two are one function: bf16 reaches 33 to 45 dB, the nearest mistake 12."""
CLEARLY_DB: Final = 6.0
"""By how much more than without it outputs must agree with a mistake built in to be explained by it."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of a runtime or a file.

    ``factor``: its fixed name. Each of the functions gives its argument back where the mistake is not made there.
    """

    factor: str
    found: str
    fix: str
    network: Callable[[Network], Network] = lambda network: network
    weights: Callable[[Network, Weights], Weights] = lambda _, weights: weights
    pixels: Callable[[Pixels], Pixels] = lambda pixels: pixels


def _reversed(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(pixels[:, ::-1])


def _reshaped(pixels: Pixels) -> Pixels:
    """What a runtime sees that takes NCHW memory for NHWC."""
    count, channels, height, width = pixels.shape
    taken = pixels.reshape(count, height, width, channels)
    return np.ascontiguousarray(taken.transpose(0, 3, 1, 2))


def _with_fc6(order: FlattenOrder) -> Callable[[Network, Weights], Weights]:
    """fc6's columns moved, which is the same as its input in the order from which they would have to be."""
    return lambda _, weights: {**weights, FC6: reflattened(weights[FC6], order)}


def _ungrouped(network: Network) -> Network:
    layers = tuple(replace(layer, groups=1) if isinstance(layer, Conv) else layer for layer in network.layers)
    return replace(network, layers=layers)


def _without_groups(network: Network, weights: Weights) -> Weights:
    """Every filter of a grouped convolution on the first group's maps, the others' weights zero."""
    arrays = dict(weights)
    for layer in network.layers:
        if isinstance(layer, Conv) and layer.groups > 1:
            name = f"{layer.name}.weight"
            nothing = [np.zeros_like(weights[name])] * (layer.groups - 1)
            arrays[name] = np.concatenate([weights[name], *nothing], axis=1)
    return arrays


def _undivided_lrn(network: Network) -> Network:
    layers = tuple(
        replace(layer, alpha=layer.alpha * layer.size) if isinstance(layer, LRN) else layer for layer in network.layers
    )
    return replace(network, layers=layers)


def _no_lrn(network: Network) -> Network:
    return replace(network, layers=tuple(layer for layer in network.layers if not isinstance(layer, LRN)))


def _floor_pools(network: Network) -> Network:
    layers = tuple(replace(layer, ceil_mode=False) if isinstance(layer, MaxPool) else layer for layer in network.layers)
    return replace(network, layers=layers)


MISTAKES: Final = (
    Mistake("channels", "it takes the channels in the other order", "reverse the channels it is fed", pixels=_reversed),
    Mistake(
        "layout",
        "it takes NCHW memory for NHWC",
        "transpose its input (0, 2, 3, 1); do not reshape",
        pixels=_reshaped,
    ),
    Mistake(
        "flatten",
        "fc6 is fed H, W, C and its weights want C, H, W",
        "transpose to NCHW before the flatten, or move fc6's columns",
        weights=_with_fc6("from H, W, C"),
    ),
    Mistake(
        "flatten",
        "fc6's columns are in H, W, C order, and it is fed C, H, W",
        "move fc6's columns: fc6.weight.reshape(4096, 6, 6, 256).transpose(0, 3, 1, 2).reshape(4096, 9216)",
        weights=_with_fc6("to H, W, C"),
    ),
    Mistake(
        "flatten",
        "fc6 is fed C, W, H and its weights want C, H, W: height and width are swapped",
        "do not transpose the last two axes before the flatten",
        weights=_with_fc6("from C, W, H"),
    ),
    Mistake(
        "groups",
        "its grouped convolutions are computed without their groups: all filters see the first group's maps",
        "build conv2, conv4 and conv5 with groups = 2",
        network=_ungrouped,
        weights=_without_groups,
    ),
    Mistake(
        "lrn",
        "LRN's alpha is not divided by its size",
        "alpha / 5 (tf.nn.local_response_normalization), or a runtime's own LRN with alpha as it is",
        network=_undivided_lrn,
    ),
    Mistake("lrn", "LRN is left out", "put norm1 and norm2 back", network=_no_lrn),
    Mistake(
        "pooling", "pooling rounds down where Caffe rounds up", "ceil_mode, or pad with -inf", network=_floor_pools
    ),
)


def applicable(network: Network) -> Iterator[tuple[int, Mistake]]:
    """The mistakes that can be made with ``network``, with their place in MISTAKES."""
    for place, one in enumerate(MISTAKES):
        made = one.network(network)
        grouped = any(isinstance(layer, Conv) and layer.groups > 1 for layer in network.layers)
        if one.factor == "groups" and not grouped:
            continue
        if one.factor in ("lrn", "pooling") and (made == network or not fits(made)):
            continue
        if one.factor == "pooling" and output_shapes(network) == output_shapes(made):
            continue
        yield place, one


def reference_and_variants(asked: ComputeVariants) -> None:
    """Float64 logits with each list of MISTAKES made together. Runs in a worker."""
    arrays, pixels = map_weights(asked.weights), np.load(asked.inputs)
    answers = []
    for places in asked.made:
        model, seen = with_mistakes(asked.network, asked.input_size, arrays, pixels, places)
        backend = ReferenceBackend()
        backend.load(model, Options(threads=1))
        answers.append(backend.predict(seen))
        backend.close()
    np.save(asked.out, np.stack(answers))


def with_mistakes(
    network: str, input_size: int, weights: Weights, pixels: Pixels, places: Sequence[int]
) -> tuple[Model, Pixels]:
    """The network with each of those MISTAKES made, and what it then sees of ``pixels`` (N, C, H, W)."""
    right = get_network(network, input_size=input_size)
    shape = right
    for place in places:
        weights = MISTAKES[place].weights(right, weights)
        shape, pixels = MISTAKES[place].network(shape), MISTAKES[place].pixels(pixels)
    return Model(shape, weights), pixels


def alone(network: Network) -> list[tuple[int, ...]]:
    """No mistake, and each that can be made with ``network`` alone; as places in MISTAKES."""
    return [(), *((place,) for place, _ in applicable(network))]


def together(network: Network) -> list[tuple[int, ...]]:
    """Every two of different kinds that can be made with ``network``."""
    pairs = combinations([place for place, _ in applicable(network)], 2)
    return [(one, other) for one, other in pairs if MISTAKES[one].factor != MISTAKES[other].factor]
