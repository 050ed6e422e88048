"""Which system doctor and ablation look into, where the user names one or none."""

from typing import Final

from alexbench.backends.registry import availability, backend_names
from alexbench.harness.config import RunConfig
from alexbench.harness.errors import BackendUnavailableError, UsageError
from alexbench.harness.systems import System, labels

FASTEST_FIRST: Final = ("openvino", "onnxruntime", "torch", "tensorflow")
"""Which runtime examines where none is named (facts: images/s at batch 32); others after them."""


def system_of(config: RunConfig) -> System:
    """The one named, or the fastest that is installed."""
    if len(config.named) > 1:
        said = " and ".join(labels(config.named))
        raise UsageError(f"--backend: the doctor examines one model on one runtime; {said} are named")
    for system in config.named:
        problem = availability(system.backend).problem
        if problem is not None and config.interpreter_of(system) is None:
            raise BackendUnavailableError(problem)
        return system
    of_backend = {one.backend: one for one in config.systems}
    for name in _by_speed():
        if availability(name).available:
            return of_backend[name]
    raise BackendUnavailableError("no runtime is installed: pip install 'alexbench[all]', or one of its extras")


def another_runtime(config: RunConfig, system: System) -> str | None:
    """An installed runtime other than that of ``system``; the same one if that ran on another interpreter."""
    elsewhere = config.interpreter_of(system) is not None
    others = [name for name in _by_speed() if name != system.backend or elsewhere]
    return next((name for name in others if availability(name).available), None)


def _by_speed() -> list[str]:
    names = backend_names()
    return [*(name for name in FASTEST_FIRST if name in names), *(name for name in names if name not in FASTEST_FIRST)]
