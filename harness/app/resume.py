"""Going on with a run: its own configuration, and the same inputs as before or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from alexbench.harness.app.artifacts import file_digest, programs_of
from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.row import Row
from alexbench.harness.app.trust import untrusted
from alexbench.harness.decoding import DecodeError, decode
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.record_files import RUN_FILE
from alexbench.harness.records import DataRecord, ModelRecord, RunRecord


def configuration_of(record: RunRecord, folder: Path, *, trusted: Iterable[str] = ()) -> RunConfig:
    """The configuration that a run was started with.

    A record is data: whoever wrote it does not decide what runs here. ``trusted``: the programs (model files,
    interpreters) that the user lets the record name.

    Raises:
        RecordError: it is not one.
        UsageError: it names a program that is not trusted, or one is trusted that it does not name.
    """
    try:
        config = decode(RunConfig, record.configuration)
    except DecodeError as error:
        raise RecordError(f"{folder / RUN_FILE} is damaged: configuration: {error}") from error
    known, programs = tuple(trusted), programs_of(config)
    for one in untrusted(known, programs):
        raise UsageError(f"--trust {one}: {folder} runs no such program")
    missing = untrusted(programs, known)
    if missing:
        raise UsageError(
            f"{folder} would start {missing[0]}, which its record names; if you trust that program, add"
            + trust_flags(programs)
        )
    return replace(config, trusted=known)


def trust_flags(programs: Iterable[str]) -> str:
    """The flags that trust them, each after a space."""
    return "".join(f" --trust {one}" for one in dict.fromkeys(programs))


def check_same_files(before: RunRecord, rows: Sequence[Row], folder: Path) -> None:
    """Whether the artifacts are still those of the run; asked before any is opened.

    Raises:
        UsageError: one is another file.
    """
    was = {row.name: row.artifact.sha256 for row in before.systems if row.artifact is not None}
    for row in rows:
        if row.artifact is None or row.name not in was:
            continue
        now = file_digest(Path(row.artifact.path))
        if now != was[row.name]:
            raise UsageError(
                f"--resume {folder}: {row.artifact.path} is not the file that the run began with (SHA-256"
                f" {was[row.name][:12]} then, {now[:12]} now); start a new one"
            )


def check_unchanged(before: RunRecord, model: ModelRecord, data: DataRecord, folder: Path) -> None:
    """Whether the weights and pictures are still those of the run.

    Raises:
        UsageError: one is not; the message names it.
    """
    for what, was, now in changes(before, model, data):
        raise UsageError(
            f"--resume {folder}: the {what} are not those of the run ({was[:12]} then, {now[:12]} now); start a new one"
        )


def changes(before: RunRecord, model: ModelRecord, data: DataRecord) -> Iterator[tuple[str, str, str]]:
    """What of the inputs is no longer as it was: in words, and its digest then and now."""
    compared = (
        ("weights", before.model.weights_digest, model.weights_digest),
        ("preprocessing or decoders", before.model.recipe_digest, model.recipe_digest),
        ("names or labels of the pictures", before.data.names_digest, data.names_digest),
        ("pictures", before.data.source_digest, data.source_digest),
        ("prepared pixels", before.data.pixels_digest, data.pixels_digest),
    )
    return ((what, was, now) for what, was, now in compared if was != now)
