"""The worker process: one backend, driven over its own standard input and output.

The descriptors are taken over first of all: requests and answers travel on private copies, standard input becomes
empty and standard output joins standard error, which the parent pointed at the run's log. So nothing a runtime prints
can break the protocol. The worker ends when its parent does: its request stream then reports end of file.
"""

import argparse
import os
import platform
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

import alexbench.harness
from alexbench.backends.registry import backend_class
from alexbench.datasets.synthetic.draw import Split
from alexbench.harness import forking, protocol
from alexbench.harness.answers import check_activations
from alexbench.harness.confinement import confine
from alexbench.harness.contract import Artifact, ArtifactFacts, Backend, Layout, Model, Options
from alexbench.harness.decoding import decode
from alexbench.harness.errors import UnsupportedOptionError, WorkerError
from alexbench.harness.held import Answer, Progress, Request
from alexbench.harness.judge.outputs import Kind
from alexbench.harness.judge.parity import batch_dependence
from alexbench.harness.judge.symptoms import Batch, symptom
from alexbench.harness.measure.environment import environment
from alexbench.harness.measure.process import BusyThreads
from alexbench.harness.models.network import Conv, Flatten, Linear, Network, get_network
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import map_weights
from alexbench.harness.powers import GivesActivations, ListsDevices
from alexbench.harness.worker_timing import Timing

_TINY: Final = Network(
    "tiny", "the smallest there is", (3, 8, 8), (Conv("conv1", 3, 4, 3), Flatten("flatten"), Linear("fc8", 144, 4))
)


