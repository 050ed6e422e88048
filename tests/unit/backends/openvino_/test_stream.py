"""OpenVINO's queue, imitated: what its threads and its callbacks raise comes out of ``run`` and ends no process."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.openvino_.stream import QueueStream
from alexbench.harness.contract import Known, Model
from alexbench.harness.errors import DataError, UsageError
from tests.support.toy_network import TOY, toy_weights


class Request:
    """Sums each image, out of memory of its own; an image that starts with 13 cannot be read back."""

    def __init__(self) -> None:
        self.memory = np.zeros((0, 1), np.float32)
        self.waited = 0

    def infer(self, pixels: NDArray[np.float32]) -> None:
        if pixels.flat[0] == 99:
            raise RuntimeError("out of memory")
        self.memory = pixels.reshape(len(pixels), -1).sum(axis=1, keepdims=True)
        self.unreadable = pixels.flat[0] == 13

    def get_output_tensor(self) -> SimpleNamespace:
        if self.unreadable:
            raise ValueError("cannot be read back")
        return SimpleNamespace(data=self.memory)

    def wait(self) -> None:
        self.waited += 1
        raise RuntimeError("this one failed, too")


class Queue:
    """Takes two batches before it answers, the later one first; a callback that raises would end the process."""

    def __init__(self, compiled: Any, jobs: int) -> None:
        self.requests = [Request() for _ in range(jobs)]
        self.waiting: list[tuple[NDArray[np.float32], int]] = []
        compiled.queues.append(self)

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)

    def set_callback(self, callback: Callable[[Request, int], None]) -> None:
        self.callback = callback

    def start_async(self, pixels: NDArray[np.float32], place: int) -> None:
        self.waiting.append((pixels, place))
        if len(self.waiting) == len(self.requests):
            self.wait_all()

    def wait_all(self) -> None:
        waiting, self.waiting = self.waiting[::-1], []
        for request, (pixels, place) in zip(self.requests, waiting, strict=False):
            request.infer(pixels)
            try:
                self.callback(request, place)
            except Exception as error:
                raise SystemExit("terminate called after throwing an instance") from error


def tensor(array: NDArray[np.float32], *, shared_memory: bool) -> NDArray[np.float32]:
    """As OpenVINO: only what says that it may be written to is shared."""
    assert shared_memory
    assert array.flags.writeable
    return array


class Compiled(SimpleNamespace):
    """Two streams, two requests."""

    def get_property(self, name: str) -> int:
        return {"NUM_STREAMS": 2, "OPTIMAL_NUMBER_OF_INFER_REQUESTS": 2}[name]


@pytest.fixture
def compiled() -> Compiled:
    return Compiled(queues=[])


@pytest.fixture
def stream(compiled: Compiled) -> QueueStream:
    ov: Any = SimpleNamespace(AsyncInferQueue=Queue, Tensor=tensor)
    return QueueStream(ov, compiled, Model(TOY, toy_weights()))


def starting_with(*numbers: int) -> list[NDArray[np.float32]]:
    batches = []
    for number in numbers:
        batches.append(np.zeros((2, *TOY.input_shape), np.float32))
        batches[-1].flat[0] = number
    return batches


def test_logits_come_in_the_order_of_their_batches(stream: QueueStream) -> None:
    assert [float(one[0, 0]) for one in stream.run(starting_with(5, 3, 9, 1, 7))] == [5, 3, 9, 1, 7]


def test_logits_are_no_view_of_a_requests_memory(stream: QueueStream, compiled: Compiled) -> None:
    [logits] = stream.run(starting_with(5))
    assert not any(np.shares_memory(logits, request.memory) for request in compiled.queues[0])


def test_read_only_pixels_are_taken(stream: QueueStream) -> None:
    [pixels] = starting_with(5)
    pixels.flags.writeable = False
    assert stream.run([pixels])[0][0, 0] == 5


def test_what_a_callback_meets_is_raised_by_the_run_and_the_next_run_is_well(stream: QueueStream) -> None:
    with pytest.raises(ValueError, match="cannot be read back"):
        stream.run(starting_with(5, 13, 7))
    assert [float(one[0, 0]) for one in stream.run(starting_with(6, 8))] == [6, 8]


def test_a_failed_inference_is_raised_when_every_request_has_come_to_rest(
    stream: QueueStream, compiled: Compiled
) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        stream.run(starting_with(5, 99, 7))
    assert [request.waited for request in compiled.queues[0]] == [1, 1]


def test_a_batch_that_does_not_fit_starts_nothing(stream: QueueStream, compiled: Compiled) -> None:
    misshapen = np.zeros((2, 3, 8, 9), np.float32)
    with pytest.raises(DataError, match="openvino wants float32"):
        stream.run([*starting_with(5), misshapen])
    assert compiled.queues[0].waiting == []


def test_streams_are_read_back_and_requests_are_as_many_as_openvino_calls_optimal(stream: QueueStream) -> None:
    assert stream.streams == Known("2", "reported")
    assert stream.how == "AsyncInferQueue of 2 requests, PERFORMANCE_HINT THROUGHPUT"


def test_close_may_come_twice_and_run_no_more(stream: QueueStream) -> None:
    stream.close()
    stream.close()
    with pytest.raises(UsageError, match="openvino: run\\(\\) on a closed stream"):
        stream.run(starting_with(1))
