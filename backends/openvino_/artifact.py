"""Reads the facts of an OpenVINO model from its operations; nothing is compiled or run.

An ``.onnx`` file becomes such a model when OpenVINO reads it.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.artifacts import (
    Picture,
    Port,
    picture_input,
    picture_shape,
    scores_output,
    unreadable,
)
from alexbench.backends._shared.file_precision import of_facts
from alexbench.backends._shared.input_steps import (
    FIRST_LAYER,
    Arithmetic,
    Step,
    arithmetic,
    batch_norm,
    branches,
    is_first_layer,
    pointwise,
    product,
    read_steps,
)
from alexbench.backends.openvino_ import precision
from alexbench.harness.contract import Artifact, ArtifactFacts, Scores
from alexbench.harness.errors import WeightsError

if TYPE_CHECKING:
    import openvino

SUFFIXES: Final = (".xml", ".onnx")

_COPIES: Final = {"Convert", "ConvertLike", "Identity"}
_RESHAPES: Final = {"Reshape", "Squeeze", "Unsqueeze", "Transpose"}
_QUANTISES: Final = {"FakeQuantize", "Subtract", "Multiply"}
"""Operations after a softmax that quantise or dequantise."""
_SIZES: Final = {"ShapeOf"}
_SOFTMAX: Final[Mapping[str, Scores]] = {
    "Softmax": "probabilities",
    "SoftMax": "probabilities",
    "LogSoftmax": "log-probabilities",
}
_ARITHMETIC: Final[Mapping[str, Arithmetic]] = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Divide": "divide",
}
_COMPUTE: Final = {"Convolution", "GroupConvolution", "MatMul"}
_DTYPES: Final = {"f32": "float32", "f16": "float16", "u8": "uint8"}


def read(core: "openvino.Core", artifact: Artifact) -> "openvino.Model":
    """The model in the file.

    Raises:
        WeightsError: the file is missing, damaged or without its .bin, or has operations that OpenVINO lacks.
    """
    path = artifact.path
    if not path.is_file():
        raise WeightsError(f"{path} cannot be read: no such file")
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path}: OpenVINO runs {' and '.join(SUFFIXES)} files here")
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise _why(artifact, str(error)) from error


def inspect(model: "openvino.Model", artifact: Artifact) -> ArtifactFacts:
    """The facts of a model that was read; see :class:`RunsArtifacts`."""
    picture = picture_input([_port(one, artifact.input_name) for one in model.inputs], artifact)
    output, count = scores_output([_port(one, artifact.output_name) for one in model.outputs], artifact)
    scores = _scores(port(model.outputs, output.name).get_node()) or "logits"
    start = port(model.inputs, picture.port.name)
    ir = artifact.path.suffix == ".xml"
    channels = artifact.image[0]
    reading = read_steps(_steps(start, channels), picture.layout, artifact.image)
    return ArtifactFacts(
        format="OpenVINO IR" if ir else "ONNX",
        input_name=picture.port.name,
        output_name=output.name,
        layout=picture.layout,
        dtype=picture.port.dtype,
        batch=picture.batch,
        outputs=count,
        scores=scores,
        scores_in_graph=scores,
        normalisation=reading.normalisation,
        unread=reading.unread,
        clips=reading.clips,
        **of_facts(precision.read(model)),
        version=_version(artifact) if ir else "",
        producer=_producer(model) if ir else "",
        macs=_macs(model, picture, artifact.image),
    )


def _macs(model: "openvino.Model", picture: Picture, image: tuple[int, int, int]) -> int | None:
    """Multiplications with a weight for one image; None where a shape is not known. ``model`` is left as it is."""
    one = model.clone()
    try:
        place = model.inputs.index(port(model.inputs, picture.port.name))
        one.reshape({place: [1, *picture_shape(image, picture.layout)]})
    except (RuntimeError, ValueError):
        return None
    total = 0
    for node in one.get_ops():
        if node.get_type_name() not in _COMPUTE:
            continue
        out, weights = node.output(0).get_partial_shape(), node.input(1).get_partial_shape()
        if out.is_dynamic or weights.is_dynamic:
            return None
        total += _products(node, list(out.to_shape()), list(weights.to_shape()))
    return total or None


def _products(node: "openvino.Node", out: list[int], weights: list[int]) -> int:
    """The products of one operation, per image."""
    if node.get_type_name() != "MatMul":
        return prod(weights) * prod(out[2:])
    shared = weights[-1] if node.get_attributes().get("transpose_b") or len(weights) < 2 else weights[-2]
    return prod(out) * shared


def port(ports: "list[openvino.Output]", name: str) -> "openvino.Output":
    """The one of a model's inputs or outputs that goes by that name, perhaps among others: compiling adds some."""
    return next(one for one in ports if name in one.get_names() or _name(one) == name)