class Worker(Timing):
    """All that a worker process can be asked.

    ``imported``: what the fork server imported before. ``server``: its process id, 0: none forked this process.
    """

    def __init__(self, progress: Progress, *, imported: forking.Imported | None = None, server: int = 0) -> None:
        super().__init__(progress)
        self._imported, self._server = imported, server

    def handle(self, request: Request) -> Answer:
        """Carry out one request; the answer's keys are those its handler returns."""
        handler = getattr(self, f"do_{request['do']}", None)
        if handler is None:
            raise WorkerError(f"unknown request {request['do']!r}")
        answer: Answer = handler(**request.get("with", {}))
        return answer

    def do_load(self, *, backend: str, network: str, input_size: int, weights: str, options: dict[str, Any]) -> Answer:
        """Map the weights and let the backend build the network; the time is the backend's own, import included.

        In a forked process the first load's time has the import in it too: the seconds that it took the fork server.
        """
        model = Model(get_network(network, input_size=input_size), map_weights(Path(weights)))
        self.close()
        made = self._made(backend)
        self._loaded_as(made, model.network.outputs)
        self._model, self._options = model, Options(**options)
        start = time.perf_counter()
        made.load(model, self._options)
        return self._has_loaded(made, time.perf_counter() - start)

    def do_inspect_artifact(
        self,
        *,
        backend: str,
        artifact: dict[str, Any],
        options: dict[str, Any],
        preprocessing: dict[str, Any],
        faulty: bool = False,
    ) -> Answer:
        """What is in the user's file, and with what preprocessing to open pictures for it.

        ``preprocessing`` is a card's. In a worker of its own: it loads the file and tries it, and nothing stays loaded.
        """
        from alexbench.harness.app.inspection import inspect

        card = decode(Preprocessing, preprocessing)
        found = inspect(backend_class(backend)(), _artifact(artifact), Options(**options), card, faulty=faulty)
        return {"facts": asdict(found.facts), "preprocessing": asdict(found.preprocessing)}

    def do_load_artifact(
        self, *, backend: str, artifact: dict[str, Any], facts: dict[str, Any], options: dict[str, Any]
    ) -> Answer:
        """Load the user's file as ``inspect_artifact`` found it; the time is as that of ``load``.

        ``open`` is then to be given the preprocessing that ``inspect_artifact`` answered.
        """
        from alexbench.harness.app.inspection import runs_artifacts

        given, found = _artifact(artifact), decode(ArtifactFacts, facts)
        self.close()
        made = self._made(backend)
        self._loaded_as(made, given.outputs)
        runs = runs_artifacts(made, given)
        self._model, self._options = None, Options(**options)
        start = time.perf_counter()
        runs.load_artifact(given, found, self._options)
        return self._has_loaded(made, time.perf_counter() - start)

    def _made(self, backend: str) -> Backend:
        """The backend with nothing loaded; raises what the import of its runtime before the fork raised."""
        if self._imported is not None and self._imported.backend == backend and self._imported.error is not None:
            raise self._imported.error
        return backend_class(backend)()

    def _has_loaded(self, made: Backend, seconds: float) -> Answer:
        """The answer of a load that took ``seconds``, to which an import before the fork is added once."""
        if self._imported is not None and self._imported.backend == made.name:
            seconds += self._imported.seconds
            self._imported = None
        return {"load_s": seconds, "effective": asdict(made.effective())}

    def do_check(self, *, backend: str, options: dict[str, Any]) -> Answer:
        """Whether the backend obeys the options, tried on a network of a few weights."""
        model = Model(_TINY, seeded_weights(_TINY.parameter_shapes, 1))
        instance = backend_class(backend)()
        instance.load(model, Options(**options))
        instance.close()
        return {}

    def do_open(
        self, *, pixels: str, preprocessing: dict[str, Any], first: int = 0, images: int | None = None
    ) -> Answer:
        """Map prepared pixels, (N, H, W, 3) uint8 RGB: ``images`` of them from ``first`` on, or all."""
        mapped: NDArray[np.uint8] = np.load(pixels, mmap_mode="r")
        self._pixels = mapped[first:] if images is None else mapped[first : first + images]
        self._preprocessing = decode(Preprocessing, preprocessing)
        self._inputs.clear()
        return {"images": len(self._pixels)}

    def do_evaluate(self, *, batch_size: int, whole: list[int], out: str, computed: str = "fp32") -> Answer:
        """Top-5 of every picture into the files that ``out`` is the stem of; batches that they hold already are kept.

        ``whole``: the pictures of which all logits are kept. The answer also has the digest of the pixels that this
        process saw, taken before the clock starts, the threads that were busy (None if nothing was missing), and by how
        much a picture's scores depend on its batch, beyond the rounding of ``computed``. Where they do, the last batch
        is filled up with the first pictures: all answers are then of batches of one size.
        """
        from alexbench.datasets.prepared import pixels_digest
        from alexbench.harness.app.kept import KeptAnswers

        _, pixels = self._loaded()
        digest = pixels_digest(pixels, threads=self._threads)  # what this process sees: 0.1 ms a picture
        self._first_inference()
        alone = self._scores(self._timed_input(1), finite=False)
        kept = KeptAnswers(Path(out), len(pixels), batch_size, whole=whole, outputs=alone.shape[1])
        before, seconds_before, missing = kept.images_done, kept.seconds, kept.missing
        done, busy = before, BusyThreads()
        depends = None if 0 in missing else _depends(alone, self._batch(kept.place(0)), computed)
        last_one: Batch | None = None
        start = last = time.perf_counter()
        for batch in missing:
            where = kept.place(batch)
            logits = self._batch(where, filled_to=0 if depends is None else batch_size)
            if batch == 0:
                depends = _depends(alone, logits, computed)
                logits = logits if depends is None else self._batch(where, filled_to=batch_size)
            last_one = _refuse_dead(Batch(where.start, pixels[where], logits), last_one)
            now = time.perf_counter()
            kept.keep(batch, logits, seconds=now - last)
            last = now
            done += where.stop - where.start
            self._progress(done, len(pixels))
        seconds = time.perf_counter() - start
        kept.close()
        return {
            "seconds": seconds + seconds_before,
            "pixels_digest": digest,
            "images_kept": before,
            "busy_threads": busy.count() if missing else None,
            "first_inference_ns": self._first_inference_ns,
            "batch_dependence": depends,
        }

    def _batch(self, where: slice, *, filled_to: int = 0) -> NDArray[np.float32]:
        """Scores of these pictures, with the first ones beside them where they are fewer than ``filled_to``."""
        _, pixels = self._loaded()
        missing = filled_to - (where.stop - where.start)
        if missing <= 0:
            return self._scores(self._input(where.start, where.stop), finite=False)  # _refuse_dead says which picture
        chosen = np.arange(where.start, where.stop + missing) % len(pixels)
        found = self._scores(self._laid_out(pixels[chosen], reshaped=False), finite=False)
        return found[: where.stop - where.start]

    def do_logits(
        self, *, images: list[int], batch_size: int, out: str, reshaped: bool = False, finite: bool = True
    ) -> Answer:
        """Logits of the chosen pictures, in that order, into ``out``: (len(images), outputs), the backend's dtype.

        ``reshaped``: pixels are laid out as the other layout and handed over in this one's shape, for whoever reads
        them so. ``finite``: NaN and infinity are refused.
        """
        _, pixels = self._loaded()
        assert self._preprocessing is not None
        rows = []
        for first in range(0, len(images), batch_size):
            chosen = pixels[images[first : first + batch_size]]
            rows.append(self._scores(self._laid_out(chosen, reshaped=reshaped), finite=finite))
            self._progress(min(first + batch_size, len(images)), len(images))
        np.save(out, np.concatenate(rows))
        return {}

    def do_activations(self, *, images: list[int], layers: list[str], batch_size: int, out: str) -> Answer:
        """Outputs of ``layers`` for the chosen pictures, canonical and float64: the files <layer>.npy in ``out``."""
        backend, pixels = self._loaded()
        assert self._preprocessing is not None
        if not isinstance(backend, GivesActivations):
            raise UnsupportedOptionError(f"{backend.name} does not let its inner layers be looked at")
        files: dict[str, NDArray[np.float64]] = {}
        for first in range(0, len(images), batch_size):
            chosen = pixels[images[first : first + batch_size]]
            given = network_input(chosen, self._preprocessing, backend.input_layout)
            answered = backend.activations(given, layers)
            if self._model is not None:
                check_activations(backend, self._model.network, answered, layers, len(chosen))
            for name, found in answered.items():
                if name not in files:
                    path, shape = Path(out, f"{name}.npy"), (len(images), *found.shape[1:])
                    files[name] = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=shape)
                files[name][first : first + len(found)] = found
            self._progress(min(first + batch_size, len(images)), len(images))
        return {}

    def do_predict(self, *, inputs: str, out: str) -> Answer:
        """Logits of ready-made network inputs (a ``.npy`` file in the backend's layout) in one call, into ``out``."""
        busy = BusyThreads()
        pixels = np.load(inputs)
        start = time.perf_counter()
        np.save(out, self._scores(pixels))
        return {"seconds": time.perf_counter() - start, "busy_threads": busy.count()}

    def do_probe(self, *, backend: str) -> Answer:
        """What keeps a backend from running in this environment, None for nothing; imports no runtime."""
        return {"problem": backend_class(backend).probe().problem}

    def do_environment(self, *, distributions: list[str]) -> Answer:
        """Versions, variables and git state of this process, whose interpreter may be another than the command's."""
        return environment(tuple(distributions))

    def do_devices(self, *, backend: str) -> Answer:
        """The devices a runtime sees; imports it."""
        instance = backend_class(backend)()
        return {"devices": instance.devices() if isinstance(instance, ListsDevices) else ["cpu"]}

    def do_convert(
        self, *, source: str, network: str, input_size: int, folder: str, flatten: Layout | None = None
    ) -> Answer:
        """A user's weights file to a digest-named safetensors file in ``folder``."""
        from alexbench.harness.app.weights import convert

        done = convert(Path(source), get_network(network, input_size=input_size), Path(folder), flatten=flatten)
        return {**asdict(done), "path": str(done.path)}

    def do_export(
        self,
        *,
        backend: str,
        to: str,
        via: str | None,
        network: str,
        input_size: int,
        weights: str,
        path: str,
        notes: dict[str, str],
    ) -> Answer:
        """Write a network to a file of a runtime's format."""
        from alexbench.harness.app.export_work import write_export

        writer = write_export(
            backend=backend,
            to=to,
            via=via,
            network=get_network(network, input_size=input_size),
            weights=Path(weights),
            path=Path(path),
            notes=notes,
        )
        return {"writer": writer}

    def do_run_export(self, *, backend: str, to: str, path: str, inputs: str, batches: list[int], out: str) -> Answer:
        """Logits of ready-made inputs (a ``.npy`` file in the backend's layout) by an exported file, into ``out``."""
        from alexbench.harness.app.export_work import run_export

        ran = run_export(backend=backend, to=to, path=Path(path), pixels=np.load(inputs), batches=batches)
        np.save(out, ran.pop("logits"))
        return ran

    def do_variants(
        self, *, network: str, input_size: int, weights: str, inputs: str, out: str, made: list[list[int]]
    ) -> Answer:
        """Float64 logits of ready-made inputs with known mistakes built in, for the doctor."""
        from alexbench.harness.app.doctor.functions import truth_and_variants

        truth_and_variants(
            network=network, input_size=input_size, weights=Path(weights), inputs=Path(inputs), out=Path(out), made=made
        )
        return {}

    def do_cause_of_error(
        self,
        *,
        network: str,
        input_size: int,
        weights: str,
        inputs: str,
        outputs: str,
        kind: Kind,
        made: list[int],
    ) -> Answer:
        """What makes the error of ``outputs`` (a ``.npy`` file) of ready-made inputs, for the doctor."""
        from alexbench.harness.app.doctor.causes import cause_of_error

        cause = cause_of_error(
            network=network,
            input_size=input_size,
            weights=Path(weights),
            inputs=Path(inputs),
            outputs=Path(outputs),
            kind=kind,
            made=made,
        )
        return asdict(cause)

    def do_draw(self, *, split: Split, folder: str, part: int, parts: int) -> Answer:
        """Draw a part of the synthetic pictures."""
        from alexbench.harness.app.synthetic import draw_part

        draw_part(split=split, folder=Path(folder), part=part, parts=parts, progress=self._progress)
        return {}

    def do_assemble(self, *, network: str, input_size: int, key: str, folder: str) -> Answer:
        """Make synthetic weights with the last layer that comes with the package; ``refused`` says why not."""
        from alexbench.harness.app.synthetic import assemble
        from alexbench.harness.models.packaged_classifier import PackagedError

        try:
            path, digest = assemble(network=network, input_size=input_size, key=key, folder=Path(folder))
        except PackagedError as error:
            return {"path": "", "digest": "", "refused": str(error)}
        return {"path": str(path), "digest": digest, "refused": ""}

    def do_fit(
        self,
        *,
        network: str,
        input_size: int,
        label_offset: int,
        preprocessing: dict[str, Any],
        pixels: str,
        labels: str,
        folder: str,
    ) -> Answer:
        """Make the synthetic weights of a card: ``pixels`` and ``labels`` are ``.npy`` files."""
        from alexbench.harness.app.synthetic import fit

        path, digest = fit(
            network=network,
            input_size=input_size,
            label_offset=label_offset,
            preprocessing=decode(Preprocessing, preprocessing),
            pixels=np.load(pixels, mmap_mode="r"),
            labels=np.load(labels),
            folder=Path(folder),
            progress=self._progress,
        )
        return {"path": str(path), "digest": digest}


