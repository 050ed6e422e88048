"""How each runtime streams best within a number of threads: a table in Markdown, ratios to the loop of ``predict``.

    python tests/studies/stream_choices.py [RUNTIME ...] [--threads 2] [--precision fp32] [--batch 32] [--rounds 9]

`owt` with seeded weights. Processes hold the variants and take turns, in a fresh order each round, idle otherwise. A
ratio is the median over the rounds of images/s by those of the loop in the same round: compare within one run only.
"adapter" is what ``open_stream`` opens; the others are what it might have been. Busy threads are counted as in a run.
"""

import argparse
import json
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.thread_streams import ThreadStream, open_threads
from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import Streams
from alexbench.harness.contract import Backend, Known, Model, Options
from alexbench.harness.measure.process import BusyThreads
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights

BATCHES: Final = 8
GAP_S: Final = 0.06  # facts/measurement.md: threads of the variant before may still be spinning
INTER_OP: Final = "tensorflow, intra 1, inter n"
Batches = Sequence[NDArray[np.float32]]
Run = Callable[[Batches], Any]


class Each(Backend):
    """One backend a calling thread, where the adapter shares one among them."""

    name, requires, input_layout = "each", backend_class("torch").requires, "NCHW"

    def __init__(self, kind: type[Backend], count: int) -> None:
        self.every, self.free, self.mine = [kind() for _ in range(count)], queue.SimpleQueue(), threading.local()

    def load(self, model: Model, options: Options) -> None:
        """Every one of them."""
        for one in self.every:
            one.load(model, options)
            self.free.put(one)

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """By the calling thread's own."""
        if not hasattr(self.mine, "backend"):
            self.mine.backend = self.free.get()
        logits: NDArray[np.float32] = self.mine.backend.predict(pixels)
        return logits

    def effective(self) -> Any:
        """Not asked."""

    def close(self) -> None:
        """Every one of them."""
        for one in self.every:
            one.close()


def variants(name: str, backend: Backend, model: Model, options: Options, batch: int) -> dict[str, Run]:
    """Variant -> a call with all batches; ``backend`` has loaded ``model``."""
    many, kind = options.threads, type(backend)
    assert isinstance(backend, Streams)
    found: dict[str, Run] = {"loop": lambda batches: [backend.predict(one) for one in batches]}
    stream = backend.open_stream(model, options, batch_size=batch)
    found[f"adapter: {stream.how}"] = stream.run

    match name:
        case "onnxruntime":
            one_each = replace(options, threads=1)
            own = open_threads(Each(kind, many), model, one_each, callers=many, how="")
            found[f"{many} sessions, intra-op 1, a thread each"] = own.run
            found[f"one session, intra-op {many}, {many} callers"] = _callers(backend, many)
        case "torch":
            found[f"{many} callers, intra-op as new threads have it"] = _callers(backend, many)
        case "tensorflow":
            found["one caller in a thread"] = _callers(backend, 1)
            found[f"{many + 1} callers"] = _callers(backend, many + 1)
        case "openvino":
            found |= _openvino(model, options, batch)
    return found


def _callers(backend: Backend, count: int) -> Run:
    return ThreadStream(backend, callers=count, streams=Known(str(count), "requested"), how="").run


def _openvino(model: Model, options: Options, batch: int) -> dict[str, Run]:
    import openvino as ov

    from alexbench.backends.openvino_ import network as openvino_network
    from alexbench.backends.openvino_.stream import QueueStream

    def queue_of(*, streams: int | None = None, static: bool = False) -> Run:
        graph = openvino_network.build_graph(ov, model)
        if static:
            graph.reshape([batch, *model.network.input_shape])
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": options.threads,
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[options.precision],
            "ENABLE_HYPER_THREADING": True,
        } | ({} if streams is None else {"NUM_STREAMS": str(streams)})
        return QueueStream(ov, ov.Core().compile_model(graph, "CPU", settings), model).run

    return {"the same, compiled for the batch": queue_of(static=True), "the same, 1 stream": queue_of(streams=1)}


