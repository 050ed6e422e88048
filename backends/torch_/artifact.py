"""Reads the facts of a torch.export or TorchScript file. Both are programs of torch's own operators, not pickles.

``torch`` is an argument: importing this module does not import it. A file written by ``torch.save`` is refused: it
would have to be unpickled, or is not a program.
"""

import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from alexbench.backends._shared.adapters import telling_line
from alexbench.backends._shared.artifacts import Picture, Port, picture_input, picture_shape, scores_output, unreadable
from alexbench.backends._shared.file_precision import FilePrecision, of_facts
from alexbench.backends._shared.input_steps import read_steps
from alexbench.backends.torch_ import precision, quantize
from alexbench.backends.torch_.graph import Exported, Script, scores_of, steps_of
from alexbench.backends.torch_.pt2_check import code_in, pickles_of_tensors_only
from alexbench.backends.torch_.ranges import RangedProgram
from alexbench.harness.contract import Artifact, ArtifactFacts
from alexbench.harness.errors import UnsupportedOptionError, WeightsError
from alexbench.harness.models.network import Layout

if TYPE_CHECKING:
    import torch

EXPORT: Final = "torch.export"
SCRIPT: Final = "TorchScript"
_IMAGES: Final = 2
"""At once, while a program that takes any number is watched."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program on its device. ``call`` returns the output tensors of an input tensor, in order.

    ``in_int8``: how many of its products run in int8 kernels; None where it has no quantize steps.
    """

    module: "torch.nn.Module"
    call: Callable[["torch.Tensor"], "list[torch.Tensor]"]
    in_int8: int | None = None


def inspect(torch: ModuleType, artifact: Artifact) -> ArtifactFacts:
    """The facts of a ``.pt2`` or TorchScript file; see :class:`RunsArtifacts`."""
    if _format(artifact) == EXPORT:
        return _inspect_export(torch, artifact)
    return _inspect_script(torch, artifact)


def load(
    torch: ModuleType, artifact: Artifact, facts: ArtifactFacts, device: "torch.device", *, emulated: bool = False
) -> Program:
    """The program, ready to be called on ``device``; one with quantize steps is compiled unless ``emulated``."""
    if facts.format == SCRIPT:
        script = _load_script(torch, artifact, device)
        return Program(script, lambda x: [tensor for _, tensor in _named(torch, script(x))])
    exported = _load_export(torch, artifact)
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        exported = move_to_device_pass(exported, str(device))
    module = exported.module()
    if emulated or device.type != "cpu" or not quantize.has_steps(exported.graph):
        return Program(module, _caller(exported, module))
    call = _caller(exported, quantize.compiled(torch, module))
    sample = torch.zeros(
        facts.batch or 1, *picture_shape(artifact.image, facts.layout), dtype=getattr(torch, facts.dtype)
    )
    return Program(module, call, quantize.products_in_int8(torch, lambda: call(sample)))


def ranged(torch: ModuleType, artifact: Artifact, ranges: Mapping[str, tuple[float, float]] | None) -> RangedProgram:
    """The program of a ``.pt2`` file, with its activation ranges left out or replaced, on the CPU.

    Raises:
        UnsupportedOptionError: it has none that are known.
    """
    if _format(artifact) != EXPORT:
        raise UnsupportedOptionError("torch: only activation ranges of .pt2 files are known")
    return RangedProgram(_load_export(torch, artifact).module(), ranges)


def _caller(
    exported: "torch.export.ExportedProgram", module: Callable[..., object] | None = None
) -> Callable[["torch.Tensor"], "list[torch.Tensor]"]:
    """The function that returns the output tensors of an input tensor."""
    from torch.utils import _pytree as pytree

    runs = exported.module() if module is None else module
    _, keywords = pytree.tree_unflatten([None], exported.call_spec.in_spec)
    keyword = next(iter(keywords), None)  # the image may have been exported as a batch of one

    def call(x: Any) -> Any:
        return pytree.tree_leaves(runs(x) if keyword is None else runs(**{keyword: x}))

    return call


def output_index(facts: ArtifactFacts) -> int:
    """The program output with the scores. Names begin with their number."""
    return int(facts.output_name.partition(":")[0])


