"""The requests of a worker that are about time: none of them does anything but call, read the clock and answer."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.capabilities import KeepsOnDevice, ProfilesLayers, Stream, Streams
from alexbench.harness.errors import WorkerError
from alexbench.harness.files.lines import Done, Progress
from alexbench.harness.judge.array_checks import broken
from alexbench.harness.measure import clock, loadgen
from alexbench.harness.measure.ceiling import Ceilings
from alexbench.harness.measure.loadgen_log import LoadGenResult
from alexbench.harness.measure.machine_probe import Anchor, AnchorBlock
from alexbench.harness.measure.process import BusyThreads
from alexbench.harness.records.run_records import Observed
from alexbench.harness.worker.protocol.timing import (
    Counted,
    CountStreamThreads,
    CountThreads,
    Kernels,
    MeasureCeilings,
    OpenCeilings,
    OpenedStream,
    OpenMachineProbe,
    OpenStream,
    Profiled,
    ProfileLayers,
    Resident,
    RunLoadgen,
    StreamThreads,
    TimeAnchor,
    TimeCalls,
    TimeResident,
    TimeStream,
    WarmedUp,
    WarmUp,
    WriteStreamLogits,
)
from alexbench.harness.worker.state import STREAMED_INPUTS, Handlers, WorkerState


class Timing(WorkerState):
    """Warming up, blocks, streams, device-resident blocks, layer profiles, load generation."""

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

    def warm_up(self, asked: WarmUp) -> WarmedUp:
        """The first call's scores are checked, the others are only made."""
        backend, _ = self._loaded()
        self._first_inference()
        inputs = self._timed_input(asked.batch_size)
        self._scores(inputs, finite=False)
        if not asked.seconds:
            return WarmedUp(1)
        return WarmedUp(1 + clock.warm_up(backend.predict, inputs, seconds=asked.seconds))

    def count_threads(self, asked: CountThreads) -> Counted:
        """Warm up and count."""
        backend, _ = self._loaded()
        self.warm_up(WarmUp(asked.batch_size))
        inputs = self._timed_input(asked.batch_size)
        # Collecting a runtime's garbage is work of the main thread (TensorFlow: 0.17 s), but not inference.
        with clock.quiet_interpreter():
            busy = BusyThreads()
            clock.time_block(backend.predict, inputs, seconds=asked.seconds)
        return Counted(busy.count(), Observed(first_inference_ms=self._first_inference() / 1e6))

    def time_calls(self, asked: TimeCalls) -> clock.Timed:
        """Nothing but the clock's own block."""
        backend, _ = self._loaded()
        return clock.time_block(backend.predict, self._timed_input(asked.batch_size), seconds=asked.seconds)

    def open_stream(self, asked: OpenStream) -> OpenedStream:
        """In the place of the one before."""
        backend, _ = self._loaded()
        if not isinstance(backend, Streams) or self._model is None or self._options is None:
            return OpenedStream(None)
        if self._stream is not None:
            self._stream.close()
        self._stream = backend.open_stream(self._model, self._options, batch_size=asked.batch_size)
        return OpenedStream(self._stream.streams, self._stream.how)

    def time_stream(self, asked: TimeStream) -> clock.Timed:
        """Wall and CPU time of one call."""
        return clock.time_once(self._opened().run, self._streamed(asked.batch_size, asked.batches))

    def count_stream_threads(self, asked: CountStreamThreads) -> StreamThreads:
        """Once to warm up, once to count."""
        stream, inputs = self._opened(), self._streamed(asked.batch_size, asked.batches)
        self._check_streamed(stream.run(inputs), inputs)
        with clock.quiet_interpreter():
            busy = BusyThreads()
            stream.run(inputs)
        return StreamThreads(busy.count())

    def write_stream_logits(self, asked: WriteStreamLogits) -> Done:
        """One array for all batches."""
        given = list(np.load(asked.inputs))
        found = self._opened().run(given)
        self._check_streamed(found, given)
        np.save(asked.out, np.stack(found))
        return Done()

    def time_resident(self, asked: TimeResident) -> Resident:
        """Where the backend keeps pixels on its device."""
        backend, _ = self._loaded()
        pixels = self._timed_input(asked.batch_size)
        call = backend.resident(pixels) if isinstance(backend, KeepsOnDevice) else None
        if call is None:
            return Resident(None)
        return Resident(clock.time_block(lambda _: call(), pixels, seconds=asked.seconds))

    def profile_layers(self, asked: ProfileLayers) -> Profiled:
        """Apart from the loaded backend."""
        backend, _ = self._loaded()
        if not isinstance(backend, ProfilesLayers) or self._model is None or self._options is None:
            return Profiled(None)
        inputs = self._timed_input(asked.batch_size)
        return Profiled(dict(backend.profile_layers(self._model, self._options, inputs, repeats=asked.repeats)))

    def open_anchor(self, asked: OpenMachineProbe) -> Done:
        """It needs no backend."""
        self._anchor = Anchor(asked.threads)
        return Done()

    def time_anchor(self, asked: TimeAnchor) -> AnchorBlock:
        """After :meth:`open_anchor`."""
        if self._anchor is None:
            raise WorkerError("open_anchor comes first")
        return self._anchor.time_block(asked.seconds)

    def open_ceilings(self, _: OpenCeilings) -> Done:
        """With the options of what is loaded."""
        backend, _pixels = self._loaded()
        assert self._options is not None
        self._ceilings = Ceilings(type(backend), self._options)
        return Done()

    def measure_ceilings(self, asked: MeasureCeilings) -> Kernels:
        """After :meth:`open_ceilings`."""
        if self._ceilings is None:
            raise WorkerError("open_ceilings comes first")
        return Kernels(self._ceilings.best(asked.seconds))

    def run_loadgen(self, asked: RunLoadgen) -> LoadGenResult:
        """On as many images as LoadGen is given to choose from."""
        backend, pixels = self._loaded()
        self._first_inference()
        samples = [self._timed_input(1, number) for number in range(min(len(pixels), loadgen.LIBRARY_SAMPLES))]
        return loadgen.drive(
            asked.scenario, backend.predict, samples, asked.settings, asked.log_folder, progress=self.progress
        )

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


TIMING: Final[Handlers] = {
    WarmUp: Timing.warm_up,
    CountThreads: Timing.count_threads,
    TimeCalls: Timing.time_calls,
    OpenStream: Timing.open_stream,
    TimeStream: Timing.time_stream,
    CountStreamThreads: Timing.count_stream_threads,
    WriteStreamLogits: Timing.write_stream_logits,
    TimeResident: Timing.time_resident,
    ProfileLayers: Timing.profile_layers,
    OpenMachineProbe: Timing.open_anchor,
    TimeAnchor: Timing.time_anchor,
    OpenCeilings: Timing.open_ceilings,
    MeasureCeilings: Timing.measure_ceilings,
    RunLoadgen: Timing.run_loadgen,
}
