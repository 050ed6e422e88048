"""Files that a worker makes: weights, exported networks, synthetic images, and the doctor's float64 variants."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.datasets.synthetic.draw import Split
from alexbench.harness.capabilities import QuantizationOptions
from alexbench.harness.files.lines import Done, Request
from alexbench.harness.judge.error_causes import Cause
from alexbench.harness.judge.outputs import Kind
from alexbench.harness.models.network import Layout
from alexbench.harness.models.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Converted:
    """A canonical weights file in the cache, and how it came about.

    ``checked``: what in the file's format was checked against its bytes ("container CRC"), empty if it has nothing of
    the kind. ``assumed``: what the file does not say and the user did not, empty where nothing was assumed.
    ``unwrapped``: what was around the arrays and is gone (keys, prefixes), and their cast, in words.
    """

    path: Path
    digest: str
    checked: str
    assumed: str
    unwrapped: str = ""


@dataclass(frozen=True, slots=True)
class ConvertWeights(Request[Converted]):
    """A user's weights file to a digest-named safetensors file in ``folder``.

    ``flatten``: the data format that a TensorFlow checkpoint was trained in. ``key``: which of the file's models.
    """

    source: Path
    network: str
    input_size: int
    folder: Path
    flatten: Layout | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Which writer it was, in words."""

    writer: str


@dataclass(frozen=True, slots=True)
class ExportNetwork(Request[Written]):
    """Write a network to a file of a runtime's format; ``notes`` go into it."""

    backend: str
    to: str
    via: str | None
    network: str
    input_size: int
    weights: Path
    path: Path
    notes: dict[str, str]


@dataclass(frozen=True, slots=True)
class QuantizeNetwork(Request[Written]):
    """Write a network in int8 to ``path`` by the backend's own tool; ``notes`` go into the file.

    ``pixels`` (N, H, W, 3) uint8: the calibration images are those at the places ``images``.
    """

    backend: str
    network: str
    input_size: int
    weights: Path
    preprocessing: Preprocessing
    pixels: Path
    images: tuple[int, ...]
    path: Path
    how: QuantizationOptions
    notes: dict[str, str]


@dataclass(frozen=True, slots=True)
class ExportNames:
    """The file's own names of its inputs and outputs -> dtype and shape."""

    inputs: dict[str, str]
    outputs: dict[str, str]


@dataclass(frozen=True, slots=True)
class RunExport(Request[ExportNames]):
    """Logits of ready-made inputs in the backend's layout by an exported file, into ``out``.

    ``batches``: as many at a time.
    """

    backend: str
    to: str
    path: Path
    inputs: Path
    batches: tuple[int, ...]
    out: Path


@dataclass(frozen=True, slots=True)
class ComputeVariants(Request[Done]):
    """Float64 logits of ready-made inputs with each list of known mistakes built in: (lists, N, outputs) into ``out``.

    ``made``: places in the doctor's list of mistakes.
    """

    network: str
    input_size: int
    weights: Path
    inputs: Path
    out: Path
    made: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class FindCause(Request[Cause]):
    """Why ``outputs`` (N, outputs) of ready-made inputs (N, C, H, W) are not float64's, with mistakes ``made``."""

    network: str
    input_size: int
    weights: Path
    inputs: Path
    outputs: Path
    kind: Kind
    made: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DrawPictures(Request[Done]):
    """Draw every ``parts``-th class of the synthetic images, from class ``part`` on, into ``folder``."""

    split: Split
    folder: Path
    part: int
    parts: int


@dataclass(frozen=True, slots=True)
class SyntheticWeights:
    """Fitted weights in the cache."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Assembled:
    """The weights; None where the package's layer does not give the published ones, and ``refused`` says why."""

    weights: SyntheticWeights | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class AssembleWeights(Request[Assembled]):
    """Make synthetic weights with the last layer that comes with the package."""

    network: str
    input_size: int
    key: str
    folder: Path


@dataclass(frozen=True, slots=True)
class FitWeights(Request[SyntheticWeights]):
    """Make the synthetic weights of a card from the training images.

    ``pixels`` (N, H, W, 3) uint8, ``labels`` (N,) 0..999.
    """

    network: str
    input_size: int
    label_offset: int
    preprocessing: Preprocessing
    pixels: Path
    labels: Path
    folder: Path
