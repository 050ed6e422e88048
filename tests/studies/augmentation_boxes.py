"""Writes the boxes of torchvision and TensorFlow that our augmentation is compared with, and the draws behind them.

    python tests/studies/augmentation_boxes.py TORCHVISION_WHEEL

TORCHVISION_WHEEL is what ``pip download --no-deps torchvision`` fetched. Its RandomResizedCrop.get_params is read out
of the wheel and run under torch's seed; torchvision is not installed. TensorFlow's boxes are those of its operation,
under its seed. Its draws are Philox 4x32-10, computed here again and checked by the boxes. The result is
tests/fixtures/augmentation/boxes.json.
"""

import ast
import json
import math
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from alexbench.datasets.augmentation.boxes import distorted_bounding_box, random_resized_crop

FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "augmentation" / "boxes.json"
SIZES: Final = [(500, 375), (375, 500), (224, 224), (64, 48), (1000, 80), (33, 700), (2, 3)]
SEEDS: Final = range(40)


class Recorded:
    """Draws that are written down."""

    def __init__(self, uniform: Callable[[float, float], float], below: Callable[[int], int]) -> None:
        self.draws: list[float] = []
        self._uniform, self._below = uniform, below

    def uniform(self, low: float, high: float) -> float:
        self.draws.append(self._uniform(low, high))
        return self.draws[-1]

    def below(self, bound: int) -> int:
        self.draws.append(self._below(bound))
        return int(self.draws[-1])


def torchvisions(wheel: str) -> list[dict[str, Any]]:
    import torch

    get_params = read_get_params(wheel)
    found = []
    for width, height in SIZES:
        for seed in SEEDS:
            torch.manual_seed(seed)
            box = get_params(torch.empty(3, height, width), [0.08, 1.0], [3.0 / 4.0, 4.0 / 3.0])
            torch.manual_seed(seed)
            recorded = Recorded(
                lambda low, high: torch.empty(1).uniform_(low, high).item(),
                lambda bound: int(torch.randint(0, bound, size=(1,)).item()),
            )
            assert tuple(random_resized_crop(width, height, recorded)) == tuple(box), (width, height, seed)
            found.append({"size": [width, height], "seed": seed, "box": list(box), "draws": recorded.draws})
    return found


def read_get_params(wheel: str) -> Callable[..., tuple[int, int, int, int]]:
    """The function as the wheel has it; of what is around it, only what it calls."""
    import torch

    with zipfile.ZipFile(wheel) as files:
        source = files.read("torchvision/transforms/transforms.py").decode()
    (cropping,) = [
        node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "RandomResizedCrop"
    ]
    (function,) = [node for node in cropping.body if isinstance(node, ast.FunctionDef) and node.name == "get_params"]
    function.decorator_list, function.returns = [], None
    for argument in function.args.args:
        argument.annotation = None

    class F:
        @staticmethod
        def get_dimensions(image: Any) -> list[int]:
            return list(image.shape)

    names: dict[str, Any] = {"torch": torch, "math": math, "F": F, "warnings": warnings}
    exec(compile(ast.Module([function], []), wheel, "exec"), names)  # torchvision's own code, which this run checks
    found: Callable[..., tuple[int, int, int, int]] = names["get_params"]
    return found


def tensorflows() -> list[dict[str, Any]]:
    import tensorflow as tf

    found = []
    for width, height in SIZES:
        for seed in SEEDS:
            begin, size, _ = tf.raw_ops.SampleDistortedBoundingBoxV2(
                image_size=[height, width, 3],
                bounding_boxes=tf.zeros((1, 0, 4)),
                min_object_covered=0.1,
                seed=seed + 1,
                seed2=width,
                aspect_ratio_range=[0.75, 1.33],
                area_range=[0.05, 1.0],
                max_attempts=100,
                use_image_if_no_bounding_boxes=True,
            )
            box = [int(begin[0]), int(begin[1]), int(size[0]), int(size[1])]
            words = philox(seed + 1, width)
            recorded = Recorded(lambda _low, _high, w=words: share(next(w)), lambda n, w=words: exact_below(n, w))
            mine = list(distorted_bounding_box(width, height, recorded))
            assert mine == box, (width, height, seed, mine, box)
            found.append({"size": [width, height], "seed": seed, "box": box, "draws": recorded.draws})
    return found


def philox(seed: int, seed2: int) -> Iterator[int]:
    """TensorFlow's PhiloxRandom(seed, seed2): 32-bit words."""
    counter = [0, 0, seed2 & 0xFFFFFFFF, seed2 >> 32]
    while True:
        key, block = [seed & 0xFFFFFFFF, seed >> 32], list(counter)
        for _ in range(10):
            first, third = 0xD2511F53 * block[0], 0xCD9E8D57 * block[2]
            block = [
                (third >> 32) ^ block[1] ^ key[0],
                third & 0xFFFFFFFF,
                (first >> 32) ^ block[3] ^ key[1],
                first & 0xFFFFFFFF,
            ]
            key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
        yield from block
        counter[0] += 1


def share(word: int) -> float:
    """Uint32ToFloat of tensorflow/core/lib/random/random_distributions.h: 23 bits of a float32 from 0 to 1."""
    return (word & 0x7FFFFF) / 2**23


def exact_below(bound: int, words: Iterator[int]) -> int:
    """ExactUniformInt of tensorflow/core/lib/random/exact_uniform_int.h."""
    if bound & (bound - 1) == 0:
        return next(words) & (bound - 1)
    rest = 0xFFFFFFFF % bound + 1
    while True:
        word = next(words)
        if word >= rest:
            return word % bound


if __name__ == "__main__":
    FIXTURE.parent.mkdir(exist_ok=True)
    boxes = {"torchvision": torchvisions(sys.argv[1]), "tensorflow": tensorflows()}
    lines = {name: ",\n".join(json.dumps(one) for one in each) for name, each in boxes.items()}
    FIXTURE.write_text("{" + ",\n".join(f'"{name}": [\n{each}\n]' for name, each in lines.items()) + "}\n")
    print({name: len(each) for name, each in boxes.items()}, "equal boxes")
