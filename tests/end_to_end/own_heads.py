"""Small model files with heads of their own, and images whose classes they know: each class is a colour.

The model averages each channel of the (normalised) image and picks the nearest of its colours, so it is right on every
image of one colour.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.harness.models.card import load_card

COLOURS: Final = {
    "black": (0, 0, 0), "blue": (10, 20, 230), "cyan": (20, 220, 230), "green": (10, 200, 20), "grey": (128, 128, 128),
    "olive": (128, 128, 10), "pink": (250, 150, 200), "red": (220, 10, 20), "white": (255, 255, 255),
    "yellow": (240, 230, 10),
}  # fmt: skip
NAMES: Final = tuple(COLOURS)
SIDE: Final = 224
_AVERAGED: Final = 8
"""Outputs of the first layer: the three channels, and five that are nothing."""


def colour_folders(root: Path, names: Sequence[str] = NAMES, *, each: int = 2) -> Path:
    """A folder a class with images of its colour."""
    for name in names:
        (root / name).mkdir(parents=True)
        for number in range(each):
            image = np.full((240 + 16 * number, 300, 3), COLOURS[name], np.uint8)
            Image.fromarray(image).save(root / name / f"{number}.png")
    return root


def head(names: Sequence[str] = NAMES, *, background: bool = False) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight (outputs, _AVERAGED) and bias (outputs,) that prefer the nearest colour; output 0 may be background."""
    preprocessing = load_card("torchvision").preprocessing
    shown = np.array([COLOURS[name] for name in names]) / preprocessing.divide_by
    colours = (shown - np.array(preprocessing.mean)) / np.array(preprocessing.std)
    weight = np.zeros((len(names), _AVERAGED))
    weight[:, :3] = colours
    bias = -0.5 * (colours**2).sum(axis=1)
    if background:
        weight, bias = np.vstack([weight[:1] * 0, weight]), np.concatenate([[-50.0], bias])
    return weight.astype(np.float32), bias.astype(np.float32)


def averaging() -> NDArray[np.float32]:
    """The first layer: (_AVERAGED, 3, 4, 4)."""
    weight = np.zeros((_AVERAGED, 3, 4, 4), np.float32)
    for channel in range(3):
        weight[channel, channel] = 1 / 16
    return weight


def own_onnx(
    path: Path,
    names: Sequence[str] = NAMES,
    *,
    background: bool = False,
    last: str = "",
    batch: int | str = "N",
    four_dimensional: bool = False,
    extra: str = "",
    hidden: bool = False,
) -> Path:
    """A model with these classes. ``last``: an operation at its end; ``four_dimensional``: outputs (N, K, 1, 1).

    ``extra``: the name of a second output with the same scores halved; ``hidden``: leave out the shapes of the outputs.
    """
    from onnx import TensorProto, helper, numpy_helper, save

    weight, bias = head(names, background=background)
    outputs = len(weight)
    nodes = [
        helper.make_node("Conv", ["image", "averaging"], ["averaged"], strides=[4, 4], kernel_shape=[4, 4]),
        helper.make_node("GlobalAveragePool", ["averaged"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["gemm"], transB=1),
    ]
    constants = {"averaging": averaging(), "weight": weight, "bias": bias}
    x = "gemm"
    if last:
        nodes.append(helper.make_node(last, [x], ["ended"], axis=1))
        x = "ended"
    if four_dimensional:
        constants["sides"] = np.array([-1, outputs, 1, 1], np.int64)
        nodes.append(helper.make_node("Reshape", [x, "sides"], ["square"]))
        x = "square"
    nodes.append(helper.make_node("Identity", [x], ["scores"]))
    shape: Any = None if hidden else [batch, outputs, 1, 1] if four_dimensional else [batch, outputs]
    ends = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)]
    if extra:
        constants["half"] = np.array([0.5], np.float32)
        nodes.append(helper.make_node("Mul", ["gemm", "half"], [extra]))
        ends.append(helper.make_tensor_value_info(extra, TensorProto.FLOAT, [batch, outputs]))
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "own", [given], ends, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(model, str(path))
    return path


def class_list_file(path: Path, names: Sequence[str] = NAMES) -> Path:
    """A name a line."""
    path.write_text("\n".join(names) + "\n", encoding="utf-8")
    return path