def _format(artifact: Artifact) -> str:
    """The torch format of a file, by the content of its zip.

    Raises:
        WeightsError: the file is missing or damaged, or has weights or pickled modules.
    """
    path = artifact.path
    if not path.is_file():
        raise WeightsError(f"{path} cannot be read: no such file")
    names: list[str] = []
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name.partition("/")[2] or name for name in archive.namelist()]
        except zipfile.BadZipFile as error:
            raise unreadable(artifact, "it is damaged") from error
    if any(
        name.startswith("models/") or name in {"archive_format", "serialized_exported_program.json"} for name in names
    ):
        return EXPORT
    if any(name.startswith("code/") for name in names):
        return SCRIPT
    if path.suffix in {".pth", ".pt"}:
        raise WeightsError(
            f"{path} has weights or a pickled module, not a program: give weights with --weights, or export the module "
            "with torch.export.save"
        )
    raise unreadable(artifact, "it is damaged, or not a torch.export or TorchScript file")


def _inspect_export(torch: ModuleType, artifact: Artifact) -> ArtifactFacts:
    exported = _load_export(torch, artifact)
    nodes = {node.name: node for node in exported.graph.nodes}
    signature = exported.graph_signature
    inputs = [_fx_port(name, nodes[name].meta.get("val")) for name in signature.user_inputs if name in nodes]
    named = [(f"{place}:{name}", name) for place, name in enumerate(signature.user_outputs)]
    outputs = [_fx_port(label, nodes[name].meta.get("val")) for label, name in named if name in nodes]
    picture = picture_input(inputs, artifact)
    output, count = scores_output(outputs, _numbered(artifact, outputs))
    program = Exported(exported)
    scores = scores_of(program.back(nodes[output.name.partition(":")[2]])) or "logits"
    steps = steps_of(program.forward(nodes[picture.port.name]), artifact.image[0])
    reading = read_steps(steps, picture.layout, artifact.image)
    return ArtifactFacts(
        format=EXPORT,
        input_name=picture.port.name,
        output_name=output.name,
        layout=picture.layout,
        dtype=picture.port.dtype,
        batch=picture.batch,
        outputs=count,
        scores=scores,
        scores_in_graph=scores,
        normalisation=reading.normalisation,
        unread=reading.unread,
        clips=reading.clips,
        **of_facts(ran := _export_precision(torch, exported, picture, artifact)),
        macs=None if ran.macs is None else ran.macs // (picture.batch or _IMAGES),
    )


def _inspect_script(torch: ModuleType, artifact: Artifact) -> ArtifactFacts:
    """A TorchScript file has no shapes: they are found by trying."""
    module = _load_script(torch, artifact, torch.device("cpu"))
    floats = (one.dtype for one in module.parameters() if one.dtype.is_floating_point)
    dtype = str(next(floats, torch.float32)).removeprefix("torch.")
    layout, batch, given = _tried(torch, module, artifact, dtype)
    outputs = [
        Port(name, str(tensor.dtype).removeprefix("torch."), (None, *tensor.shape[1:])) for name, tensor in given
    ]
    output, count = scores_output(outputs, _numbered(artifact, outputs))
    program = Script(torch, module)
    scores = scores_of(program.back(int(output.name.partition(":")[0])))
    reading = read_steps(steps_of(program.forward(), artifact.image[0]), layout, artifact.image)
    return ArtifactFacts(
        format=SCRIPT,
        input_name=program.input_name,
        output_name=output.name,
        layout=layout,
        dtype=dtype,
        batch=batch,
        outputs=count,
        scores=scores or "logits",
        scores_in_graph=scores or "logits",
        normalisation=reading.normalisation,
        unread=reading.unread,
        clips=reading.clips,
        **of_facts(ran := _script_precision(torch, module, dtype, layout, batch, artifact)),
        macs=None if ran.macs is None else ran.macs // (batch or _IMAGES),
    )