def serve(name: str, options: Options, batch: int) -> None:
    """Load, say the variants with their busy threads, then time one for each line that names it."""
    network = get_network("owt")
    model = Model(network, seeded_weights(network.parameter_shapes, 1))
    backend = backend_class(name.partition(",")[0])()
    loaded = options
    if name == INTER_OP:  # the adapter itself always asks for one
        import tensorflow as tf

        asked = tf.config.threading.set_inter_op_parallelism_threads
        tf.config.threading.set_inter_op_parallelism_threads = lambda _: asked(options.threads)
        loaded = replace(options, threads=1)
    backend.load(model, loaded)
    shape = network.input_shape if backend.input_layout == "NCHW" else (*network.input_shape[1:], 3)
    random = np.random.Generator(np.random.PCG64(1))
    made = [random.standard_normal((batch, *shape), np.float32) for _ in range(4)]
    batches = [made[i % len(made)] for i in range(BATCHES)]
    if name == INTER_OP:
        many = options.threads
        runs = {f"intra-op 1, inter-op {many}, {many} callers": _callers(backend, many)}
    else:
        runs = variants(name, backend, model, options, batch)
    busy = {}
    for variant, run in runs.items():
        run(batches)
        counted = BusyThreads()
        run(batches)
        busy[variant] = counted.count()
    print(json.dumps(busy), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        runs[json.loads(line)](batches)
        print(time.perf_counter() - start, flush=True)


def start(name: str, asked: argparse.Namespace) -> "subprocess.Popen[str]":
    """A process that serves ``name``."""
    options = ["--threads", str(asked.threads), "--precision", asked.precision, "--batch", str(asked.batch)]
    command = [sys.executable, "-P", __file__, "--serve", name, *options]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def measure(name: str, asked: argparse.Namespace) -> None:
    """The rows of one runtime."""
    names = [name, INTER_OP] if name == "tensorflow" else [name]
    processes = {one: start(one, asked) for one in names}
    busy: dict[tuple[str, str], int] = {}
    for one, process in processes.items():
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise SystemExit(f"{one} ended before it was ready; run it with --serve to see why")
        busy |= {(one, variant): count for variant, count in json.loads(said).items()}
    took: dict[tuple[str, str], list[float]] = {key: [] for key in busy}
    random = np.random.Generator(np.random.PCG64(3))
    for _ in range(asked.rounds):
        for place in random.permutation(len(busy)):
            key = list(busy)[place]
            process = processes[key[0]]
            assert process.stdin is not None
            assert process.stdout is not None
            time.sleep(GAP_S)
            print(json.dumps(key[1]), file=process.stdin, flush=True)
            took[key].append(float(process.stdout.readline()))
    for process in processes.values():
        process.communicate()
    loop = took[name, "loop"]
    for key, seconds in took.items():
        ratio = statistics.median(one / other for one, other in zip(loop, seconds, strict=True))
        rates = sorted(BATCHES * asked.batch / one for one in seconds)
        spread = f"{rates[0]:.0f}-{rates[-1]:.0f}"
        print(f"| {name} | {key[1]} | {ratio:.2f} | {statistics.median(rates):.0f} | {spread} | {busy[key]} |")


def main() -> None:
    """Print the table, runtime by runtime."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("runtime", nargs="*", default=["onnxruntime", "openvino", "tensorflow", "torch"])
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve, Options(asked.threads, precision=asked.precision), asked.batch)
        return
    said = f"{asked.precision}, {asked.threads} threads, batch {asked.batch}"
    print(f"| {said} | variant | by the loop | images/s | range | busy threads |")
    print("|---|---|---:|---:|---:|---:|")
    for name in asked.runtime:
        measure(name, asked)


if __name__ == "__main__":
    main()
