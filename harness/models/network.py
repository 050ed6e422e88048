"""Networks as data: layers, the shapes between them, parameters and MACs.

Three networks have the name AlexNet; this module describes all three, once. Adapters (``alexbench.backends``) build the
layers in their runtime. Shapes are (channels, height, width) or (features,), without the batch dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Final, Literal, TypeAlias

from alexbench.harness.errors import unknown_name

Layout = Literal["NCHW", "NHWC"]
"""The order of an input's axes."""

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conv:
    """Square 2-D convolution with bias; ``weight`` is OIHW with I = in_channels / groups."""

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer with bias; ``weight`` is out x in."""

    name: str
    in_features: int
    out_features: int


@dataclass(frozen=True, slots=True)
class ReLU:
    """max(x, 0), element by element."""

    name: str


@dataclass(frozen=True, slots=True)
class LRN:
    """Local response normalisation across channels, as Caffe defines it: x / (k + alpha / size * sum x^2) ^ beta."""

    name: str
    size: int
    alpha: float
    beta: float
    k: float


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Square max pooling without padding. ``ceil_mode``: includes a last window that is only partly inside."""

    name: str
    kernel: int
    stride: int
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool:
    """Average pooling to a fixed output size, as torch.nn.AdaptiveAvgPool2d: the identity if the size is right."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Flatten:
    """(C, H, W) to (C * H * W,), in that order."""

    name: str


@dataclass(frozen=True, slots=True)
class Dropout:
    """The identity at inference. It is in the description so that each adapter handles it explicitly."""

    name: str
    p: float


Layer: TypeAlias = Conv | Linear | ReLU | LRN | MaxPool | AdaptiveAvgPool | Flatten | Dropout


@dataclass(frozen=True, slots=True)
class Network:
    """A feed-forward chain of layers.

    ``input_shape``: (channels, height, width). ``outputs``: the number of logits.
    """

    name: str
    title: str
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]

    @property
    def outputs(self) -> int:
        """The number of logits."""
        return int(prod(output_shapes(self)[self.layers[-1].name]))

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Canonical array name -> shape, in layer order (``conv1.weight`` OIHW, ``fc6.weight`` out x in)."""
        shapes: dict[str, Shape] = {}
        for layer in self.layers:
            match layer:
                case Conv():
                    per_group = layer.in_channels // layer.groups
                    shapes[f"{layer.name}.weight"] = (layer.out_channels, per_group, layer.kernel, layer.kernel)
                    shapes[f"{layer.name}.bias"] = (layer.out_channels,)
                case Linear():
                    shapes[f"{layer.name}.weight"] = (layer.out_features, layer.in_features)
                    shapes[f"{layer.name}.bias"] = (layer.out_features,)
                case _:
                    pass
        return shapes

    @property
    def parameters(self) -> int:
        """The number of learned values, including biases."""
        return sum(prod(shape) for shape in self.parameter_shapes.values())

    @property
    def macs_per_layer(self) -> dict[str, int]:
        """Multiply-accumulates per image of each convolution and fully connected layer, without biases."""
        shapes = output_shapes(self)
        weights = self.parameter_shapes
        macs: dict[str, int] = {}
        for layer in self.layers:
            match layer:
                case Conv():
                    _, height, width = shapes[layer.name]
                    macs[layer.name] = prod(weights[f"{layer.name}.weight"]) * height * width
                case Linear():
                    macs[layer.name] = prod(weights[f"{layer.name}.weight"])
                case _:
                    pass
        return macs

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image, convolutions and fully connected layers only."""
        return sum(self.macs_per_layer.values())

    @property
    def flops(self) -> int:
        """2 x MACs: the convention of every FLOPs figure in this project, unless it names another."""
        return 2 * self.macs


def pooled_size(size: int, kernel: int, stride: int, *, ceil_mode: bool) -> int:
    """The output length of unpadded pooling over ``size`` values (Caffe's rounding when ``ceil_mode``)."""
    span = size - kernel
    return (-(-span // stride) if ceil_mode else span // stride) + 1


def output_shapes(network: Network) -> dict[str, Shape]:
    """Layer name -> shape of its output for one image."""
    shape: Shape = network.input_shape
    shapes: dict[str, Shape] = {}
    for layer in network.layers:
        shape = _output_shape(layer, shape)
        shapes[layer.name] = shape
    return shapes


def fits(network: Network) -> bool:
    """Whether every layer has an output, and the first fully connected layer has its number of inputs."""
    shapes = output_shapes(network)
    first = next(layer for layer in network.layers if isinstance(layer, Linear))
    return all(min(shape) > 0 for shape in shapes.values()) and shapes["flatten"] == (first.in_features,)


def _output_shape(layer: Layer, shape: Shape) -> Shape:
    match layer:
        case Conv():
            _, height, width = shape
            out_height, out_width = (
                (side + 2 * layer.padding - layer.kernel) // layer.stride + 1 for side in (height, width)
            )
            return (layer.out_channels, out_height, out_width)
        case MaxPool():
            channels, height, width = shape
            out_height, out_width = (
                pooled_size(side, layer.kernel, layer.stride, ceil_mode=layer.ceil_mode) for side in (height, width)
            )
            return (channels, out_height, out_width)
        case AdaptiveAvgPool():
            return (shape[0], layer.size, layer.size)
        case Flatten():
            return (prod(shape),)
        case Linear():
            return (layer.out_features,)
        case ReLU() | LRN() | Dropout():
            return shape


def _classifier(outputs: int, *, dropout_first: bool) -> tuple[Layer, ...]:
    """fc6, fc7, fc8 with their ReLUs; dropout is before fc6/fc7 (owt) or after relu6/relu7 (bvlc, tfcnn)."""
    fc6: tuple[Layer, ...] = (Linear("fc6", 9216, 4096), ReLU("relu6"))
    fc7: tuple[Layer, ...] = (Linear("fc7", 4096, 4096), ReLU("relu7"))
    drop6, drop7 = Dropout("drop6", 0.5), Dropout("drop7", 0.5)
    hidden = (drop6, *fc6, drop7, *fc7) if dropout_first else (*fc6, drop6, *fc7, drop7)
    return (Flatten("flatten"), *hidden, Linear("fc8", 4096, outputs))


def _owt(size: int) -> Network:
    return Network(
        "owt",
        "AlexNet of torchvision ('one weird trick', arXiv 1404.5997)",
        (3, size, size),
        (
            Conv("conv1", 3, 64, 11, stride=4, padding=2),
            ReLU("relu1"),
            MaxPool("pool1", 3, 2),
            Conv("conv2", 64, 192, 5, padding=2),
            ReLU("relu2"),
            MaxPool("pool2", 3, 2),
            Conv("conv3", 192, 384, 3, padding=1),
            ReLU("relu3"),
            Conv("conv4", 384, 256, 3, padding=1),
            ReLU("relu4"),
            Conv("conv5", 256, 256, 3, padding=1),
            ReLU("relu5"),
            MaxPool("pool5", 3, 2),
            AdaptiveAvgPool("avgpool", 6),
            *_classifier(1000, dropout_first=True),
        ),
    )


def _bvlc(size: int) -> Network:
    return Network(
        "bvlc",
        "AlexNet of Caffe (bvlc_alexnet; Open Model Zoo, ModelHub, the ONNX zoo)",
        (3, size, size),
        (
            Conv("conv1", 3, 96, 11, stride=4),
            ReLU("relu1"),
            LRN("norm1", 5, 1e-4, 0.75, 1.0),
            MaxPool("pool1", 3, 2, ceil_mode=True),
            Conv("conv2", 96, 256, 5, padding=2, groups=2),
            ReLU("relu2"),
            LRN("norm2", 5, 1e-4, 0.75, 1.0),
            MaxPool("pool2", 3, 2, ceil_mode=True),
            Conv("conv3", 256, 384, 3, padding=1),
            ReLU("relu3"),
            Conv("conv4", 384, 384, 3, padding=1, groups=2),
            ReLU("relu4"),
            Conv("conv5", 384, 256, 3, padding=1, groups=2),
            ReLU("relu5"),
            MaxPool("pool5", 3, 2, ceil_mode=True),
            *_classifier(1000, dropout_first=False),
        ),
    )


def _tfcnn(size: int) -> Network:
    return Network(
        "tfcnn",
        "AlexNet of tf_cnn_benchmarks (DeepSpark); class 0 of its 1001 is background",
        (3, size, size),
        (
            Conv("conv1", 3, 64, 11, stride=4),
            ReLU("relu1"),
            MaxPool("pool1", 3, 2),
            Conv("conv2", 64, 192, 5, padding=2),
            ReLU("relu2"),
            MaxPool("pool2", 3, 2),
            Conv("conv3", 192, 384, 3, padding=1),
            ReLU("relu3"),
            Conv("conv4", 384, 384, 3, padding=1),
            ReLU("relu4"),
            Conv("conv5", 384, 256, 3, padding=1),
            ReLU("relu5"),
            MaxPool("pool5", 3, 2),
            *_classifier(1001, dropout_first=False),
        ),
    )


def _tiny(size: int) -> Network:
    """No layer is at its easiest: windows hang over one edge only, those of the adaptive pooling overlap."""
    return Network(
        "tiny",
        "every kind of layer",
        (3, size, size + 7),
        (
            Conv("conv1", 3, 8, 5, stride=2, padding=1),
            ReLU("relu1"),
            LRN("norm1", 5, 1e-1, 0.75, 2.0),
            MaxPool("pool1", 3, 2, ceil_mode=True),
            Conv("conv2", 8, 12, 3, padding=1, groups=2),
            ReLU("relu2"),
            AdaptiveAvgPool("avgpool", 3),
            Flatten("flatten"),
            Dropout("drop6", 0.5),
            Linear("fc6", 108, 16),
            ReLU("relu6"),
            Linear("fc7", 16, 7),
        ),
    )


_BUILDERS: Final = {"owt": (_owt, 224), "bvlc": (_bvlc, 227), "tfcnn": (_tfcnn, 227)}

NETWORK_NAMES: Final = tuple(_BUILDERS)

_UNLISTED: Final = {"tiny": (_tiny, 31)}
"""For checks of backends: nobody ranks it."""


def get_network(name: str, *, input_size: int | None = None) -> Network:
    """The network of that name, for square images of ``input_size`` (default: its published size).

    Raises:
        UsageError: no network has that name.
    """
    builders = _BUILDERS | _UNLISTED
    if name not in builders:
        raise unknown_name("network", name, NETWORK_NAMES)
    build, default_size = builders[name]
    return build(default_size if input_size is None else input_size)


def shape_mismatches(network: Network, shapes: Mapping[str, Shape]) -> list[str]:
    """Missing, extra or misshapen arrays for ``network``, one phrase each, in layer order."""
    wanted = network.parameter_shapes
    problems = [f"{name} is missing (wanted shape {shape})" for name, shape in wanted.items() if name not in shapes]
    problems += [
        f"{name} has shape {shapes[name]}, wanted {shape}"
        for name, shape in wanted.items()
        if name in shapes and tuple(shapes[name]) != shape
    ]
    problems += [f"{name} is not an array of {network.name}" for name in shapes if name not in wanted]
    return problems
