"""Diagnoses of models that nobody examined."""

import numpy as np

from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.records.diagnosis_records import Alternative, Change, Diagnosis, Finding, Verdict
from alexbench.harness.records.paired_records import Difference, PairedTest

GEOMETRIC = Change("resize", "images are squashed", '[preprocessing] resize = "shorter-side"')
CHANGE = Change("channels", "the channels are fed as BGR", '[preprocessing] channels = "RGB"')
NEAR = Difference(-0.01, -0.05, 0.03, 0.01, 500)
FAR = Difference(-0.5, -0.7, -0.3, 0.05, 64)


def accuracy(right: int = 280, images: int = 500, *, fixed: int | None = None) -> PairedTest:
    base, other = np.arange(images) < right, np.arange(images) < (right if fixed is None else fixed)
    return paired_test("top1", base, other)


def diagnosis(word: Verdict = "faulty") -> Diagnosis:
    near = Alternative((Change("decoder", "x", '[preprocessing] decode = "libjpeg-fast"'),), NEAR, 3, 2, excluded=False)
    far = Alternative((Change("exif", "x", "[preprocessing] exif = true"),), FAR, 40, 1, excluded=True)
    return Diagnosis(
        verdict=word,
        model="torchvision",
        backend="openvino",
        data="images in <a> folder | with a bar",
        images=500,
        synthetic=True,
        findings=(Finding(CHANGE, Difference(1.0, 0.8, 1.2, 0.1, 500)),) if word == "faulty" else (),
        leanings=(),
        accuracy=accuracy(120, fixed=280),
        expected=None,
        alternatives=(near, far),
        held_db=113.0,
        parity=None,
        card="omz",
        not_examined=(),
        inferences=5000,
        seconds=40.0,
    )
