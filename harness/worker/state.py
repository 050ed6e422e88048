"""What a worker holds between requests: a backend, what it was loaded with, and the pixels it is asked about."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.errors import WorkerError
from alexbench.harness.files.lines import Progress, Request
from alexbench.harness.measure import clock
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.worker.answers import Answers, called

Handler: TypeAlias = Callable[..., object]
"""What carries a request out: given the worker and the request, it gives the answer."""
Handlers: TypeAlias = Mapping[type[Request[object]], Handler]

STREAMED_INPUTS: Final = 4
"""Different batches that a stream is fed, over and over: more would only fill memory."""


class WorkerState:
    """The state, and the inputs made from it; what carries requests out is in its subclasses.

    ``progress`` tells the command how many are done, of how many. ``training``, ``feed``: a network in training and the
    images it is fed from, see :mod:`alexbench.harness.training.speed_worker`.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._backend: Backend | None = None
        self._answers: Answers | None = None
        self._model: Model | None = None
        self._options: Options | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._preprocessing: Preprocessing | None = None
        self._first_inference_ns: int | None = None
        self._inputs: dict[tuple[int, int], NDArray[np.float32]] = {}
        self.training: object = None
        self.feed: object = None

    def close(self) -> None:
        """Release the backend."""
        if self._backend is not None:
            with called(self._backend.name, "close()"):
                self._backend.close()

    def _loaded(self) -> tuple[Backend, NDArray[np.uint8]]:
        if self._backend is None or self._pixels is None:
            raise WorkerError("load and open come first")
        return self._backend, self._pixels

    def _loaded_as(self, backend: Backend, outputs: int) -> None:
        """``backend`` is loaded with what gives ``outputs`` scores per image."""
        self._backend, self._answers = backend, Answers(outputs)

    def _scores(self, pixels: NDArray[np.float32], *, finite: bool = True) -> NDArray[np.float32]:
        """What the backend makes of network inputs, see :meth:`Answers.scores`."""
        if self._backend is None or self._answers is None:
            raise WorkerError("load comes first")
        with called(self._backend.name, "predict()"):
            return self._answers.scores(self._backend, pixels, finite=finite)

    @property
    def _threads(self) -> int:
        return 1 if self._options is None else self._options.threads

    def _input(self, first: int, last: int) -> NDArray[np.float32]:
        backend, pixels = self._loaded()
        assert self._preprocessing is not None
        return network_input(pixels[first:last], self._preprocessing, backend.input_layout, threads=self._threads)

    def _laid_out(self, pixels: NDArray[np.uint8], *, reshaped: bool) -> NDArray[np.float32]:
        """``pixels`` (N, H, W, 3) as the backend wants them; ``reshaped``: the other layout's memory in their shape."""
        backend, _ = self._loaded()
        assert self._preprocessing is not None
        layout = backend.input_layout
        if not reshaped:
            return network_input(pixels, self._preprocessing, layout)
        count, height, width, channels = pixels.shape
        other = network_input(pixels, self._preprocessing, "NCHW" if layout == "NHWC" else "NHWC")
        shape = (channels, height, width) if layout == "NCHW" else (height, width, channels)
        return other.reshape(count, *shape)

    def _timed_input(self, batch_size: int, number: int = 0) -> NDArray[np.float32]:
        """Batch ``number`` of the images, which are repeated where there are too few; made once and kept."""
        key = batch_size, number
        if key not in self._inputs:
            backend, pixels = self._loaded()
            assert self._preprocessing is not None
            chosen = pixels[np.arange(number * batch_size, (number + 1) * batch_size) % len(pixels)]
            self._inputs[key] = network_input(chosen, self._preprocessing, backend.input_layout)
        return self._inputs[key]

    def _first_inference(self) -> int:
        """Make it, if it was not made yet; how long it took, in nanoseconds."""
        backend, _ = self._loaded()
        if self._first_inference_ns is None:
            with called(backend.name, "predict()"):
                self._first_inference_ns = clock.first_inference_ns(backend.predict, self._timed_input(1))
            clock.freeze_what_is_loaded()
        return self._first_inference_ns
