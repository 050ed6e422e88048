"""A user's own file as a row: what a card says of it, what is found in it, and how that is recorded."""

import hashlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.contract import ArtifactFacts
from alexbench.harness.decoding import decode
from alexbench.harness.errors import WeightsError
from alexbench.harness.models.card import Card
from alexbench.harness.models.checksums import sha256_of
from alexbench.harness.models.preprocessing import Preprocessing, said_formula
from alexbench.harness.records import ArtifactRecord


def artifact_of(file: str, card: Card) -> dict[str, Any]:
    """The file as the workers' requests want it."""
    side = card.preprocessing.crop
    return {
        "path": str(Path(file).absolute()),
        "image": [3, side, side],
        "outputs": card.labels,
        "input_name": card.input_name,
        "output_name": card.output_name,
    }


def look_into(
    backend: str,
    artifact: dict[str, Any],
    options: dict[str, Any],
    card: Card,
    log: Path,
    *,
    python: str = sys.executable,
) -> dict[str, Any]:
    """What is in the file (``facts``) and what to feed it (``preprocessing``); in a worker of its own.

    Raises:
        AlexBenchError: the file, the card or the options are not to be used together.
    """
    with WorkerProcess(backend, log=log, python=python) as worker:
        return worker.ask(
            "inspect_artifact",
            backend=backend,
            artifact=artifact,
            options=options,
            preprocessing=asdict(card.preprocessing),
        )


def artifact_record(file: str, seen: dict[str, Any]) -> ArtifactRecord:
    """What was found, as it goes into ``run.json``."""
    facts = decode(ArtifactFacts, seen["facts"])
    return ArtifactRecord(
        path=file,
        sha256=file_digest(Path(file)),
        format=f"{facts.format} {facts.version}".strip(),
        precision=facts.precision,
        input_name=facts.input_name,
        output_name=facts.output_name,
        layout=facts.layout,
        batch=facts.batch,
        scores=facts.scores,
        normalisation="" if facts.normalisation is None else str(facts.normalisation),
        fed=said_formula(decode(Preprocessing, seen["preprocessing"])),
        producer=facts.producer,
        products=facts.products,
        stored=facts.stored,
        rounded=facts.rounded,
        dynamic=facts.dynamic,
    )


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file; of a folder, over the name and SHA-256 of each file in it, sorted.

    An OpenVINO .xml is taken with the .bin beside it.

    Raises:
        WeightsError: it cannot be read.
    """
    beside = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else beside
    try:
        digests = {file.relative_to(path.parent).as_posix(): sha256_of(file) for file in files}
    except OSError as error:
        raise WeightsError(f"{error.filename or path} cannot be read: {error.strerror}") from error
    if list(digests) == [path.name]:
        return digests[path.name]
    return hashlib.sha256("".join(f"{name} {one}\n" for name, one in digests.items()).encode()).hexdigest()
