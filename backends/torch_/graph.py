"""Reads the graphs of torch.export and TorchScript programs, with one set of operator names.

``torch`` is an argument, or is imported inside the functions only.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.input_steps import (
    FIRST_LAYER,
    Arithmetic,
    Step,
    arithmetic,
    batch_norm,
    branches,
    dequantise,
    is_first_layer,
    pointwise,
    product,
    quantise,
)
from alexbench.harness.contract import Scores

if TYPE_CHECKING:
    import torch

_COPIES: Final = {
    *("to", "_to_copy", "type_as", "clone", "contiguous", "alias", "detach", "lift_fresh_copy", "dropout", "float"),
    *("half", "double", "bfloat16", "getitem"),
}
_INTEGERS: Final = {0, 1, 2, 3, 4, 11, 27, 28, 29}
"""torch's numbers of the types that truncate: uint8, int8 to int64, bool, uint16 to uint64."""
_ARITHMETIC: Final[Mapping[str, Arithmetic]] = {
    "add": "add",
    "sub": "subtract",
    "rsub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "true_divide": "divide",
}
_FIRST: Final = {
    *("conv2d", "convolution", "_convolution", "conv2d_relu", "linear", "linear_relu", "addmm", "mm", "matmul"),
    *("linear_dynamic", "linear_relu_dynamic", "linear_dynamic_fp16", "conv2d_dynamic"),
}
_RESHAPES: Final = {"view", "reshape", "flatten", "squeeze", "unsqueeze", "_unsafe_view", "permute"}
_SIZES: Final = {"sym_size", "size", "dim", "sym_numel", "numel", "_guards_fn", "device", "dtype"}
_SOFTMAX: Final[Mapping[str, Scores]] = {
    "softmax": "probabilities",
    "_softmax": "probabilities",
    "log_softmax": "log-probabilities",
    "_log_softmax": "log-probabilities",
}
_QUANTISED: Final = {12: (-128, 127), 13: (0, 255)}
"""torch's numbers of qint8 and quint8 -> their ranges."""
_ALL: Final = 2**63 - 1
_HARMLESS: Final = {"dtype", "layout", "device", "pin_memory", "non_blocking", "memory_format", "copy"}


class _Unknown:
    """An operand that is not a constant."""


_UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator's plain name and operands: constants as values, anything else as :data:`_UNKNOWN`."""

    name: str
    operands: Sequence[Any]
    exported: bool = False
    quantised: bool = False


def scores_of(backwards: Iterator[Operation]) -> Scores | None:
    """The output kind after the last relevant operation; None if that is neither softmax nor its logarithm."""
    for operation in backwards:
        if operation.name in _SOFTMAX:
            return _SOFTMAX[operation.name]
        if operation.name not in _COPIES | _RESHAPES:
            return None
    return None


def steps_of(uses: "Iterator[list[tuple[Operation, int]]]", channels: int) -> Iterator[Step]:
    """The users of the image, each with its place among the operands, as steps up to the first layer."""
    for users in uses:
        meanings = [_meaning(operation, place, channels) for operation, place in users]
        names = [operation.name for operation, _ in users]
        if len(users) != 1:
            yield from branches(meanings, names) if users else ()
            return
        yield from [Step("unknown", names[0])] if meanings[0] is None else meanings[0]


def _meaning(operation: Operation, place: int, channels: int) -> list[Step] | None:
    name, operands = operation.name, operation.operands
    others = [one for i, one in enumerate(operands) if i != place]
    if name in _FIRST:
        return _first(name, operands, place, channels, quantised=operation.quantised)
    if name == "type_as" and not operation.exported:  # the other's type is not known
        return None
    if name in _COPIES and place == 0:
        whole = name in {"to", "_to_copy"} and any(type(one) is int and one in _INTEGERS for one in operands[1:3])
        return None if whole else [Step("nothing")]
    if any(one is _UNKNOWN for one in others):
        return None
    if "quantize" in name:
        return _quantisation(operation, others)
    match name:
        case _ if name in _ARITHMETIC:
            return _arithmetic(name, operands, place)
        case "batch_norm" | "_native_batch_norm_legit_no_training":
            return _batch_norm(name, others)
        case _:
            return _moved(name, others) if place == 0 else None


