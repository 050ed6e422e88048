"""OpenVINO behind the contract: the network built with its opset, compiled for latency."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import check_pixels, device_index, import_runtime, not_loaded
from alexbench.backends._shared.artifacts import Loaded
from alexbench.backends._shared.watched_layers import check_layers, no_activations
from alexbench.backends.openvino_ import activations as openvino_activations
from alexbench.backends.openvino_ import artifact as openvino_artifact
from alexbench.backends.openvino_ import precision as openvino_precision
from alexbench.backends.openvino_ import profile
from alexbench.backends.openvino_ import quantize as openvino_quantize
from alexbench.backends.openvino_.export import convert_ir, open_ir, write_ir
from alexbench.backends.openvino_.network import build_graph
from alexbench.backends.openvino_.ranges import RangedModel
from alexbench.backends.openvino_.requests import Requests
from alexbench.backends.openvino_.settings import (
    CANDIDATES,
    RESHAPE,
    SETTINGS,
    STREAMS,
    THREADS,
    applied,
    with_settings,
)
from alexbench.backends.openvino_.stream import QueueStream
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
)
from alexbench.harness.records.precisions import coarsest

if TYPE_CHECKING:
    import openvino


_LOW_PRECISION: Final = "LP_TRANSFORMS_MODE"
"""The CPU plugin's own switch of its low precision transformations; src/plugins/intel_cpu/src/config.cpp."""


_OUR_NAMES: Final = {"f32": "fp32", "f16": "fp16", "bf16": "bf16"}