def _artifact(data: dict[str, Any]) -> Artifact:
    """An artifact as it came over the protocol, its path as text."""
    return decode(Artifact, {**data, "path": Path(data["path"])})


def _depends(alone: NDArray[np.float32], first: NDArray[np.float32], computed: str) -> float | None:
    """By how much the first picture's scores (1, outputs) are others in the first batch."""
    return batch_dependence(alone, first[:1], computed=computed, beside=first)


def _refuse_dead(batch: Batch, before: Batch | None) -> Batch:
    """Nothing is scored of a broken model; else the batch, to hold the next one against."""
    found = symptom(batch, before)
    if found is not None:
        raise WorkerError(f"nothing was scored: {found}")
    return replace(batch, logits=batch.logits.copy())


def _arguments() -> argparse.Namespace:
    """What this process was started with; anything else belongs to a script that stands for the interpreter."""
    parser = argparse.ArgumentParser(prog="alexbench.harness.worker", allow_abbrev=False)
    parser.add_argument("--confine", type=Path, metavar="FOLDER", help="write nowhere else, and have no network")
    parser.add_argument("--fork", action="store_true", help="serve in forked children, see alexbench.harness.forking")
    parser.add_argument("--preload", metavar="BACKEND", help="import its runtime before the first fork")
    return parser.parse_known_args()[0]


