"""Writes a network as a SavedModel, and opens a SavedModel."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.exports import INPUT, NOTES_FILE, OUTPUT, described
from alexbench.harness.capabilities import OpenedExport
from alexbench.harness.models.network import Network

if TYPE_CHECKING:
    import tensorflow

SIGNATURE: Final = "serving_default"
EXTRA: Final = "assets.extra"
"""The folder of a SavedModel that is reserved for users: TensorFlow neither writes nor reads there."""


def write_saved_model(
    tf: ModuleType,
    network: Network,
    variables: Mapping[str, "tensorflow.Variable"],
    forward: Callable[["tensorflow.Tensor"], "tensorflow.Tensor"],
    path: Path,
    notes: Mapping[str, str],
) -> None:
    """The function that the backend runs, over its variables, as the signature that TensorFlow Serving expects."""
    channels, height, width = network.input_shape
    pixels = tf.TensorSpec((None, height, width, channels), tf.float32, name=INPUT)
    module = tf.Module(name=network.name)
    module.parameters = dict(variables)  # tracked, and so saved
    module.serve = tf.function(lambda pixels: {OUTPUT: forward(pixels)}, input_signature=[pixels], autograph=False)
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: module.serve.get_concrete_function()})
    extra = path / EXTRA
    extra.mkdir()
    (extra / NOTES_FILE).write_text(json.dumps(dict(notes), indent=2) + "\n", encoding="utf-8")


def open_saved_model(tf: ModuleType, path: Path) -> OpenedExport:
    """The signature ``serving_default``, on the CPU."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures[SIGNATURE]
    _, inputs = serve.structured_input_signature
    (given,), (wanted,) = inputs, serve.structured_outputs

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        # The loaded object owns the variables that the signature reads: it must outlive this call.
        assert loaded is not None
        logits: NDArray[np.float32] = serve(**{given: tf.constant(pixels)})[wanted].numpy()
        return logits

    return OpenedExport(_in_words(inputs), _in_words(serve.structured_outputs), predict)


def _in_words(specs: Mapping[str, Any]) -> dict[str, str]:
    return {name: described(spec.dtype.name, spec.shape.as_list()) for name, spec in specs.items()}
