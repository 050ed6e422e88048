"""Layer times in PyTorch: torch.profiler's operators, by the layer whose module called them.

``torch`` is an argument.
"""

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from alexbench.backends._shared.profiles import MILLISECONDS_A_MICROSECOND, NO_LAYER, WARM_UP, medians, summed

if TYPE_CHECKING:
    import torch

INFERENCE: Final = "alexbench inference"
LAYER: Final = "alexbench layer "


def profile(
    torch: ModuleType, module: "torch.nn.Module", predict: Callable[[], object], *, repeats: int
) -> dict[str, float]:
    """Milliseconds by layer of ``predict``, which calls the children of ``module``. The hooks stay on them."""
    for name, child in module.named_children():
        _mark(torch, name, child)
    for _ in range(WARM_UP):
        predict()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for _ in range(repeats):
            with torch.profiler.record_function(INFERENCE):
                predict()
    return medians([layer_times(event) for event in profiler.events() if event.name == INFERENCE])


def layer_times(inference: "torch.autograd.profiler_util.FunctionEvent") -> dict[str, float]:
    """Milliseconds by layer of one inference: the operators in a layer's range, not the range itself.

    Opening and closing a range takes about 30 us, which is not work of the layer.
    """
    times: list[tuple[str, float]] = []
    for event in inference.cpu_children:
        if event.name.startswith(LAYER):
            layer, operators = event.name.removeprefix(LAYER), event.cpu_children
        else:
            layer, operators = NO_LAYER, [event]
        took = sum(operator.time_range.elapsed_us() for operator in operators)
        times.append((layer, took * MILLISECONDS_A_MICROSECOND))
    return summed(times)


def _mark(torch: ModuleType, name: str, child: "torch.nn.Module") -> None:
    """Make every call of ``child`` a range of the profiler."""
    opened: list[Any] = []

    def enter(*_: object) -> None:
        opened.append(torch.profiler.record_function(f"{LAYER}{name}"))
        opened[-1].__enter__()

    def leave(*_: object) -> None:
        opened.pop().__exit__(None, None, None)

    child.register_forward_pre_hook(enter)
    child.register_forward_hook(leave)
