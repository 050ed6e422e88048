"""Quantized files in the cache: made once for the same weights, calibration images, options and versions."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from filelock import FileLock

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import QuantizationOptions, Quantizes
from alexbench.harness.console.progress import Display, duration_words
from alexbench.harness.contract import probe
from alexbench.harness.errors import BackendUnavailableError, UnsupportedOptionError
from alexbench.harness.files.input_files import read_note
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.inputs.model_files import file_digest, files_of
from alexbench.harness.models.card import Card
from alexbench.harness.quantization.calibration import CalibrationSet
from alexbench.harness.records.quantization_records import QuantizationRecord
from alexbench.harness.systems import InputConvention, ModelFile
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import QuantizeNetwork

FOLDER: Final = "quantized"
CODE_VERSION: Final = 1
"""Raise it whenever a backend's ``quantize`` gives another file for the same inputs."""


@dataclass(frozen=True, slots=True)
class ToQuantize:
    """What is quantized: a card's network with the weights of a file, whose digest is over their values."""

    card: Card
    weights: Path
    weights_digest: str


@dataclass(frozen=True, slots=True)
class _Note:
    """The note next to a file in the cache."""

    sha256: str
    record: QuantizationRecord


def check_quantizes(backend: str, how: QuantizationOptions) -> None:
    """Whether the backend can write int8 files here.

    Raises:
        UnsupportedOptionError: it has no int8, or not this method.
        BackendUnavailableError: its tool is not installed; the message has the line that installs it.
    """
    kind = backend_class(backend)()
    if not isinstance(kind, Quantizes):
        hint = getattr(kind, "no_int8", "it supports fp32")
        raise UnsupportedOptionError(f"{backend}: asked for int8, which this backend does not have; {hint}")
    if how.method not in kind.range_methods:
        raise UnsupportedOptionError(
            f"{backend}: its quantizer has no method {how.method!r}; known: {', '.join(kind.range_methods)}"
        )
    found = probe(f"the int8 tool of {backend}", kind.quantizer)
    if found.problem is not None:
        raise BackendUnavailableError(found.problem)


def quantized_file(
    backend: str,
    given: ToQuantize,
    how: QuantizationOptions,
    calibration: CalibrationSet,
    *,
    cache: Path,
    log: Path,
    display: Display,
) -> tuple[ModelFile, QuantizationRecord]:
    """The int8 file of a network for ``backend``, from the cache or made now, and how it was made.

    Raises:
        AlexBenchError: the tool failed; nothing half written is left.
    """
    kind = backend_class(backend)()
    assert isinstance(kind, Quantizes)
    facts = _facts(backend, given, how, calibration)
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode("utf-8")).hexdigest()[:32]
    folder = cache / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path, note = folder / f"{key}{kind.quantized_suffix}", folder / f"{key}.json"
    with FileLock(f"{note}.lock"):
        found = read_note(_Note, note)
        whole = all(one.exists() for one in files_of(path))
        if found is None or not whole or file_digest(path) != found.sha256:
            if found is not None:
                display.say(f"{path} is not as it was written; quantizing again")
            found = _make(backend, given, how, calibration, path, facts, log, display)
            write_whole(note, json.dumps(asdict(found)).encode("utf-8"))
    return ModelFile(str(path), found.sha256, convention=InputConvention("normalised"), trusted=True), found.record


def _facts(backend: str, given: ToQuantize, how: QuantizationOptions, calibration: CalibrationSet) -> dict[str, Any]:
    """All that decides the file."""
    return {
        "code": CODE_VERSION,
        "backend": backend,
        "versions": tool_versions(backend),
        "network": given.card.network,
        "weights": given.weights_digest,
        "preprocessing": given.card.preprocessing.facts(),
        "images": calibration.digest,
        "options": asdict(how),
    }


def tool_versions(backend: str) -> dict[str, str]:
    """Distribution -> version of the backend's runtime and of its quantizer."""
    kind: Any = backend_class(backend)
    names = [name for needed in (kind.requires, kind.quantizer) for group in needed.groups for name in group]
    return {name: found for name in dict.fromkeys(names) if (found := _version(name))}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _make(
    backend: str,
    given: ToQuantize,
    how: QuantizationOptions,
    calibration: CalibrationSet,
    path: Path,
    facts: Mapping[str, Any],
    log: Path,
    display: Display,
) -> _Note:
    """Quantize in a worker, into a folder next to the file's place; then move the result there."""
    prepared = calibration.prepared
    scratch = Path(mkdtemp(prefix=".partial-", dir=path.parent))
    begun = time.monotonic()
    kind = backend_class(backend)()
    assert isinstance(kind, Quantizes)
    whole_s, image_s = kind.quantizing_s
    about = duration_words(whole_s + image_s * len(calibration))
    title = f"quantizing for {backend} with {len(calibration)} calibration images (about {about} on two cores)"
    try:
        with WorkerProcess(backend, log=log) as worker, display.step(title) as advance:
            asked = QuantizeNetwork(
                backend=backend,
                network=given.card.network,
                input_size=given.card.preprocessing.crop,
                weights=given.weights,
                preprocessing=given.card.preprocessing,
                pixels=prepared.path,
                images=tuple((calibration.places + prepared.first).tolist()),
                path=scratch / path.name,
                how=how,
                notes={"precision": "int8", "calibration": calibration.description, "made_from": json.dumps(facts)},
            )
            tool = worker.ask(asked, progress=advance).writer
        for made in sorted(scratch.iterdir()):
            made.replace(path.with_name(made.name))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    record = QuantizationRecord(
        tool=tool,
        versions=tool_versions(backend),
        **asdict(how),
        calibration=calibration.description,
        calibration_images=len(calibration),
        calibration_digest=calibration.digest,
        calibration_synthetic=calibration.synthetic,
        scored=calibration.scored,
        seconds=round(time.monotonic() - begun, 1),
    )
    return _Note(file_digest(path), record)
