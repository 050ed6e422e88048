"""What a SavedModel or Keras file says of itself, read from the graph of the function it serves.

``tensorflow`` is handed in: importing this imports nothing. A SavedModel is a program of TensorFlow's own operators.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
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
    scores_output,
    unreadable,
)
from alexbench.harness.contract import Artifact, ArtifactFacts, Layout, Scores
from alexbench.harness.errors import WeightsError

if TYPE_CHECKING:
    import tensorflow

SERVING: Final = "serving_default"

_COPIES: Final = {"Identity", "Cast", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics", "EnsureShape"}
_QUANTISES: Final = ("FakeQuant", "QuantizeAndDequantize", "Quantize", "Dequantize")
_RESHAPES: Final = {"Reshape", "Squeeze", "ExpandDims"}
_SIZES: Final = {"Shape", "Size", "Rank", "NoOp"}
_SOFTMAX: Final[Mapping[str, Scores]] = {"Softmax": "probabilities", "LogSoftmax": "log-probabilities"}
_ARITHMETIC: Final = {"Add", "AddV2", "Sub", "Mul", "RealDiv", "Div"}
_PRECISIONS: Final = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64", "int8": "int8"}


@dataclass(frozen=True, slots=True)
class Served:
    """The function that a file serves. ``call`` gives its outputs by name; ``kept`` owns its variables."""

    format: str
    function: Any
    call: Callable[["tensorflow.Tensor"], Mapping[str, "tensorflow.Tensor"]]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    kept: object
    version: str


def read(tf: ModuleType, artifact: Artifact) -> Served:
    """Load the file's function and variables.

    Raises:
        WeightsError: missing, damaged, of another format, or without a function to serve.
    """
    path = artifact.path
    if not path.exists():
        raise WeightsError(f"{path} cannot be read: no such file or folder")
    if path.is_dir():
        if not any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt")):
            raise WeightsError(f"{path} is no SavedModel: there is no saved_model.pb in it")
        return _saved_model(tf, artifact)
    if path.suffix == ".keras":
        return _keras(tf, artifact)
    if path.name == "saved_model.pb":
        raise WeightsError(f"{path}: give the folder that it lies in")
    raise WeightsError(f"{path} is no SavedModel folder and no .keras file; TensorFlow runs no other artifact here")


def inspect(tf: ModuleType, served: Served, artifact: Artifact) -> ArtifactFacts:
    """The facts of a served function; see :class:`RunsArtifacts`."""
    picture = picture_input(served.inputs, artifact)
    output = scores_output(served.outputs, artifact)
    graph = _Graph(tf, served, artifact)
    scores = graph.scores([port.name for port in served.outputs].index(output.name)) or "logits"
    return ArtifactFacts(
        format=served.format,
        input_name=picture.port.name,
        output_name=output.name,
        layout=picture.layout,
        dtype=picture.port.dtype,
        batch=picture.batch,
        outputs=artifact.outputs,
        scores=scores,
        scores_in_graph=scores,
        normalisation=normalisation(graph.steps(), picture.layout, artifact.image[0]),
        precision=graph.precision(),
        producer=f"TensorFlow {served.version}".strip() if served.version else "",
    )


def _saved_model(tf: ModuleType, artifact: Artifact) -> Served:
    try:
        loaded = tf.saved_model.load(str(artifact.path))
    except Exception as error:  # tf.errors' classes, OSError, ValueError
        raise unreadable(artifact, error) from error
    names = sorted(getattr(loaded, "signatures", {}))
    if not names:
        raise WeightsError(f"{artifact.path} serves nothing: it was saved without a signature")
    if SERVING not in names and len(names) > 1:
        raise WeightsError(f"{artifact.path} has no signature {SERVING}; it has {', '.join(names)}")
    function = loaded.signatures[SERVING if SERVING in names else names[0]]
    _, keywords = function.structured_input_signature
    outputs = function.structured_outputs
    name = next(iter(keywords), "")
    return Served(
        format="SavedModel",
        function=function,
        call=lambda x: function(**{name: x}),
        inputs=tuple(_port(key, keywords[key]) for key in sorted(keywords)),
        outputs=tuple(_port(key, outputs[key]) for key in sorted(outputs)),  # the order of function.outputs
        kept=loaded,
        version=str(getattr(loaded, "tensorflow_version", "")),
    )


def _keras(tf: ModuleType, artifact: Artifact) -> Served:
    try:
        model = tf.keras.models.load_model(str(artifact.path), compile=False, safe_mode=True)
        inputs, outputs = list(model.inputs), list(model.outputs)
        specs = [tf.TensorSpec(one.shape, one.dtype, name=f"input_{i}") for i, one in enumerate(inputs)]
        traced = tf.function(lambda x: model(x, training=False), autograph=False)
        function = traced.get_concrete_function(specs[0] if len(specs) == 1 else specs)
    except Exception as error:  # zip, JSON, Keras and what its layers raise
        raise unreadable(artifact, error) from error
    names = [f"output_{place}" for place in range(len(outputs))]  # Keras numbers its own anew in each process

    def call(x: "tensorflow.Tensor") -> Mapping[str, "tensorflow.Tensor"]:
        return dict(zip(names, tf.nest.flatten(function(x)), strict=True))

    return Served(
        format="Keras",
        function=function,
        call=call,
        inputs=tuple(_port(f"input_{place}", one) for place, one in enumerate(inputs)),
        outputs=tuple(_port(name, one) for name, one in zip(names, outputs, strict=True)),
        kept=model,
        version=tf.__version__,
    )


def _port(name: str, spec: Any) -> Port:
    dtype = spec.dtype if isinstance(spec.dtype, str) else spec.dtype.name
    shape = spec.shape
    if getattr(shape, "rank", 0) is None:
        return Port(name, dtype, None)
    return Port(name, dtype, tuple(None if side is None else int(side) for side in shape))


class _Graph:
    """A function as one flat graph of operations, its variables frozen into constants."""

    def __init__(self, tf: ModuleType, served: Served, artifact: Artifact) -> None:
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        self._tf = tf
        try:
            frozen = convert_variables_to_constants_v2(served.function, lower_control_flow=False)
        except Exception as error:
            raise unreadable(artifact, error) from error
        self._nodes = {node.name: node for node in frozen.graph.as_graph_def().node}
        captured = {tensor.name for tensor in frozen.graph.internal_captures}
        self._start = next(tensor.op.name for tensor in frozen.inputs if tensor.name not in captured)
        self._ends = [tensor.op.name for tensor in frozen.outputs]
        self._users: dict[str, list[Any]] = {}
        for node in self._nodes.values():
            for name in dict.fromkeys(_plain(one) for one in node.input if not one.startswith("^")):
                self._users.setdefault(name, []).append(node)

    def steps(self) -> Iterator[Step]:
        """What is done to the input, operation by operation, until it forks or something else is done."""
        name = self._start
        while True:
            users = [node for node in self._users.get(name, []) if node.op not in _SIZES]
            if len(users) != 1 or name in self._ends:
                return
            steps = self._meaning(users[0], name)
            if steps is None:
                return
            yield from steps
            name = users[0].name

    def scores(self, place: int) -> Scores | None:
        """What the last operation that computes anything gives, None where it is no softmax."""
        node = self._nodes.get(self._ends[place])
        while node is not None:
            if node.op in _SOFTMAX:
                return _SOFTMAX[node.op]
            if node.op not in _COPIES | _RESHAPES and not node.op.startswith(_QUANTISES):
                return None
            node = self._nodes.get(_plain(node.input[0]))
        return None

    def precision(self) -> str:
        """int8 where operations quantise, else the type that most constants have."""
        counts: dict[str, int] = {}
        for node in self._nodes.values():
            if node.op.startswith(_QUANTISES):
                return "int8"
            if node.op == "Const":
                tensor = node.attr["value"].tensor
                kind = self._tf.as_dtype(tensor.dtype).name
                counts[kind] = counts.get(kind, 0) + int(np.prod([side.size for side in tensor.tensor_shape.dim]))
        most = max(counts, key=lambda kind: counts[kind], default="float32")
        return _PRECISIONS.get(most, most)

    def _meaning(self, node: Any, name: str) -> list[Step] | None:
        """``node`` as steps on its input ``name``, None where it is something else."""
        given = [_plain(one) for one in node.input if not one.startswith("^")]
        place = given.index(name)
        if place == 0 and (node.op in _COPIES or node.op.startswith(_QUANTISES)):
            return [Step("nothing")]
        others = [self._value(one) for i, one in enumerate(given) if i != place]
        if any(one is None for one in others):
            return None
        channels_first = node.attr["data_format"].s == b"NCHW"
        layout: Layout = "NCHW" if channels_first else "NHWC"
        match node.op:
            case op if op in _ARITHMETIC:
                return _arithmetic(op, others[0], place)
            case "BiasAdd":
                bias = np.asarray(others[0])
                return [Step("add", bias.reshape(-1, 1, 1) if channels_first else bias)]
            case "Transpose":
                return [Step("transpose", others[0])]
            case "ReverseV2":
                return [Step("reverse", others[0])]
            case "GatherV2":
                return [Step("gather", others[0], int(np.asarray(others[1])))]
            case "StridedSlice":
                axis = _reversed_axis(node, np.asarray(others[2]))
                return None if axis is None else [Step("reverse", [axis])]
            case "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" if not node.attr["is_training"].b:
                scale, shift, mean, variance = (np.asarray(one) for one in others)
                return batch_norm(scale, shift, mean, variance, node.attr["epsilon"].f, layout)
            case _:
                return None

    def _value(self, name: str) -> NDArray[Any] | None:
        """The constant ``name``, computed from others where it has to be; None where it depends on an input."""
        tf = self._tf
        needed: dict[str, Any] = {}
        wanted = [name]
        while wanted:
            one = wanted.pop()
            node = self._nodes[one]
            if node.op in {"Placeholder", "PlaceholderWithDefault"}:
                return None
            if one not in needed:
                needed[one] = node
                wanted += [_plain(other) for other in node.input if not other.startswith("^")]
        definition = tf.compat.v1.GraphDef()
        for node in needed.values():
            copy = definition.node.add()
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(other for other in node.input if not other.startswith("^"))
        with contextlib.suppress(Exception), tf.Graph().as_default() as graph:
            tf.import_graph_def(definition, name="")
            config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
            with tf.compat.v1.Session(graph=graph, config=config) as session:
                return np.asarray(session.run(f"{name}:0"))
        return None


def _arithmetic(op: str, other: Any, place: int) -> list[Step] | None:
    match op:
        case "Add" | "AddV2":
            return [Step("add", other)]
        case "Mul":
            return [Step("multiply", other)]
        case "Sub":
            return [Step("subtract" if place == 0 else "subtract-from", other)]
        case _:
            return [Step("divide", other)] if place == 0 else None


def _reversed_axis(node: Any, strides: NDArray[Any]) -> int | None:
    """The axis that ``x[..., ::-1]`` or ``x[:, ::-1]`` turns around, None where a slice does anything else."""
    masks = {key: node.attr[f"{key}_mask"].i for key in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    if masks["new_axis"] or masks["shrink_axis"] or strides[-1] != -1 or not (strides[:-1] == 1).all():
        return None
    if any(
        not (masks["ellipsis"] >> i & 1) and not (masks["begin"] & masks["end"]) >> i & 1 for i in range(len(strides))
    ):
        return None
    return 3 if masks["ellipsis"] else len(strides) - 1


def _plain(name: str) -> str:
    """The operation that an input's name names: ``op:0`` -> ``op``."""
    return name.lstrip("^").partition(":")[0]
