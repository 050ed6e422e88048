"""A stream of Python threads: every batch once, several at once, errors where they are seen, nothing left behind."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends._shared.thread_streams import ThreadStream, open_loop, open_threads
from alexbench.harness.capabilities import Stream
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements
from alexbench.harness.errors import UnsupportedOptionError, UsageError
from tests.support.toy_network import TOY, toy_weights

LIMIT_S = 20
MODEL = Model(TOY, toy_weights())


class Doubling(Backend):
    """Answers twice its pixels, after whatever a test wants to happen in between; 13 it cannot do."""

    name = "doubling"
    requires = Requirements()
    input_layout = "NCHW"

    def __init__(self, meanwhile: Callable[[float], object] = lambda number: None) -> None:
        self.meanwhile = meanwhile
        self.loaded: list[Options] = []
        self.closed = 0
        self.asked: list[float] = []

    def load(self, model: Model, options: Options) -> None:
        assert model is MODEL
        if options.device == "abacus":
            raise UnsupportedOptionError("doubling: no abacus")
        self.loaded.append(options)

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        self.asked.append(float(pixels[0]))
        self.meanwhile(float(pixels[0]))
        if pixels[0] == 13:
            raise ArithmeticError("13 is not to be doubled")
        return pixels * 2

    def effective(self) -> Effective:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1


def numbered(*numbers: int) -> list[NDArray[np.float32]]:
    return [np.full(1, number, np.float32) for number in numbers]


def opened(backend: Doubling, callers: int, **more: Any) -> ThreadStream:
    return open_threads(backend, MODEL, Options(callers), callers=callers, how="by hand", **more)


def test_logits_come_in_the_order_of_their_batches() -> None:
    stream = opened(Doubling(), 3)
    for _ in range(3):
        assert [float(one[0]) for one in stream.run(numbered(*range(20, 60)))] == [2.0 * i for i in range(20, 60)]
    assert stream.run([]) == []
    stream.close()


def test_as_many_batches_are_at_work_at_once_as_there_are_callers() -> None:
    """Each batch waits for two others: with fewer threads at work none would come back."""
    together = threading.Barrier(3)
    stream = opened(Doubling(lambda _: together.wait(LIMIT_S)), 3)
    assert len(stream.run(numbered(1, 2, 3, 4, 5, 6))) == 6
    stream.close()


def test_one_caller_takes_batch_after_batch() -> None:
    backend = Doubling()
    stream = open_loop(backend, MODEL, Options(4, device="cuda:1"))
    stream.run(numbered(5, 3, 4))
    assert backend.asked == [5, 3, 4]
    assert backend.loaded == [Options(4, device="cuda:1")]
    assert stream.streams == Known("1", "requested")
    assert stream.how == "one batch after the other on cuda:1"
    stream.close()


def test_what_a_thread_raised_is_raised_and_the_rest_is_left() -> None:
    backend = Doubling()
    stream = opened(backend, 1)
    with pytest.raises(ArithmeticError, match="13 is not to be doubled"):
        stream.run(numbered(1, 13, 2, 3))
    assert backend.asked == [1, 13]
    assert [float(one[0]) for one in stream.run(numbered(4))] == [8]
    stream.close()


def test_a_failed_run_is_over_when_it_raises() -> None:
    """The other thread is still at its batch when 13 fails: the run waits for it."""
    both, ended = threading.Barrier(2), []

    def meanwhile(number: float) -> None:
        both.wait(LIMIT_S)
        if number != 13:
            time.sleep(0.05)
            ended.append(number)

    stream = opened(Doubling(meanwhile), 2)
    with pytest.raises(ArithmeticError):
        stream.run(numbered(1, 13))
    assert ended == [1]
    stream.close()


def test_every_thread_is_prepared_before_the_stream_is_there() -> None:
    prepared: list[int] = []
    stream = opened(Doubling(), 4, prepare=lambda: prepared.append(threading.get_ident()))
    assert len(set(prepared)) == len(prepared) == 4
    assert threading.get_ident() not in prepared
    stream.close()


def test_what_preparing_raises_is_raised_and_nothing_is_left() -> None:
    def refuse() -> None:
        raise UnsupportedOptionError("not on this thread")

    backend, before = Doubling(), threading.active_count()
    with pytest.raises(UnsupportedOptionError, match="not on this thread"):
        opened(backend, 2, prepare=refuse)
    assert backend.closed >= 1
    assert threading.active_count() == before


def test_what_loading_raises_is_raised_and_the_backend_closed() -> None:
    backend = Doubling()
    with pytest.raises(UnsupportedOptionError, match="no abacus"):
        open_threads(backend, MODEL, Options(2, device="abacus"), callers=2, how="")
    assert backend.closed == 1


def test_close_ends_the_threads_and_the_backend_and_may_come_twice() -> None:
    backend, before = Doubling(), threading.active_count()
    stream = opened(backend, 3)
    assert threading.active_count() == before + 3
    stream.close()
    stream.close()
    assert backend.closed == 1
    assert threading.active_count() == before
    with pytest.raises(UsageError, match="doubling: run\\(\\) on a closed stream"):
        stream.run(numbered(1))


def test_it_is_a_stream_and_says_what_it_is() -> None:
    stream: Stream = opened(Doubling(), 2)
    assert (stream.streams, stream.how) == (Known("2", "requested"), "by hand")
    stream.close()
    fewer = opened(Doubling(), 2, at_once=1)
    assert fewer.streams == Known("1", "requested")
    fewer.close()
