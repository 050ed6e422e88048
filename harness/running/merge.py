"""``alexbench merge``: the runs of all parts of a data set, joined into one run.

What is joined is accuracy: ``predictions.parquet`` and ``samples.parquet`` are those of the whole set's run, byte for
byte. Parity is that of the worst part, ``reference.parquet`` and ``flips.parquet`` those of the parts one after the
other: each examined images of its own. Speed is not joined: parts may have run on different machines.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.files.out_file import check_folder
from alexbench.harness.files.plain_text import file_stem
from alexbench.harness.inputs.notes import notes
from alexbench.harness.judge.chance import chance
from alexbench.harness.judge.published import comparisons_of
from alexbench.harness.judge.ranking import ranked
from alexbench.harness.judge.sampling import with_intervals
from alexbench.harness.records import file_names
from alexbench.harness.records.effective import Effective
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import (
    Accuracy,
    DataRecord,
    Observed,
    Parity,
    ReferenceRecord,
    RunRecord,
    SystemRecord,
)
from alexbench.harness.run_tables import read_table
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.pipeline import Outcome, exit_code
from alexbench.harness.running.row_pairs import row_pairs
from alexbench.harness.running.table_checks import check_tables, digest_of
from alexbench.harness.running.thumbnails import join_thumbnails

_Part = tuple[Path, RunRecord]

_SAME_CONFIGURATION: Final = ("model", "batch_size", "limit", "seed", "on_bad_image")
_SAME_EFFECTIVE: Final = ("runtime", "version", "device", "provider", "precision", "threads", "streams")


def merge(folders: Sequence[Path], out: Path) -> Outcome:
    """Join the runs in ``folders``, one a part, into a new run folder below ``out``.

    Raises:
        UsageError: parts are missing or twice there, or are not parts of the same run.
        RecordError: a folder is not a run, or its files are damaged.
    """
    check_folder(out)
    parts = _in_order([(folder, read_run(folder)) for folder in folders])
    _check_same(parts)
    tables = [_table(folder, file_names.SAMPLES) for folder, _ in parts]
    for (folder, record), table in zip(parts, tables, strict=True):
        _check_part(folder, record, table)
    frames = _predictions(parts)
    examined = _examined(parts)
    samples = pd.concat(tables, ignore_index=True)
    record = _join(parts, samples)
    answers = pd.concat(frames, ignore_index=True)
    record = replace(record, pairs=row_pairs(answers, record.data, record.systems, record.base))
    made = run_folder.create(
        out, file_stem(Path(str(record.configuration.get("model", record.model.card))).stem), datetime.now(UTC)
    )
    run_folder.write_predictions(made, frames)
    run_folder.write_parquet(made / file_names.SAMPLES, samples)
    for name, frame in examined.items():
        run_folder.write_parquet(made / name, frame)
    if not join_thumbnails([folder for folder, _ in parts], made):
        record = replace(record, notes=(*record.notes, Reason("no_thumbnails")))
    (made / file_names.LOGS).rmdir()
    run_folder.write_record(made, record)
    return Outcome(made, record, exit_code(record))


def _in_order(parts: list[_Part]) -> list[_Part]:
    """The parts by number: all of them, each once."""
    by_number: dict[int, _Part] = {}
    of = 0
    for folder, record in parts:
        part = record.data.part
        if part is None:
            raise UsageError(f"{folder} is not a part of a data set; alexbench run --shard makes parts")
        if record.status != "complete":
            raise UsageError(f"{folder} is {record.status}; first: alexbench run --resume {folder}")
        if of not in (0, part.of):
            raise UsageError(f"{folder} is part {part.number} of {part.of}, others are parts of {of}")
        if part.number in by_number:
            raise UsageError(f"{by_number[part.number][0]} and {folder} are both part {part.number} of {part.of}")
        of, by_number[part.number] = part.of, (folder, record)
    missing = [number for number in range(1, of + 1) if number not in by_number]
    if missing:
        raise UsageError(
            f"part{'' if len(missing) == 1 else 's'} {', '.join(map(str, missing))} of {of} missing; run "
            f"--shard {missing[0]}/{of} and name its folder too"
        )
    return [by_number[number] for number in range(1, of + 1)]


def _check_same(parts: list[_Part]) -> None:
    first_folder, first = parts[0]
    assert first.data.part is not None
    for folder, record in parts[1:]:
        assert record.data.part is not None
        compared: list[tuple[str, Any, Any]] = [
            ("weights", first.model.weights_digest, record.model.weights_digest),
            ("data set (names or labels)", first.data.part.whole_names_digest, record.data.part.whole_names_digest),
            ("card", first.model.card, record.model.card),
            ("preprocessing or decoders", first.model.recipe_digest, record.model.recipe_digest),
            ("systems", [row.name for row in first.systems], [row.name for row in record.systems]),
        ]
        compared += [(key, first.configuration.get(key), record.configuration.get(key)) for key in _SAME_CONFIGURATION]
        for one, other in zip(first.systems, record.systems, strict=False):
            compared.append((f"{one.name} file", _sha256(one), _sha256(other)))
            compared.append((one.name, one.system.key, other.system.key))
            if one.effective is not None and other.effective is not None:
                compared += [
                    (f"{one.name} {key}", _value(one.effective, key), _value(other.effective, key))
                    for key in _SAME_EFFECTIVE
                ]
        for what, here, there in compared:
            if here != there:
                raise UsageError(
                    f"{first_folder} and {folder} are not parts of one run: {what} {_said(here)} and {_said(there)}"
                )


def _value(effective: Effective, key: str) -> str:
    """Without its evidence: of a part with too few images less may have been measured."""
    found = getattr(effective, key)
    return str(found if isinstance(found, str) else found[0])


def _sha256(row: SystemRecord) -> str:
    """The facts of the row's artifact; empty for a network built from weights."""
    return "" if row.artifact is None else row.artifact.sha256


