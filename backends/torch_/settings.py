"""PyTorch's settings: memory format, torch.compile with Inductor, denormals, threads.

``torch`` is an argument.
"""

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from alexbench.backends._shared.adapters import telling_line
from alexbench.harness.capabilities import COMPILER, FEWER, Candidate
from alexbench.harness.contract import Known, Options, Setting
from alexbench.harness.errors import UnsupportedOptionError

if TYPE_CHECKING:
    import torch

COMPILE: Final = "compile"
FREEZING: Final = "freezing"
MEMORY_FORMAT: Final = "memory_format"
THREADS: Final = "set_num_threads"
CHANNELS_LAST: Final = "channels_last"
_DENORMAL: Final = "set_flush_denormal"
_TRUTH: Final = ("True", "False")

SETTINGS: Final = (
    Setting(MEMORY_FORMAT, ("contiguous_format", CHANNELS_LAST), "the layout of the filters", networks_only=True),
    Setting(COMPILE, ("default",), "Inductor's own count of graphs", networks_only=True),
    Setting(FREEZING, _TRUTH, "Inductor's own count of packed weights", networks_only=True),
    Setting(_DENORMAL, _TRUTH, "the product of two small numbers"),
    Setting(THREADS, proof="torch.get_num_threads()"),
)
"""https://docs.pytorch.org: torch.compile, torch._inductor.config, tensor memory formats."""

CANDIDATES: Final = (
    Candidate(((MEMORY_FORMAT, CHANNELS_LAST),)),
    Candidate(((COMPILE, "default"),), COMPILER),
    Candidate(((COMPILE, "default"), (FREEZING, "True")), COMPILER),
    Candidate(((_DENORMAL, "True"),)),
    Candidate(((THREADS, FEWER),)),
)


def apply(torch: ModuleType, options: Options) -> None:
    """What holds for the process: denormals."""
    if options.setting(_DENORMAL):
        torch.set_flush_denormal(options.setting(_DENORMAL) == "True")


def threads_of(options: Options) -> int:
    """Compute threads: those of the run, or fewer."""
    return int(options.setting(THREADS, str(options.threads)))


def for_streams(options: Options) -> Options:
    """Without what holds for one caller at a time."""
    return options.without(COMPILE, FREEZING, THREADS)


def formatted(torch: ModuleType, module: "torch.nn.Module", options: Options) -> "torch.nn.Module":
    """The module with its filters in the memory format that was asked for."""
    wanted = options.setting(MEMORY_FORMAT)
    if wanted:
        module = module.to(memory_format=getattr(torch, wanted))
    return module


def compiled(
    torch: ModuleType, module: "torch.nn.Module", options: Options, example: "torch.Tensor"
) -> "Callable[[torch.Tensor], torch.Tensor]":
    """The module, or what torch.compile makes of it; ``example``: one image, for which it is compiled at once.

    Raises:
        UnsupportedOptionError: it does not compile, mostly for want of a C++ compiler.
    """
    mode = options.setting(COMPILE)
    if not mode and options.setting(FREEZING) == "True":
        raise UnsupportedOptionError("torch: freezing=True is of compiled modules; add compile=default")
    if not mode:
        eager: Callable[[Any], Any] = module
        return eager
    from torch._dynamo import config as dynamo
    from torch._dynamo.utils import counters
    from torch._inductor import config as inductor

    counters.clear()
    dynamo.fail_on_recompile_limit_hit = True  # else what is over the limit runs eagerly without a word
    inductor.freezing = options.setting(FREEZING) == "True"
    made: Any = torch.compile(module, fullgraph=True, mode=mode)
    try:
        with torch.inference_mode():
            made(example)
    except Exception as error:  # whatever the compiler's own tools raise
        reason = telling_line(str(error)) or type(error).__name__
        raise UnsupportedOptionError(
            f"torch: compile={mode} failed ({reason}); it needs a C++ compiler (g++); or leave compile out"
        ) from error
    call: Callable[[Any], Any] = made
    return call


def applied(torch: ModuleType, module: "torch.nn.Module", options: Options) -> dict[str, Known]:
    """Each setting of ``options`` as it took effect."""
    return {name: _known(torch, module, name) for name, _ in options.settings}


def _known(torch: ModuleType, module: "torch.nn.Module", name: str) -> Known:
    if name == MEMORY_FORMAT:
        filters = [one for one in module.parameters() if one.dim() == 4]
        last = all(one.is_contiguous(memory_format=torch.channels_last) for one in filters)
        return Known(CHANNELS_LAST if last else "contiguous_format", "reported")
    if name == _DENORMAL:
        small = torch.tensor([1e-30]) * torch.tensor([1e-10])
        return Known(str(not bool(small)), "measured")
    if name == THREADS:
        return Known(str(torch.get_num_threads()), "reported")
    return _of_inductor(name)


def _of_inductor(name: str) -> Known:
    """By what Inductor counts: the graphs that it compiled, the weights that it packed when it froze them."""
    from torch._dynamo.utils import counters

    if name == FREEZING:
        packed = any(count for key, count in counters["inductor"].items() if "weight_pack" in key)
        return Known(str(packed), "reported")
    return Known("default" if counters["stats"]["unique_graphs"] else "eager", "reported")
