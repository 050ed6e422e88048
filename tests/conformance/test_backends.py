"""The kit of alexbench.harness.conformance on every runtime of ours, and what ours promise beyond it.

A gap that closes fails its checks until its entry is removed.
"""

import re
from typing import Any, ClassVar, Final

import numpy as np
import pytest

from alexbench.backends.registry import REFERENCE, backend_class, backend_names
from alexbench.harness.capabilities import GivesActivations, Streams
from alexbench.harness.conformance import BackendTests
from alexbench.harness.conformance.cases import Case
from alexbench.harness.conformance.declared import CAPABILITIES, declared, declares
from alexbench.harness.conformance.kit import THREADS, Kit
from alexbench.harness.conformance.life import TINY
from alexbench.harness.conformance.marks import needs, on_first_case
from alexbench.harness.conformance.required import IsolationTests, LifeTests
from alexbench.harness.contract import PRECISIONS
from alexbench.harness.errors import AlexBenchError, UnsupportedOptionError, UsageError
from alexbench.harness.measure.process import usable_cores


class OurTests(BackendTests):
    """Refusals of ours say what would have run, and the fix."""

    has_accelerators: ClassVar[bool] = True

    def check_refusal(self, refusal: AlexBenchError, asked: str) -> None:
        super().check_refusal(refusal, asked)
        said = str(refusal)
        assert said.startswith(f"{self.backend}: ")
        if "unknown device" in said:  # this runtime has no device of that name, wherever it runs
            assert re.search(r"(?i)known: .*\bcpu\b", said)
        else:
            assert ("use --precision " if asked in PRECISIONS else "would have run") in said
            assert asked in PRECISIONS or "--device cpu" in said

    @on_first_case
    def test_one_accelerator_is_refused_by_a_name_it_knows(self, kit: Kit, case: Case) -> None:
        """The runtime knows ``cuda`` or ``gpu``: if both were unknown, the check of absent devices would be empty."""
        said = [str(self._refused(kit, case, device=device)) for device in ("cuda:63", "gpu:63")]
        assert all("unknown device" in one for one in said) is not self.has_accelerators

    def test_refusals_are_ours_and_say_what_was_wanted(self, kit: Kit) -> None:
        check_refusals(kit)

    @needs(Streams)
    def test_a_streams_refusals_are_ours(self, kit: Kit) -> None:
        seen = kit.seen("stream_life")
        assert seen["misshapen"]["raised"] == "DataError"
        assert self.backend in seen["misshapen"]["message"]
        assert f"{self.backend}: run() on a closed stream" in seen["run_after_close"]["message"]

    @needs(GivesActivations)
    def test_nothing_is_looked_at_before_load(self, kit: Kit) -> None:
        backend: Any = kit.backend()
        with pytest.raises(UsageError, match=rf"^{self.backend}: activations\(\) before load"):
            backend.activations(np.zeros((1, 3, 8, 8), np.float32), ["conv1"])


def check_refusals(kit: Kit) -> None:
    """One line of ours for each thing that does not fit, with what was wanted."""
    seen = kit.seen("life")
    for when in ("predict_before_load", "predict_after_close", "effective_before_load", "effective_after_close"):
        assert seen[when]["ours"], seen[when]
        assert "load" in seen[when]["message"]
        assert kit.name in seen[when]["message"]
    for what, named in (("missing", "(12,)"), ("misshapen", "wanted (16, 108)"), ("float64", "float32")):
        assert named in seen["defects"][what]["message"]
    _, height, width = TINY.input_shape
    wanted = f"3, {height}, {width}" if kit.backend.input_layout == "NCHW" else f"{height}, {width}, 3"
    for what, refusal in {**seen["shapes"], **seen["types"]}.items():
        assert refusal["raised"] == "DataError", what
        assert wanted in refusal["message"], what
        assert "float32" in refusal["message"], what


FP32_ALONE: Final = {"bf16": UnsupportedOptionError, "fp16": UnsupportedOptionError}


class TestLiteRt(OurTests):
    backend = "litert"
    gaps = FP32_ALONE
    has_accelerators = False

    @on_first_case
    def test_the_thread_count_takes_effect(self, kit: Kit, case: Case) -> None:
        """A known gap: with XNNPACK's pool and LiteRT's own, up to twice the threads that were asked for are busy."""
        loaded = kit.loaded(case)
        assert THREADS <= kit.busy_threads(loaded.worker, THREADS) <= 2 * THREADS
        assert loaded.effective.threads.value == str(THREADS)


class TestOnnxRuntime(OurTests):
    backend = "onnxruntime"
    gaps = FP32_ALONE


class TestOpenCv(OurTests):
    backend = "opencv"
    gaps = FP32_ALONE
    has_accelerators = False


class TestOpenVino(OurTests):
    """Which precisions it has depends on the CPU."""

    backend = "openvino"


class TestTensorFlow(OurTests):
    backend = "tensorflow"
    gaps = FP32_ALONE


class TestTorch(OurTests):
    backend = "torch"
    gaps: ClassVar = {}
    slow_settings = ("compile", "freezing")


class TestReference(LifeTests, IsolationTests):
    """What all others are compared with."""

    backend = REFERENCE

    def test_refusals_are_ours_and_say_what_was_wanted(self, kit: Kit) -> None:
        check_refusals(kit)


EVERY: Final = set(CAPABILITIES)


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("litert", EVERY),
        ("onnxruntime", set()),
        ("opencv", EVERY - {"preload"}),
        ("openvino", {"device-memory"}),
        ("tensorflow", {"quantize", "int8-emulation"}),
        ("torch", set()),
    ],
)
def test_every_runtime_keeps_the_capabilities_that_it_has(name: str, without: set[str]) -> None:
    """What a backend no longer declares is no longer tested."""
    assert set(declared(name)) == EVERY - without


def test_every_backend_of_ours_has_its_class_here() -> None:
    classes = {kind.backend for kind in OurTests.__subclasses__()}
    assert classes == {name for name in backend_names() if backend_class(name).__module__.startswith("alexbench.")}
    assert not any(declares(REFERENCE, capability) for capability in (Streams,))


def test_two_threads_are_asked_for() -> None:
    """Else the count of threads proves less than it says."""
    if usable_cores() < 2:
        pytest.skip("this machine lets us use one core")
    assert THREADS == 2