def _said(value: object) -> str:
    if isinstance(value, tuple | list):
        return " ".join(str(one) for one in value)
    text = str(value)
    return text[:12] if len(text) == 64 else text


def _check_part(folder: Path, record: RunRecord, samples: pd.DataFrame) -> None:
    """The tables are the record's, and as many images as its part has.

    Raises:
        RecordError: they are not.
    """
    part = record.data.part
    assert part is not None
    check_tables(folder, record)
    if len(samples) != part.last - part.first:
        raise RecordError(
            f"{folder / file_names.SAMPLES} is not the table of that run; restore it or run the part again"
        )


def _predictions(parts: list[_Part]) -> list[pd.DataFrame]:
    """Row by row, each the parts one after the other, as the whole set's run writes them."""
    tables = {folder: _table(folder, file_names.PREDICTIONS) for folder, _ in parts}
    frames = []
    for row in parts[0][1].systems:
        if row.status in ("missing", "unsupported"):
            continue
        for folder, record in parts:
            here = next(one for one in record.systems if one.name == row.name)
            if here.accuracy is None:
                raise UsageError(
                    f"{folder} has no accuracy of {row.name} ({here.error or here.status}); first: alexbench run"
                    f" --resume {folder}"
                )
        frames += [tables[folder][tables[folder]["backend"] == row.name] for folder, _ in parts]
    return frames


def _examined(parts: list[_Part]) -> dict[str, pd.DataFrame]:
    """``reference.parquet`` and ``flips.parquet`` of all parts, mismatches row by row; none if one has none.

    Raises:
        RecordError: a part's table is not that of its record.
    """
    if not all((folder / name).exists() for folder, _ in parts for name in (file_names.REFERENCE, file_names.FLIPS)):
        return {}
    truths, flips = [], []
    for folder, record in parts:
        truth, flipped = _table(folder, file_names.REFERENCE), _table(folder, file_names.FLIPS)
        held = [row for row in record.systems if row.parity is not None]
        counted = {row.name: row.parity.flips for row in held if row.parity is not None and row.parity.flips}
        reference = record.reference
        if flipped["backend"].value_counts().to_dict() != counted or (
            reference is None or len(truth) != reference.images + reference.flips_examined
        ):
            raise RecordError(
                f"{folder}: its top-1 mismatches are not those of that run; restore them or run the part again"
            )
        truths.append(truth)
        flips.append(flipped)
    every = pd.concat(flips, ignore_index=True)
    order = [row.name for row in parts[0][1].systems]
    by_backend = every.sort_values("backend", key=lambda names: names.map(order.index), kind="stable")
    return {file_names.REFERENCE: pd.concat(truths, ignore_index=True), file_names.FLIPS: by_backend}


def _table(folder: Path, name: str) -> pd.DataFrame:
    table = read_table(folder / name)
    if table is None:
        raise RecordError(f"{folder} has no {name}: its accuracy was not measured")
    return table