def _moved(name: str, others: Sequence[Any]) -> list[Step] | None:
    """Operations that only reshape, pad or reorder values."""
    match name:
        case "flatten" | "view" | "reshape" | "_unsafe_view":
            return [Step("flatten")]
        case "constant_pad_nd" | "pad":
            amounts = np.reshape(others[0], (-1, 2))
            if amounts.min() < 0:
                return None
            return [Step("pad", [3 - i for i, pair in enumerate(amounts) if pair.any()])]
        case "permute":
            return [Step("transpose", others[0])]
        case "flip":
            return [Step("reverse", others[0])]
        case "index_select":
            return [Step("gather", others[1], int(others[0]))]
        case "index":
            chosen = [(axis, one) for axis, one in enumerate(others[0]) if one is not None]
            return [Step("gather", chosen[0][1], chosen[0][0])] if len(chosen) == 1 else None
        case "slice":
            given = dict(zip(("dim", "first", "last", "step"), others, strict=False))
            whole = not given.get("first") and given.get("last") in {None, _ALL} and given.get("step", 1) == 1
            return [Step("nothing")] if whole else None
        case _:
            return None


def _quantisation(operation: Operation, others: Sequence[Any]) -> list[Step] | None:
    """A quantised tensor of torch represents the original values; in an exported program it is integers."""
    match operation.name:
        case "quantize_per_tensor" if operation.exported:
            return quantise(others[0], others[1], float(others[2]), float(others[3]))
        case "dequantize_per_tensor":
            return dequantise(others[0], others[1])
        case "quantize_per_tensor" if others[2] in _QUANTISED:
            scale, zero, (least, most) = float(others[0]), float(others[1]), _QUANTISED[others[2]]
            return [Step("clip", ((least - zero) * scale, (most - zero) * scale))]
        case "dequantize" | "quantize_per_tensor_dynamic":
            return [Step("nothing")]
        case _:
            return None


def _batch_norm(name: str, others: Sequence[Any]) -> list[Step] | None:
    weight, bias, mean, variance = others[:4]
    epsilon = others[6] if name == "batch_norm" else others[5]
    if mean is None or (name == "batch_norm" and others[4]):
        return None
    ones, zeros = np.ones_like(mean), np.zeros_like(mean)
    scale, shift = ones if weight is None else weight, zeros if bias is None else bias
    return batch_norm(scale, shift, mean, variance, float(epsilon), "NCHW")


def _first(name: str, operands: Sequence[Any], place: int, channels: int, *, quantised: bool) -> list[Step] | None:
    """A first layer. A convolution with as many outputs as the image has channels does not count."""
    if place != (1 if name == "addmm" else 0):
        return None
    if "conv" not in name:
        weights = [one for one in operands if isinstance(one, np.ndarray) and one.ndim == 2]
        return [product(max(weights[0].shape))] if len(weights) == 1 else None
    weight = operands[1] if len(operands) > 1 else None
    if name.startswith("conv2d") and not isinstance(weight, np.ndarray):
        return [FIRST_LAYER] if quantised else None  # its weights are packed
    if not isinstance(weight, np.ndarray) or weight.ndim != 4 or channels % max(weight.shape[1], 1):
        return None
    groups = channels // max(weight.shape[1], 1)
    if is_first_layer(weight.shape[0], (weight.shape[2], weight.shape[3]), groups):
        return [FIRST_LAYER]
    bias = operands[2] if len(operands) > 2 else None
    transposed = name in {"convolution", "_convolution"} and len(operands) > 6 and bool(operands[6])
    return None if bias is _UNKNOWN or transposed else pointwise(weight, bias, groups, "NCHW", channels)


def _arithmetic(name: str, operands: Sequence[Any], place: int) -> list[Step] | None:
    """A sum, a difference (either way), a product or a quotient; the third operand is ``alpha`` or a rounding mode."""
    other = operands[1 - place] if place < 2 and len(operands) > 1 else _UNKNOWN
    if other is _UNKNOWN or (len(operands) > 2 and operands[2] not in {None, 1}):
        return None
    first = (place == 0) != (name == "rsub")
    return arithmetic(_ARITHMETIC[name], other, first=first)


