"""What a backend returned, held to its contract before anything is made of it: in this one place, for every command."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import REFERENCE
from alexbench.harness.contract import Backend
from alexbench.harness.errors import AlexBenchError, WorkerError
from alexbench.harness.judge.array_checks import broken
from alexbench.harness.judge.symptoms import not_finite
from alexbench.harness.models.network import Network, output_shapes


@contextmanager
def called(backend: str, method: str) -> Iterator[None]:
    """A backend's method: an exception that is not one of ours, or that ends Python, is an error that names both.

    Raises:
        WorkerError: see above.
    """
    try:
        yield
    except (AlexBenchError, MemoryError):
        raise
    except BaseException as error:
        raise WorkerError(f"{backend}: {method} raised {type(error).__name__}: {words_of(error)}") from error


def words_of(error: BaseException) -> str:
    """What an exception says, in one line; a plugin's may not even be able to."""
    try:
        return " ".join(str(error).split())[:500] or "(no message)"
    except Exception:
        return "(its message cannot be read)"


class Answers:
    """The answers of a backend that gives ``outputs`` scores per image; the last one is remembered."""

    def __init__(self, outputs: int) -> None:
        self._outputs = outputs
        self._before: NDArray[np.float32] | None = None

    def scores(self, backend: Backend, pixels: NDArray[np.float32], *, finite: bool = True) -> NDArray[np.float32]:
        """``backend``'s scores (N, outputs) of ``pixels`` (N, ...), C-contiguous, in memory of their own.

        Raises:
            WorkerError: they are not that, or (``finite``) hold NaN or infinity; one line that names the backend.
        """
        found, name = backend.predict(pixels), backend.name
        dtype = "float64" if name == REFERENCE else "float32"
        problem = broken(found, (len(pixels), self._outputs), dtype=dtype)
        if problem is not None:
            raise WorkerError(f"{name}: predict() {problem}")
        if self._before is not None and np.may_share_memory(found, self._before):
            raise WorkerError(
                f"{name}: predict() returned {found.shape} in the memory of its last answer {self._before.shape}, which"
                " is its caller's to keep: return a copy"
            )
        self._before = found
        if finite and (symptom := not_finite(found)):
            raise WorkerError(f"{name}: {symptom}")
        return found


def check_activations(
    backend: Backend, network: Network, found: Mapping[str, Any], layers: Sequence[str], images: int
) -> None:
    """Refuse what is not one float64 array (images, ...) of the network's own shape for each of ``layers``.

    Raises:
        WorkerError: one line that names the backend, the layer and both shapes.
    """
    shapes = output_shapes(network)
    for name in layers:
        problem = broken(found.get(name), (images, *shapes[name]), dtype="float64", contiguous=False)
        if problem is not None:
            raise WorkerError(f"{backend.name}: activations() of {name} {problem}")
