"""Is a tuned row as fast as OpenVINO's own benchmark_app, and as a hand-tuned loop of each runtime? Interleaved.

    PYTHONPATH=. python tests/studies/tuned_against_others.py RUNTIME [--rounds 8] [--seconds 1.5] [--file INT8]

The same network and weights in the same process: for each runtime the backend with the settings that its profile in
the cache holds, and a bare loop that an expert would write on the runtime's own API (the same settings where they are
best, without anything of AlexBench); for OpenVINO also what benchmark_app does with `-hint throughput`: as many
requests as the plugin asks for, each of a batch, kept in flight by an AsyncInferQueue. All of one runtime take turns
in random order. Printed: images/s at batch 32, the median of rounds, the ratio of each round's pair with its 95 %
interval, the same per CPU second, which a busy machine disturbs less, and what share of the cores' time others used.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import psutil
from numpy.typing import NDArray

from alexbench.backends._shared.onnx_graph import graph_model
from alexbench.backends.onnxruntime_.adapter import _give_weights
from alexbench.backends.openvino_.network import build_graph
from alexbench.backends.registry import backend_class
from alexbench.backends.tensorflow_.layers import forward, variables
from alexbench.backends.torch_.network import network_module
from alexbench.harness.capabilities import RunsArtifacts
from alexbench.harness.contract import Artifact, Model, Options
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.judge.statistics import students_half
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.tuning.profile_files import FOLDER, read_profile

BATCH: Final = 32
THREADS: Final = 2
TUNED: Final = "alexbench tuned"
Call = Callable[[], int]
"""Runs some batches; how many images these were."""


def main() -> int:
    """One table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime", choices=("onnxruntime", "openvino", "tensorflow", "torch"))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument(
        "--file", type=Path, help="a file with a normalised input, next to a bare loop on the same file"
    )
    parser.add_argument("--settings", nargs="*", metavar="NAME=VALUE", help="instead of those of the profile")
    given = parser.parse_args()
    network = get_network("owt")
    model = Model(network, seeded_weights(network.parameter_shapes, 1))
    pixels = np.random.default_rng(1).normal(size=(BATCH, *network.input_shape)).astype(np.float32)
    settings = (
        winner(given.runtime)
        if given.settings is None
        else tuple((name, value) for name, _, value in (one.partition("=") for one in given.settings))
    )
    backend = backend_class(given.runtime)()
    if given.file is None:
        backend.load(model, Options(THREADS, settings=settings))
    else:
        settings = ()
        assert isinstance(backend, RunsArtifacts)
        artifact = Artifact(given.file, network.input_shape, 1000)
        backend.load_artifact(artifact, backend.inspect_artifact(artifact, Options(THREADS)), Options(THREADS))
    shown = pixels if backend.input_layout == "NCHW" else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    calls: dict[str, Call] = {TUNED: lambda: len(backend.predict(shown))}
    calls |= (
        LOOPS[given.runtime](model, pixels, dict(settings))
        if given.file is None
        else {"bare loop": FILE_LOOPS[given.runtime](given.file, pixels)}
    )
    before, own = psutil.cpu_times(), psutil.Process().cpu_times()
    rates = interleaved(calls, given.rounds, given.seconds)
    said = dict(settings) or "as shipped"
    print(f"{given.runtime}, settings {said}; others used {foreign(before, own):.0%} of the cores\n")
    print("| what | images/s | tuned over it | images per CPU s | tuned over it |\n|---|---:|---|---:|---|")
    for name, mine in rates.items():
        cells = [
            f"{np.median(one):.1f} | {ratio(first, one) if name != TUNED else ''}"
            for first, one in zip(rates[TUNED], mine, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The mean of the rounds' ratios with its 95 % interval."""
    logs = [float(np.log(a / b)) for a, b in zip(ours, theirs, strict=True)]
    middle, half = float(np.mean(logs)), students_half(logs, 0.95)
    return f"{np.exp(middle):.3f} ({np.exp(middle - half):.3f} to {np.exp(middle + half):.3f})"


def winner(runtime: str) -> tuple[tuple[str, str], ...]:
    """The settings for images/s in the profile of the cache; none: as shipped."""
    for path in sorted(
        (cache_folder() / FOLDER).glob(f"torchvision-{runtime}-fp32-{THREADS}threads-batch{BATCH}-*.toml")
    ):
        found = read_profile(path)
        if found is not None:
            return next(one.settings for one in found.winners if one.goal == "images/s")
    return ()


def interleaved(calls: dict[str, Call], rounds: int, seconds: float) -> dict[str, tuple[list[float], list[float]]]:
    """Images per second, and per CPU second, of each call in each round, in random order, after a warm-up call."""
    for call in calls.values():
        call()
    order, names = Random(1), list(calls)
    rates: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    for _ in range(rounds):
        order.shuffle(names)
        for name in names:
            time.sleep(0.06)
            start, cpu, images = time.perf_counter(), time.process_time(), 0
            while (took := time.perf_counter() - start) < seconds:
                images += calls[name]()
            rates[name][0].append(images / took)
            rates[name][1].append(images / (time.process_time() - cpu))
    return rates


def foreign(before: Any, own: Any) -> float:
    """The share of all cores' time that other processes used."""
    after, mine = psutil.cpu_times(), psutil.Process().cpu_times()
    busy = sum(after) - sum(before)
    idle = after.idle - before.idle + after.iowait - before.iowait
    ours = mine.user + mine.system - own.user - own.system
    return float(max(0.0, (busy - idle - ours) / busy))


def openvino(model: Model, pixels: NDArray[np.float32], settings: dict[str, str]) -> dict[str, Call]:
    """benchmark_app -hint throughput (its AsyncInferQueue), and one static request after the other."""
    import openvino as ov

    core, graph = ov.Core(), build_graph(ov, model)
    common = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    graph.reshape(list(pixels.shape))
    busy = core.compile_model(graph, "CPU", {**common, "PERFORMANCE_HINT": "THROUGHPUT"})
    jobs = int(busy.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    queue = ov.AsyncInferQueue(busy, jobs)

    def throughput() -> int:
        for _ in range(2 * jobs):
            queue.start_async(ov.Tensor(pixels, shared_memory=True))
        queue.wait_all()
        return 2 * jobs * len(pixels)

    request = core.compile_model(
        graph, "CPU", {**common, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    ).create_infer_request()

    def loop() -> int:
        request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
        request.infer()
        return len(np.array(request.get_output_tensor().data))

    return {f"benchmark_app -hint throughput -b {BATCH} ({jobs} requests)": throughput, "bare loop, static batch": loop}


def onnxruntime(model: Model, pixels: NDArray[np.float32], settings: dict[str, str]) -> dict[str, Call]:
    """Sessions with and without spinning, input bound by reference."""
    import onnxruntime as ort

    def session(spinning: str) -> Call:
        options = ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        kept = _give_weights(ort, model, options)
        made = ort.InferenceSession(
            graph_model(model.network).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        name = made.get_inputs()[0].name
        return lambda: len(made.run(None, {name: pixels})[0]) + 0 * len(kept)

    return {"bare loop": session("1"), "bare loop without spinning": session("0")}


def torch(model: Model, pixels: NDArray[np.float32], settings: dict[str, str]) -> dict[str, Call]:
    """channels_last, and torch.compile with freezing."""
    import torch as runtime

    module = network_module(runtime, model).to(memory_format=runtime.channels_last)
    given = runtime.from_numpy(pixels).to(memory_format=runtime.channels_last)

    def run(call: Callable[[Any], Any]) -> int:
        with runtime.inference_mode():
            return len(call(given).numpy())

    found: dict[str, Call] = {"bare loop, channels_last": partial(run, module)}
    if settings.get("compile"):
        from torch._inductor import config

        config.freezing = True
        found["bare loop, compiled with freezing"] = partial(run, runtime.compile(module))
    return found


def tensorflow(model: Model, pixels: NDArray[np.float32], settings: dict[str, str]) -> dict[str, Call]:
    """A tf.function with and without XLA."""
    import tensorflow as tf

    shown = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    arrays = variables(tf, model)

    def function(*, jit: bool) -> Call:
        made = tf.function(forward(tf, model.network, arrays), autograph=False, jit_compile=jit)
        return lambda: len(made(tf.constant(shown)).numpy())

    return {"bare loop": function(jit=False), "bare loop, XLA": function(jit=True)}


def onnxruntime_file(path: Path, pixels: NDArray[np.float32]) -> Call:
    """One session, as its documentation makes it."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    made = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: len(made.run(None, {made.get_inputs()[0].name: pixels})[0])


def openvino_file(path: Path, pixels: NDArray[np.float32]) -> Call:
    """One request after the other, for latency."""
    import openvino as ov

    core = ov.Core()
    common = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    request = core.compile_model(path, "CPU", {**common, "PERFORMANCE_HINT": "LATENCY"}).create_infer_request()

    def loop() -> int:
        request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
        request.infer()
        return len(np.array(request.get_output_tensor().data))

    return loop


def torch_file(path: Path, pixels: NDArray[np.float32]) -> Call:
    """Inductor with frozen weights, as torchao's tutorial compiles it."""
    import torch as runtime
    from torch._inductor import config

    config.freezing = True
    call = runtime.compile(runtime.export.load(path).module(), dynamic=False)
    given = runtime.from_numpy(pixels)

    def loop() -> int:
        with runtime.inference_mode():
            return len(call(given).numpy())

    return loop


FILE_LOOPS: Final[dict[str, Callable[[Path, NDArray[np.float32]], Call]]] = {
    "onnxruntime": onnxruntime_file,
    "openvino": openvino_file,
    "torch": torch_file,
}
LOOPS: Final[dict[str, Callable[[Model, NDArray[np.float32], dict[str, str]], dict[str, Call]]]] = {
    "openvino": openvino,
    "onnxruntime": onnxruntime,
    "torch": torch,
    "tensorflow": tensorflow,
}


if __name__ == "__main__":
    sys.exit(main())
