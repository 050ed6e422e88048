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
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

import alexbench.harness
from alexbench.backends.registry import availability, backend_class
from alexbench.harness.capabilities import EmulatesInt8, ListsDevices
from alexbench.harness.contract import Backend, Effective, Model, check_applied
from alexbench.harness.errors import UnsupportedOptionError, WorkerError
from alexbench.harness.files import lines
from alexbench.harness.files.lines import Asked, Done, Progress, Request
from alexbench.harness.measure.environment import Environment, environment
from alexbench.harness.measure.process import affinity, memory
from alexbench.harness.models.network import Conv, Flatten, Linear, Network, get_network
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import map_weights
from alexbench.harness.worker import forking
from alexbench.harness.worker.answers import called
from alexbench.harness.worker.confinement import confine
from alexbench.harness.worker.protocol.lifecycle import (
    Devices,
    ListDevices,
    MemoryUse,
    Probe,
    Probed,
    Quit,
    ReadEnvironment,
    ReadMemory,
    Restart,
)
from alexbench.harness.worker.protocol.loading import (
    CheckOptions,
    InspectArtifact,
    Inspection,
    Load,
    LoadArtifact,
    Loaded,
    Opened,
    OpenPixels,
)
from alexbench.harness.worker.scoring import SCORING, Scoring
from alexbench.harness.worker.state import Handler
from alexbench.harness.worker.timing import TIMING, Timing
from alexbench.harness.worker_tasks import MAKING

_TINY: Final = Network(
    "tiny", "the smallest there is", (3, 8, 8), (Conv("conv1", 3, 4, 3), Flatten("flatten"), Linear("fc8", 144, 4))
)


class Worker(Timing, Scoring):
    """All that a worker process can be asked.

    ``imported``: what the fork server imported before. ``server``: its process id, 0: none forked this process.
    """

    def __init__(self, progress: Progress, *, imported: forking.Imported | None = None, server: int = 0) -> None:
        super().__init__(progress)
        self._imported, self._server = imported, server

    def handle(self, request: Request[object]) -> object:
        """Carry out one request; its answer."""
        return HANDLERS[type(request)](self, request)

    def load(self, asked: Load) -> Loaded:
        """The time is the backend's own, import included.

        In a forked process the first load's time has the import in it too: the seconds that it took the fork server.
        """
        model = Model(get_network(asked.network, input_size=asked.input_size), map_weights(asked.weights))
        self.close()
        made = self._made(asked.backend)
        self._loaded_as(made, model.network.outputs)
        self._model, self._options = model, asked.options
        start = time.perf_counter()
        with called(made.name, "load()"):
            made.load(model, asked.options)
        return self._has_loaded(made, time.perf_counter() - start)

    def inspect_artifact(self, asked: InspectArtifact) -> Inspection:
        """In a worker of its own: it loads the file and tries it, and nothing stays loaded."""
        from alexbench.harness.worker.inspection import inspect

        backend = backend_class(asked.backend)()
        return inspect(backend, asked.artifact, asked.options, asked.preprocessing, faulty=asked.faulty)

    def load_artifact(self, asked: LoadArtifact) -> Loaded:
        """The time is as that of :meth:`load`."""
        from alexbench.harness.worker.inspection import runs_artifacts

        self.close()
        made = self._made(asked.backend)
        self._loaded_as(made, asked.facts.outputs)
        runs = runs_artifacts(made, asked.artifact)
        self._model, self._options = None, asked.options
        start = time.perf_counter()
        load, method = runs.load_artifact, "load_artifact()"
        if asked.emulated:
            if not isinstance(made, EmulatesInt8):
                raise UnsupportedOptionError(f"{made.name} does not run quantized files without int8 kernels")
            load, method = made.load_emulated, "load_emulated()"
        with called(made.name, method):
            load(asked.artifact, asked.facts, asked.options)
        return self._has_loaded(made, time.perf_counter() - start)

    def _made(self, backend: str) -> Backend:
        """The backend with nothing loaded; raises what the import of its runtime before the fork raised."""
        if self._imported is not None and self._imported.backend == backend and self._imported.error is not None:
            raise self._imported.error
        return backend_class(backend)()

    def _has_loaded(self, made: Backend, seconds: float) -> Loaded:
        """The answer of a load that took ``seconds``, to which an import before the fork is added once."""
        if self._imported is not None and self._imported.backend == made.name:
            seconds += self._imported.seconds
            self._imported = None
        with called(made.name, "effective()"):
            ran = made.effective()
        if not isinstance(ran, Effective):
            raise WorkerError(f"{made.name}: effective() returned {type(ran).__name__}, wanted an Effective")
        assert self._options is not None
        check_applied(made.name, self._options, ran)
        return Loaded(seconds, ran)

    def check_options(self, asked: CheckOptions) -> Done:
        """The backend raises what it does not obey."""
        model = Model(_TINY, seeded_weights(_TINY.parameter_shapes, 1))
        instance = backend_class(asked.backend)()
        instance.load(model, asked.options)
        check_applied(asked.backend, asked.options, instance.effective())
        instance.close()
        return Done()

    def open_pixels(self, asked: OpenPixels) -> Opened:
        """Nothing is read yet."""
        mapped: NDArray[np.uint8] = np.load(asked.pixels, mmap_mode="r")
        self._pixels = mapped[asked.first : None if asked.images is None else asked.first + asked.images]
        self._preprocessing = asked.preprocessing
        self._inputs.clear()
        return Opened(len(self._pixels))

    def probe(self, asked: Probe) -> Probed:
        """From metadata alone."""
        return Probed(availability(asked.backend).problem)

    def list_devices(self, asked: ListDevices) -> Devices:
        """Imports the runtime."""
        instance = backend_class(asked.backend)()
        return Devices(tuple(instance.devices()) if isinstance(instance, ListsDevices) else ("cpu",))

    def read_environment(self, asked: ReadEnvironment) -> Environment:
        """That of this interpreter."""
        return environment(asked.distributions)

    def read_memory(self, _: ReadMemory) -> MemoryUse:
        """With what only the fork server touched."""
        cores = affinity()
        return MemoryUse(memory(self._server), None if cores is None else tuple(cores))


