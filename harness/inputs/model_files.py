"""A user's own file as a row: what a card says of it, what is found in it, and how that is recorded."""

import hashlib
import itertools
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from alexbench.backends.registry import backend_class, backend_names
from alexbench.datasets.layouts.model_classes import ModelClasses
from alexbench.harness.chosen_systems import check_different
from alexbench.harness.config import RunConfig
from alexbench.harness.contract import Artifact, Options
from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST, check_named
from alexbench.harness.inputs.model_formats import refuse_other_formats
from alexbench.harness.models.card import Card
from alexbench.harness.models.checksums import sha256_of
from alexbench.harness.models.preprocessing import said_formula
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.records.artifact_records import ArtifactRecord
from alexbench.harness.systems import ModelFile
from alexbench.harness.trust import is_program, require_trust, same_file
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import InspectArtifact, Inspection

_FILES_AT_MOST: Final = 10_000
"""For a folder that is searched: a SavedModel has some dozens."""


def check_trust(config: RunConfig) -> None:
    """Refuse programs that are not trusted, before anything is prepared; a worker refuses them once more.

    Raises:
        UsageError: a file is one; the message says how to trust it.
    """
    for system in config.systems:
        file = system.artifact
        if file is None:
            continue
        check_named_files(file)
        if config.interpreter_of(system) is None:  # elsewhere, the worker there knows its backend
            refuse_other_formats(system.backend, Path(file.path))
            require_trust(backend_class(system.backend), Path(file.path), trusted=file.trusted)


def with_digests(config: RunConfig) -> RunConfig:
    """The configuration with the digest of each file, taken before any is opened.

    Raises:
        WeightsError: one cannot be read.
        UsageError: two are the same.
    """
    digests = {file.path: file_digest(Path(file.path)) for file in config.files}
    systems = tuple(
        one if one.artifact is None else replace(one, artifact=replace(one.artifact, sha256=digests[one.artifact.path]))
        for one in config.systems
    )
    check_different(systems)
    return replace(config, systems=systems)


def programs_of(config: RunConfig) -> tuple[str, ...]:
    """The programs that a configuration runs, apart from this installation: program files and other interpreters."""
    files = [
        one.artifact.path
        for one in config.systems
        if one.artifact is not None
        if one.backend not in backend_names() or is_program(backend_class(one.backend), Path(one.artifact.path))
    ]
    pythons = [*config.pythons.values(), *config.environments.values()]
    return (*files, *(one for one in pythons if not same_file(one, sys.executable)))


def check_named_files(file: ModelFile) -> None:
    """Refuse pipes and devices: the file, the .bin that belongs to an .xml, and all that lies in a folder.

    Raises:
        UsageError: one is none that can be read to its end.
    """
    path = Path(file.path)
    inside = itertools.islice(path.rglob("*"), _FILES_AT_MOST) if path.is_dir() else ()
    for one in (path, *((path.with_suffix(".bin"),) if path.suffix == ".xml" else ()), *inside):
        check_named(one, "--artifact", most=WEIGHTS_BYTES_AT_MOST)


@dataclass(frozen=True, slots=True)
class Outputs:
    """How many scores a file is expected to give an image; as in :class:`Artifact`."""

    count: int
    also: tuple[int, ...] = ()
    any_number: bool = False
    labels: str = ""


def outputs_of(card: Card, classes: ModelClasses | None) -> Outputs:
    """What the classes of a run want: ImageNet's 1000, with background or without, or those that the user's file names.

    A list of ImageNet's 1000 does not say whether there is a background.
    """
    if classes is None:
        return Outputs(card.labels, (2001 - card.labels,))
    if classes.are_imagenets and classes.background is None:
        return Outputs(classes.outputs, (classes.outputs + 1,), labels=classes.path)
    return Outputs(classes.outputs, labels=classes.path)


def label_offset(outputs: int, count: int, classes: ModelClasses | None) -> int:
    """What is added to a class, of ``count``, to get its output, of ``outputs``: 1 where output 0 is the background.

    With one output more than classes, the first is the background, unless the user's list has it last.
    """
    if classes is not None and classes.background is not None:
        return int(classes.background == 0)
    return int(outputs == count + 1)


def artifact_of(file: ModelFile, card: Card, outputs: Outputs | None = None) -> Artifact:
    """The file, with what the card says of it; ``outputs``: as many as the card's network has, where None."""
    check_named_files(file)
    wanted = outputs or Outputs(card.labels)
    side = card.preprocessing.crop
    return Artifact(
        path=Path(file.path).absolute(),
        image=(3, side, side),
        outputs=wanted.count,
        input_name=card.input_name,
        output_name=file.output or card.output_name,
        trusted=file.trusted,
        convention=file.convention,
        also=wanted.also,
        any_outputs=wanted.any_number,
        labels=wanted.labels,
        output_stated=file.output is not None,
    )


def look_into(
    backend: str,
    artifact: Artifact,
    options: Options,
    card: Card,
    log: Path,
    *,
    python: str = sys.executable,
    faulty: bool = False,
) -> Inspection:
    """What is in the file and what to feed it; in a worker of its own.

    ``faulty``: also of a file that runs but whose scores are worthless, for the doctor.

    Raises:
        AlexBenchError: the file, the card or the options are not to be used together.
    """
    with WorkerProcess(backend, log=log, python=python, writable=log.parent if artifact.trusted else None) as worker:
        seen = worker.ask(InspectArtifact(backend, artifact, options, card.preprocessing, faulty))
        return replace(seen, confined=worker.confined)


def artifact_record(file: ModelFile, seen: Inspection) -> ArtifactRecord:
    """What was found, as it goes into ``run.json``."""
    facts = seen.facts
    return ArtifactRecord(
        path=file.path,
        sha256=file.sha256,
        format=f"{facts.format} {facts.version}".strip(),
        precision=facts.precision,
        input_name=facts.input_name,
        output_name=facts.output_name,
        layout=facts.layout,
        batch=facts.batch,
        scores=facts.scores,
        normalisation="" if facts.normalisation is None else str(facts.normalisation),
        fed=said_formula(seen.preprocessing),
        producer=facts.producer,
        trusted=file.trusted,
        confined=seen.confined,
        stated="" if file.convention is None else str(file.convention),
        synthetic=is_synthetic(Path(file.path)),
        products=facts.products,
        stored=facts.stored,
        rounded=facts.rounded,
        dynamic=facts.dynamic,
        bytes=sum(one.stat().st_size for one in files_of(Path(file.path))),
        outputs=facts.outputs,
        macs=facts.macs,
    )


def files_of(path: Path) -> list[Path]:
    """A model's files: one, or all in a folder, sorted. An OpenVINO .xml has its weights in a .bin of that name."""
    if path.is_dir():
        return sorted(one for one in path.rglob("*") if one.is_file())
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file; of several (:func:`files_of`), over the name and SHA-256 of each.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        digests = {file.relative_to(path.parent).as_posix(): sha256_of(file) for file in files_of(path)}
    except OSError as error:
        raise WeightsError(f"{error.filename or path} cannot be read: {error.strerror}") from error
    if list(digests) == [path.name]:
        return digests[path.name]
    return hashlib.sha256(
        "".join(f"{name} {one}\n" for name, one in digests.items()).encode("utf-8", "surrogatepass")
    ).hexdigest()
