"""Going on with a run: its own configuration, and the same inputs as before or not at all."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from alexbench.harness.chosen_systems import chosen_systems, trusting
from alexbench.harness.config import RunConfig
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.files.decoding import decode, decode_value
from alexbench.harness.inputs.model_files import programs_of, with_digests
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.run_records import DataRecord, ModelRecord, RunRecord
from alexbench.harness.resolving import shard_of
from alexbench.harness.trust import untrusted

_OLD_LISTS: Final = ("backends", "artifacts", "artifact_inputs", "pythons", "environments")
_OLD_VALUES: Final = {"threads": int, "precision": str, "device": str, "shard": str, "weights": str}
"""Keys of a configuration before schema 6, and what they held."""


def configuration_of(record: RunRecord, folder: Path, *, trusted: Iterable[str] = ()) -> RunConfig:
    """The configuration that a run was started with.

    A record is data: whoever wrote it does not decide what runs here. ``trusted``: the programs (model files,
    interpreters) that the user lets the record name.

    Raises:
        RecordError: it is not one.
        UsageError: it names a program that is not trusted, or one is trusted that it does not name.
    """
    try:
        asked = record.configuration
        config = decode(RunConfig, asked if "systems" in asked else _upgraded(asked))
    except UsageError as error:
        raise UsageError(f"{folder}: {error}") from error
    except ValueError as error:  # DecodeError is one
        raise RecordError(f"{folder / RUN_FILE} is damaged: configuration: {error}") from error
    known, programs = tuple(trusted), programs_of(config)
    for one in untrusted(known, programs):
        raise UsageError(f"--trust {one}: {folder} does not run this program")
    missing = untrusted(programs, known)
    if missing:
        raise UsageError(
            f"{folder} would start {missing[0]}, which its record names; if you trust that program, add"
            + trust_flags(programs)
        )
    return replace(config, systems=tuple(trusting(config.systems, known)))


def _upgraded(old: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a record of schema 5 or older, which kept flags, and one precision and device for all rows.

    Raises:
        DecodeError: a value is of another kind.
        UsageError: the flags make no sense here.
    """
    kinds: dict[str, Any] = {**dict.fromkeys(_OLD_LISTS, tuple[str, ...] | None), **_OLD_VALUES}
    flags = {key: decode_value(kind, old[key], f"configuration.{key}") for key, kind in kinds.items() if old.get(key)}
    kept = {key: value for key, value in old.items() if key not in {*kinds, "trusted"} or key == "weights"}
    shard = {"shard": shard_of(flags["shard"])} if "shard" in flags else {}
    return {**kept, **asdict(chosen_systems(flags)), **shard}


def trust_flags(programs: Iterable[str]) -> str:
    """The flags that trust them, each after a space."""
    return "".join(f" --trust {one}" for one in dict.fromkeys(programs))


def with_same_files(before: RunRecord, config: RunConfig, folder: Path) -> RunConfig:
    """The configuration with its artifacts' digests, which are still those of the run; asked before any is opened.

    Raises:
        UsageError: one is another file.
    """
    rows = {row.name: row.artifact.sha256 for row in before.systems if row.artifact is not None}
    now = with_digests(config)
    for (label, then), system in zip(config.by_label.items(), now.systems, strict=True):
        if then.artifact is None or system.artifact is None:
            continue
        was, found = then.artifact.sha256 or rows.get(label, ""), system.artifact.sha256
        if was and found != was:
            raise UsageError(
                f"--resume {folder}: {system.artifact.path} is not the file that the run began with (SHA-256"
                f" {was[:12]} then, {found[:12]} now); start a new one"
            )
    return now


def check_unchanged(before: RunRecord, model: ModelRecord, data: DataRecord, folder: Path) -> None:
    """Whether the weights and images are still those of the run.

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
        ("names or labels of the images", before.data.names_digest, data.names_digest),
        ("images", before.data.source_digest, data.source_digest),
        ("prepared pixels", before.data.pixels_digest, data.pixels_digest),
    )
    return ((what, was, now) for what, was, now in compared if was != now)
