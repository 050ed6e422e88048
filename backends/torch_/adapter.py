"""PyTorch behind the contract: the network as torch.nn modules, run eagerly in inference mode."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared import resident
from alexbench.backends._shared.adapters import check_pixels, device_index, import_runtime, not_loaded
from alexbench.backends._shared.artifacts import Loaded, refuse_bf16
from alexbench.backends._shared.thread_streams import ThreadStream
from alexbench.backends._shared.watched_layers import check_layers, no_activations
from alexbench.backends.torch_ import activations as torch_activations
from alexbench.backends.torch_ import artifact as torch_artifact
from alexbench.backends.torch_ import profile, stream
from alexbench.backends.torch_ import quantize as torch_quantize
from alexbench.backends.torch_ import settings as torch_settings
from alexbench.backends.torch_.export import open_pt2, write_onnx, write_pt2
from alexbench.backends.torch_.network import check_has_layers, network_module, tensor_over
from alexbench.backends.torch_.train import TorchTrainer
from alexbench.harness.capabilities import (
    Candidate,
    ExportFormat,
    OpenedExport,
    OpenedRanges,
    QuantizationOptions,
    RangeMethod,
)
from alexbench.harness.contract import (
    Artifact,
    ArtifactFacts,
    Backend,
    Effective,
    Known,
    Model,
    Options,
    Requirements,
    Setting,
    check_weights,
)
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import (
    Layout,
    Network,
)
from alexbench.harness.trainers import TrainingOptions

if TYPE_CHECKING:
    import torch


PRECISIONS: Final = {"torch.float32": "fp32", "torch.bfloat16": "bf16", "torch.float16": "fp16"}


class TorchBackend(Backend):
    """torch.nn modules in their default memory format, eager, ``inference_mode``; CPU or CUDA, fp32 or bf16.

    With ``memory_format=channels_last``, it takes NHWC, which torch reads as such without a copy.
    """

    name: ClassVar[str] = "torch"
    requires: ClassVar[Requirements] = Requirements(groups=(("torch",),), extra="torch")
    device_kinds: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    input_layout: Layout = "NCHW"
    artifact_suffixes: ClassVar[tuple[str, ...]] = (".pt2", ".pt")
    export_formats: ClassVar[tuple[ExportFormat, ...]] = (
        ExportFormat("torch", ".pt2"),
        ExportFormat("onnx", ".onnx", via="torch.onnx"),
    )
    opened_formats: ClassVar[tuple[str, ...]] = ("torch",)
    settings: ClassVar[tuple[Setting, ...]] = torch_settings.SETTINGS
    candidates: ClassVar[tuple[Candidate, ...]] = torch_settings.CANDIDATES
    quantized_suffix: ClassVar[str] = ".pt2"
    quantizer: ClassVar[Requirements] = Requirements(groups=(("torchao",),), extra=torch_quantize.EXTRA)
    quantizing_s: ClassVar[tuple[float, float]] = (16.0, 0.15)
    range_methods: ClassVar[tuple[RangeMethod, ...]] = torch_quantize.METHODS

    def __init__(self) -> None:
        self._torch: ModuleType | None = None
        self._module: torch.nn.Module | None = None
        self._call: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._options: Options | None = None
        self._network: Network | None = None
        self._shape: tuple[int, ...] = ()
        self._artifact: Loaded | None = None
        self._in_int8: int | None = None

    @classmethod
    def preload(cls) -> None:
        """See :meth:`Preloads.preload`."""
        _import_torch()

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`."""
        check_weights(model)
        self.close()
        torch = _import_torch()
        device = _device(torch, options.device)
        _forbid_reduced_precision(torch)
        _set_threads(torch, options)
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[options.precision]
        check_has_layers(torch, model.network, device, dtype)
        module = network_module(torch, model).to(device=device, dtype=dtype)
        self._module = module = torch_settings.formatted(torch, module, options)
        self._device, self._dtype, self._options = device, dtype, options
        self._torch, self._network, self._shape = torch, model.network, model.network.input_shape
        if options.setting(torch_settings.MEMORY_FORMAT) == torch_settings.CHANNELS_LAST:
            channels, *sides = self._shape
            self.input_layout, self._shape = "NHWC", (*sides, channels)
        self._call = torch_settings.compiled(
            torch, module, options, self._given(np.zeros((1, *self._shape), np.float32))
        )

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of ``pixels`` (N, C, H, W); the copy to the host waits for a GPU."""
        torch = self._torch
        if torch is None:
            raise not_loaded(self.name, "predict")
        if self._artifact is not None:
            return self._artifact.predict(pixels)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        assert self._call is not None
        with torch.inference_mode():
            logits: NDArray[np.float32] = self._call(self._given(pixels)).to(device="cpu", dtype=torch.float32).numpy()
        return logits

    def _given(self, pixels: NDArray[np.float32]) -> "torch.Tensor":
        """The batch as the modules take it: (N, C, H, W), in the memory order of ``input_layout``."""
        assert self._torch is not None
        x = tensor_over(self._torch, pixels)
        return (x.permute(0, 3, 1, 2) if self.input_layout == "NHWC" else x).to(device=self._device, dtype=self._dtype)

    def activations(self, pixels: NDArray[np.float32], layers: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """See :meth:`GivesActivations.activations`: by hooks on the modules that ``predict`` runs."""
        module = self._module
        if module is None:
            raise not_loaded(self.name, "activations")
        if self._network is None:
            raise no_activations(self.name)
        check_layers(self._network, layers)
        torch = self._torch
        assert torch is not None
        check_pixels(self.name, pixels, self._shape, self.input_layout)

        def run() -> None:  # the modules themselves: what was compiled of them calls no hooks
            with torch.inference_mode():
                module(self._given(pixels))

        return torch_activations.watch(module, run, layers)

    def inspect_artifact(self, artifact: Artifact, options: Options) -> ArtifactFacts:
        """See :meth:`RunsArtifacts.inspect_artifact`. Files that would have to be unpickled are refused."""
        refuse_bf16(self.name, options)
        torch = _import_torch()
        _device(torch, options.device)
        return torch_artifact.inspect(torch, artifact)

    def load_artifact(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`RunsArtifacts.load_artifact`. A graph with quantize steps is compiled to int8 kernels."""
        self._load_file(artifact, facts, options, emulated=False)

    def load_emulated(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`EmulatesInt8.load_emulated`: without Inductor, the graph's products are fp32."""
        self._load_file(artifact, facts, options, emulated=True)

    def _load_file(self, artifact: Artifact, facts: ArtifactFacts, options: Options, *, emulated: bool) -> None:
        refuse_bf16(self.name, options)
        self.close()
        torch = _import_torch()
        device = _device(torch, options.device)
        _forbid_reduced_precision(torch)
        _set_threads(torch, options)
        program = torch_artifact.load(torch, artifact, facts, device, emulated=emulated)
        place = torch_artifact.output_index(facts)

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            with torch.inference_mode():
                scores = program.call(tensor_over(torch, batch).to(device=device))[place]
                return np.asarray(scores.to(device="cpu", dtype=torch.float32).numpy())

        self._torch, self._module, self._device, self._options = torch, program.module, device, options
        self._in_int8 = program.in_int8
        self._artifact, self.input_layout = Loaded(self.name, artifact, facts, run), facts.layout

    def open_ranges(
        self,
        artifact: Artifact,
        facts: ArtifactFacts,
        options: Options,
        ranges: Mapping[str, tuple[float, float]] | None,
    ) -> OpenedRanges:
        """See :meth:`OpensRanges.open_ranges`: the program's operators run one by one."""
        torch = _import_torch()
        _forbid_reduced_precision(torch)
        _set_threads(torch, options)
        program, place = torch_artifact.ranged(torch, artifact, ranges), torch_artifact.output_index(facts)

        def run(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
            with torch.inference_mode():
                found, values = program.run(tensor_over(torch, pixels))
            return np.asarray(found[place].numpy(), np.float32).reshape(len(pixels), -1), values

        return OpenedRanges(program.ranges, program.one_scale, run)

    def effective(self) -> Effective:
        """What torch reports about its threads, the parameters' device and type, and fp32's inner precision.

        The type of a network's products is set and cannot be read back. For a file, its operators were watched.
        """
        torch, module, options = self._torch, self._module, self._options
        if torch is None or module is None or options is None:
            raise not_loaded(self.name, "effective")
        given = self._artifact
        parameter = next(module.parameters(), None)  # a frozen or quantised program may have no parameters
        device = self._device if parameter is None else parameter.device
        if device.type == "cuda":
            provider = f"cuDNN {torch.backends.cudnn.version()}"
        else:
            libraries = {"oneDNN": torch.backends.mkldnn.is_available(), "MKL": torch.backends.mkl.is_available()}
            provider = ", ".join(name for name, there in libraries.items() if there) or "ATen"
        return Effective(
            runtime="torch",
            version=torch.__version__,
            device=Known(str(device), "requested" if parameter is None else "reported"),
            provider=Known(provider, "reported"),
            precision=Known(_precision(self._dtype), "requested") if given is None else self._of_file(given),
            threads=Known(str(torch.get_num_threads()), "reported"),
            streams=Known("1", "requested"),
            settings={
                "execution": "compiled" if options.setting(torch_settings.COMPILE) else "eager, inference_mode",
                "memory_format": "channels_last" if self.input_layout == "NHWC" else "contiguous",
                "interop_threads": str(torch.get_num_interop_threads()),
                "float32_matmul_precision": torch.get_float32_matmul_precision(),
                "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            }
            | ({} if given is None else given.settings() | {"execution": self._execution()}),
            stored=Known(_precision(None if parameter is None else parameter.dtype), "reported")
            if given is None
            else given.stored,
            applied=torch_settings.applied(torch, module, options),
        )

    def _execution(self) -> str:
        if self._in_int8 is None:
            return "the file's program"
        return f"the file's program, compiled by Inductor with frozen weights, {self._in_int8} products in int8"

    def _of_file(self, given: Loaded) -> Known:
        """What a file's products work in; of a compiled one, by how many Inductor turned into int8 kernels."""
        if self._in_int8 is None:
            return given.precision
        return Known("int8" if self._in_int8 else "fp32", "reported")

    def quantize(
        self,
        model: Model,
        images: Sequence[NDArray[np.float32]],
        path: Path,
        how: QuantizationOptions,
        notes: Mapping[str, str],
    ) -> str:
        """See :meth:`Quantizes.quantize`: by torchao's PT2E for x86."""
        check_weights(model)
        torch = _import_torch()
        return torch_quantize.quantize(torch, network_module(torch, model), images, path, how, notes)

    def close(self) -> None:
        """Release the module, and its GPU memory."""
        cuda = self._module is not None and self._device.type == "cuda"
        self._module = self._network = self._call = self._options = self._in_int8 = None
        self._artifact, self.input_layout = None, type(self).input_layout
        if cuda and self._torch is not None:
            self._torch.cuda.empty_cache()
        self._torch = None

    def devices(self) -> list[str]:
        """``cpu``, and each CUDA device that torch can see."""
        torch = _import_torch()
        return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    def open_stream(self, model: Model, options: Options, *, batch_size: int) -> ThreadStream:  # noqa: ARG002
        """See :meth:`Streams.open_stream`: several threads, each of which runs its own operations."""
        return stream.open_stream(_import_torch(), type(self)(), model, torch_settings.for_streams(options))

    def resident(self, pixels: NDArray[np.float32]) -> Callable[[], None] | None:
        """See :meth:`KeepsOnDevice.resident`. Also None for an artifact."""
        torch, module = self._torch, self._module
        if torch is None or module is None:
            raise not_loaded(self.name, "resident")
        if self._device.type == "cpu" or self._artifact is not None:
            return None
        placed = tensor_over(torch, pixels).to(device=self._device, dtype=self._dtype)
        return resident.on_torch(torch, module, placed)

    def profile_layers(
        self, model: Model, options: Options, pixels: NDArray[np.float32], *, repeats: int
    ) -> Mapping[str, float]:
        """See :meth:`ProfilesLayers.profile_layers`. Empty on CUDA, where the host sees only the launches."""
        if options.device != "cpu":
            return {}
        with contextlib.closing(type(self)()) as marked:
            marked.load(model, options.without(torch_settings.COMPILE, torch_settings.FREEZING))
            module = marked._module  # noqa: SLF001  # of our own class
            assert module is not None
            return profile.profile(_import_torch(), module, lambda: marked.predict(pixels), repeats=repeats)

    def export(self, model: Model, path: Path, form: ExportFormat, notes: Mapping[str, str]) -> str:
        """See :meth:`Exports.export`: torch's exporters write the modules of ``load`` to .pt2 or ONNX."""
        check_weights(model)
        torch = _import_torch()
        write = write_pt2 if form.via is None else write_onnx
        return write(torch, network_module(torch, model), model.network.input_shape, path, notes)

    def open_trainer(self, model: Model, options: Options, how: TrainingOptions) -> TorchTrainer:
        """See :meth:`Trains.open_trainer`."""
        check_weights(model)
        torch = _import_torch()
        device = _device(torch, options.device)
        _forbid_reduced_precision(torch)
        _set_threads(torch, options)
        return TorchTrainer(torch, model, device, how)

    def open_export(self, path: Path, form: str) -> OpenedExport:  # noqa: ARG002  # there is one
        """See :meth:`OpensExports.open_export`."""
        torch = _import_torch()
        _forbid_reduced_precision(torch)
        return open_pt2(torch, path)


def _precision(dtype: "torch.dtype | None") -> str:
    return PRECISIONS.get(str(dtype), str(dtype))


def _import_torch() -> ModuleType:
    # Each variable is read once, by a library that loads with torch. The first two could turn fp32 into bf16 or TF32.
    # The others let OpenMP run fewer threads than torch reports (observed: 1 of 2, while torch reported 2).
    os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    os.environ["OMP_DYNAMIC"] = "FALSE"
    os.environ.pop("OMP_THREAD_LIMIT", None)
    return import_runtime("torch", extra="torch")


def _device(torch: ModuleType, name: str) -> "torch.device":
    index = device_index("torch", TorchBackend.device_kinds, name)
    if name == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if not torch.cuda.is_available() or index >= count:
        built = torch.version.cuda or torch.version.hip
        reason = f"it finds {count} CUDA devices" if built else f"torch {torch.__version__} was built without CUDA"
        raise UnsupportedOptionError(f"torch: asked for {name}, but {reason}; the CPU would have run; use --device cpu")
    return torch.device("cuda", index)


def _forbid_reduced_precision(torch: ModuleType) -> None:
    """Turn off TF32, and bf16 products in fp32 operations, everywhere: cuDNN has TF32 on by default."""
    if hasattr(torch.backends, "fp32_precision"):  # torch 2.9 and later; mixing it with the older names is an error
        torch.backends.fp32_precision = "ieee"
        for backend, operation in (("cudnn", "conv"), ("cuda", "matmul"), ("mkldnn", "conv"), ("mkldnn", "matmul")):
            getattr(getattr(torch.backends, backend), operation).fp32_precision = "ieee"
    else:
        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def _set_threads(torch: ModuleType, options: Options) -> None:
    threads = torch_settings.threads_of(options)
    torch_settings.apply(torch, options)
    torch.set_num_threads(threads)
    if torch.get_num_threads() != threads:
        raise UnsupportedOptionError(f"torch: asked for {threads} threads, but it runs {torch.get_num_threads()}")
    if torch.get_num_interop_threads() != 1:
        # torch refuses this once its pool has started. Eager inference does not use the pool, and effective() shows the
        # count.
        with contextlib.suppress(RuntimeError):
            torch.set_num_interop_threads(1)
