"""The activation ranges of a model with FakeQuantize: read, taken out, or replaced by others.

This module does not import ``openvino``: its objects and its opset are arguments.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.ranges import cuts_below, places, range_of, scaling_of
from alexbench.backends.openvino_.precision import PRODUCTS
from alexbench.harness.capabilities import ActivationRange
from alexbench.harness.errors import UnsupportedOptionError

if TYPE_CHECKING:
    import openvino


Run = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]


@dataclass(frozen=True, slots=True)
class _Step:
    given: ActivationRange
    node: "openvino.Node"
    levels: int


class RangedModel:
    """A model with other ``ranges``, or without any (None), changed in memory. ``one_scale`` as in OpenedRanges.

    Raises:
        UnsupportedOptionError: no FakeQuantize step of it has one range for a whole activation.
    """

    def __init__(
        self, ov: ModuleType, model: "openvino.Model", ranges: Mapping[str, tuple[float, float]] | None
    ) -> None:
        self._ov, self._model = ov, model
        self._steps = list(_steps(model))
        if not self._steps:
            raise UnsupportedOptionError("openvino: only activation ranges of models with FakeQuantize are known")
        self.ranges = tuple(step.given for step in self._steps)
        self.one_scale = tuple(_with_one_scale(model))
        self._shown: dict[str, openvino.Output] = {}
        if ranges is None:
            self._take_out()
        else:
            self._put(ranges)

    def runner(self, compiled: "openvino.CompiledModel", source: "openvino.Output", scores: "openvino.Output") -> Run:
        """What infers: pixels -> scores, and the values before each range, where they were taken out."""
        request, tensor = compiled.create_infer_request(), self._ov.Tensor

        def run(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
            request.infer({source: tensor(pixels)})
            values = {name: np.array(request.get_tensor(port).data) for name, port in self._shown.items()}
            return np.array(request.get_tensor(scores).data, np.float32).reshape(len(pixels), -1), values

        return run

    def _put(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        for step in self._steps:
            most = step.levels - 1
            ends = range_of(*scaling_of(*ranges[step.given.name], 0, most), 0, most)
            for place, value in zip((1, 2, 3, 4), ends * 2, strict=True):
                constant = self._ov.opset13.constant(np.float32(value))
                step.node.input(place).replace_source_output(constant.output(0))

    def _take_out(self) -> None:
        for step in self._steps:
            source = step.node.input_value(0)
            cuts = cuts_below(step.given)
            instead = self._ov.opset13.relu(source).output(0) if cuts else source
            for target in step.node.output(0).get_target_inputs():
                target.replace_source_output(instead)
            fed = source.get_node().get_type_name() == "Parameter"
            self._shown[step.given.name] = source if fed else self._model.add_outputs([source])[0]


def _steps(model: "openvino.Model") -> Iterator[_Step]:
    ordered = model.get_ordered_ops()
    place = places(([node.get_friendly_name()], _sources(node), node.get_type_name() in PRODUCTS) for node in ordered)
    for node in ordered:
        if node.get_type_name() != "FakeQuantize" or node.input_value(0).get_node().get_type_name() == "Constant":
            continue
        ends = [_value(node.input_value(place)) for place in range(1, 5)]
        source = node.input_value(0).get_node().get_friendly_name()
        if any(one is None or one.size != 1 for one in ends):
            continue
        low, high = (float(one.item()) for one in ends[2:] if one is not None)
        given = ActivationRange(node.get_friendly_name(), low, high, place(source))
        yield _Step(given, node, int(node.get_attributes()["levels"]))


def _sources(node: "openvino.Node") -> list[str]:
    return [one.get_node().get_friendly_name() for one in node.input_values()]


def _with_one_scale(model: "openvino.Model") -> Iterator[str]:
    """Weights in 8 bits of two axes or more that a single scale turns into numbers."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Multiply":
            continue
        inputs = [node.input_value(place) for place in range(2)]
        scale = next((_value(one) for one in inputs if one.get_node().get_type_name() == "Constant"), None)
        weight = next((found for one in inputs if (found := _whole(one.get_node())) is not None), None)
        if scale is not None and scale.size == 1 and weight is not None:
            yield weight


def _whole(node: "openvino.Node") -> str | None:
    """The name of a constant of whole numbers that a node converts, perhaps less a zero point."""
    while node.get_type_name() in {"Convert", "Subtract"}:
        node = node.input_value(0).get_node()
    whole = node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in {"i8", "u8"}
    return node.get_friendly_name() if whole and len(node.get_output_shape(0)) > 1 else None


def _value(port: "openvino.Output") -> "NDArray[np.float32] | None":
    """The values of a constant, whatever type they are stored in."""
    node = port.get_node()
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.data, np.float32) if node.get_type_name() == "Constant" else None