HANDLERS: Final[dict[type[Request[object]], Handler]] = {
    **TIMING,
    **SCORING,
    **MAKING,
    Load: Worker.load,
    InspectArtifact: Worker.inspect_artifact,
    LoadArtifact: Worker.load_artifact,
    CheckOptions: Worker.check_options,
    OpenPixels: Worker.open_pixels,
    Probe: Worker.probe,
    ListDevices: Worker.list_devices,
    ReadEnvironment: Worker.read_environment,
    ReadMemory: Worker.read_memory,
}
"""Every request but those that end the process."""


def _arguments() -> argparse.Namespace:
    """What this process was started with; anything else belongs to a script that stands for the interpreter."""
    parser = argparse.ArgumentParser(prog="alexbench.harness.worker_process", allow_abbrev=False)
    parser.add_argument("--confine", type=Path, metavar="FOLDER", help="write nowhere else, and have no network")
    parser.add_argument(
        "--fork", action="store_true", help="serve in forked children, see alexbench.harness.worker.forking"
    )
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


def _requests(stream: BinaryIO, *, forked: bool) -> Iterator[Asked]:
    """Requests as they come. End of file means the parent is gone: leave at once, even from within an inference.

    ``forked``: nothing is read after a ``restart``, so that the next child finds it.
    """
    requests: queue.Queue[Asked | WorkerError] = queue.Queue()

    def read() -> None:
        for line in iter(stream.readline, b""):
            request = _read(line)
            requests.put(request)
            if forked and isinstance(request, Asked) and request.do == lines.name_of(Restart):
                return
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    while True:
        request = requests.get()
        if isinstance(request, WorkerError):
            raise request
        yield request


def _read(line: bytes) -> Asked | WorkerError:
    try:
        return lines.read(Asked, line.decode("utf-8", "replace"))
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
    server = 0 if child is None else child.server
    worker = Worker(
        lambda done, total: lines.send(answers, {"progress": (done, total)}), imported=imported, server=server
    )
    hello = lines.Hello(
        schema=lines.PROTOCOL_SCHEMA,
        version=alexbench.harness.__version__,
        python=platform.python_version(),
        pid=os.getpid(),
        confined=confined,
        server=server,
    )
    lines.send(answers, {"hello": hello})
    known = {lines.name_of(kind): kind for kind in HANDLERS}
    for asked in _requests(requests, forked=child is not None):
        if asked.do == lines.name_of(Restart) and child is not None:
            child.make_way()
        if asked.do == lines.name_of(Quit):
            try:
                worker.close()
            except BaseException as error:  # nothing of the run depends on it: into the log
                sys.excepthook(type(error), error, error.__traceback__)
            lines.send(answers, {"id": asked.id, "ok": Done()})
            break
        try:
            lines.send(answers, {"id": asked.id, "ok": worker.handle(lines.request_of(asked, known))})
        except Exception as error:
            if not isinstance(error, UnsupportedOptionError):
                sys.excepthook(type(error), error, error.__traceback__)  # into the log
            lines.send(answers, {"id": asked.id, "error": lines.failure(error)})
    sys.stdout.flush()
    sys.stderr.flush()
    # Some runtimes hang or crash in their own exit handlers; everything of ours is already written.
    os._exit(0)


if __name__ == "__main__":
    main()
