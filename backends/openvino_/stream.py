"""OpenVINO's stream: an AsyncInferQueue on a model compiled for throughput."""

from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import check_pixels
from alexbench.backends._shared.thread_streams import closed
from alexbench.harness.contract import Known, Model

if TYPE_CHECKING:
    import openvino

NAME: Final = "openvino"


class QueueStream:
    """OpenVINO's optimal number of requests, each restarted when it is free. Satisfies :class:`Stream`.

    After a failed inference, the queue always raises the same error: open another stream.
    """

    def __init__(self, ov: ModuleType, compiled: "openvino.CompiledModel", model: Model) -> None:
        """``compiled`` may continue to read the arrays of ``model``."""
        jobs = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self.streams = Known(str(compiled.get_property("NUM_STREAMS")), "reported")
        self.how = f"AsyncInferQueue of {jobs} requests, PERFORMANCE_HINT THROUGHPUT"
        self._ov, self._shape = ov, model.network.input_shape
        self._kept: Model | None = model
        self._logits: dict[int, NDArray[np.float32]] = {}
        self._failures: list[Exception] = []
        queue = ov.AsyncInferQueue(compiled, jobs)
        queue.set_callback(self._keep)
        self._queue: openvino.AsyncInferQueue | None = queue

    def run(self, batches: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """See :meth:`Stream.run`.

        Raises:
            UsageError: the stream is closed.
            DataError: a batch that does not fit the network; nothing was started.
            RuntimeError: an inference failed.
        """
        queue, ov = self._queue, self._ov
        if queue is None:
            raise closed(NAME)
        for pixels in batches:
            check_pixels(NAME, pixels, self._shape, "NCHW")
        # The requests share it until they are done. OpenVINO does not share read-only arrays.
        shared = [pixels if pixels.flags.writeable else pixels.copy() for pixels in batches]
        self._logits, self._failures = {}, []
        try:
            for place, pixels in enumerate(shared):
                queue.start_async(ov.Tensor(pixels, shared_memory=True), place)  # waits for a free request
            queue.wait_all()
        except BaseException:
            for request in queue:  # wait_all stops at the first failure, while other requests still read our arrays
                with suppress(RuntimeError):
                    request.wait()
            raise
        if self._failures:
            raise self._failures[0]
        return [self._logits[place] for place in range(len(batches))]

    def close(self) -> None:
        """Release the queue and the compiled model, then the arrays that it may read. May be called twice."""
        self._queue = None
        self._kept = None
        self._logits = {}

    def _keep(self, request: "openvino.InferRequest", place: int) -> None:
        """Copy a request's logits before it is used again.

        It must not raise: the queue throws a callback's exception twice, and the second time ends the process (2026.4).
        """
        try:
            self._logits[place] = np.array(request.get_output_tensor().data, np.float32)
        except Exception as error:
            self._failures.append(error)