class Exported:
    """An exported program's graph, with constant operands as values."""

    def __init__(self, exported: "torch.export.ExportedProgram") -> None:
        signature = exported.graph_signature
        self._targets = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self._targets |= signature.inputs_to_lifted_tensor_constants
        self._arrays = {**exported.state_dict, **exported.constants}

    def forward(self, node: "torch.fx.Node") -> Iterator[list[tuple[Operation, int]]]:
        """The users of ``node``, then the users of its only user, and so on to the program's outputs."""
        while True:
            users = [user for user in node.users if _plain(user) not in _SIZES and user.users]
            yield [self._operation(user, node) for user in users]
            if len(users) != 1 or users[0].op != "call_function":
                return
            node = users[0]

    def _operation(self, user: "torch.fx.Node", node: "torch.fx.Node") -> tuple[Operation, int]:
        """``user`` and the place of ``node`` among its operands; another name if a keyword changes its meaning."""
        floats = getattr(getattr(user.meta.get("val"), "dtype", None), "is_floating_point", True)
        keywords = {name: one for name, one in user.kwargs.items() if name not in _HARMLESS}
        changed = keywords.get("alpha", 1) != 1 or keywords.get("rounding_mode") is not None
        name = _plain(user)
        if node not in user.args or changed or user.op != "call_function" or (name in _COPIES and not floats):
            return Operation(f"{name} (otherwise than usual)", ()), 0
        place = user.args.index(node)
        operands = [_UNKNOWN if i == place else self._value(one) for i, one in enumerate(user.args)]
        return Operation(name, operands, exported=True), place

    def back(self, node: "torch.fx.Node") -> Iterator[Operation]:
        """The operations up to ``node``, along their first operands."""
        while node.op == "call_function":
            yield Operation(_plain(node), ())
            node = node.args[0]

    def _value(self, operand: Any) -> Any:
        if isinstance(operand, list | tuple):
            values = [self._value(one) for one in operand]
            return _UNKNOWN if any(one is _UNKNOWN for one in values) else values
        if not hasattr(operand, "op"):
            return operand
        if operand.op == "placeholder":
            tensor = self._arrays.get(self._targets.get(operand.name))
            return _UNKNOWN if tensor is None else _host(tensor)
        if operand.op != "call_function":
            return _UNKNOWN
        import torch

        given = [self._value(one) for one in operand.args]
        if operand.kwargs or any(one is _UNKNOWN for one in given):
            return _UNKNOWN
        tensors = [torch.from_numpy(np.array(one)) if isinstance(one, np.ndarray) else one for one in given]
        return _host(operand.target(*tensors))


class Script:
    """A TorchScript program's graph with its attributes as constants."""

    def __init__(self, torch: ModuleType, module: "torch.jit.ScriptModule") -> None:
        self._torch = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A module that was frozen before saving already has its constants in the graph.
            frozen = torch.jit.freeze(module, optimize_numerics=False) if hasattr(module, "training") else module
        self._graph = frozen.graph
        self._keep = frozen
        self._input = list(self._graph.inputs())[1]
        self.input_name = self._input.debugName().partition(".")[0]

    def forward(self) -> Iterator[list[tuple[Operation, int]]]:
        """The users of the input, then the users of its only user, and so on to the program's outputs."""
        value = self._input
        while True:
            users = [use.user for use in value.uses() if _script_name(use.user) not in _SIZES]
            yield [self._operation(user, value) for user in users]
            if len(users) != 1 or users[0].outputsSize() != 1:
                return
            value = users[0].output()

    def _operation(self, user: Any, value: Any) -> tuple[Operation, int]:
        name = _script_name(user)
        if user.kind().partition("::")[0] not in {"aten", "quantized"} or user.outputsSize() != 1:
            return Operation(user.kind(), ()), 0
        operands = list(user.inputs())
        place = next(i for i, one in enumerate(operands) if one.debugName() == value.debugName())
        given = [_UNKNOWN if i == place else self._value(one) for i, one in enumerate(operands)]
        return Operation(name, given, quantised=user.kind().startswith("quantized::")), place

    def back(self, place: int) -> Iterator[Operation]:
        """The operations before output number ``place``, along their first operands."""
        value = next(iter(self._graph.outputs()))
        if value.node().kind() in {"prim::TupleConstruct", "prim::ListConstruct"}:
            value = list(value.node().inputs())[place]
        while value.node().kind().startswith("aten::"):
            yield Operation(_script_name(value.node()), ())
            value = next(iter(value.node().inputs()))

    def _value(self, value: Any) -> Any:
        node = value.node()
        if node.kind() == "prim::Constant":
            constant = value.toIValue()
            if isinstance(constant, list):
                return [_host(one) if isinstance(one, self._torch.Tensor) else one for one in constant]
            return _host(constant) if isinstance(constant, self._torch.Tensor) else constant
        if node.kind() == "prim::ListConstruct":
            values = [self._value(one) for one in node.inputs()]
            return _UNKNOWN if any(one is _UNKNOWN for one in values) else values
        if node.kind() == "aten::tensor":
            return self._value(next(iter(node.inputs())))
        return _UNKNOWN


def _plain(node: "torch.fx.Node") -> str:
    """``aten.sub.Tensor`` -> ``sub``."""
    target = str(node.target)
    return target.split(".")[1] if target.startswith("aten.") else getattr(node.target, "__name__", target)


def _script_name(node: Any) -> str:
    """``aten::sub_`` -> ``sub``: in place or not, the result is the same."""
    return str(node.kind()).partition("::")[2].removesuffix("_")


def _host(tensor: "torch.Tensor") -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().float().numpy() if tensor.is_floating_point() else tensor.cpu().numpy())
