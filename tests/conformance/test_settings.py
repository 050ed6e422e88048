"""Settings keep the function; what did not take effect is refused. That each value takes effect is the kit's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from alexbench.harness.conformance.cases import PUBLISHED, network_pixels
from alexbench.harness.conformance.driving import load, predict
from alexbench.harness.conformance.kit import THREADS
from alexbench.harness.conformance.store import Store
from alexbench.harness.contract import Effective, Options
from alexbench.harness.errors import AlexBenchError, UnsupportedOptionError
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.worker.client import WorkerProcess
from tests.conformance.conftest import class_or_skip

OWT = PUBLISHED[0]
SEVERAL: Final[dict[str, list[dict[str, str]]]] = {
    "openvino": [{"reshape": "static", "NUM_STREAMS": str(THREADS)}, {"PERFORMANCE_HINT": "THROUGHPUT"}],
    "torch": [{"memory_format": "channels_last"}],
    "tensorflow": [{"jit_compile": "True"}],
    "onnxruntime": [{"session.intra_op.allow_spinning": "0", "enable_cpu_mem_arena": "False"}],
}


@pytest.fixture(scope="module")
def worker(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """One process of a backend, which loads one setting after the other."""
    with WorkerProcess(runtime, log=tmp_path_factory.mktemp(runtime) / "log") as worker:
        yield worker


@pytest.mark.parametrize("runtime", SEVERAL, indirect=True)
def test_the_function_stays_the_same(runtime: str, worker: WorkerProcess, store: Store, tmp_path: Path) -> None:
    """At a batch that streams divide unevenly, after another batch size."""
    layout = "NHWC" if runtime == "torch" else class_or_skip(runtime).input_layout
    for settings in SEVERAL[runtime]:
        load(worker, runtime, OWT, store.weights(OWT), Options(THREADS, settings=tuple(settings.items())))
        for count in (1, 3):
            logits = predict(worker, network_pixels(OWT, layout, count), tmp_path)
            seen = deviation(np.asarray(logits), store.reference_logits(OWT)[:count])
            assert seen.within(TOLERANCES["fp32"]), seen


def test_a_compiler_that_is_missing_is_named(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class_or_skip("torch")
    monkeypatch.setenv("CXX", str(tmp_path / "no-compiler"))
    with (
        WorkerProcess("torch", log=tmp_path / "log") as worker,
        pytest.raises(UnsupportedOptionError, match=r"compile=default failed .*C\+\+ compiler"),
    ):
        load(worker, "torch", OWT, store.weights(OWT), Options(THREADS, settings=(("compile", "default"),)))


def test_what_did_not_take_effect_is_refused_whatever_the_backend_does() -> None:
    from alexbench.harness.contract import Known, check_applied

    known = Known("x", "reported")
    ran = Effective("toy", "1", known, known, known, known, known, applied={"speed": Known("slow", "reported")})
    check_applied("toy", Options(1, settings=(("speed", "slow"),)), ran)
    for name, value, said in (("speed", "fast", "it runs speed=slow"), ("other", "1", "has no effect")):
        with pytest.raises(AlexBenchError, match=said):
            check_applied("toy", Options(1, settings=((name, value),)), ran)
