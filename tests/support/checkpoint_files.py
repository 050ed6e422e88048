"""Writes checkpoints as tf_cnn_benchmarks does, by TensorFlow 1's own Saver: run as a script, in a process of its own.

``python checkpoint_files.py WEIGHTS.safetensors PREFIX OPTIONS.json``. WEIGHTS are canonical arrays; OPTIONS holds
``towers`` (prefixes of names), ``flatten`` ("NCHW" or "NHWC"), ``flattened`` (C, H, W) and ``momentum``.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.weights import map_weights


def variables(arrays: dict[str, NDArray[np.float32]], options: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Arrays under tf_cnn_benchmarks' names and in its orders."""
    made = {}
    for name, array in arrays.items():
        layer, _, kind = name.rpartition(".")
        number = int(layer[-1])
        if layer.startswith("conv"):
            made[f"cg/conv{number - 1}/" + ("conv2d/kernel" if kind == "weight" else "biases")] = (
                array.transpose(2, 3, 1, 0) if kind == "weight" else array
            )
        else:
            if name == "fc6.weight" and options["flatten"] == "NHWC":
                by_place = array.reshape(-1, *options["flattened"])
                array = by_place.transpose(0, 2, 3, 1).reshape(array.shape)  # noqa: PLW2901
            made[f"cg/affine{number - 6}/" + ("weights" if kind == "weight" else "biases")] = (
                array.T if kind == "weight" else array
            )
    return made


def main(weights: Path, prefix: Path, options: dict[str, Any]) -> None:
    """Write PREFIX.index, PREFIX.data-00000-of-00001 and ``checkpoint``."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.get_or_create_global_step()
        made = []
        values = variables(map_weights(weights), options)
        for place, tower in enumerate(options["towers"]):
            for name, array in values.items():
                # Towers after the first are made different, to see which one is read.
                variable = tf1.get_variable(tower + name, array.shape, use_resource=False)
                made.append((variable, array if place == 0 else array + 1))
        if options["momentum"]:
            optimizer = tf1.train.MomentumOptimizer(0.1, 0.9)
            optimizer.minimize(tf.add_n([tf.reduce_sum(variable) for variable, _ in made]), global_step=step)
        session.run(tf1.global_variables_initializer())
        for variable, array in made:
            variable.load(np.ascontiguousarray(array), session)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        tf1.train.Saver().save(session, str(prefix), global_step=None, write_meta_graph=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
