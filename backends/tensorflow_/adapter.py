"""TensorFlow behind the contract: one tf.function over tf.Variables, NHWC, without XLA."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared import resident
from alexbench.backends._shared.adapters import check_pixels, device_index, import_runtime, not_loaded
from alexbench.backends._shared.artifacts import Loaded, refuse_bf16
from alexbench.backends._shared.thread_streams import ThreadStream, open_loop, open_threads
from alexbench.backends._shared.watched_layers import check_layers, from_nhwc, no_activations
from alexbench.backends.tensorflow_ import artifact as tensorflow_artifact
from alexbench.backends.tensorflow_ import profile
from alexbench.backends.tensorflow_ import settings as tensorflow_settings
from alexbench.backends.tensorflow_.export import open_saved_model, write_saved_model
from alexbench.backends.tensorflow_.layers import every_layer, forward, variables
from alexbench.backends.tensorflow_.train import TensorFlowTrainer
from alexbench.harness.capabilities import Candidate, ExportFormat, OpenedExport
from alexbench.harness.contract import (
    Artifact,
    ArtifactFacts,
    Backend,
    Effective,
    Evidence,
    Known,
    Model,
    Options,
    Requirements,
    Setting,
    check_weights,
)
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import Layout, Network
from alexbench.harness.trainers import TrainingOptions

if TYPE_CHECKING:
    import tensorflow


class TensorFlowBackend(Backend):
    """A tf.function over variables, like a SavedModel's, on the CPU or one GPU; fp32 only."""

    name: ClassVar[str] = "tensorflow"
    requires: ClassVar[Requirements] = Requirements(groups=(("tensorflow", "tensorflow-cpu"),), extra="tensorflow")
    no_int8: ClassVar[str] = "TensorFlow has no int8 kernels for a CPU; its int8 is LiteRT's (.tflite files)"
    device_names: ClassVar[Mapping[str, str]] = MappingProxyType({"cuda": "gpu"})
    device_kinds: ClassVar[tuple[str, ...]] = ("cpu", "gpu", "cuda")
    input_layout: Layout = "NHWC"
    artifact_suffixes: ClassVar[tuple[str, ...]] = ("/", ".keras")
    export_formats: ClassVar[tuple[ExportFormat, ...]] = (ExportFormat("savedmodel", "", marker="saved_model.pb"),)
    opened_formats: ClassVar[tuple[str, ...]] = ("savedmodel",)
    settings: ClassVar[tuple[Setting, ...]] = tensorflow_settings.SETTINGS
    candidates: ClassVar[tuple[Candidate, ...]] = tensorflow_settings.CANDIDATES

    def __init__(self) -> None:
        self._tf: ModuleType | None = None
        self._variables: Mapping[Any, tensorflow.Variable] = {}
        self._function: Callable[[tensorflow.Tensor], tensorflow.Tensor] | None = None
        self._network: Network | None = None
        self._options: Options | None = None
        self._shape: tuple[int, ...] = ()
        self._device = ""
        self._artifact: Loaded | None = None

    @classmethod
    def preload(cls) -> None:
        """See :meth:`Preloads.preload`."""
        _import_tensorflow()

    def load(self, model: Model, options: Options) -> None:
        """See :meth:`Backend.load`. Thread counts apply to the process: a later load must repeat them."""
        check_weights(model)
        self.close()
        if options.precision != "fp32":
            raise UnsupportedOptionError(
                f"tensorflow: asked for {options.precision}, which this adapter does not build; fp32 would have run;"
                " use --precision fp32"
            )
        tf, device = _started(options)
        channels, height, width = model.network.input_shape
        signature = [tf.TensorSpec((None, height, width, channels), tf.float32)]
        with tf.device(device):
            self._variables = variables(tf, model)
            traced = forward(tf, model.network, self._variables)
            jit = options.setting(tensorflow_settings.JIT) == "True"
            function = tf.function(traced, input_signature=signature, autograph=False, jit_compile=jit)
            self._function = function.get_concrete_function()
        self._tf, self._shape, self._device = tf, (height, width, channels), device
        self._network, self._options = model.network, options

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of ``pixels`` (N, H, W, C). Reading the array waits for the device."""
        tf, function = self._tf, self._function
        if tf is None or function is None:
            raise not_loaded(self.name, "predict")
        if self._artifact is not None:
            return self._artifact.predict(pixels)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        with tf.device(self._device):
            logits: NDArray[np.float32] = function(tf.constant(pixels)).numpy()
        return logits

    def activations(self, pixels: NDArray[np.float32], layers: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """See :meth:`GivesActivations.activations`: by a second function over the same variables, with many outputs."""
        tf, network = self._tf, self._network
        if tf is None:
            raise not_loaded(self.name, "activations")
        if network is None:
            raise no_activations(self.name)
        check_layers(network, layers)
        check_pixels(self.name, pixels, self._shape, self.input_layout)
        apply = every_layer(tf, network, self._variables)

        def chosen(x: "tensorflow.Tensor") -> dict[str, "tensorflow.Tensor"]:
            outputs = apply(x)
            return {name: outputs[name] for name in layers}

        signature = [tf.TensorSpec((None, *self._shape), tf.float32)]
        with tf.device(self._device):
            function = tf.function(chosen, input_signature=signature, autograph=False, jit_compile=False)
            found = function(tf.constant(pixels))
        return from_nhwc(network, {name: found[name].numpy() for name in layers})

    def inspect_artifact(self, artifact: Artifact, options: Options) -> ArtifactFacts:
        """See :meth:`RunsArtifacts.inspect_artifact`."""
        refuse_bf16(self.name, options)
        tf, device = _started(options)
        with tf.device(device):
            return tensorflow_artifact.inspect(tf, tensorflow_artifact.read(tf, artifact), artifact)

    def load_artifact(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """See :meth:`RunsArtifacts.load_artifact`."""
        refuse_bf16(self.name, options)
        self.close()
        tf, device = _started(options)
        with tf.device(device):
            served = tensorflow_artifact.read(tf, artifact)

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            with tf.device(device):
                return np.asarray(served.call(tf.constant(batch))[facts.output_name].numpy())

        self._tf, self._function, self._device, self._options = tf, served.function, device, options
        self._variables = dict(enumerate(served.function.variables))
        self._artifact, self.input_layout = Loaded(self.name, artifact, facts, run), facts.layout

    def effective(self) -> Effective:
        """The device of the variables and the counts of TensorFlow's context; its kernels report nothing."""
        tf, options = self._tf, self._options
        if tf is None or options is None:
            raise not_loaded(self.name, "effective")
        # An artifact may have its weights as constants, whose device cannot be queried.
        variable = next(iter(self._variables.values()), None)
        place = tf.DeviceSpec.from_string(self._device if variable is None else variable.device)
        evidence: Evidence = "requested" if variable is None else "reported"
        form = {"execution": "tf.function over variables", "data_format": "NHWC"}
        precision, stored = Known("fp32", "requested"), None
        if self._artifact is not None:
            form = {"execution": "the function that the file serves"} | self._artifact.settings()
            precision, stored = self._artifact.precision, self._artifact.stored
        else:
            assert variable is not None
            stored = Known({"float32": "fp32"}.get(variable.dtype.name, variable.dtype.name), "reported")
        device = "cpu" if place.device_type == "CPU" else f"{place.device_type.lower()}:{place.device_index}"
        return Effective(
            runtime="tensorflow",
            version=tf.__version__,
            device=Known(device, evidence),
            provider=_provider(place.device_type),
            precision=precision,
            threads=Known(str(tf.config.threading.get_intra_op_parallelism_threads()), "requested"),
            streams=Known(str(tf.config.threading.get_inter_op_parallelism_threads()), "requested"),
            settings=form
            | {
                "jit_compile": options.setting(tensorflow_settings.JIT, "False"),
                "tensor_float_32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
                "soft_device_placement": str(tf.config.get_soft_device_placement()),
            },
            stored=stored,
            applied=tensorflow_settings.applied(tf, self._function, options),
        )

    def close(self) -> None:
        """Release the function and its variables. TensorFlow keeps its threads until the process ends."""
        self._function = self._network = self._options = None
        self._artifact, self.input_layout = None, type(self).input_layout
        self._variables = {}
        self._tf = None

    def devices(self) -> list[str]:
        """``cpu``, and each GPU that TensorFlow can see."""
        return ["cpu", *(f"gpu:{i}" for i, _ in enumerate(_import_tensorflow().config.list_physical_devices("GPU")))]

    def open_stream(self, model: Model, options: Options, *, batch_size: int) -> ThreadStream:  # noqa: ARG002
        """See :meth:`Streams.open_stream`. One inter-op thread computes one call while a second call brings its input.

        More would need another number of inter-op threads, which is fixed when TensorFlow starts.
        """
        if options.device != "cpu":
            return open_loop(type(self)(), model, options)
        callers = min(2, options.threads)
        how = f"one function, callers: {callers}, inter-op 1, intra-op {options.threads}"
        return open_threads(type(self)(), model, options, callers=callers, at_once=1, how=how)

    def resident(self, pixels: NDArray[np.float32]) -> Callable[[], None] | None:
        """See :meth:`KeepsOnDevice.resident`. Also None for an artifact."""
        tf, function = self._tf, self._function
        if tf is None or function is None:
            raise not_loaded(self.name, "resident")
        if self._device == "/CPU:0" or self._artifact is not None:
            return None
        return resident.on_tensorflow(tf, function, pixels, self._device)

    def profile_layers(
        self, model: Model, options: Options, pixels: NDArray[np.float32], *, repeats: int
    ) -> Mapping[str, float]:
        """See :meth:`ProfilesLayers.profile_layers`. Empty on a GPU, where the host sees only the launches."""
        if options.device != "cpu":
            return {}
        with contextlib.closing(type(self)()) as traced:
            traced.load(model, options)
            tf = _import_tensorflow()
            return profile.profile(tf, model.network, lambda: traced.predict(pixels), repeats=repeats)

    def export(self, model: Model, path: Path, form: ExportFormat, notes: Mapping[str, str]) -> str:
        """See :meth:`Exports.export`: the function that ``load`` traces, over its variables, without a device."""
        check_weights(model)
        tf = _import_tensorflow()
        _device(tf, "cpu")
        arrays = variables(tf, model)
        write_saved_model(tf, model.network, arrays, forward(tf, model.network, arrays), path, notes)
        return f"{form.name} written by TensorFlow {tf.__version__}"

    def open_trainer(self, model: Model, options: Options, how: TrainingOptions) -> TensorFlowTrainer:
        """See :meth:`Trains.open_trainer`."""
        check_weights(model)
        tf, device = _started(options)
        return TensorFlowTrainer(tf, model, device, how)

    def open_export(self, path: Path, form: str) -> OpenedExport:  # noqa: ARG002  # there is one
        """See :meth:`OpensExports.open_export`."""
        tf = _import_tensorflow()
        _device(tf, "cpu")
        return open_saved_model(tf, path)


