"""Going on with a run: its own configuration, and the same inputs as before or not at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.row import Row
from alexbench.harness.decoding import DecodeError, decode
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.record_files import RUN_FILE
from alexbench.harness.records import DataRecord, ModelRecord, RunRecord


def configuration_of(record: RunRecord, folder: Path) -> RunConfig:
    """The configuration that a run was started with.

    Raises:
        RecordError: it is not one.
    """
    try:
        return decode(RunConfig, record.configuration)
    except DecodeError as error:
        raise RecordError(f"{folder / RUN_FILE} is damaged: configuration: {error}") from error


def check_same_files(before: RunRecord, rows: Sequence[Row], folder: Path) -> None:
    """Whether the artifacts are still those of the run.

    Raises:
        UsageError: one is another file.
    """
    was = {row.name: row.artifact.sha256 for row in before.backends if row.artifact is not None}
    for row in rows:
        if row.found is not None and was.get(row.name, row.found.sha256) != row.found.sha256:
            raise UsageError(
                f"--resume {folder}: {row.artifact} is not the file that the run began with (SHA-256"
                f" {was[row.name][:12]} then, {row.found.sha256[:12]} now); start a new one"
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
