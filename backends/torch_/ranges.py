"""The activation ranges of a program with quantize steps: read, left out, or replaced while it runs in fp32.

``torch`` is imported inside the functions only.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.ranges import cuts_below, places, range_of, scaling_of
from alexbench.backends.torch_.quantize import STEPS, is_product
from alexbench.harness.capabilities import ActivationRange
from alexbench.harness.errors import UnsupportedOptionError

if TYPE_CHECKING:
    import torch

_QUANTIZE: Final = f"{STEPS}.quantize_per_tensor"
_DEQUANTIZE: Final = f"{STEPS}.dequantize_per_tensor"
Values = dict[str, NDArray[np.float32]]


class RangedProgram:
    """A program whose steps are watched. ``one_scale`` as in :class:`OpenedRanges`.

    ``ranges`` None: its activations are not rounded.

    Raises:
        UnsupportedOptionError: no quantize step of it has a fixed range.
    """

    def __init__(self, module: "torch.fx.GraphModule", ranges: Mapping[str, tuple[float, float]] | None) -> None:
        self._module, self._instead = module, ranges
        self._steps = dict(_steps(module.graph))
        if not self._steps:
            raise UnsupportedOptionError("torch: only activation ranges of programs with quantize steps are known")
        self.ranges = tuple(self._steps.values())
        self.one_scale = tuple(_with_one_scale(module))

    def run(self, x: "torch.Tensor") -> "tuple[list[torch.Tensor], Values]":
        """The output tensors of an input tensor, in order; and the values before each range, where none are put."""
        import torch
        from torch.utils import _pytree as pytree

        steps, instead = self._steps, self._instead
        values: Values = {}

        class Watch(torch.fx.Interpreter):  # type: ignore[misc]  # no types
            """Runs all but the steps of activations as they are."""

            def run_node(self, n: "torch.fx.Node") -> Any:
                source: Any = n.args[0] if n.args else None
                back = source in steps and str(n.target).startswith(_DEQUANTIZE)
                step: Any = n if n in steps else source if back else None
                if step is None:
                    return super().run_node(n)
                given = self.env[source]
                if instead is not None:
                    return self.call_function(n.target, (given, *_arguments(step, instead[step.name])), {})
                if back:
                    return given.relu() if cuts_below(steps[step]) else given
                values[n.name] = given.numpy()
                return given

        return pytree.tree_leaves(Watch(self._module).run(x)), values


def _arguments(step: "torch.fx.Node", ends: tuple[float, float]) -> tuple[Any, ...]:
    """Those of a step after the tensor, for another range."""
    least, most, dtype = cast("tuple[int, int, Any]", step.args[3:])
    return (*scaling_of(*ends, least, most), least, most, dtype)


def _steps(graph: "torch.fx.Graph") -> "Iterator[tuple[torch.fx.Node, ActivationRange]]":
    """Each step that quantizes an activation by a fixed range, and is dequantized again."""
    place = places(([node], node.all_input_nodes, is_product(node)) for node in graph.nodes)
    for node in graph.nodes:
        if not str(node.target).startswith(_QUANTIZE) or node.args[0].op == "get_attr":
            continue
        scale, zero, least, most = node.args[1:5]
        back = all(str(user.target).startswith(_DEQUANTIZE) for user in node.users)
        if back and all(isinstance(one, int | float) for one in (scale, zero, least, most)):
            yield node, ActivationRange(node.name, *range_of(scale, zero, least, most), place(node.args[0]))


def _with_one_scale(module: "torch.fx.GraphModule") -> Iterator[str]:
    """Weights of two axes or more that are dequantized by a single scale."""
    for node in module.graph.nodes:
        source = node.args[0] if node.args and str(node.target).startswith(_DEQUANTIZE) else None
        if source is not None and source.op == "get_attr":
            owner, _, last = source.target.rpartition(".")
            if getattr(module.get_submodule(owner), last).ndim > 1:
                yield source.target
