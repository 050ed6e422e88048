"""Reads the facts of a SavedModel or Keras file from the graph of the function that it serves.

``tensorflow`` is an argument: importing this module does not import it. A SavedModel is a program of TensorFlow's own
operators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from alexbench.backends._shared.artifacts import Port, picture_input, scores_output, unreadable
from alexbench.backends._shared.file_precision import of_facts
from alexbench.backends._shared.input_steps import read_steps
from alexbench.backends.tensorflow_.graph import Graph
from alexbench.harness.contract import Artifact, ArtifactFacts
from alexbench.harness.errors import WeightsError

if TYPE_CHECKING:
    import tensorflow

SERVING: Final = "serving_default"


@dataclass(frozen=True, slots=True)
class Served:
    """The function that a file serves. ``call`` returns its outputs by name; ``kept`` owns its variables."""

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
        WeightsError: the file is missing or damaged, has another format, or has no function to serve.
    """
    path = artifact.path
    if not path.exists():
        raise WeightsError(f"{path} cannot be read: no such file or folder")
    if path.is_dir():
        if not any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt")):
            raise WeightsError(f"{path} is not a SavedModel: it has no saved_model.pb")
        return _saved_model(tf, artifact)
    if path.suffix == ".keras":
        return _keras(tf, artifact)
    if path.name == "saved_model.pb":
        raise WeightsError(f"{path}: give the folder that contains it")
    raise WeightsError(f"{path} is neither a SavedModel folder nor a .keras file; give one of these to TensorFlow")


def inspect(tf: ModuleType, served: Served, artifact: Artifact) -> ArtifactFacts:
    """The facts of a served function; see :class:`RunsArtifacts`."""
    picture = picture_input(served.inputs, artifact)
    output, count = scores_output(served.outputs, artifact)
    graph = Graph(tf, served.function)
    scores = graph.scores([port.name for port in served.outputs].index(output.name)) or "logits"
    channels = artifact.image[0]
    reading = read_steps(graph.steps(channels), picture.layout, artifact.image)
    return ArtifactFacts(
        format=served.format,
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
        **of_facts(graph.precision()),
        producer=f"TensorFlow {served.version}".strip() if served.version else "",
    )


def _saved_model(tf: ModuleType, artifact: Artifact) -> Served:
    try:
        loaded = tf.saved_model.load(str(artifact.path))
    except Exception as error:  # tf.errors' classes, OSError, ValueError
        raise unreadable(artifact, error) from error
    names = sorted(getattr(loaded, "signatures", {}))
    if not names:
        raise WeightsError(f"{artifact.path} has no function to serve: it was saved without a signature")
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
    except Exception as error:  # errors of zip, JSON, Keras and its layers
        raise unreadable(artifact, error) from error
    names = [f"output_{place}" for place in range(len(outputs))]  # Keras numbers its names per process

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
