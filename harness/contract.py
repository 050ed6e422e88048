"""What every backend promises, and the small data types the promise is written in.

A backend is one runtime behind :class:`Backend`. ``predict`` blocks until the logits are in host memory: one clock is
fair to all, and synchronisation is the adapter's business. Options the user names are obeyed or refused, never
ignored.
"""

import abc
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UnsupportedOptionError, UsageError, WeightsError, unknown_name
from alexbench.harness.models.network import Layout, Network, shape_mismatches
from alexbench.harness.models.preprocessing import Normalisation
from alexbench.harness.records.effective import Effective as Effective  # noqa: PLC0414  # plugins have it from here
from alexbench.harness.records.effective import Evidence as Evidence  # noqa: PLC0414  # plugins have it from here
from alexbench.harness.records.effective import Known as Known  # noqa: PLC0414  # plugins have it from here
from alexbench.harness.systems import InputConvention

Precision = Literal["fp32", "fp16", "bf16", "int8"]
Scores = Literal["logits", "probabilities", "log-probabilities"]

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "bf16", "int8")


@dataclass(frozen=True, slots=True)
class Requirements:
    """Distributions a backend needs: ``groups`` of alternatives, one of each group and never two of one.

    ``extra`` is the extra of ours that installs them, None for a backend that needs nothing. ``install``: the line that
    installs them where that is not an extra of ours, as in "pip install alexbench-mine".
    """

    groups: tuple[tuple[str, ...], ...] = ()
    extra: str | None = None
    install: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can run here, from package metadata alone: nothing was imported to find out.

    ``versions``: distribution -> version of those found. ``problem``: None, or what is wrong and the fix. ``broken``:
    the backend itself is at fault, and installing a runtime does not help.
    """

    versions: Mapping[str, str]
    problem: str | None = None
    broken: bool = False

    @property
    def available(self) -> bool:
        """True when nothing is missing."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Model:
    """What a backend loads: a network and its canonical float32 arrays.

    ``conv1.weight`` is OIHW, ``fc6.weight`` out x in with columns in C, H, W order. The arrays may be read-only maps of
    a file.
    """

    network: Network
    weights: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for. ``threads`` is the number of compute threads of one inference, at least 1.

    ``settings``: name -> value of the backend's own :class:`Setting` that differ from its defaults.

    Raises:
        UsageError: fewer than 1 thread, which some runtimes read as "all", or an unknown precision.
    """

    threads: int
    device: str = "cpu"
    precision: Precision = "fp32"
    settings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise UsageError(f"{self.threads} threads: give 1 or more")
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)

    def setting(self, name: str, otherwise: str = "") -> str:
        """The value of a setting, ``otherwise`` where the user did not name it."""
        return dict(self.settings).get(name, otherwise)

    def without(self, *names: str) -> "Options":
        """The same, these settings at their defaults."""
        return replace(self, settings=tuple(one for one in self.settings if one[0] not in names))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a runtime that a user may name, on the CPU.

    ``name``: as the runtime's own documentation calls it. ``values``: those that it takes; none: a whole number from 1
    to the threads of the run. ``proof``: what is read back to show that it took effect, in words. ``networks_only``: it
    does not apply to a user's own file.
    """

    name: str
    values: tuple[str, ...] = ()
    proof: str = ""
    networks_only: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """A native file that the user already has, run as it is, and what a card says of it.

    ``image`` is (channels, height, width) of one image and ``outputs`` the number of scores that it is expected to
    give; ``also``: other numbers that will do, and with ``any_outputs`` every number does. ``labels``: the file that
    names the classes, "" for ImageNet's. ``input_name`` and ``output_name`` choose among several, where the file has
    them; else there must be only one that fits. ``output_stated``: the user named the output, so that the file must
    have it. ``trusted``: the user says that the file may run as a program. ``convention``: what its input takes, as the
    user says it; None: as the file's graph shows.
    """

    path: Path
    image: tuple[int, int, int]
    outputs: int
    input_name: str | None = None
    output_name: str | None = None
    trusted: bool = False
    convention: InputConvention | None = None
    also: tuple[int, ...] = ()
    any_outputs: bool = False
    labels: str = ""
    output_stated: bool = False

    def takes(self, count: int) -> bool:
        """Whether so many scores an image will do."""
        return self.any_outputs or count == self.outputs or count in self.also


