"""SavedModels and .keras files of the small network, as TensorFlow's users write them."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.conformance.artifacts import CLASSES, MEAN, SIDE, STD, weights


def write_tensorflow(folder: Path) -> None:
    """Every SavedModel and ``.keras``."""
    import tensorflow as tf

    arrays = weights()
    kernel = arrays["conv1.weight"].transpose(2, 3, 1, 0)
    dense = arrays["fc8.weight"].reshape(CLASSES, 8, 7, 7).transpose(2, 3, 1, 0).reshape(-1, CLASSES)

    class Small(tf.Module):
        """The network, with its normalisation and softmax inside or not."""

        def __init__(self, *, inside: bool) -> None:
            super().__init__()
            self.kernel, self.bias = tf.Variable(kernel), tf.Variable(arrays["conv1.bias"])
            self.dense, self.last = tf.Variable(dense), tf.Variable(arrays["fc8.bias"])
            self.mean, self.std = tf.constant(MEAN), tf.constant(STD)
            self.inside = inside

        def run(self, pixels: Any) -> dict[str, Any]:
            if self.inside:
                pixels = (pixels[..., ::-1] - self.mean) / tf.sqrt(tf.square(self.std))
            x = tf.nn.relu(tf.nn.conv2d(pixels, self.kernel, 2, "VALID") + self.bias)
            x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [-1, 8 * 7 * 7])
            scores = tf.matmul(x, self.dense) + self.last
            return {"scores": tf.nn.softmax(scores) if self.inside else scores, "class": tf.argmax(scores, 1)}

    def save(name: str, *, inside: bool, batch: int | None = None) -> None:
        module = Small(inside=inside)
        signature = tf.TensorSpec((batch, SIDE, SIDE, 3), tf.float32, name="pixels")
        tf.saved_model.save(
            module, str(folder / name), signatures=tf.function(module.run).get_concrete_function(signature)
        )

    save("plain", inside=False)
    save("inside", inside=True)
    save("batch-4", inside=False, batch=4)
    unsigned = tf.Module()
    unsigned.value = tf.Variable(1.0)
    tf.saved_model.save(unsigned, str(folder / "unsigned"))
    damaged = folder / "damaged"
    damaged.mkdir()
    (damaged / "saved_model.pb").write_bytes(b"garbage")
    (folder / "empty").mkdir()

    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input((SIDE, SIDE, 3)),
            tf.keras.layers.Rescaling([1 / one for one in STD], [-a / b for a, b in zip(MEAN, STD, strict=True)]),
            tf.keras.layers.Conv2D(8, 5, 2, activation="relu"),
            tf.keras.layers.MaxPool2D(2),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dropout(0.5),
            tf.keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.set_weights([kernel, arrays["conv1.bias"], dense, arrays["fc8.bias"]])
    model.save(folder / "model.keras")
    _write_tensorflow1(tf, folder, kernel, dense, arrays)


def _write_tensorflow1(tf: Any, folder: Path, kernel: Any, dense: Any, arrays: Any) -> None:
    """As TensorFlow 1 saved them: a session's graph, its input NCHW."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        pixels = v1.placeholder(tf.float32, [None, 3, SIDE, SIDE], "images")
        x = tf.transpose(pixels - np.array(MEAN, np.float32).reshape(1, 3, 1, 1), [0, 2, 3, 1])
        x = tf.nn.conv2d(x / np.array(STD, np.float32), v1.get_variable("kernel", initializer=kernel), 2, "VALID")
        x = tf.nn.relu(x + v1.get_variable("bias", initializer=arrays["conv1.bias"]))
        x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [-1, 8 * 7 * 7])
        scores = tf.matmul(x, v1.get_variable("dense", initializer=dense)) + arrays["fc8.bias"]
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder / "tensorflow1"), {"images": pixels}, {"scores": scores})