def _why(artifact: Artifact, text: str) -> WeightsError:
    """OpenVINO's message of several paragraphs in one line."""
    path = artifact.path
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "Empty weights data in bin file" in text:
        return WeightsError(f"{path}: {path.with_suffix('.bin').name} is missing or empty; put it in the same folder")
    missing = [line for line in lines if "No conversion rule found" in line or "Cannot create" in line]
    if missing:
        return unreadable(artifact, missing[0].lstrip("- "))
    if "Unable to read the model" in text:
        return unreadable(artifact, "it is damaged, or not a model that OpenVINO reads")
    if "outside the base directory" in text:
        why = "its data is a link, which OpenVINO does not follow; copy both into one folder (cp -L)"
        return unreadable(artifact, why)
    return unreadable(artifact, lines[-1] if lines else text)


def _name(port: "openvino.Output") -> str:
    names = port.get_names()
    return str(port.get_any_name()) if names else str(port.get_node().get_friendly_name())


def _port(port: "openvino.Output", wanted: str | None) -> Port:
    """An input or output; of several names it has the ``wanted`` one, if it is among them."""
    shape = port.get_partial_shape()
    kind = str(port.get_element_type().get_type_name())
    sides = None if shape.rank.is_dynamic else tuple(side.get_length() if side.is_static else None for side in shape)
    name = wanted if wanted is not None and wanted in port.get_names() else _name(port)
    return Port(name, _DTYPES.get(kind, kind), sides)


def _scores(node: "openvino.Node") -> Scores | None:
    while True:
        node = node.input_value(0).get_node()
        kind = node.get_type_name()
        if kind in _SOFTMAX:
            return _SOFTMAX[kind]
        if kind not in _COPIES | _RESHAPES | _QUANTISES:
            return None


def _steps(start: "openvino.Output", channels: int) -> Iterator[Step]:
    """The operations on the input, up to the first layer or an operation that cannot be followed."""
    at = start
    while True:
        uses = [
            (one.get_node(), one.get_index())
            for one in at.get_target_inputs()
            if one.get_node().get_type_name() not in _SIZES
        ]
        meanings = [_meaning(node, place, channels) for node, place in uses]
        if len(uses) != 1:
            yield from branches(meanings, [node.get_type_name() for node, _ in uses]) if uses else ()
            return
        node = uses[0][0]
        yield from [Step("unknown", node.get_type_name())] if meanings[0] is None else meanings[0]
        if node.get_output_size() != 1:
            return
        at = node.output(0)


def _meaning(node: "openvino.Node", place: int, channels: int) -> list[Step] | None:
    """``node`` as steps on its input number ``place``; None if it is something else."""
    kind = node.get_type_name()
    if kind in _COMPUTE:
        return _first(node, place, channels)
    if place == 0 and kind in _COPIES:
        whole = not node.get_output_element_type(0).is_real()
        return None if whole and not _gives_whole_numbers(node.input_value(0).get_node()) else [Step("nothing")]
    if place == 0 and kind in {"Reshape", "Squeeze"}:
        return [Step("flatten")]
    others = [_value(node.input_value(i)) for i in range(node.get_input_size()) if i != place]
    if not others or any(other is None for other in others):
        return None
    if place != 0 and kind not in {"Add", "Multiply", "Subtract"}:
        return None
    match kind:
        case "Add" | "Subtract" | "Multiply" | "Divide":
            return arithmetic(_ARITHMETIC[kind], others[0], first=place == 0)
        case "FakeQuantize":
            return _range_to_range(*(np.asarray(one, np.float64) for one in others))
        case "BatchNormInference":
            scale, shift, mean, variance = others
            epsilon = float(node.get_attributes()["epsilon"])
            return batch_norm(scale, shift, mean, variance, epsilon, "NCHW")  # type: ignore[arg-type]
        case _:
            return _moved(kind, others)


