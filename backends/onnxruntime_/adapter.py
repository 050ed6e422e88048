"""ONNX Runtime behind the contract: the hand-written ONNX graph, with weights passed as arrays."""

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared import resident
from alexbench.backends._shared.adapters import check_pixels, device_index, import_runtime, not_loaded
from alexbench.backends._shared.artifacts import Loaded, refuse_bf16, unreadable
from alexbench.backends._shared.exports import INPUT, OUTPUT
from alexbench.backends._shared.onnx_export import open_onnx, write_onnx
from alexbench.backends._shared.onnx_graph import graph_model
from alexbench.backends._shared.thread_streams import ThreadStream, open_loop, open_threads
from alexbench.backends._shared.watched_layers import check_layers, no_activations
from alexbench.backends.onnxruntime_ import activations as onnx_activations
from alexbench.backends.onnxruntime_ import artifact as onnx_artifact
from alexbench.backends.onnxruntime_ import profile
from alexbench.backends.onnxruntime_ import quantize as onnx_quantize
from alexbench.backends.onnxruntime_ import settings as onnx_settings
from alexbench.backends.onnxruntime_.ranges import RangedGraph
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
from alexbench.harness.models.network import Layout, MaxPool, Network

if TYPE_CHECKING:
    import onnxruntime

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"


