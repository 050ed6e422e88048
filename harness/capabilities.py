"""Optional capabilities of a backend: small protocols, found by asking and never by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Artifact, ArtifactFacts, Known, Model, Options, Requirements, Setting


@runtime_checkable
class GivesActivations(Protocol):
    """An optional power: the outputs of inner layers."""

    def activations(self, pixels: NDArray[np.float32], layers: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Layer name -> output (N, ...) in canonical order (C, H, W), float64, for each of ``layers``.

        Computed apart from what ``load`` built, which does not change.

        Raises:
            UsageError: a name is not a layer of the network.
            UnsupportedOptionError: an artifact is loaded, whose inner layers nobody knows.
        """
        ...


@runtime_checkable
class RunsArtifacts(Protocol):
    """An optional power: the user's own file of the runtime's format, run as it is.

    ``artifact_suffixes`` (optional): what the names of such files end in, "/" for a folder; a file of another kind is
    refused with the way out. ``data_suffixes`` (optional): what the names of data files end in, which no reader of the
    runtime executes. All others are programs, and a program is neither inspected nor loaded before the user trusts it;
    a backend that says nothing has programs only. After
    ``load_artifact``, ``predict`` takes float32 (N, ...) in ``facts.layout``, whatever N and the file's own batch and
    type are, and returns float32 (N, outputs) as the file gives them. ``effective``, ``close`` and a later ``load``
    work as ever.
    """

    def inspect_artifact(self, artifact: Artifact, options: Options) -> ArtifactFacts:
        """Read the file's graph; ``scores`` is no more than what the graph says.

        Raises:
            WeightsError: missing, damaged, of another format, no image model, or not of the card's size or labels.
            UnsupportedOptionError: an option would not take effect.
            BackendUnavailableError: the runtime is not installed or does not import.
        """
        ...

    def load_artifact(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """Load what was inspected, ready to predict; nothing is analysed here, so that its time is loading time.

        Raises:
            WeightsError: the runtime cannot run it.
            UnsupportedOptionError: an option would not take effect; the message says what would instead.
            BackendUnavailableError: the runtime is not installed or does not import.
        """
        ...


MOST_CANDIDATES: Final = 8
FEWER: Final = "fewer"
"""In place of a value of a :class:`Candidate`: fewer threads than the run has, where there is reason to try them."""
COMPILER: Final = "a C++ compiler"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Settings that may be faster than the runtime's own. ``needs``: COMPILER, or empty for nothing."""

    settings: tuple[tuple[str, str], ...]
    needs: str = ""


@runtime_checkable
class TakesSettings(Protocol):
    """An optional power: settings of the runtime, by its own names, in ``Options.settings`` of every load.

    ``effective().applied`` has each of them as it took effect; one that did not is refused by whoever loads.
    ``candidates``: what ``--profile tuned`` tries, at most MOST_CANDIDATES.
    """

    settings: ClassVar[tuple[Setting, ...]]
    candidates: ClassVar[tuple[Candidate, ...]]


@runtime_checkable
class Preloads(Protocol):
    """An optional power: importing the runtime before a process is forked for each load.

    ``load`` then imports nothing that takes long. A backend without this capability is imported again in every process.
    """

    @classmethod
    def preload(cls) -> None:
        """Import the runtime, and let it start nothing: a thread that works, or a device's context, survives no fork.

        Raises:
            BackendUnavailableError: the runtime is not installed or does not import.
        """
        ...


@runtime_checkable
class ListsDevices(Protocol):
    """An optional power: the devices this runtime could run on. Imports the runtime, so it is asked in a worker."""

    def devices(self) -> list[str]:
        """Names that ``Options.device`` accepts here."""
        ...


class Stream(Protocol):
    """Many batches at once, the way a runtime does it best; opened by :meth:`Streams.open_stream`.

    ``streams``: how many inferences it works on at once. ``how``: what it is, in the runtime's own words.
    """

    streams: Known
    how: str

    def run(self, batches: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Logits (N, outputs), float32, of each of ``batches``, in their order; blocks until all are in host memory."""
        ...

    def close(self) -> None:
        """Release everything; may be called twice."""
        ...


@runtime_checkable
class Streams(Protocol):
    """An optional power: keeping every thread busy with many batches (MLPerf's Offline)."""

    def open_stream(self, model: Model, options: Options, *, batch_size: int) -> Stream:
        """Build ``model`` once more for throughput, within ``options.threads`` threads altogether.

        Does not change what ``load`` built. ``batch_size`` is that of the batches to come.

        Raises:
            UnsupportedOptionError: an option would not take effect.
        """
        ...


@runtime_checkable
class ProfilesLayers(Protocol):
    """An optional power: where the time of an inference goes, by the runtime's own profiler."""

    def profile_layers(
        self, model: Model, options: Options, pixels: NDArray[np.float32], *, repeats: int
    ) -> Mapping[str, float]:
        """Layer name of ``model.network`` -> milliseconds an inference of ``pixels``, the median over ``repeats``.

        Built again with profiling on; what ``load`` built does not change. Time of fused layers is under the first of
        them; that of what belongs to no layer (reorders, copies) under ``""``. Never called while anything is timed.
        """
        ...


@runtime_checkable
class KeepsOnDevice(Protocol):
    """An optional power: inference from and to the device's own memory, without the copies."""

    def resident(self, pixels: NDArray[np.float32]) -> Callable[[], None] | None:
        """Put ``pixels`` on the device that ``load`` chose; the call that infers there, and blocks until it is done.

        Logits stay on the device. None where the device is the host.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A kind of file that a network is written as, under the ``name`` that ``--to`` takes.

    ``suffix``: how the file's name ends, empty where it is a folder; ``marker`` is a file by which such a folder is
    known. ``beside``: suffixes of the files that come with it. ``via``: the exporter of a runtime's makers that writes
    it, None where that is our own writer.
    """

    name: str
    suffix: str
    marker: str | None = None
    beside: tuple[str, ...] = ()
    via: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedExport:
    """An exported file, loaded as its users load it.

    ``inputs``, ``outputs``: the file's own names -> dtype and shape in words. ``predict``: pixels in the backend's
    layout -> logits (N, outputs), float32.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]]


@runtime_checkable
class Exports(Protocol):
    """An optional power: writing a network with its weights as files that run without us."""

    export_formats: ClassVar[tuple[ExportFormat, ...]]

    def export(self, model: Model, path: Path, form: ExportFormat, notes: Mapping[str, str]) -> str:
        """Write ``model``, batch open, to ``path``; which writer it was, in words.

        ``notes`` go into the file, where the format has a place for them. What is left of a failed attempt is the
        caller's to remove.

        Raises:
            WeightsError: an array is missing, extra or misshapen.
            BackendUnavailableError: the runtime, or what its exporter needs, is not installed.
        """
        ...


@runtime_checkable
class OpensExports(Protocol):
    """An optional power: loading an exported file, whoever wrote it."""

    opened_formats: ClassVar[tuple[str, ...]]

    def open_export(self, path: Path, form: str) -> OpenedExport:
        """Load ``path``, of the format of that name, on the CPU in fp32.

        Raises:
            BackendUnavailableError: the runtime is not installed.
        """
        ...


FEWEST_CALIBRATION_IMAGES: Final = 10
"""Fewer say too little about the range of an activation."""
RangeMethod = Literal["minmax", "entropy", "percentile", "mse"]
RANGE_METHODS: Final[tuple[RangeMethod, ...]] = ("minmax", "entropy", "percentile", "mse")


@dataclass(frozen=True, slots=True)
class QuantizationOptions:
    """How a network is quantized to int8.

    ``per_channel``: a weight scale per output channel instead of one per layer. ``reduce_range``: weights (torch:
    activations) in 7 bits, so that sums of u8 x s8 products do not saturate in int16 on a CPU without VNNI. ``method``:
    how the range of an activation follows from the calibration images.
    """

    per_channel: bool = True
    reduce_range: bool = False
    method: RangeMethod = "minmax"


@runtime_checkable
class Quantizes(Protocol):
    """Optional: writing the network as an int8 file that the backend's own ``load_artifact`` runs.

    ``quantized_suffix``: how the file's name ends. ``quantizer``: the distributions of the runtime's own tool.
    ``range_methods``: the methods that tool has. ``quantizing_s``: what it takes on two cores, in seconds: whatever the
    images, and for each calibration image.
    """

    quantized_suffix: ClassVar[str]
    quantizer: ClassVar[Requirements]
    range_methods: ClassVar[tuple[RangeMethod, ...]]
    quantizing_s: ClassVar[tuple[float, float]]

    def quantize(
        self,
        model: Model,
        images: Sequence[NDArray[np.float32]],
        path: Path,
        how: QuantizationOptions,
        notes: Mapping[str, str],
    ) -> str:
        """Write ``model`` in int8, batch open, to ``path``; the tool and its version, in words.

        ``images``: the calibration images, each (1, C, H, W) float32 normalised and made when it is asked for.
        ``notes`` go into the file, where the format has a place for them.

        Raises:
            WeightsError: an array is missing, extra or misshapen.
            BackendUnavailableError: the tool is not installed.
            UnsupportedOptionError: the tool has no such option.
        """
        ...


@runtime_checkable
class EmulatesInt8(Protocol):
    """Optional: running a quantized file without int8 kernels, so that their error can be told from the file's."""

    def load_emulated(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        """Load as ``load_artifact`` does, but with the quantize and dequantize steps and all products in fp32.

        Raises:
            UnsupportedOptionError: the runtime's int8 kernels would have run all the same.
        """
        ...


RangePlace = Literal["input", "inner", "output"]


@dataclass(frozen=True, slots=True)
class ActivationRange:
    """The lowest and highest value of one activation that a quantized file can hold; what is beyond is cut off.

    ``place``: before the first product, after the last one, or between.
    """

    name: str
    low: float
    high: float
    place: RangePlace


@dataclass(frozen=True, slots=True)
class OpenedRanges:
    """A quantized file that runs in fp32, and the activations that it quantizes.

    ``one_scale``: names of weights with one scale for all their channels. ``run``: pixels in the file's layout, float32
    -> its scores (N, outputs), and range name -> the values there (N, ...) before they are quantized.
    """

    ranges: tuple[ActivationRange, ...]
    one_scale: tuple[str, ...]
    run: Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]]


@runtime_checkable
class OpensRanges(Protocol):
    """Optional: a statically quantized file without its activations' rounding, or with other ranges of them."""

    def open_ranges(
        self,
        artifact: Artifact,
        facts: ArtifactFacts,
        options: Options,
        ranges: Mapping[str, tuple[float, float]] | None,
    ) -> OpenedRanges:
        """Load the file in fp32; weights stay as they were rounded.

        ``ranges``: name -> lowest and highest value, in place of the file's; None: activations are not rounded, but a
        range that starts at 0 behind a product still cuts off what is below, for it may stand for a ReLU.

        Raises:
            WeightsError: the runtime cannot run it.
            UnsupportedOptionError: its steps are not of a form that is known.
        """
        ...
