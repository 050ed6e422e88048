"""What a torch.export or TorchScript file says of itself; both are programs of torch's own operators, not pickles.

``torch`` is handed in: importing this imports nothing. A file written by ``torch.save`` is refused: it would have to be
unpickled, or is no program.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._artifact import (
    Port,
    Step,
    batch_norm,
    normalisation,
    picture_input,
    picture_shape,
    scores_output,
    unreadable,
)
from alexbench.backends._pt2_check import code_in, pickles_of_tensors_only
from alexbench.harness.contract import Artifact, ArtifactFacts, Layout, Scores
from alexbench.harness.errors import WeightsError

if TYPE_CHECKING:
    import torch

EXPORT: Final = "torch.export"
SCRIPT: Final = "TorchScript"

_COPIES: Final = {"to", "_to_copy", "type_as", "clone", "contiguous", "alias", "detach", "lift_fresh_copy", "dropout"}
_COPIES_TOO: Final = {"float", "half", "getitem"}
_RESHAPES: Final = {"view", "reshape", "flatten", "squeeze", "unsqueeze", "_unsafe_view", "permute"}
_SIZES: Final = {"sym_size", "size", "dim", "sym_numel", "numel", "_guards_fn", "device", "dtype"}
_SOFTMAX: Final[Mapping[str, Scores]] = {
    "softmax": "probabilities",
    "_softmax": "probabilities",
    "log_softmax": "log-probabilities",
    "_log_softmax": "log-probabilities",
}
_PRECISIONS: Final = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}
_ALL: Final = 2**63 - 1


class _Unknown:
    """An operand that is no constant."""


_UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, slots=True)
class Program:
    """A program on its device. ``call`` gives the output tensors of an input tensor, in order."""

    module: "torch.nn.Module"
    call: Callable[["torch.Tensor"], "list[torch.Tensor]"]


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operator's plain name and operands: constants as they are, anything else :data:`_UNKNOWN`."""

    name: str
    operands: Sequence[Any]


def inspect(torch: ModuleType, artifact: Artifact) -> ArtifactFacts:
    """The facts of a ``.pt2`` or TorchScript file; see :class:`RunsArtifacts`."""
    if _format(artifact) == EXPORT:
        return _inspect_export(torch, artifact)
    return _inspect_script(torch, artifact)


def load(torch: ModuleType, artifact: Artifact, facts: ArtifactFacts, device: "torch.device") -> Program:
    """The program, ready to be called on ``device``."""
    if facts.format == SCRIPT:
        script = _load_script(torch, artifact, device)
        return Program(script, lambda x: [tensor for _, tensor in _named(torch, script(x))])
    exported = _load_export(torch, artifact)
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        exported = move_to_device_pass(exported, str(device))
    module = exported.module()
    from torch.utils import _pytree as pytree

    _, keywords = pytree.tree_unflatten([None], exported.call_spec.in_spec)
    keyword = next(iter(keywords), None)  # the picture may have been exported as one

    def call(x: Any) -> Any:
        return pytree.tree_leaves(module(x) if keyword is None else module(**{keyword: x}))

    return Program(module, call)


def output_index(facts: ArtifactFacts) -> int:
    """Which of a program's outputs gives the scores: names begin with their number."""
    return int(facts.output_name.partition(":")[0])


def _format(artifact: Artifact) -> str:
    """Which of torch's formats a file is in, by what lies in its zip.

    Raises:
        WeightsError: missing, damaged, or a file of weights or pickled modules.
    """
    path = artifact.path
    if not path.is_file():
        raise WeightsError(f"{path} cannot be read: no such file")
    names: list[str] = []
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name.partition("/")[2] or name for name in archive.namelist()]
        except zipfile.BadZipFile as error:
            raise unreadable(artifact, "it is damaged") from error
    if any(
        name.startswith("models/") or name in {"archive_format", "serialized_exported_program.json"} for name in names
    ):
        return EXPORT
    if any(name.startswith("code/") for name in names):
        return SCRIPT
    if path.suffix in {".pth", ".pt"}:
        raise WeightsError(
            f"{path} holds weights or a pickled module, no program: give weights with --weights, or export the module "
            "with torch.export.save"
        )
    raise unreadable(artifact, "it is damaged, or no torch.export or TorchScript file")


def _inspect_export(torch: ModuleType, artifact: Artifact) -> ArtifactFacts:
    exported = _load_export(torch, artifact)
    nodes = {node.name: node for node in exported.graph.nodes}
    signature = exported.graph_signature
    inputs = [_fx_port(name, nodes[name].meta.get("val")) for name in signature.user_inputs if name in nodes]
    named = [(f"{place}:{name}", name) for place, name in enumerate(signature.user_outputs)]
    outputs = [_fx_port(label, nodes[name].meta.get("val")) for label, name in named if name in nodes]
    picture = picture_input(inputs, artifact)
    output = scores_output(outputs, _numbered(artifact, outputs))
    program = _Exported(exported)
    scores = _scores(program.back(nodes[output.name.partition(":")[2]])) or "logits"
    steps = _steps(program.forward(nodes[picture.port.name]))
    return ArtifactFacts(
        format=EXPORT,
        input_name=picture.port.name,
        output_name=output.name,
        layout=picture.layout,
        dtype=picture.port.dtype,
        batch=picture.batch,
        outputs=artifact.outputs,
        scores=scores,
        scores_in_graph=scores,
        normalisation=normalisation(steps, picture.layout, artifact.image[0]),
        precision=_precision(exported.state_dict.values()),
    )