@dataclass(frozen=True, slots=True)
class ArtifactFacts:
    """What was found in an artifact.

    ``format``: "ONNX", "OpenVINO IR", "SavedModel", "Keras", "torch.export" or "TorchScript". ``layout`` and ``dtype``
    (NumPy's name) are those of its input. ``batch``: the one batch size it takes, None where it takes any.
    ``scores``: what its output is; ``scores_in_graph`` what its last operation says, None where that is not to be read.
    ``normalisation``: what it does to its input before its first layer, None where it does nothing; arithmetic folded
    into the first layer's weights cannot be seen. ``unread``: the operation at which its graph could not be followed to
    the first layer, "" where it could: what it does to its input is then not known. ``clips``: the lowest and highest
    value of its input that a quantiser lets through, None without one. ``version`` of the format, and
    ``producer``, as the file says them, "" where it says nothing.

    ``precision``: what its convolutions and products work in (fp32, fp16, bf16, int8), the coarsest where they differ;
    ``products``: how many in which, in words; ``precision_known``: how. ``stored``: the type of its weights, or the
    types, "" where nobody looked. ``rounded``: the coarsest type that weights or activations pass through, "" for
    ``precision``. ``dynamic``: scales of activations are chosen while it runs. ``batch_dependence``: by how much (in
    standard deviations of the scores) an image's scores change with the rest of its batch; None if not tried.

    ``macs``: multiplications with a weight in its convolutions and matrix products, an image; None: not known.
    """

    format: str
    input_name: str
    output_name: str
    layout: Layout
    dtype: str
    batch: int | None
    outputs: int
    scores: Scores
    scores_in_graph: Scores | None
    normalisation: Normalisation | None
    precision: str
    version: str = ""
    producer: str = ""
    unread: str = ""
    clips: tuple[float, float] | None = None
    precision_known: Evidence = "declared"
    products: str = ""
    stored: str = ""
    rounded: str = ""
    dynamic: bool = False
    batch_dependence: float | None = None
    macs: int | None = None

    @property
    def held_to(self) -> str:
        """The precision whose tolerance its error is held to."""
        return self.rounded or self.precision


class Backend(abc.ABC):
    """One runtime. Constructing it imports nothing; ``load`` does. Not thread-safe; one per process.

    ``by_default``: whether commands run it where no backend is named. A library that is often installed for another
    purpose says no.

    ``device_names``: a kind of device -> what it is called here, where users have two names for it. ``device_kinds``:
    the kinds that it knows, as ``("cpu", "cuda")``; empty: only the runtime itself can tell.

    ``input_layout`` is the class's for a network that the backend builds; while an artifact is loaded, the instance's
    is the artifact's.
    """

    name: ClassVar[str]
    requires: ClassVar[Requirements]
    by_default: ClassVar[bool] = True
    device_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    device_kinds: ClassVar[tuple[str, ...]] = ()
    input_layout: Layout

    @classmethod
    def probe(cls) -> Availability:
        """Installed? Which version? What to install? From package metadata alone: importing nothing."""
        return probe(cls.name, cls.requires)

    @abc.abstractmethod
    def load(self, model: Model, options: Options) -> None:
        """Build ``model`` natively, ready to predict.

        Raises:
            WeightsError: an array is missing, extra or misshapen.
            UnsupportedOptionError: an option would not take effect; the message says what would instead.
            BackendUnavailableError: the runtime is not installed or does not import.
        """

    @abc.abstractmethod
    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, outputs), float32, of C-contiguous ``pixels`` (N, C, H, W) or (N, H, W, C) by ``input_layout``.

        Blocks until the logits are in host memory. The result is C-contiguous and the caller's to keep: a
        buffer that the next call writes into is refused, as is any other shape or type. The `reference` backend
        returns float64.
        """

    @abc.abstractmethod
    def effective(self) -> Effective:
        """What really ran; only after ``load``."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release everything; may be called twice, and before ``load``."""


def probe(name: str, requires: Requirements) -> Availability:
    """Look the distributions of ``requires`` up in the installed packages' metadata."""
    versions: dict[str, str] = {}
    problem: str | None = None
    fix = requires.install or f"pip install 'alexbench[{requires.extra}]'"
    for group in requires.groups:
        found = {distribution: version for distribution in group if (version := _version(distribution))}
        versions |= found
        if len(found) > 1:
            both = " and ".join(found)
            problem = f"{name}: {both} are both installed and overwrite each other; uninstall both, then {fix}"
        elif not found and problem is None:
            problem = f"{name} is not installed: {fix}"
    return Availability(versions, problem)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_weights(model: Model) -> None:
    """Refuse arrays that do not fit the network, naming each with wanted and found shape.

    Raises:
        WeightsError: something is missing, extra, misshapen or not float32.
    """
    problems = shape_mismatches(model.network, {name: array.shape for name, array in model.weights.items()})
    problems += [
        f"{name} is {array.dtype}, wanted float32" for name, array in model.weights.items() if array.dtype != np.float32
    ]
    if problems:
        raise WeightsError(f"weights do not fit network {model.network.name}: {'; '.join(problems)}")


def check_applied(name: str, options: Options, ran: Effective) -> None:
    """Compare each setting that was asked for with what the backend ``name`` says took effect.

    Raises:
        UnsupportedOptionError: one did not; the message says what took effect instead.
    """
    for setting, wanted in options.settings:
        found = ran.applied.get(setting)
        if found is None:
            raise UnsupportedOptionError(f"{name}: {setting}={wanted} has no effect on {options.device}; leave it out")
        if found.value != wanted:
            raise UnsupportedOptionError(
                f"{name}: asked for {setting}={wanted}, but it runs {setting}={found.value}; leave it out, or give"
                " another value"
            )