class OpenVinoBackend(Backend):
    """One stream, the LATENCY hint and an explicit precision: by default OpenVINO uses bf16 if the CPU has it.

    Where a user asks for several streams, each batch is divided among them.
    """

    name: ClassVar[str] = "openvino"
    requires: ClassVar[Requirements] = Requirements(groups=(("openvino",),), extra="openvino")
    device_kinds: ClassVar[tuple[str, ...]] = ("cpu", "gpu")
    input_layout: Layout = "NCHW"
    artifact_suffixes: ClassVar[tuple[str, ...]] = openvino_artifact.SUFFIXES
    data_suffixes: ClassVar[tuple[str, ...]] = openvino_artifact.SUFFIXES
    export_formats: ClassVar[tuple[ExportFormat, ...]] = (
        ExportFormat("openvino", ".xml", beside=(".bin",)),
        ExportFormat("openvino", ".xml", beside=(".bin",), via="openvino-convert"),
    )
    opened_formats: ClassVar[tuple[str, ...]] = ("openvino",)
    settings: ClassVar[tuple[Setting, ...]] = SETTINGS
    candidates: ClassVar[tuple[Candidate, ...]] = CANDIDATES
    quantized_suffix: ClassVar[str] = ".xml"
    quantizer: ClassVar[Requirements] = Requirements(groups=(("nncf",),), extra="openvino-int8")
    quantizing_s: ClassVar[tuple[float, float]] = (8.0, 0.05)
    range_methods: ClassVar[tuple[RangeMethod, ...]] = openvino_quantize.METHODS

    def __init__(self, *, counting: bool = False) -> None:
        self._counting = counting  # time by node: OpenVINO's performance counters
        self._ov: ModuleType | None = None
        self._compiled: openvino.CompiledModel | None = None
        self._requests: Requests | None = None
        self._kept: Model | None = None
        self._options: Options | None = None
        self._shape: tuple[int, ...] = ()
        self._artifact: Loaded | None = None

    @classmethod
    def preload(cls) -> None:
        """See :meth:`Preloads.preload`."""
        _import_openvino()

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`."""
        check_weights(model)
        self.close()
        ov = _import_openvino()
        core = ov.Core()
        device = _device(core, options.device)
        graph = build_graph(ov, model)

        def compiled_for(batch: int | None) -> "openvino.CompiledModel":
            if batch is not None:
                graph.reshape([batch, *model.network.input_shape])
            return _compile(core, graph, device, options, counting=self._counting)

        static = bool(options.setting(RESHAPE))
        requests = Requests(ov, compiled_for, model.network.outputs, static=static)
        _refuse_other_kernels(requests.compiled, options)
        self._ov, self._compiled, self._requests = ov, requests.compiled, requests
        # The compiled model may continue to read the arrays that its constants share.
        self._kept, self._shape = model, model.network.input_shape
        self._options = options

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of ``pixels`` (N, C, H, W). Input and output are bound without a copy."""
        if self._ov is None:
            raise not_loaded(self.name, "predict")
        if self._artifact is not None:
            return self._artifact.predict(pixels)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        assert self._requests is not None
        return self._requests.infer(pixels)

    def activations(self, pixels: NDArray[np.float32], layers: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """See :meth:`GivesActivations.activations`: by a second compiled model, which has the layers as outputs."""
        ov, model, options = self._ov, self._kept, self._options
        if ov is None:
            raise not_loaded(self.name, "activations")
        if model is None or options is None:
            raise no_activations(self.name)
        check_layers(model.network, layers)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        core, graph = ov.Core(), build_graph(ov, model)
        places = openvino_activations.watch(graph, model.network, layers)
        compiled = _compile(core, graph, _device(core, options.device), options)
        return openvino_activations.run(ov, compiled, pixels, places)

    def inspect_artifact(self, artifact: Artifact, options: Options) -> ArtifactFacts:
        """See :meth:`RunsArtifacts.inspect_artifact`."""
        ov = _import_openvino()
        core = ov.Core()
        _device(core, options.device)
        return openvino_artifact.inspect(openvino_artifact.read(core, artifact), artifact)

    def load_artifact(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`RunsArtifacts.load_artifact`. Quantised layers stay quantised with either precision."""
        self._load_file(artifact, facts, options, emulated=False)

    def load_emulated(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`EmulatesInt8.load_emulated`: without low precision transformations FakeQuantize stays in fp32."""
        self._load_file(artifact, facts, options, emulated=True)

    def _load_file(self, artifact: Artifact, facts: ArtifactFacts, options: Options, *, emulated: bool) -> None:
        self.close()
        ov = _import_openvino()
        core = ov.Core()
        device = _device(core, options.device)
        compiled = _compile(core, openvino_artifact.read(core, artifact), device, options, emulated=emulated)
        request = compiled.create_infer_request()
        source = openvino_artifact.port(compiled.inputs, facts.input_name)
        scores = openvino_artifact.port(compiled.outputs, facts.output_name)

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            request.set_tensor(source, ov.Tensor(batch if batch.flags.writeable else batch.copy(), shared_memory=True))
            request.infer()
            return np.asarray(request.get_tensor(scores).data)

        self._ov, self._compiled, self._options = ov, compiled, options
        self._artifact, self.input_layout = Loaded(self.name, artifact, facts, run), facts.layout

    def open_ranges(
        self,
        artifact: Artifact,
        facts: ArtifactFacts,
        options: Options,
        ranges: Mapping[str, tuple[float, float]] | None,
    ) -> OpenedRanges:
        """See :meth:`OpensRanges.open_ranges`: by a changed model, whose FakeQuantize steps stay in fp32."""
        ov = _import_openvino()
        core = ov.Core()
        model = openvino_artifact.read(core, artifact)
        changed = RangedModel(ov, model, ranges)
        compiled = _compile(core, model, _device(core, options.device), options, emulated=True)
        source = openvino_artifact.port(compiled.inputs, facts.input_name)
        run = changed.runner(compiled, source, openvino_artifact.port(compiled.outputs, facts.output_name))
        return OpenedRanges(changed.ranges, changed.one_scale, run)

    def effective(self) -> Effective:
        """The properties that the compiled model reports."""
        ov, compiled, options = self._ov, self._compiled, self._options
        if ov is None or compiled is None or options is None:
            raise not_loaded(self.name, "effective")
        static = compiled.inputs[0].partial_shape.is_static
        device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
        precision, layers = _precision(compiled)
        artifact = {} if self._artifact is None else self._artifact.settings()
        names = set(compiled.get_property("SUPPORTED_PROPERTIES"))
        wanted = ("PERFORMANCE_HINT", "EXECUTION_MODE_HINT", "ENABLE_CPU_PINNING", "ENABLE_HYPER_THREADING")
        return Effective(
            runtime="openvino",
            version=ov.__version__,
            device=Known(device.lower().replace(".", ":"), "reported"),
            provider=Known(f"{device} plugin", "reported"),
            precision=precision,
            threads=_known(compiled, names, "INFERENCE_NUM_THREADS"),
            streams=_known(compiled, names, "NUM_STREAMS"),
            settings={"batch": "static" if static else "dynamic", "layers": layers}
            | {name.lower(): str(compiled.get_property(name)) for name in wanted if name in names}
            | artifact,
            stored=Known("fp32", "requested") if self._artifact is None else self._artifact.stored,
            applied=applied(compiled, options, static=static),
        )

    def close(self) -> None:
        """Release the request and the compiled model, then the arrays that they may read."""
        self._requests = self._compiled = None
        self._artifact, self.input_layout = None, type(self).input_layout
        self._kept = self._options = None
        self._ov = None

    def devices(self) -> list[str]:
        """The devices that OpenVINO finds, in this project's spelling: ``cpu``, ``gpu``, ``gpu:1``."""
        return [name.lower().replace(".", ":") for name in _import_openvino().Core().available_devices]

    def open_stream(self, model: Model, options: Options, *, batch_size: int) -> QueueStream:  # noqa: ARG002
        """See :meth:`Streams.open_stream`: the THROUGHPUT hint, which chooses the streams; the batch is dynamic."""
        check_weights(model)
        ov = _import_openvino()
        core = ov.Core()
        device = _device(core, options.device)
        own = options.without("PERFORMANCE_HINT", STREAMS, RESHAPE)
        return QueueStream(ov, _compile(core, build_graph(ov, model), device, own, throughput=True), model)

    def profile_layers(
        self, model: Model, options: Options, pixels: NDArray[np.float32], *, repeats: int
    ) -> Mapping[str, float]:
        """See :meth:`ProfilesLayers.profile_layers`. Only the CPU plugin's counters are understood here."""
        if options.device != "cpu":
            return {}
        with closing(type(self)(counting=True)) as counted:
            counted.load(model, options)
            requests = counted._requests  # noqa: SLF001  # of our own class
            assert requests is not None
            return profile.profile(
                model.network, lambda: counted.predict(pixels), lambda: requests.first.profiling_info, repeats=repeats
            )

    def export(self, model: Model, path: Path, form: ExportFormat, notes: Mapping[str, str]) -> str:
        """See :meth:`Exports.export`: the graph that ``load`` compiles, or OpenVINO's own conversion of ONNX."""
        check_weights(model)
        ov = _import_openvino()
        if form.via is None:
            write_ir(ov, build_graph(ov, model), path, notes)
            return f"graph written by alexbench with OpenVINO {ov.__version__}"
        convert_ir(ov, model, path, notes)
        return f"openvino.convert_model of OpenVINO {ov.__version__}, from alexbench's ONNX graph"

    def open_export(self, path: Path, form: str) -> OpenedExport:  # noqa: ARG002  # there is one
        """See :meth:`OpensExports.open_export`."""
        return open_ir(_import_openvino(), path)

    def quantize(
        self,
        model: Model,
        images: Sequence[NDArray[np.float32]],
        path: Path,
        how: QuantizationOptions,
        notes: Mapping[str, str],
    ) -> str:
        """See :meth:`Quantizes.quantize`: by NNCF."""
        check_weights(model)
        ov = _import_openvino()
        graph, tool = openvino_quantize.quantize(build_graph(ov, model), images, how)
        write_ir(ov, graph, path, notes)
        return tool


def _precision(compiled: "openvino.CompiledModel") -> tuple[Known, str]:
    """The types that its products use, by the names of its kernels, and how many use each. The hint is only a request.

    Layers that are quantised in a file run quantised, whatever the hint is.
    """
    ran = openvino_precision.compute_precisions(compiled)
    hint = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    if not ran:
        return Known(_OUR_NAMES.get(hint, hint), "requested"), "not said"
    return Known(coarsest(ran), "reported"), ", ".join(f"{count} in {kind}" for kind, count in ran.items())


def _import_openvino() -> ModuleType:
    return import_runtime("openvino", extra="openvino")


def _device(core: "openvino.Core", name: str) -> str:
    """OpenVINO's name of the device.

    Its virtual devices (AUTO, HETERO, MULTI) choose a device themselves, so they are not offered.
    """
    device_index("openvino", OpenVinoBackend.device_kinds, name)
    device, found = name.upper().replace(":", "."), core.available_devices
    aliases = {device, device.removesuffix(".0"), f"{device}.0"}
    if aliases.isdisjoint(found):
        raise UnsupportedOptionError(
            f"openvino: asked for {name}, but it finds only {', '.join(found)}; "
            "its AUTO device would have run the CPU; use --device cpu"
        )
    return device


def _compile(
    core: "openvino.Core",
    model: "openvino.Model",
    device: str,
    options: Options,
    *,
    counting: bool = False,
    throughput: bool = False,
    emulated: bool = False,
) -> "openvino.CompiledModel":
    settings: dict[str, Any] = {
        **({"PERFORMANCE_HINT": "THROUGHPUT"} if throughput else {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}),
        "INFERENCE_PRECISION_HINT": next(name for name, ours in _OUR_NAMES.items() if ours == options.precision),
    }
    if device == "CPU":
        settings["INFERENCE_NUM_THREADS"] = options.threads
        # LATENCY would ignore the second thread of a core, and so the user's thread count.
        settings["ENABLE_HYPER_THREADING"] = True
    if counting:
        settings["PERF_COUNT"] = True
    if emulated:
        settings[_LOW_PRECISION] = "NO"
    settings = with_settings(settings, options)
    try:
        compiled = core.compile_model(model, device, settings)
    except RuntimeError as error:
        raise UnsupportedOptionError(
            f"openvino: {device} does not take {options.precision} with these settings "
            f"({str(error).strip().splitlines()[-1]}); use --device cpu"
        ) from error
    _refuse_substitutes(compiled, settings, device)
    return compiled


def _refuse_substitutes(compiled: "openvino.CompiledModel", settings: dict[str, Any], device: str) -> None:
    """Compare the settings with what the compiled model reports."""
    found = {
        "INFERENCE_PRECISION_HINT": compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name(),
        STREAMS: str(compiled.get_property(STREAMS)),
    }
    if THREADS in settings:
        found[THREADS] = str(compiled.get_property(THREADS))
    ran = found.pop("INFERENCE_PRECISION_HINT")
    if ran != settings["INFERENCE_PRECISION_HINT"]:
        asked, instead = _OUR_NAMES[settings["INFERENCE_PRECISION_HINT"]], _OUR_NAMES.get(ran, ran)
        raise UnsupportedOptionError(
            f"openvino: asked for {asked}, but {device} runs {instead}; use --precision {instead}"
        )
    for name, value in found.items():
        if value != str(settings.get(name, value)):  # THROUGHPUT chooses its streams
            raise UnsupportedOptionError(f"openvino: asked {device} for {name}={settings[name]}, but it runs {value}")


def _refuse_other_kernels(compiled: "openvino.CompiledModel", options: Options) -> None:
    """The hint is taken on a CPU without such kernels too, and fp32 runs: the kernels' own names tell."""
    ran = openvino_precision.compute_precisions(compiled)
    if ran and options.precision not in ran:
        raise UnsupportedOptionError(
            f"openvino: asked for {options.precision}, but on this CPU its kernels run in {coarsest(ran)}; "
            f"use --precision {coarsest(ran)}"
        )


def _known(compiled: "openvino.CompiledModel", names: set[str], name: str) -> Known:
    return Known(str(compiled.get_property(name)), "reported") if name in names else Known("1", "requested")
