"""Streams made of Python threads, for runtimes without their own queue; these release the GIL while they work."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Backend, Known, Model, Options
from alexbench.harness.errors import UsageError


class ThreadStream:
    """Threads that take the next batch when free, and run it on one loaded backend.

    Satisfies :class:`Stream`. The stream owns the backend, whose ``predict`` must be thread-safe.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        callers: int,
        streams: Known,
        how: str,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Returns after ``prepare`` has run on each of the ``callers`` threads.

        Raises:
            Exception: what ``prepare`` raised, after everything is released.
        """
        self.streams, self.how = streams, how
        self._backend: Backend | None = backend
        self._name, self._callers = backend.name, callers
        self._pool = ThreadPoolExecutor(callers, thread_name_prefix=f"{backend.name}-stream")
        # The pool starts a thread only when the others are busy, so all of them wait here for the last one.
        together = threading.Barrier(callers)

        def start() -> None:
            together.wait()
            if prepare is not None:
                prepare()

        try:
            self._on_every_thread(start)
        except BaseException:
            self.close()
            raise

    def run(self, batches: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """See :meth:`Stream.run`. An error of one batch is raised here, after all threads have stopped.

        Raises:
            UsageError: the stream is closed.
        """
        backend = self._backend
        if backend is None:
            raise closed(self._name)
        todo = deque(enumerate(batches))
        logits: dict[int, NDArray[np.float32]] = {}

        def work() -> None:
            while True:
                try:
                    place, pixels = todo.popleft()
                except IndexError:
                    return
                try:
                    logits[place] = backend.predict(pixels)
                except Exception:
                    todo.clear()
                    raise

        self._on_every_thread(work)
        return [logits[place] for place in range(len(batches))]

    def close(self) -> None:
        """End the threads, then release the backend; may be called twice."""
        self._pool.shutdown()
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def _on_every_thread(self, work: Callable[[], None]) -> None:
        """Run ``work`` on all threads at once. Returns the first error after all have ended."""
        ended = [self._pool.submit(work) for _ in range(self._callers)]
        wait(ended)
        for one in ended:
            one.result()


def open_threads(
    backend: Backend,
    model: Model,
    options: Options,
    *,
    callers: int,
    how: str,
    at_once: int | None = None,
    prepare: Callable[[], None] | None = None,
) -> ThreadStream:
    """Load ``model`` into the new ``backend``, for ``callers`` threads.

    ``at_once``: the number of concurrent inferences, if it is not one per caller. It is the requested number: no
    runtime here reports it.
    """
    try:
        backend.load(model, options)
        streams = Known(str(callers if at_once is None else at_once), "requested")
        return ThreadStream(backend, callers=callers, streams=streams, how=how, prepare=prepare)
    except BaseException:
        backend.close()
        raise


def open_loop(backend: Backend, model: Model, options: Options) -> ThreadStream:
    """One batch after the other through ``predict``, for an accelerator, which runs one inference at a time."""
    return open_threads(backend, model, options, callers=1, how=f"one batch after the other on {options.device}")


def closed(name: str) -> UsageError:
    """The error for a run after ``close``."""
    return UsageError(f"{name}: run() on a closed stream; open another")
