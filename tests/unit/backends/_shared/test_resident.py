"""Device-resident inference, the lines that run on a GPU, run on the CPU: the logits are the loop's, call after call.

In processes of their own: the tests' process imports no runtime. That a GPU is waited for, no CPU can show.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from alexbench.backends.registry import backend_class

LIMIT_S = 240
HEAD = """
import json
import numpy as np
from alexbench.backends._shared import resident
from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Model, Options
from alexbench.harness.models.network import Conv, Flatten, Linear, Network
from alexbench.harness.models.seeded import seeded_weights

network = Network("small", "", (3, 8, 8), (Conv("conv1", 3, 4, 3), Flatten("flatten"), Linear("fc8", 144, 5)))
model = Model(network, seeded_weights(network.parameter_shapes, 1))
"""
MIDDLE = """
backend = backend_class(NAME)()
backend.load(model, Options(1))
shape = (3, 8, 8) if backend.input_layout == "NCHW" else (8, 8, 3)
pixels = np.random.Generator(np.random.PCG64(2)).standard_normal((4, *shape), np.float32)
loop = backend.predict(pixels)
"""
TAIL = """
first = np.array(read(call()))
pixels[:] = 0  # what was placed is the device's own
second = np.array(read(call()))
print(json.dumps({
    "shape": list(first.shape),
    "apart": float(np.abs(first - loop).max() / loop.std()),
    "again": float(np.abs(second - first).max()),
}))
"""
CALLS = {
    "torch": """
import torch
placed = torch.from_numpy(pixels).clone()
call, read = resident.on_torch(torch, backend._module, placed), lambda logits: logits.numpy()
""",
    "onnxruntime": """
import onnxruntime
call = resident.on_onnxruntime(onnxruntime, backend._session, pixels.copy(), ("cpu", 0))
read = lambda logits: logits.numpy()
""",
    "tensorflow": """
import tensorflow
call = resident.on_tensorflow(tensorflow, backend._function, pixels.copy(), "/CPU:0")
read = lambda logits: logits.numpy()
""",
}


@pytest.fixture(scope="module", params=sorted(CALLS))
def seen(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What two calls gave."""
    problem = backend_class(request.param).probe().problem
    if problem is not None:
        pytest.skip(problem)
    script = HEAD + f"NAME = {request.param!r}\n" + MIDDLE + CALLS[request.param] + TAIL
    ran = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_the_logits_are_the_loops(seen: dict[str, Any]) -> None:
    assert seen["shape"] == [4, 5]
    assert seen["apart"] < 1e-5


def test_call_after_call(seen: dict[str, Any]) -> None:
    """Input and output are placed once and used again."""
    assert seen["again"] == 0
