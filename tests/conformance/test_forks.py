"""A runtime that was imported before a fork answers in every child as in a process of its own."""

from pathlib import Path
from typing import Final

import numpy as np
import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import Preloads
from alexbench.harness.contract import Options
from alexbench.harness.worker import forking
from alexbench.harness.worker.client import WorkerProcess
from tests.conformance.conftest import THREADS, Store
from tests.support.models import Case, network_pixels
from tests.support.workers import busy_threads, load, open_pictures, predict

CASE: Final = Case("owt", 224)
CHILDREN: Final = 2
WHOLE: Final = 4


@pytest.mark.skipif(not forking.AVAILABLE, reason="only on Linux does a child end with its server")
def test_every_child_answers_as_a_process_of_its_own(runtime: str, store: Store, tmp_path: Path) -> None:
    pixels = network_pixels(CASE, backend_class(runtime).input_layout, WHOLE)
    options = Options(threads=THREADS)
    with WorkerProcess(runtime, log=tmp_path / "fresh") as fresh:
        load(fresh, runtime, CASE, store.weights(CASE), options)
        wanted = predict(fresh, pixels, tmp_path)
    pids = set()
    with WorkerProcess(runtime, log=tmp_path / "forked", forks=True, preload=runtime) as forked:
        for _ in range(CHILDREN):
            forked.restart()
            pids.add(forked.pid)
            load(forked, runtime, CASE, store.weights(CASE), options)
            assert np.array_equal(predict(forked, pixels, tmp_path), wanted)
            open_pictures(forked, CASE, tmp_path)
            assert busy_threads(forked, THREADS) == THREADS
    assert len(pids) == CHILDREN


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "tensorflow", "torch"])
def test_ours_can_be_imported_before_a_fork(name: str) -> None:
    assert issubclass(backend_class(name), Preloads)