def _moved(kind: str, others: list[NDArray[Any] | None]) -> list[Step] | None:
    """Operations that only reshape, pad or reorder values."""
    match kind:
        case "Transpose":
            return [Step("transpose", others[0])]
        case "Pad":
            before, after = np.asarray(others[0]), np.asarray(others[1])
            if min(before.min(), after.min()) < 0:
                return None
            return [Step("pad", np.flatnonzero(before + after).tolist())]
        case "Gather":
            return [Step("gather", others[0], int(np.asarray(others[1]).reshape(-1)[0]))]
        case _:
            return None


def _range_to_range(
    low: NDArray[np.float64], high: NDArray[np.float64], to_low: NDArray[np.float64], to_high: NDArray[np.float64]
) -> list[Step] | None:
    """A quantiser maps one range to another, rounded."""
    if (high == low).any():
        return None
    factor = (to_high - to_low) / (high - low)
    ends = Step("clip", (float(low.max()), float(high.min())))
    return [ends, Step("multiply", factor), Step("add", to_low - low * factor)]


def _gives_whole_numbers(node: "openvino.Node") -> bool:
    """Whether ``node`` quantises to steps of 1, so that a conversion to integer truncates nothing."""
    if node.get_type_name() != "FakeQuantize":
        return False
    low, high = (_value(node.input_value(i)) for i in (3, 4))
    if low is None or high is None:
        return False
    steps = int(node.get_attributes()["levels"]) - 1
    return bool(np.all(low == np.round(low)) and np.all(high - low == steps))


def _first(node: "openvino.Node", place: int, channels: int) -> list[Step] | None:
    """A first layer. A convolution with as many outputs as the image has channels does not count."""
    kind = node.get_type_name()
    if kind != "MatMul" and place != 0:
        return None
    weight = node.input_value(1 - place)
    sides = weight.get_partial_shape()
    if sides.is_dynamic:
        return None
    if kind == "MatMul":
        return [product(max(side.get_length() for side in sides))] if len(sides) == 2 else None
    grouped = kind == "GroupConvolution"  # (groups, out / groups, in / groups, kh, kw)
    shape = [side.get_length() for side in sides]
    groups, outputs = (shape[0], shape[0] * shape[1]) if grouped else (1, shape[0])
    if len(shape) != (5 if grouped else 4) or shape[-3] * groups != channels:
        return None
    if is_first_layer(outputs, (shape[-2], shape[-1]), groups):
        return [FIRST_LAYER]
    value = _value(weight)
    if value is None:
        return None
    return pointwise(value.reshape(outputs, -1, *shape[-2:]), None, groups, "NCHW", channels)


def _value(output: "openvino.Output") -> NDArray[Any] | None:
    """The constant ``output``, computed from others if necessary; None if it depends on an input."""
    import openvino as ov

    if output.get_node().get_type_name() == "Constant":
        return np.asarray(output.get_node().data)
    wanted, seen = [output.get_node()], set()
    while wanted:
        node = wanted.pop()
        if node.get_type_name() == "Parameter":
            return None
        if node.get_friendly_name() not in seen:
            seen.add(node.get_friendly_name())
            wanted += [one.get_node() for one in node.input_values()]
    compiled = ov.Core().compile_model(ov.Model([output], []), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(next(iter(compiled({}).values())))


def _version(artifact: Artifact) -> str:
    """The IR's version is in its first element."""
    try:
        _, first = next(ElementTree.iterparse(artifact.path, events=("start",)))  # noqa: S314 - OpenVINO has read it
    except (OSError, ElementTree.ParseError, StopIteration):
        return ""
    version = first.get("version")
    return f"v{version}" if version else ""


def _producer(model: "openvino.Model") -> str:
    key = "OpenVINO Runtime"
    return f"OpenVINO {model.get_rt_info([key]).astype(str)}" if model.has_rt_info([key]) else ""
