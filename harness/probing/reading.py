"""One way to read images, weights, answers and labels: what doctor varies, and the words for a difference."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.classes import CLASS_COUNT, devkit_order
from alexbench.harness.models.preprocessing import Preprocessing, said_formula
from alexbench.harness.records.diagnosis_records import Change

LabelReading = Literal["as given", "one less", "one more", "devkit ids", "model in devkit order"]

FlattenOrder = Literal["as given", "from H, W, C", "to H, W, C", "from C, W, H"]
"""What is done to fc6's columns: nothing, or moved from that order to C, H, W, or the other way round."""

Tone = Literal["as given", "darker", "brighter"]
"""What is done to grey levels before anything else: nothing, or the power GAMMA, or its inverse."""

LABEL_READINGS: Final[tuple[LabelReading, ...]] = (
    "as given",
    "one less",
    "one more",
    "devkit ids",
    "model in devkit order",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How everything is read.

    ``fed``: the preprocessing, geometry and arithmetic. ``reshaped``: pixels of the other layout (NHWC for NCHW) are
    handed over in this one's shape, their memory as it is. ``flatten``: what is done to fc6's
    columns. ``labels``: what is made of the labels. ``tone``: what is done to grey levels.
    """

    fed: Preprocessing
    reshaped: bool = False
    flatten: FlattenOrder = "as given"
    labels: LabelReading = "as given"
    tone: Tone = "as given"


def read_labels(labels: NDArray[np.int64], reading: LabelReading) -> NDArray[np.int64]:
    """Class indices (N,) 0..999 as that reading has them."""
    if reading == "one less":
        return (labels - 1) % CLASS_COUNT
    if reading == "one more":
        return (labels + 1) % CLASS_COUNT
    if reading == "devkit ids":  # they were written down as ILSVRC2012_ID - 1
        return np.argsort(devkit_order())[labels]
    if reading == "model in devkit order":
        return devkit_order()[labels].astype(np.int64)
    return labels


_LABEL_WORDS: Final[dict[LabelReading, tuple[str, str, str]]] = {
    "as given": ("labels", "the labels are changed", "labels as they are"),
    "one less": (
        "labels",
        "every label is one too high",
        "subtract 1 from every label (a label file that counts from 1, or a 1001-class model: labels = 1001)",
    ),
    "one more": (
        "labels",
        "every label is one too low",
        "add 1 to every label (a 1001-class model cut at the wrong end, or labels from which 1 was taken twice)",
    ),
    "devkit ids": (
        "class-order",
        "the labels are the devkit's ILSVRC2012_ID - 1, which is not the order of sorted WordNet ids",
        "give the devkit itself, whose meta.mat maps its ids: --labels DEVKIT_FOLDER",
    ),
    "model in devkit order": (
        "class-order",
        "the model's outputs are in the devkit's order (ILSVRC2012_ID), not that of sorted WordNet ids",
        "put the rows of fc8 into the order of sorted WordNet ids (datasets/data/imagenet_classes.csv has both)",
    ),
}

_MOVED: Final = "fc6.weight.reshape(4096, {}).transpose({}).reshape(4096, 9216)"
_FLATTEN_WORDS: Final[dict[FlattenOrder, tuple[str, str]]] = {
    "as given": ("fc6's columns are moved", "fc6's columns as they are"),
    "from H, W, C": (
        "fc6's columns are in H, W, C order, the network flattens C, H, W",
        f"--weights-layout NHWC for a TensorFlow checkpoint; else {_MOVED.format('6, 6, 256', '0, 3, 1, 2')}",
    ),
    "to H, W, C": (
        "fc6's columns were moved from H, W, C order to C, H, W, and were in C, H, W order already",
        f"leave --weights-layout NHWC out; else {_MOVED.format('256, 6, 6', '0, 2, 3, 1')}",
    ),
    "from C, W, H": (
        "fc6's columns are in C, W, H order: height and width are swapped",
        _MOVED.format("256, 6, 6", "0, 1, 3, 2"),
    ),
}

GAMMA: Final = 2.2
"""The gamma of sRGB, nearly."""
_TONE_WORDS: Final[dict[Tone, tuple[str, str]]] = {
    "as given": ("grey levels are changed", "grey levels as they are decoded"),
    "darker": (
        f"grey levels are brighter than the model expects: gamma (1 / {GAMMA}) is applied once too often",
        "feed values as they are decoded from sRGB; do not encode them again",
    ),
    "brighter": (
        f"grey levels are darker than the model expects: they are linear light (gamma {GAMMA} is taken out)",
        "feed values as they are decoded from sRGB; do not make them linear",
    ),
}

_SAID_FIELD: Final[dict[str, tuple[str, str]]] = {
    "exif": ("exif", "the EXIF orientation is {}"),
    "resize": ("resize", "images are resized differently from what the model expects ({})"),
    "resize_to": ("resize-to", "images are resized to {}, so the crop shows another part"),
    "interpolation": ("interpolation", "images are interpolated by {}"),
    "crop": ("crop", "the crop is {} pixels wide"),
    "crop_position": ("crop-position", "the crop is taken from the {}"),
    "crop_rounding": ("crop-rounding", "an odd margin of the crop is halved by {}"),
    "channels": ("channels", "the channels are fed as {}"),
    "decode": ("decoder", "JPEG is decoded as {}"),
}
GEOMETRY: Final = frozenset(factor for factor, _ in _SAID_FIELD.values()) - {"channels"}
"""Factors that leave values as they are but for their places: right answers may decide among them. Among
normalisations they may not: one of them undoes in part whatever else was done to grey levels, and raises top-1 so."""
_ARITHMETIC: Final = ("divide_by", "mean", "std")


def changes(given: Reading, fixed: Reading) -> Iterator[Change]:
    """What ``fixed`` has otherwise, one change for each thing a person would fix."""
    for field, (factor, words) in _SAID_FIELD.items():
        before, after = getattr(given.fed, field), getattr(fixed.fed, field)
        if before != after:
            said = words.format(("ignored", "applied")[before] if field == "exif" else before)
            yield _in_card(factor, said, f"{field} = {_toml(after)}")
    if any(getattr(given.fed, key) != getattr(fixed.fed, key) for key in _ARITHMETIC):
        found = said_arithmetic(given.fed, fixed.fed)
        keys = [key for key in _ARITHMETIC if getattr(given.fed, key) != getattr(fixed.fed, key)]
        values = "; ".join(f"{key} = {_toml(getattr(fixed.fed, key))}" for key in keys)
        yield _in_card("normalisation", f"{found}: {said_formula(given.fed)}", values)
    if given.reshaped != fixed.reshaped:
        yield Change(
            "layout",
            "NHWC data are read as NCHW, or the other way round: their shape was changed and not their order",
            "transpose (0, 3, 1, 2) or (0, 2, 3, 1) where the model is fed or built; do not reshape",
        )
    if given.flatten != fixed.flatten:
        yield Change("flatten", *_FLATTEN_WORDS[fixed.flatten])
    if given.tone != fixed.tone:
        yield Change("tone", *_TONE_WORDS[fixed.tone])
    if given.labels != fixed.labels:
        yield Change(*_LABEL_WORDS[fixed.labels])


def _in_card(factor: str, found: str, key: str) -> Change:
    return Change(factor, found, f"[preprocessing] {key}", key)


def without(given: Reading, fixed: Reading, change: Change) -> Reading:
    """``fixed`` with that one change taken back."""
    back = {
        "layout": lambda: replace(fixed, reshaped=given.reshaped),
        "flatten": lambda: replace(fixed, flatten=given.flatten),
        "tone": lambda: replace(fixed, tone=given.tone),
        "labels": lambda: replace(fixed, labels=given.labels),
        "class-order": lambda: replace(fixed, labels=given.labels),
    }
    if change.factor in back:
        return back[change.factor]()
    if change.factor == "normalisation":
        keys: tuple[str, ...] = _ARITHMETIC
    else:
        keys = tuple(field for field, (factor, _) in _SAID_FIELD.items() if factor == change.factor)
    values: dict[str, Any] = {key: getattr(given.fed, key) for key in keys}
    back_fed = replace(fixed.fed, **values)
    # Without the larger resize, as near to it as the crop allows.
    return replace(fixed, fed=replace(back_fed, resize_to=max(back_fed.resize_to, back_fed.crop)))


def said_arithmetic(given: Preprocessing, right: Preprocessing) -> str:
    """What the given normalisation has wrong, seen from the right one."""
    mean, wanted = np.asarray(given.mean), np.asarray(right.mean)
    same_scale = given.divide_by == right.divide_by
    same_std = np.allclose(given.std, right.std)
    if same_scale and same_std and not mean.any() and wanted.any():
        return "the mean is not subtracted"
    if same_scale and same_std and wanted.any():
        ratio = mean / np.where(wanted != 0, wanted, 1.0)
        if np.allclose(ratio, ratio[0], rtol=0.02) and not np.isclose(ratio[0], 1.0, rtol=0.02):
            return f"the mean is in the wrong scale ({ratio[0]:.3g} times what it should be)"
        if np.allclose(mean[::-1], wanted, rtol=0.02):
            return "the mean's channels are in the wrong order"
        return "another mean is subtracted"
    if same_scale and np.allclose(mean, wanted) and np.allclose(given.std, 1.0):
        return "values are not divided by the standard deviation"
    if not same_scale and np.allclose(mean, wanted) and same_std:
        return f"values are divided by {given.divide_by:g}, not by {right.divide_by:g}"
    return "pixels are normalised differently from what the model expects"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(f'{one:.9g}' for one in value)}]"
    return f'"{value}"' if isinstance(value, str) else f"{value:.9g}"
