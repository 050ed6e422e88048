"""Which cores a test uses where several processes run tests (``-n 2``)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_cores(nodeid: str) -> Iterator[None]:
    """Keep an end-to-end test, and what it starts, to this process's share of the cores.

    Runtimes that each use all cores would wait for one another spinning. Unit tests and the conformance suite name
    their thread counts.
    """
    share = _share() if nodeid.startswith("tests/end_to_end/") and hasattr(os, "sched_setaffinity") else []
    if not share:
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, share)
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _share() -> list[int]:
    """Nothing where this is the only process, or there are more of them than cores."""
    name, count = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return sorted(os.sched_getaffinity(0))[int(name.removeprefix("gw")) :: count] if count > 1 else []
