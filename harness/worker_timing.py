"""The requests of a worker that are about time: none of them does anything but call, read the clock and answer."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WorkerError
from alexbench.harness.held import STREAMED_INPUTS, Answer, Held, Progress
from alexbench.harness.judge.answers import broken
from alexbench.harness.measure import clock
from alexbench.harness.measure.anchor import Anchor
from alexbench.harness.measure.ceiling import Ceilings
from alexbench.harness.measure.process import BusyThreads, affinity, memory
from alexbench.harness.powers import KeepsOnDevice, ProfilesLayers, Stream, Streams


class Timing(Held):
    """Warming up, blocks, streams, device-resident blocks, layer profiles, memory."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._stream: Stream | None = None
        self._anchor: Anchor | None = None
        self._ceilings: Ceilings | None = None

    def close(self) -> None:
        """Release the stream and the ceilings, then the backend."""
        if self._ceilings is not None:
            self._ceilings.close()
            self._ceilings = None
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        super().close()

    def do_warm_up(self, *, batch_size: int, seconds: float = clock.WARM_UP_SECONDS) -> Answer:
        """Warm up at a batch size for so long; for 0 seconds, one call."""
        backend, _ = self._loaded()
        self._first_inference()
        self._scores(self._timed_input(batch_size), finite=False)  # of a clock nobody looks at the answers
        if not seconds:
            return {"calls": 1}
        return {"calls": 1 + clock.warm_up(backend.predict, self._timed_input(batch_size), seconds=seconds)}

    def do_busy_threads(self, *, batch_size: int, seconds: float) -> Answer:
        """How many threads work during inference at a batch size."""
        backend, _ = self._loaded()
        self.do_warm_up(batch_size=batch_size)
        inputs = self._timed_input(batch_size)
        # Collecting a runtime's garbage is work of the main thread (TensorFlow: 0.17 s), but not inference.
        with clock.quiet_interpreter():
            busy = BusyThreads()
            clock.time_block(backend.predict, inputs, seconds=seconds)
        return {"busy_threads": busy.count(), "first_inference_ns": self._first_inference_ns}

    def do_time(self, *, batch_size: int, seconds: float) -> Answer:
        """One block: the nanoseconds of each of its inferences, and the CPU time of all of them together."""
        backend, _ = self._loaded()
        return asdict(clock.time_block(backend.predict, self._timed_input(batch_size), seconds=seconds))

    def do_open_stream(self, *, batch_size: int) -> Answer:
        """Build the runtime's own way of many batches at once; whether it has one, and what it is."""
        backend, _ = self._loaded()
        if not isinstance(backend, Streams) or self._model is None or self._options is None:
            return {"streams": None}
        if self._stream is not None:
            self._stream.close()
        self._stream = backend.open_stream(self._model, self._options, batch_size=batch_size)
        return {"streams": asdict(self._stream.streams), "how": self._stream.how}

    def do_time_stream(self, *, batch_size: int, batches: int) -> Answer:
        """Wall and CPU time from handing over ``batches`` batches at once to having the last one's logits."""
        return asdict(clock.time_once(self._opened().run, self._streamed(batch_size, batches)))

    def do_stream_busy_threads(self, *, batch_size: int, batches: int) -> Answer:
        """How many threads work while ``batches`` batches go through the stream, the second time."""
        stream, inputs = self._opened(), self._streamed(batch_size, batches)
        self._check_streamed(stream.run(inputs), inputs)
        with clock.quiet_interpreter():
            busy = BusyThreads()
            stream.run(inputs)
        return {"busy_threads": busy.count()}

    def do_stream_logits(self, *, inputs: str, out: str) -> Answer:
        """Logits of ready-made batches ((batches, N, ...), a ``.npy`` file) through the stream, into ``out``."""
        given = list(np.load(inputs))
        found = self._opened().run(given)
        self._check_streamed(found, given)
        np.save(out, np.stack(found))
        return {}

    def do_time_resident(self, *, batch_size: int, seconds: float) -> Answer:
        """One block from and to the device's own memory; ``ns`` is None where the device is the host."""
        backend, _ = self._loaded()
        pixels = self._timed_input(batch_size)
        call = backend.resident(pixels) if isinstance(backend, KeepsOnDevice) else None
        if call is None:
            return {"ns": None}
        return asdict(clock.time_block(lambda _: call(), pixels, seconds=seconds))

    def do_profile(self, *, batch_size: int, repeats: int) -> Answer:
        """Milliseconds an inference of each layer by the runtime's own profiler, None where it has none for this."""
        backend, _ = self._loaded()
        if not isinstance(backend, ProfilesLayers) or self._model is None or self._options is None:
            return {"layers": None}
        found = backend.profile_layers(self._model, self._options, self._timed_input(batch_size), repeats=repeats)
        return {"layers": dict(found)}

    def do_open_anchor(self, *, threads: int) -> Answer:
        """Make the anchor's arrays; this worker needs no backend."""
        self._anchor = Anchor(threads)
        return {}

    def do_time_anchor(self, *, seconds: float) -> Answer:
        """One block of the anchor."""
        if self._anchor is None:
            raise WorkerError("open_anchor comes first")
        return asdict(self._anchor.time_block(seconds))

    def do_open_ceilings(self) -> Answer:
        """Load the networks of one layer, in backends of their own beside the one that is measured."""
        backend, _ = self._loaded()
        assert self._options is not None
        self._ceilings = Ceilings(type(backend), self._options)
        return {}

    def do_ceilings(self, *, seconds: float) -> Answer:
        """GFLOP/s of the runtime's own kernels at their best."""
        if self._ceilings is None:
            raise WorkerError("open_ceilings comes first")
        return {"kernels": self._ceilings.best(seconds)}

    def do_loadgen(self, *, scenario: str, settings: dict[str, Any], log_folder: str) -> Answer:
        """One test by MLPerf LoadGen on the first pictures; its logs go into ``log_folder``."""
        from alexbench.harness.measure import loadgen

        backend, pixels = self._loaded()
        self._first_inference()
        samples = [self._timed_input(1, number) for number in range(min(len(pixels), loadgen.LIBRARY_SAMPLES))]
        asked = loadgen.LoadSettings(**settings)
        done = loadgen.drive(scenario, backend.predict, samples, asked, Path(log_folder), progress=self._progress)
        return asdict(done)

    def do_memory(self) -> Answer:
        """Resident memory now and at its peak, and the cores this process may run on."""
        return {**asdict(memory(self._server)), "affinity": affinity()}

    def _check_streamed(self, found: Sequence[NDArray[np.float32]], given: Sequence[NDArray[np.float32]]) -> None:
        """Refuse what is not one array of scores for each batch."""
        backend, _ = self._loaded()
        assert self._model is not None
        if len(found) != len(given):
            raise WorkerError(f"{backend.name}: a stream of {len(given)} batches returned {len(found)}")
        for scores, batch in zip(found, given, strict=True):
            problem = broken(scores, (len(batch), self._model.network.outputs), dtype="float32")
            if problem is not None:
                raise WorkerError(f"{backend.name}: a stream {problem}")

    def _opened(self) -> Stream:
        if self._stream is None:
            raise WorkerError("open_stream comes first")
        return self._stream

    def _streamed(self, batch_size: int, batches: int) -> list[NDArray[np.float32]]:
        return [self._timed_input(batch_size, number % STREAMED_INPUTS) for number in range(batches)]
