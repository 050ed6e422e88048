"""torch's count of threads is one a thread, and a stream leaves everyone else's as it was. By torch, in a process."""

import json
import subprocess
import sys
from typing import Any

import pytest

from alexbench.backends.registry import backend_class

pytestmark = pytest.mark.skipif(not backend_class("torch").probe().available, reason="pip install 'alexbench[torch]'")
LIMIT_S = 120
SCRIPT = """
import json, threading
import numpy as np
from alexbench.backends.torch_.adapter import TorchBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.models.network import Conv, Flatten, Linear, Network
import torch

network = Network("small", "", (3, 8, 8), (Conv("conv1", 3, 4, 3), Flatten("flatten"), Linear("fc8", 144, 4)))
model = Model(network, {name: np.ones(shape, np.float32) for name, shape in network.parameter_shapes.items()})
seen = {}

def ask(name):
    seen[name] = torch.get_num_threads()

def elsewhere(name):
    thread = threading.Thread(target=ask, args=(name,))
    thread.start()
    thread.join()

backend = TorchBackend()
backend.load(model, Options(3))
stream = backend.open_stream(model, Options(2), batch_size=1)
ask("caller_beside")
elsewhere("new_thread_beside")
in_stream = []
predict = stream._backend.predict
def watched(pixels):
    logits = predict(pixels)
    in_stream.append(torch.get_num_threads())
    return logits
stream._backend.predict = watched
stream.run([np.ones((1, 3, 8, 8), np.float32)] * 20)
seen["in_stream"] = sorted(set(in_stream))
seen["batches"] = len(in_stream)
stream.close()
ask("caller_after")
elsewhere("new_thread_after")
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_streams_threads_have_one_thread_each(seen: dict[str, Any]) -> None:
    """After an operation, too: a thread that had never asked would take the process's count over with it."""
    assert seen["batches"] == 20
    assert seen["in_stream"] == [1]


@pytest.mark.parametrize("who", ["caller_beside", "new_thread_beside", "caller_after", "new_thread_after"])
def test_everyone_elses_count_is_the_one_that_load_set(seen: dict[str, Any], who: str) -> None:
    assert seen[who] == 3
