"""A network or a user's file into a backend, and the images that it is to answer for.

A network is given by its name and the side of its input.
"""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.contract import Artifact, ArtifactFacts, Effective, Options
from alexbench.harness.files.lines import Done, Request
from alexbench.harness.models.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Loaded:
    """``load_s``: the backend's own time, the runtime's import included, wherever that took place."""

    load_s: float
    effective: Effective


@dataclass(frozen=True, slots=True)
class Load(Request[Loaded]):
    """Map the weights (safetensors) and let the backend build the network."""

    backend: str
    network: str
    input_size: int
    weights: Path
    options: Options


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in a user's file, and the preprocessing that it is to be fed with.

    ``confined``: what the system refused the process that looked, in words; empty for a file that is data.
    """

    facts: ArtifactFacts
    preprocessing: Preprocessing
    confined: str = ""


@dataclass(frozen=True, slots=True)
class InspectArtifact(Request[Inspection]):
    """Load the file and try it; ``preprocessing`` is the card's. Nothing stays loaded.

    ``faulty``: also a file that runs but whose scores are worthless, for the doctor.
    """

    backend: str
    artifact: Artifact
    options: Options
    preprocessing: Preprocessing
    faulty: bool = False


@dataclass(frozen=True, slots=True)
class LoadArtifact(Request[Loaded]):
    """Load the file as it was inspected; it is then to be fed as the :class:`Inspection` says.

    ``emulated``: without int8 kernels, see :class:`EmulatesInt8`.
    """

    backend: str
    artifact: Artifact
    facts: ArtifactFacts
    options: Options
    emulated: bool = False


@dataclass(frozen=True, slots=True)
class CheckOptions(Request[Done]):
    """Whether the backend obeys the options, tried on a network of a few weights."""

    backend: str
    options: Options


@dataclass(frozen=True, slots=True)
class Opened:
    """How many images are open."""

    images: int


@dataclass(frozen=True, slots=True)
class OpenPixels(Request[Opened]):
    """Map prepared pixels, (N, H, W, 3) uint8 RGB: ``images`` of them from ``first`` on, None: all."""

    pixels: Path
    preprocessing: Preprocessing
    first: int = 0
    images: int | None = None