def _tried(
    torch: ModuleType, module: "torch.jit.ScriptModule", artifact: Artifact, dtype: str
) -> "tuple[Layout, int | None, list[tuple[str, torch.Tensor]]]":
    """Layout, batch and outputs for the first kind of input that the program takes."""
    reason: Exception | None = None
    layouts: tuple[Layout, Layout] = ("NCHW", "NHWC")
    for layout in layouts:
        for batch in (2, 1):
            pixels = torch.zeros(batch, *picture_shape(artifact.image, layout), dtype=getattr(torch, dtype))
            try:
                with torch.inference_mode():
                    given = _named(torch, module(pixels))
            except Exception as error:  # any error of its operators
                reason = reason if layout == "NHWC" else error
                continue
            if given and all(tensor.ndim and len(tensor) == batch for _, tensor in given):
                return layout, None if batch == 2 else 1, given
    said = telling_line(str(reason or "")) or "its outputs have no batch"
    raise WeightsError(f"{artifact.path} does not run on images of {artifact.image}: {said}")


def _load_export(torch: ModuleType, artifact: Artifact) -> "torch.export.ExportedProgram":
    """The program. A file that would execute anything but operators is refused."""
    try:
        code = code_in(artifact.path)
        if code is None:
            quantize.know_steps()
            with warnings.catch_warnings(), pickles_of_tensors_only():
                warnings.simplefilter("ignore")
                return torch.export.load(artifact.path)
    except Exception as error:  # zip, JSON, pickle and torch each have classes of their own
        if "Weights only load failed" not in str(error):
            raise unreadable(artifact, error) from error
        code = "a pickle of more than tensors"
    raise WeightsError(f"{artifact.path} contains code, which is never run: {code}")


def _load_script(torch: ModuleType, artifact: Artifact, device: "torch.device") -> "torch.jit.ScriptModule":
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user of a TorchScript file needs no warning that it is deprecated
            return torch.jit.load(str(artifact.path), map_location=device).eval()
    except Exception as error:
        raise unreadable(artifact, error) from error


def _named(torch: ModuleType, given: Any) -> "list[tuple[str, torch.Tensor]]":
    """The tensors of a result, under names that begin with their number."""
    if isinstance(given, torch.Tensor):
        return [("0:output", given)]
    items = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, list | tuple) else ()
    tensors = [(str(name), one) for name, one in items if isinstance(one, torch.Tensor)]
    return [(f"{place}:{name}", one) for place, (name, one) in enumerate(tensors)]


def _numbered(artifact: Artifact, outputs: Sequence[Port]) -> Artifact:
    """The artifact with its output's name as used here, with or without its number."""
    from dataclasses import replace

    for port in outputs:
        if artifact.output_name in {port.name.partition(":")[0], port.name.partition(":")[2]}:
            return replace(artifact, output_name=port.name)
    return artifact


def _fx_port(name: str, value: Any) -> Port:
    if not hasattr(value, "shape"):
        return Port(name, type(value).__name__, None)
    sides = tuple(side if isinstance(side, int) else None for side in value.shape)
    return Port(name, str(value.dtype).removeprefix("torch."), sides)


def _export_precision(
    torch: ModuleType, exported: "torch.export.ExportedProgram", picture: Picture, artifact: Artifact
) -> FilePrecision:
    """The precisions of the program, which runs once on black images, unless it has quantize steps to be compiled."""
    stored = [one for one in (*exported.state_dict.values(), *exported.constants.values()) if hasattr(one, "numel")]
    if quantize.has_steps(exported.graph):
        return precision.of_steps(quantize.products(exported.graph), stored)
    pixels = torch.zeros(
        picture.batch or _IMAGES,
        *picture_shape(artifact.image, picture.layout),
        dtype=getattr(torch, picture.port.dtype),
    )
    try:
        call = _caller(exported)
        return precision.watch(torch, lambda: call(pixels), stored)
    except Exception:  # a program for a GPU does not run here, so only its stored types are known
        return precision.watch(torch, lambda: None, stored)


def _script_precision(
    torch: ModuleType,
    module: "torch.jit.ScriptModule",
    dtype: str,
    layout: Layout,
    batch: int | None,
    artifact: Artifact,
) -> FilePrecision:
    """The same of a TorchScript program."""
    pixels = torch.zeros(batch or _IMAGES, *picture_shape(artifact.image, layout), dtype=getattr(torch, dtype))
    stored = precision.tensors_of(module)
    return precision.watch(torch, lambda: module(pixels), stored)