def _take_over_descriptors() -> tuple[BinaryIO, TextIO]:
    """Private copies of standard input and output; what remains under those numbers is harmless to print to.

    Requests are read without a buffer: what comes after a ``restart`` stays in the pipe, for the next child to read.
    """
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _leave_signals_to_the_parent() -> None:
    """Ctrl-C and a terminal's end reach the whole process group; the parent alone decides what they mean."""
    for told in ("SIGINT", "SIGHUP"):
        if hasattr(signal, told):
            signal.signal(getattr(signal, told), signal.SIG_IGN)


def _requests(stream: BinaryIO, *, forked: bool) -> Iterator[Request]:
    """Requests as they come. End of file means the parent is gone: leave at once, even from within an inference.

    ``forked``: nothing is read after a ``restart``, so that the next child finds it.
    """
    requests: queue.Queue[Request | WorkerError] = queue.Queue()

    def read() -> None:
        for line in iter(stream.readline, b""):
            request = _decoded(line)
            requests.put(request)
            if forked and not isinstance(request, WorkerError) and request.get("do") == protocol.RESTART:
                return
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    while True:
        request = requests.get()
        if isinstance(request, WorkerError):
            raise request
        yield request


def _decoded(line: bytes) -> Request | WorkerError:
    try:
        return protocol.decode(line.decode("utf-8", "replace"))
    except WorkerError as error:
        return error