def _join(parts: list[_Part], samples: pd.DataFrame) -> RunRecord:
    records = [record for _, record in parts]
    first = records[0]
    assert first.data.part is not None
    data = _data(records, samples)
    joined_rows = [_row([record.systems[place] for record in records], data) for place in range(len(first.systems))]
    rows, _, _ = ranked(joined_rows, {})
    return replace(
        first,
        status="complete",
        started=min(record.started for record in records),
        finished=max(record.finished or record.started for record in records),
        configuration={**first.configuration, "shard": None, "only": "accuracy"},
        data=data,
        systems=rows,
        controls=(),
        ceiling=None,
        invalid=(),
        differences=(),
        resolutions=(),
        comparisons=comparisons_of(rows, first.model, data),
        reference=_reference(records),
        conditions={},
        notes=(Reason("joined", count=len(parts)), *notes(first.model, data, first.data.part.whole_notes)),
    )


def _data(records: list[RunRecord], samples: pd.DataFrame) -> DataRecord:
    first = records[0].data
    assert first.part is not None

    counts = samples["label"].value_counts().reindex(range(1000), fill_value=0).value_counts()
    return replace(
        first,
        description=first.part.whole_description,
        certificate=first.part.whole_certificate,
        of_validation_set=first.part.whole_of_validation_set,
        images=int(samples["skipped"].isna().sum()),
        classes=int(samples["label"].nunique()),
        names_digest=first.part.whole_names_digest,
        source_digest=digest_of(samples, "source_sha256"),
        pixels_digest=digest_of(samples, "pixels_sha256"),
        per_class={str(pictures): int(counts[pictures]) for pictures in sorted(counts.index)},
        skipped=tuple(one for record in records for one in record.data.skipped),
        part=None,
    )


def _row(rows: list[SystemRecord], data: DataRecord) -> SystemRecord:
    """One system's rows of all parts as one; ``data``: all of their images."""
    first = rows[0]
    kept = [row.accuracy for row in rows if row.accuracy is not None]
    accuracy = None
    if len(kept) == len(rows):
        joined = Accuracy(
            images=sum(one.images for one in kept),
            top1_correct=sum(one.top1_correct for one in kept),
            top5_correct=sum(one.top5_correct for one in kept),
            seconds=sum(one.seconds for one in kept),
            batch_size=kept[0].batch_size,
        )
        accuracy = with_intervals(_against_guessing(joined, kept), data)
    found = [row.parity for row in rows if row.parity is not None]
    return replace(
        first,
        load_s=None,
        **asdict(Observed(batch_dependence=first.batch_dependence)),
        python=None,
        performance=None,
        accuracy=accuracy,
        parity=_parity(found) if len(found) == len(rows) else None,
    )


def _against_guessing(joined: Accuracy, parts: list[Accuracy]) -> Accuracy:
    """By the mean luck of the parts, each weighing as many images as it has; nothing where a part is older."""
    lucks = [one.by_guessing * one.images for one in parts if one.by_guessing is not None]
    if len(lucks) < len(parts):
        return joined
    luck = sum(lucks) / joined.images
    return replace(joined, by_guessing=luck, chance=chance(joined.top1_correct, joined.images, luck))


def _parity(found: list[Parity]) -> Parity:
    divergences = [one.kl for one in found if one.kl is not None]
    overlaps = [one.top5_overlap for one in found if one.top5_overlap is not None]
    return replace(
        min(found, key=lambda one: one.sqnr_db),  # its bits, and the precision that they say
        images=sum(one.images for one in found),
        max_abs_over_sigma=max(one.max_abs_over_sigma for one in found),
        sqnr_db=min(one.sqnr_db for one in found),
        cosine=min(one.cosine for one in found),
        flips=sum(one.flips for one in found),
        unexplained_flips=sum(one.unexplained_flips for one in found),
        kl=max(divergences) if len(divergences) == len(found) else None,
        top5_overlap=min(overlaps) if len(overlaps) == len(found) else None,
        passed=all(one.passed for one in found),
    )


def _reference(records: list[RunRecord]) -> ReferenceRecord | None:
    found = [record.reference for record in records if record.reference is not None]
    if len(found) < len(records):
        return None
    return ReferenceRecord(
        images=sum(one.images for one in found),
        top1_correct=sum(one.top1_correct for one in found),
        top5_correct=sum(one.top5_correct for one in found),
        sigma=sum(one.sigma for one in found) / len(found),
        flips_examined=sum(one.flips_examined for one in found),
    )