def _inspect_script(torch: ModuleType, artifact: Artifact) -> ArtifactFacts:
    """A TorchScript file says nothing of shapes: they are found by trying."""
    module = _load_script(torch, artifact, torch.device("cpu"))
    dtype = next((str(one.dtype).removeprefix("torch.") for one in module.parameters()), "float32")
    layout, batch, given = _tried(torch, module, artifact, dtype)
    outputs = [
        Port(name, str(tensor.dtype).removeprefix("torch."), (None, *tensor.shape[1:])) for name, tensor in given
    ]
    output = scores_output(outputs, _numbered(artifact, outputs))
    program = _Script(torch, module)
    scores = _scores(program.back(int(output.name.partition(":")[0])))
    return ArtifactFacts(
        format=SCRIPT,
        input_name=program.input_name,
        output_name=output.name,
        layout=layout,
        dtype=dtype,
        batch=batch,
        outputs=artifact.outputs,
        scores=scores or "logits",
        scores_in_graph=scores or "logits",
        normalisation=normalisation(_steps(program.forward()), layout, artifact.image[0]),
        precision=_precision(module.parameters()),
    )


def _tried(
    torch: ModuleType, module: "torch.jit.ScriptModule", artifact: Artifact, dtype: str
) -> "tuple[Layout, int | None, list[tuple[str, torch.Tensor]]]":
    """Layout, batch and outputs of the first kind of input that the program takes."""
    reason: Exception | None = None
    layouts: tuple[Layout, Layout] = ("NCHW", "NHWC")
    for layout in layouts:
        for batch in (2, 1):
            pixels = torch.zeros(batch, *picture_shape(artifact.image, layout), dtype=getattr(torch, dtype))
            try:
                with torch.inference_mode():
                    given = _named(torch, module(pixels))
            except Exception as error:  # whatever its operators raise
                reason = reason if layout == "NHWC" else error
                continue
            if given and all(tensor.ndim and len(tensor) == batch for _, tensor in given):
                return layout, None if batch == 2 else 1, given
    last = str(reason).strip().splitlines()[-1] if str(reason or "").strip() else "its outputs have no batch"
    raise WeightsError(f"{artifact.path} does not run on pictures of {artifact.image}: {last}")


def _load_export(torch: ModuleType, artifact: Artifact) -> "torch.export.ExportedProgram":
    """The program; what would execute anything but its operators is refused."""
    try:
        code = code_in(artifact.path)
        if code is None:
            with warnings.catch_warnings(), pickles_of_tensors_only():
                warnings.simplefilter("ignore")
                return torch.export.load(artifact.path)
    except Exception as error:  # zip, JSON, pickle and torch each have classes of their own
        if "Weights only load failed" not in str(error):
            raise unreadable(artifact, error) from error
        code = "a pickle of more than tensors"
    raise WeightsError(f"{artifact.path} contains code, which is never run: {code}")


def _load_script(torch: ModuleType, artifact: Artifact, device: "torch.device") -> "torch.jit.ScriptModule":
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is deprecated is not news to who has a file of it
            return torch.jit.load(str(artifact.path), map_location=device).eval()
    except Exception as error:
        raise unreadable(artifact, error) from error


def _named(torch: ModuleType, given: Any) -> "list[tuple[str, torch.Tensor]]":
    """A result's tensors under names that begin with their number."""
    if isinstance(given, torch.Tensor):
        return [("0:output", given)]
    items = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list | tuple) else ()
    tensors = [(str(name), one) for name, one in items if isinstance(one, torch.Tensor)]
    return [(f"{place}:{name}", one) for place, (name, one) in enumerate(tensors)]


def _numbered(artifact: Artifact, outputs: Sequence[Port]) -> Artifact:
    """The artifact with its output's name as it stands here, with or without its number."""
    from dataclasses import replace

    for port in outputs:
        if artifact.output_name in {port.name.partition(":")[0], port.name.partition(":")[2]}:
            return replace(artifact, output_name=port.name)
    return artifact


def _fx_port(name: str, value: Any) -> Port:
    if not hasattr(value, "shape"):
        return Port(name, type(value).__name__, None)
    sides = tuple(side if isinstance(side, int) else None for side in value.shape)
    return Port(name, str(value.dtype).removeprefix("torch."), sides)


def _precision(tensors: Any) -> str:
    counts: dict[str, int] = {}
    for tensor in tensors:
        kind = str(tensor.dtype).removeprefix("torch.")
        counts[kind] = counts.get(kind, 0) + tensor.numel()
    most = max(counts, key=lambda kind: counts[kind], default="float32")
    return _PRECISIONS.get(most, most)


