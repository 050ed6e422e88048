"""The types that a torch program stores, and that its products use: its operators are watched while it runs.

``torch`` is an argument, or is imported inside the functions only.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from alexbench.backends._shared.file_precision import NAMES, FilePrecision, file_precision
from alexbench.harness.contract import Evidence

if TYPE_CHECKING:
    import torch

_PRODUCTS: Final = {
    *("convolution", "_convolution", "conv2d", "mkldnn_convolution", "cudnn_convolution", "_slow_conv2d_forward"),
    *("linear", "addmm", "mm", "matmul", "bmm", "baddbmm", "mkldnn_linear", "_scaled_mm", "thnn_conv2d"),
}
_CONVOLUTIONS: Final = {name for name in _PRODUCTS if "conv" in name}
_WHOLE: Final = {"_int_mm", "_weight_int8pack_mm"}


def watch(torch: ModuleType, run: Callable[[], object], stored: "Iterable[torch.Tensor]") -> FilePrecision:
    """``run`` calls the program once, or does nothing if only the file is known. ``stored``: its tensors."""
    from torch.utils._python_dispatch import TorchDispatchMode

    products: list[str] = []
    through: set[str] = set()
    packed: dict[int, list[tuple[str, int]]] = {}
    dynamic = [False]
    macs: list[int | None] = []

    class Watch(TorchDispatchMode):  # type: ignore[misc]  # no types
        """Records each operator with the types of its inputs."""

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            space, name = str(func).split(".")[:2]
            tensors = [one for one in args if isinstance(one, torch.Tensor)]
            if space == "quantized":
                half = name.endswith("fp16")  # only weights, whose packed form does not show it
                through.update(["fp16"] if half else [])
                if name.startswith(("linear", "conv")):
                    products.append(_name(tensors[0]) if half else "int8")
                dynamic[0] |= "dynamic" in name and not half
                for one in args:
                    if isinstance(one, torch.ScriptObject):
                        packed[id(one)] = [("fp16" if half else _name(w), w.numel()) for w in _unpacked(one)]
            elif name in _WHOLE:
                products.append("int8")
            elif name in _PRODUCTS and tensors:
                products.append(_name(tensors[-1]))
            elif name in ("quantize_per_tensor", "quantize_per_channel", "quantize_per_tensor_dynamic"):
                through.add("int8")
                dynamic[0] |= name.endswith("dynamic")
            found = func(*args, **(kwargs or {}))
            if space == "quantized" or name in _WHOLE | _PRODUCTS:
                macs.append(_macs(name, tensors, found))
            if name in ("_to_copy", "to") and isinstance(found, torch.Tensor) and found.is_floating_point():
                through.update(_name(one) for one in (*tensors, found) if one.is_floating_point())
            return found

    with torch.no_grad(), Watch():
        run()
    values = [(_name(tensor), tensor.numel()) for tensor in stored]
    counts = _counted([*values, *(one for several in packed.values() for one in several)])
    through |= {"int8"} if "int8" in products else set()
    evidence: Evidence = "reported" if products else "declared"
    made = file_precision(products, counts, through=through - {""}, dynamic=dynamic[0], evidence=evidence)
    counted = [one for one in macs if one is not None]
    return replace(made, macs=sum(counted)) if counted and len(counted) == len(macs) else made


def _macs(name: str, tensors: "list[torch.Tensor]", found: Any) -> int | None:
    """Multiplications with a weight of one operator on ``tensors``; None of one that is not counted."""
    if name in _CONVOLUTIONS and len(tensors) > 1:
        return int(found.numel() * tensors[1][0].numel())
    if name in {"mm", "matmul", "addmm"} and len(tensors) > 1 and tensors[-1].ndim == 2:
        return int(tensors[-2].numel() * tensors[-1].shape[1])
    if name in {"linear", "mkldnn_linear"} and len(tensors) > 1:
        return int(found.numel() * tensors[1].shape[-1])
    return None


def of_steps(products: Iterable[str], stored: "Iterable[torch.Tensor]") -> FilePrecision:
    """What the ``products`` of a graph with quantize steps are to work in. Loading tells what runs."""
    return file_precision(products, _counted((_name(one), one.numel()) for one in stored), through={"int8"})


def _counted(values: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Values of each type, by its name."""
    counts: dict[str, int] = {}
    for name, count in values:
        if name:
            counts[name] = counts.get(name, 0) + count
    return counts


def tensors_of(module: "torch.jit.ScriptModule") -> "Iterator[torch.Tensor]":
    """Parameters, buffers, and the constants in the graph of a frozen program."""
    import torch

    seen: set[tuple[int, int]] = set()
    for tensor in [*module.parameters(), *module.buffers(), *_constants(module.inlined_graph)]:
        if isinstance(tensor, torch.Tensor) and not tensor.is_sparse:
            where = (0 if tensor.is_mkldnn else tensor.data_ptr(), tensor.numel())
            if where not in seen:
                seen.add(where)
                yield tensor


def _constants(block: Any) -> "Iterator[torch.Tensor]":
    for node in block.nodes():
        if node.kind() == "prim::Constant" and str(node.output().type()) == "Tensor":
            yield node.output().toIValue()
        for inner in node.blocks():
            yield from _constants(inner)


def _unpacked(given: Any) -> "Iterator[torch.Tensor]":
    """Weight and bias of a quantised operator's packed parameters."""
    if hasattr(given, "unpack"):
        yield from (one for one in given.unpack() if hasattr(one, "numel"))


def _name(tensor: "torch.Tensor") -> str:
    return _named(str(tensor.dtype).removeprefix("torch."))


def _named(dtype: str) -> str:
    return NAMES.get(dtype, "")