def main() -> None:
    """Serve requests until the parent goes away or says ``quit``; told to fork, a child of this process does."""
    asked = _arguments()
    confined = "" if asked.confine is None else str(confine(asked.confine))
    requests, answers = _take_over_descriptors()
    _leave_signals_to_the_parent()
    if not (asked.fork and forking.AVAILABLE):
        _serve(requests, answers, confined=confined)
    imported = None if asked.preload is None else forking.preload(asked.preload, requests.fileno())
    child = forking.fork_children()
    _serve(requests, answers, confined=confined, child=child, imported=imported)


def _serve(
    requests: BinaryIO,
    answers: TextIO,
    *,
    confined: str,
    child: forking.Child | None = None,
    imported: forking.Imported | None = None,
) -> NoReturn:
    def progress(done: int, total: int) -> None:
        protocol.send(answers, {"progress": [done, total]})

    server = 0 if child is None else child.server
    worker = Worker(progress, imported=imported, server=server)
    hello = protocol.Hello(
        schema=protocol.PROTOCOL_SCHEMA,
        version=alexbench.harness.__version__,
        python=platform.python_version(),
        pid=os.getpid(),
        confined=confined,
        server=server,
    )
    protocol.send(answers, {"hello": asdict(hello)})
    for request in _requests(requests, forked=child is not None):
        if request["do"] == protocol.RESTART and child is not None:
            child.make_way()
        if request["do"] == "quit":
            worker.close()
            protocol.send(answers, {"id": request["id"], "ok": {}})
            break
        try:
            reply = {"id": request["id"], "ok": worker.handle(request)}
        except Exception as error:
            if not isinstance(error, UnsupportedOptionError):
                sys.excepthook(type(error), error, error.__traceback__)  # into the log
            reply = {"id": request["id"], "error": protocol.error_message(error)}
        protocol.send(answers, reply)
    sys.stdout.flush()
    sys.stderr.flush()
    # Some runtimes hang or crash in their own exit handlers; everything of ours is already written.
    os._exit(0)


if __name__ == "__main__":
    main()