class OnnxRuntimeBackend(Backend):
    """One sequential session with every graph optimisation, on the CPU or the CUDA provider; fp32 only."""

    name: ClassVar[str] = "onnxruntime"
    requires: ClassVar[Requirements] = Requirements(
        groups=(("onnxruntime", "onnxruntime-gpu"), ("onnx",)), extra="onnxruntime"
    )
    device_kinds: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    input_layout: Layout = "NCHW"
    artifact_suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    data_suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    export_formats: ClassVar[tuple[ExportFormat, ...]] = (ExportFormat("onnx", ".onnx"),)
    opened_formats: ClassVar[tuple[str, ...]] = ("onnx",)
    settings: ClassVar[tuple[Setting, ...]] = onnx_settings.SETTINGS
    candidates: ClassVar[tuple[Candidate, ...]] = onnx_settings.CANDIDATES
    quantized_suffix: ClassVar[str] = ".onnx"
    quantizer: ClassVar[Requirements] = Requirements(groups=(("onnxruntime", "onnxruntime-gpu"), ("onnx",)))
    quantizing_s: ClassVar[tuple[float, float]] = (4.0, 0.07)
    range_methods: ClassVar[tuple[RangeMethod, ...]] = tuple(onnx_quantize.METHODS)

    def __init__(self, *, traced_to: Path | None = None) -> None:
        self._traced_to = traced_to  # where ONNX Runtime's profiler writes its trace; None without a profiler
        self._ort: ModuleType | None = None
        self._session: onnxruntime.InferenceSession | None = None
        self._kept: list[object] = []
        self._built: Model | None = None
        self._options: Options | None = None
        self._shape: tuple[int, ...] = ()
        self._artifact: Loaded | None = None

    @classmethod
    def preload(cls) -> None:
        """See :meth:`Preloads.preload`."""
        _import_onnxruntime()

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`."""
        check_weights(model)
        self.close()
        if options.precision != "fp32":
            raise UnsupportedOptionError(
                f"onnxruntime: asked for {options.precision}, but its CPU provider has no such kernels for this"
                " network; fp32 would have run; use --precision fp32"
            )
        ort = _import_onnxruntime()
        device_id = _cuda_index(options.device)
        settings = _session_options(ort, options)
        if self._traced_to is not None:
            settings.enable_profiling, settings.profile_file_prefix = True, str(self._traced_to)
        kept = _give_weights(ort, model, settings)
        session = _open(ort, graph_model(model.network).SerializeToString(), settings, device_id)
        self._options, self._built = options, model
        self._ort, self._session, self._kept, self._shape = ort, session, kept, model.network.input_shape

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of ``pixels`` (N, C, H, W), which the session reads in place."""
        session = self._session
        if session is None:
            raise not_loaded(self.name, "predict")
        if self._artifact is not None:
            return self._artifact.predict(pixels)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        return np.asarray(session.run([OUTPUT], {INPUT: pixels})[0], dtype=np.float32)

    def activations(self, pixels: NDArray[np.float32], layers: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """See :meth:`GivesActivations.activations`: by a second session, whose graph has the layers as outputs."""
        ort, model, options = self._ort, self._built, self._options
        if ort is None or options is None:
            raise not_loaded(self.name, "activations")
        if model is None:
            raise no_activations(self.name)
        check_layers(model.network, layers)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        settings = _session_options(ort, options)
        kept = _give_weights(ort, model, settings)
        graph = onnx_activations.watched(model.network, layers)
        session = _open(ort, graph.SerializeToString(), settings, _cuda_index(options.device))
        found = onnx_activations.run(session, model.network, pixels, layers)
        del session, kept  # the session first: it reads them
        return found

    def inspect_artifact(self, artifact: Artifact, options: Options) -> ArtifactFacts:
        """See :meth:`RunsArtifacts.inspect_artifact`."""
        refuse_bf16(self.name, options)
        _import_onnxruntime()
        return onnx_artifact.inspect(artifact)

    def load_artifact(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`RunsArtifacts.load_artifact`. External data are in the same folder."""
        self._load_file(artifact, facts, options, emulated=False)

    def load_emulated(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`EmulatesInt8.load_emulated`: without optimisations no node is fused into an int8 kernel."""
        self._load_file(artifact, facts, options, emulated=True)

    def _load_file(self, artifact: Artifact, facts: ArtifactFacts, options: Options, *, emulated: bool) -> None:
        refuse_bf16(self.name, options)
        self.close()
        ort = _import_onnxruntime()
        device_id = _cuda_index(options.device)
        settings = _session_options(ort, options)
        if emulated:
            settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = _open(ort, str(artifact.path), settings, device_id)
        except UnsupportedOptionError:
            raise
        except Exception as error:  # its own classes derive from nothing narrower
            raise unreadable(artifact, error) from error

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            return np.asarray(session.run([facts.output_name], {facts.input_name: batch})[0])

        self._options, self._ort, self._session = options, ort, session
        self._artifact, self.input_layout = Loaded(self.name, artifact, facts, run), facts.layout

    def open_ranges(
        self,
        artifact: Artifact,
        facts: ArtifactFacts,
        options: Options,
        ranges: Mapping[str, tuple[float, float]] | None,
    ) -> OpenedRanges:
        """See :meth:`OpensRanges.open_ranges`: by a session of a changed graph."""
        ort = _import_onnxruntime()
        graph = RangedGraph(artifact.path)
        settings = _session_options(ort, options)
        if ranges is None:
            graph.take_out()
        else:
            graph.put(ranges)
            settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = _open(ort, graph.proto.SerializeToString(), settings, _cuda_index(options.device))
        except Exception as error:  # its own classes derive from nothing narrower
            raise unreadable(artifact, error) from error
        names = [one.name for one in session.get_outputs()]

        def run(pixels: NDArray[np.float32]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
            found = dict(zip(names, session.run(names, {facts.input_name: pixels}), strict=True))
            values = {one.name: found.get(one.name, pixels) for one in graph.ranges} if ranges is None else {}
            return np.asarray(found[facts.output_name], np.float32).reshape(len(pixels), -1), values

        return OpenedRanges(graph.ranges, graph.one_scale, run)

    def effective(self) -> Effective:
        """The session reports its providers. Its thread count is only the requested one, and it reports no types."""
        ort, session, options = self._ort, self._session, self._options
        if ort is None or session is None or options is None:
            raise not_loaded(self.name, "effective")
        settings = session.get_session_options()
        provider = session.get_providers()[0]
        return Effective(
            runtime="onnxruntime",
            version=ort.__version__,
            device=Known("cpu", "reported") if provider == CPU else Known(options.device, "requested"),
            provider=Known(provider, "reported"),
            precision=Known("fp32", "requested") if self._artifact is None else self._artifact.precision,
            threads=Known(str(settings.intra_op_num_threads), "requested"),
            streams=Known("1", "requested"),
            settings={
                "graph_optimization": settings.graph_optimization_level.name,
                "execution_mode": settings.execution_mode.name,
                "inter_op_threads": str(settings.inter_op_num_threads),
                "spinning": options.setting("session.intra_op.allow_spinning", "default"),
                "tf32": "off",
                "providers": ", ".join(session.get_providers()),
            }
            | ({} if self._artifact is None else self._artifact.settings()),
            stored=Known("fp32", "requested") if self._artifact is None else self._artifact.stored,
            applied=onnx_settings.applied(options, settings),
        )

    def close(self) -> None:
        """Drop the session first, then the arrays it reads."""
        self._session = None
        self._artifact, self.input_layout = None, type(self).input_layout
        self._kept, self._built, self._options = [], None, None
        self._ort = None

    def devices(self) -> list[str]:
        """``cpu``, and each CUDA device on which a small session actually opens."""
        ort = _import_onnxruntime()
        found = ["cpu"]
        if CUDA not in ort.get_available_providers():
            return found
        probe = Network("probe", "one pooling", (1, 2, 2), (MaxPool("pool", 2, 2),))
        graph = graph_model(probe).SerializeToString()
        while True:
            try:
                _open(ort, graph, _session_options(ort, Options(1)), len(found) - 1)
            except UnsupportedOptionError:
                return found
            found.append(f"cuda:{len(found) - 1}")

    def open_stream(self, model: Model, options: Options, *, batch_size: int) -> ThreadStream:  # noqa: ARG002
        """See :meth:`Streams.open_stream`: one session without threads of its own, run by several threads at once."""
        if options.device != "cpu":
            return open_loop(type(self)(), model, options)
        how = f"one session, callers at once: {options.threads}, intra-op 1"
        own = replace(options.without(onnx_settings.THREADS), threads=1)
        return open_threads(type(self)(), model, own, callers=options.threads, how=how)

    def resident(self, pixels: NDArray[np.float32]) -> Callable[[], None] | None:
        """See :meth:`KeepsOnDevice.resident`: input and output bound to the GPU's memory. None for an artifact too."""
        ort, session, options = self._ort, self._session, self._options
        if ort is None or session is None or options is None:
            raise not_loaded(self.name, "resident")
        index = _cuda_index(options.device)
        if index is None or self._artifact is not None:
            return None
        return resident.on_onnxruntime(ort, session, pixels, ("cuda", index))

    def profile_layers(
        self, model: Model, options: Options, pixels: NDArray[np.float32], *, repeats: int
    ) -> Mapping[str, float]:
        """See :meth:`ProfilesLayers.profile_layers`. Empty on CUDA, where the trace has only the launches."""
        if options.device != "cpu":
            return {}
        with TemporaryDirectory() as folder, closing(type(self)(traced_to=Path(folder, "trace"))) as traced:
            traced.load(model, options)
            session = traced._session  # noqa: SLF001  # of our own class
            assert session is not None
            return profile.profile(
                model.network, lambda: traced.predict(pixels), session.end_profiling, repeats=repeats
            )

    def export(self, model: Model, path: Path, form: ExportFormat, notes: Mapping[str, str]) -> str:
        """See :meth:`Exports.export`: the graph that ``load`` builds, with weights; ONNX Runtime is not involved."""
        check_weights(model)
        onnx = import_runtime("onnx", extra="onnxruntime")
        write_onnx(model, path, notes)
        return f"{form.name} graph written by alexbench with onnx {onnx.__version__}"

    def open_export(self, path: Path, form: str) -> OpenedExport:  # noqa: ARG002  # there is one
        """See :meth:`OpensExports.open_export`."""
        return open_onnx(_import_onnxruntime(), path)

    def quantize(
        self,
        model: Model,
        images: Sequence[NDArray[np.float32]],
        path: Path,
        how: QuantizationOptions,
        notes: Mapping[str, str],
    ) -> str:
        """See :meth:`Quantizes.quantize`: by ONNX Runtime's own static quantization."""
        check_weights(model)
        return onnx_quantize.quantize(_import_onnxruntime(), model, images, path, how, notes)


def _import_onnxruntime() -> ModuleType:
    import_runtime("onnx", extra="onnxruntime")  # the graph is written with it
    return import_runtime("onnxruntime", extra="onnxruntime")


def _cuda_index(name: str) -> int | None:
    """The CUDA device's index; None for the CPU."""
    index = device_index("onnxruntime", OnnxRuntimeBackend.device_kinds, name)
    return None if name == "cpu" else index


def _give_weights(ort: ModuleType, model: Model, settings: "onnxruntime.SessionOptions") -> list[object]:
    """Pass the arrays to the session, which reads them in place while the returned object is alive.

    ONNX Runtime repacks the arrays that its kernels need in another order.
    """
    names = list(model.network.parameter_shapes)
    arrays = [model.weights[name] for name in names]
    values = [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays]
    settings.add_external_initializers(names, values)
    return [arrays, values]


def _session_options(ort: ModuleType, options: Options) -> "onnxruntime.SessionOptions":
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.log_severity_level = 3
    onnx_settings.apply(options, settings)
    return settings


def _open(
    ort: ModuleType, graph: bytes | str, settings: "onnxruntime.SessionOptions", device_id: int | None
) -> "onnxruntime.InferenceSession":
    """A session of a graph or a file, on exactly the requested provider.

    Both of ONNX Runtime's silent fallbacks to the CPU are errors.
    """
    if device_id is None:
        return ort.InferenceSession(graph, settings, providers=[CPU], enable_fallback=0)
    if CUDA not in ort.get_available_providers():
        raise _no_cuda(device_id, "this build has no CUDAExecutionProvider; pip install onnxruntime-gpu")
    if hasattr(ort, "preload_dlls"):  # 1.21 and later: finds CUDA where pip put it
        ort.preload_dlls()
    settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    # TF32 is on by default in this provider, and an environment variable could force it back on.
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    cuda = (CUDA, {"device_id": str(device_id), "use_tf32": "0"})
    try:
        session = ort.InferenceSession(graph, settings, providers=[cuda], enable_fallback=0)
    except Exception as error:  # its own classes derive from nothing narrower
        raise _no_cuda(device_id, _why_not_loaded(ort) or str(error).splitlines()[0]) from error
    if session.get_providers()[0] != CUDA:
        raise _no_cuda(device_id, _why_not_loaded(ort) or f"the session runs {session.get_providers()[0]}")
    return session


def _why_not_loaded(ort: ModuleType) -> str | None:
    """The loader's message about the provider's library: ONNX Runtime itself only logs it."""
    folder = Path(ort.__path__[0]) / "capi"
    for library in folder.glob("*onnxruntime_providers_cuda.*"):
        try:
            ctypes.CDLL(str(library))
        except OSError as error:
            return str(error).splitlines()[0]
    return None


def _no_cuda(device_id: int, reason: str) -> UnsupportedOptionError:
    return UnsupportedOptionError(
        f"onnxruntime: asked for cuda:{device_id}, but CUDAExecutionProvider did not load ({reason}); "
        f"{CPU} would have run; use --device cpu"
    )
