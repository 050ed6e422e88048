"""A network in int8 by torchao's PT2E for x86: a graph with quantize and dequantize steps, which Inductor compiles.

https://docs.pytorch.org/ao/stable/tutorials_source/pt2e_quant_x86_inductor.html. The graph itself computes in fp32;
only Inductor's pattern matcher turns it into int8 kernels, and it needs a C++ compiler. FX quantization needs none, but
PyTorch is to remove it (pytorch/ao issue 2259).
"""

import importlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import import_runtime
from alexbench.backends._shared.exports import NOTES_FILE
from alexbench.harness.capabilities import QuantizationOptions, RangeMethod
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.files.plain_text import first_line

if TYPE_CHECKING:
    import torch

METHODS: Final[tuple[RangeMethod, ...]] = ("minmax", "mse")
EXTRA: Final = "torch-int8"
STEPS: Final = "quantized_decomposed"
"""The name space of the quantize and dequantize operators; they are known once :func:`know_steps` was called."""
PRODUCTS: Final = ("conv2d", "convolution", "linear", "addmm", "mm", "matmul")
_LOWERED: Final = ("qconv_unary_lower_count", "qlinear_unary_lower_count", "qlinear_binary_lower_count")
"""Inductor's counters of products that it turned into int8 kernels of oneDNN."""


def quantize(
    torch: ModuleType,
    module: "torch.nn.Module",
    images: Sequence[NDArray[np.float32]],
    path: Path,
    how: QuantizationOptions,
    notes: Mapping[str, str],
) -> str:
    """See :meth:`Quantizes.quantize`."""
    torchao = _import_torchao()
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import X86InductorQuantizer

    two = torch.from_numpy(np.concatenate([images[0], images[0]]))
    batch_open = ({0: torch.export.Dim("N")},)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch and torchao about themselves
        exported = torch.export.export(module, (two,), dynamic_shapes=batch_open, strict=False).module()
        prepared = prepare_pt2e(exported, X86InductorQuantizer().set_global(_configuration(torch, how)))
        for image in images:
            prepared(torch.from_numpy(image))
        quantized = torch.export.export(
            _without_unused(convert_pt2e(prepared)), (two,), dynamic_shapes=batch_open, strict=False
        )
        torch.export.save(quantized, path, extra_files={NOTES_FILE: json.dumps(dict(notes))})
    return f"torchao PT2E {torchao.__version__}, X86InductorQuantizer"


def _without_unused(module: Any) -> "torch.nn.Module":
    """Without the fp32 weights, which the graph no longer reads and an export would save."""
    read = {node.target for node in module.graph.nodes if node.op == "get_attr"}
    for name, _ in list(module.named_parameters()):
        if name not in read:
            owner, _, last = name.rpartition(".")
            delattr(module.get_submodule(owner), last)
    found: torch.nn.Module = module
    return found


def know_steps() -> None:
    """Register the operators that a Q/DQ graph calls: torch does so only when this module is imported."""
    importlib.import_module("torch.ao.quantization.fx._decomposed")


def has_steps(graph: "torch.fx.Graph") -> bool:
    """Whether an exported graph quantizes and dequantizes, and so is meant to be compiled to int8 kernels."""
    return any(str(node.target).startswith(STEPS) for node in graph.nodes)


def compiled(torch: ModuleType, module: "torch.nn.Module") -> "Callable[..., object]":
    """``module`` for Inductor, which turns its Q/DQ graph into int8 kernels when a batch size first comes.

    Raises:
        UnsupportedOptionError: there is no C++ compiler here.
    """
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++")):
        raise UnsupportedOptionError(
            "torch: int8 is compiled by Inductor, and there is no C++ compiler here: fp32 would have run; install g++"
        )
    import torch._inductor.config as inductor

    torch._dynamo.config.recompile_limit = 10_000  # noqa: SLF001  # beyond it the graph runs uncompiled, without a word
    inductor.freezing = True  # else each call would quantize the weights anew
    function: Callable[..., object] = torch.compile(module, dynamic=False, fullgraph=True)
    return function


def products_in_int8(torch: ModuleType, call: Callable[[], object]) -> int:
    """How many products Inductor turns into int8 kernels of oneDNN while it compiles what ``call`` runs.

    Raises:
        UnsupportedOptionError: it does not compile.
    """
    before = _lowered(torch)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except Exception as error:  # a compiler's, the linker's, torch's own
        raise UnsupportedOptionError(f"torch: Inductor does not compile the int8 graph: {first_line(error)}") from error
    return _lowered(torch) - before


def _lowered(torch: ModuleType) -> int:
    """Inductor's counters: it puts new ones in their place whenever it likes."""
    counters = torch._dynamo.utils.counters["inductor"]  # noqa: SLF001  # it has no other
    return sum(int(counters[name]) for name in _LOWERED)


def products(graph: "torch.fx.Graph") -> list[str]:
    """The precision of each convolution and matrix product: int8 where its input is dequantized, else fp32."""
    found = (node for node in graph.nodes if is_product(node))
    return ["int8" if str(getattr(node.args[0], "target", "")).startswith(STEPS) else "fp32" for node in found]


def is_product(node: "torch.fx.Node") -> bool:
    """Whether a node multiplies with weights."""
    return node.op == "call_function" and _plain(node.target) in PRODUCTS


def _plain(target: object) -> str:
    """``aten.conv2d.default`` as ``conv2d``."""
    return str(target).split(".")[-2] if "." in str(target) else str(target)


def _configuration(torch: ModuleType, how: QuantizationOptions) -> Any:
    """Torchao's default for x86, but with the weights' scales and the activations' ranges that were asked for."""
    from torchao.quantization.pt2e import HistogramObserver, MinMaxObserver, PerChannelMinMaxObserver
    from torchao.quantization.pt2e.quantizer import QuantizationConfig, QuantizationSpec

    activations = QuantizationSpec(
        dtype=torch.uint8,
        quant_min=0,
        quant_max=127 if how.reduce_range else 255,
        qscheme=torch.per_tensor_affine,
        observer_or_fake_quant_ctr={"minmax": MinMaxObserver, "mse": HistogramObserver}[how.method],
    )
    weights = QuantizationSpec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_channel_symmetric if how.per_channel else torch.per_tensor_symmetric,
        ch_axis=0 if how.per_channel else None,
        observer_or_fake_quant_ctr=PerChannelMinMaxObserver if how.per_channel else MinMaxObserver,
    )
    return QuantizationConfig(activations, activations, weights, None, is_qat=False)


def _import_torchao() -> ModuleType:
    return import_runtime("torchao", extra=EXTRA)