def _scores(backwards: Iterator[_Operation]) -> Scores | None:
    for operation in backwards:
        if operation.name in _SOFTMAX:
            return _SOFTMAX[operation.name]
        if operation.name not in _COPIES | _COPIES_TOO | _RESHAPES:
            return None
    return None


def _steps(operations: "Iterator[tuple[_Operation, int]]") -> Iterator[Step]:
    """Operations, each with the place of the picture among its operands, as steps, up to the first that is none."""
    for operation, place in operations:
        steps = _meaning(operation, place)
        if steps is None:
            return
        yield from steps


def _meaning(operation: _Operation, place: int) -> list[Step] | None:
    name, operands = operation.name, operation.operands
    others = [one for i, one in enumerate(operands) if i != place]
    if name in _COPIES | _COPIES_TOO and place == 0:
        return [Step("nothing")]
    if any(one is _UNKNOWN for one in others):
        return None
    match name:
        case "add" | "sub" | "rsub" | "mul" | "div" | "true_divide":
            return _arithmetic(name, operands, place)
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
        case "batch_norm" | "_native_batch_norm_legit_no_training":
            weight, bias, mean, variance = others[:4]
            epsilon = others[6] if name == "batch_norm" else others[5]
            if mean is None or (name == "batch_norm" and others[4]):
                return None
            ones, zeros = np.ones_like(mean), np.zeros_like(mean)
            scale, shift = ones if weight is None else weight, zeros if bias is None else bias
            return batch_norm(scale, shift, mean, variance, float(epsilon), "NCHW")
        case _:
            return None


def _arithmetic(name: str, operands: Sequence[Any], place: int) -> list[Step] | None:
    """A sum, a difference (either way), a product or a quotient; the third operand is ``alpha`` or a rounding mode."""
    other = operands[1 - place] if place < 2 and len(operands) > 1 else _UNKNOWN
    if other is _UNKNOWN or (len(operands) > 2 and operands[2] not in {None, 1}):
        return None
    match name:
        case "add":
            return [Step("add", other)]
        case "mul":
            return [Step("multiply", other)]
        case "sub":
            return [Step("subtract" if place == 0 else "subtract-from", other)]
        case "rsub":
            return [Step("subtract-from" if place == 0 else "subtract", other)]
        case _:
            return [Step("divide", other)] if place == 0 else None


class _Exported:
    """An exported program's graph, its operands as constants where they are."""

    def __init__(self, exported: "torch.export.ExportedProgram") -> None:
        signature = exported.graph_signature
        self._targets = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self._targets |= signature.inputs_to_lifted_tensor_constants
        self._arrays = {**exported.state_dict, **exported.constants}

    def forward(self, node: "torch.fx.Node") -> Iterator[tuple[_Operation, int]]:
        """The operations that follow ``node`` one after the other."""
        while True:
            users = [user for user in node.users if _plain(user) not in _SIZES]
            if len(users) != 1 or users[0].op != "call_function" or users[0].kwargs.get("alpha", 1) != 1:
                return
            user = users[0]
            if node not in user.args or user.kwargs.get("rounding_mode") is not None:
                return
            place = user.args.index(node)
            operands = [_UNKNOWN if i == place else self._value(one) for i, one in enumerate(user.args)]
            yield _Operation(_plain(user), operands), place
            node = user

    def back(self, node: "torch.fx.Node") -> Iterator[_Operation]:
        """The operations before and with ``node``, along their first operands."""
        while node.op == "call_function":
            yield _Operation(_plain(node), ())
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


class _Script:
    """A TorchScript program's graph with its attributes as constants."""

    def __init__(self, torch: ModuleType, module: "torch.jit.ScriptModule") -> None:
        self._torch = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A module that was frozen before it was saved has its constants in the graph already.
            frozen = torch.jit.freeze(module, optimize_numerics=False) if hasattr(module, "training") else module
        self._graph = frozen.graph
        self._keep = frozen
        self._input = list(self._graph.inputs())[1]
        self.input_name = self._input.debugName().partition(".")[0]

    def forward(self) -> Iterator[tuple[_Operation, int]]:
        """The operations that follow the input one after the other."""
        value = self._input
        while True:
            users = [use.user for use in value.uses() if _script_name(use.user) not in _SIZES]
            if len(users) != 1 or not users[0].kind().startswith("aten::"):
                return
            operands = list(users[0].inputs())
            place = next(i for i, one in enumerate(operands) if one.debugName() == value.debugName())
            given = [_UNKNOWN if i == place else self._value(one) for i, one in enumerate(operands)]
            yield _Operation(_script_name(users[0]), given), place
            value = users[0].output()

    def back(self, place: int) -> Iterator[_Operation]:
        """The operations before output number ``place``, along their first operands."""
        value = next(iter(self._graph.outputs()))
        if value.node().kind() in {"prim::TupleConstruct", "prim::ListConstruct"}:
            value = list(value.node().inputs())[place]
        while value.node().kind().startswith("aten::"):
            yield _Operation(_script_name(value.node()), ())
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
    return str(node.kind()).partition("::")[2]


def _host(tensor: "torch.Tensor") -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().float().numpy() if tensor.is_floating_point() else tensor.cpu().numpy())