def _started(options: Options) -> tuple[ModuleType, str]:
    """TensorFlow with the options applied, and its name of the device."""
    tf = _import_tensorflow()
    device = _device(tf, options.device)
    _set_threads(tf, *tensorflow_settings.threads_of(options))
    _forbid_reduced_precision(tf)
    tf.config.optimizer.set_experimental_options(tensorflow_settings.rewrites_of(options))
    # Without this, TensorFlow silently moves operations that a device cannot run to the CPU.
    tf.config.set_soft_device_placement(enabled=False)
    return tf, device


def _import_tensorflow() -> ModuleType:
    # Each variable is read once, by the first kernel, and could turn fp32 into bf16 or TF32.
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    os.environ["TF_SET_ONEDNN_FPMATH_MODE"] = ""
    os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] = "STRICT"
    return import_runtime("tensorflow", extra="tensorflow")


def _device(tf: ModuleType, name: str) -> str:
    """TensorFlow's name of the device.

    On the CPU, the GPUs are hidden from TensorFlow: otherwise it would allocate their memory.
    """
    index = device_index("tensorflow", TensorFlowBackend.device_kinds, name)
    gpus = tf.config.list_physical_devices("GPU")
    if name != "cpu" and index >= len(gpus):
        built = "" if tf.test.is_built_with_gpu_support() else " and was built without GPU support"
        raise UnsupportedOptionError(
            f"tensorflow: asked for {name}, but it finds {len(gpus)} GPUs{built}; "
            "soft placement would have run the CPU; use --device cpu"
        )
    # TensorFlow refuses this once the context exists, but every operation is placed by name anyway.
    with contextlib.suppress(RuntimeError, ValueError):
        if name == "cpu":
            tf.config.set_visible_devices([], "GPU")
        else:
            tf.config.experimental.set_memory_growth(gpus[index], enable=True)
    return "/CPU:0" if name == "cpu" else f"/GPU:{index}"


def _set_threads(tf: ModuleType, threads: int, operations: int) -> None:
    """Set ``threads`` within an operation, and how many operations run at a time."""
    threading = tf.config.threading
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(operations)
    except RuntimeError as error:
        raise UnsupportedOptionError(
            f"tensorflow: asked for {threads} threads, but this process runs it on "
            f"{threading.get_intra_op_parallelism_threads() or 'all'} already; use a fresh process"
        ) from error


def _forbid_reduced_precision(tf: ModuleType) -> None:
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    tf.config.optimizer.set_experimental_options(
        {"auto_mixed_precision": False, "auto_mixed_precision_onednn_bfloat16": False}
    )


def _provider(device_type: str) -> Known:
    """The kernels in use: on a CPU, oneDNN's if TensorFlow was built and started with them, else Eigen's."""
    if device_type != "CPU":
        return Known("CUDA", "requested")
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:  # private, but the only source
        return Known("CPU kernels", "requested")
    return Known("oneDNN, Eigen" if _pywrap_util_port.IsMklEnabled() else "Eigen", "reported")
