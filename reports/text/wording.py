"""The sentences that stand around a leaderboard, the same in every format."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from alexbench.harness.records.artifact_records import ArtifactRecord
from alexbench.harness.records.effective import Effective
from alexbench.harness.records.quantization_records import KernelCheck, QuantizationRecord
from alexbench.harness.records.run_records import KEPT_OUT, DataRecord, Parity, RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Ceiling, Control, Generated, Performance, Resolution
from alexbench.reports.text.reason_words import arithmetic_words, joined, words
from alexbench.reports.text.tuning_words import settings_line

ABSENT = "-"
_MEASURES = {"latency": "latency", "images/s": "FPS"}
_HOW = {
    "reported": "reported by the runtime",
    "measured": "measured by its error",
    "declared": "declared in the file",
    "requested": "requested, not confirmed",
}
_NAMED_AT_MOST: Final = 3


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def first_few(names: Sequence[str], most: int) -> str:
    """``a, b, c and 2 more``: at most so many of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def short_version(version: str) -> str:
    """Without build numbers and local parts (2026.4.1-22982-..., 2.13.0+cpu), which records and exports have."""
    return re.split("[-+]", version)[0]


def model_line(record: RunRecord) -> str:
    """The network, its size, and where its weights are from."""
    model = record.model
    if not model.weights_digest:
        weights = "SYNTHETIC weights, in files named below" if model.synthetic else "the files named below, unverified"
        return f"{weights}; images prepared for card {model.card}"
    if model.synthetic:
        source = "" if model.weights == "synthetic" else f", read from {PurePath(model.weights).name}"
        weights = (
            f"SYNTHETIC weights (random layers, a closed-form classifier){source}, digest {model.weights_digest[:12]}"
        )
    else:
        verified = f"verified: {model.weights_verified}" if model.weights_verified else "UNVERIFIED"
        said = "; ".join(filter(None, (model.weights_unwrapped, verified)))
        weights = f"weights {PurePath(model.weights).name} ({said}), digest {model.weights_digest[:12]}"
    return (
        f"{model.card} (network {model.network}), {model.parameters:,} parameters, {model.macs / 1e9:.3f} GMACs "
        f"= {model.gflops:.3f} GFLOPs (2 x MACs) per image; {weights}"
    )


def data_line(record: RunRecord) -> str:
    """The images, how many, and whether they are synthetic."""
    data = record.data
    kind = (
        "SYNTHETIC images, drawn by a program; these accuracies say nothing about ImageNet: " if data.synthetic else ""
    )
    return f"{kind}{data.description}; prepared as {record.model.preprocessing}, pixels {data.pixels_digest[:12]}"


def machine_line(record: RunRecord) -> str:
    """The hardware, and the systems that were asked for."""
    return f"{hardware_line(record)}; asked for: {asked_for(record)}"


def asked_for(record: RunRecord) -> str:
    """Device, precision and threads of the systems of a run, each value once; nothing where it has none yet."""
    systems = [row.system for row in record.systems]
    devices, precisions, threads = (
        " and ".join(dict.fromkeys(str(getattr(one, key)) for one in systems))
        for key in ("device", "precision", "threads")
    )
    return f"{devices}, {precisions}, {threads} threads" if systems else "nothing yet"


def hardware_line(record: RunRecord) -> str:
    """Processor, cores, memory and operating system."""
    machine = record.machine
    virtual = ", virtual machine" if machine.get("virtualised") else ""
    return (
        f"{machine.get('cpu')}, {machine.get('usable_cores')} of {machine.get('logical_cores')} cores usable{virtual}, "
        f"{(machine.get('memory_mib') or 0) / 1024:.0f} GiB, {machine.get('os')}"
    )


def when_line(record: RunRecord) -> str:
    """When, by which version, and how it ended."""
    status = "" if record.status == "complete" else f"; this run is {record.status.upper()}"
    rigor = f", rigor {record.configuration['rigor']}" if record.configuration.get("rigor") else ""
    return f"{record.started}, alexbench {record.alexbench_version}{rigor}{status}"


def facts(record: RunRecord) -> list[tuple[str, str]]:
    """The lines above a leaderboard, each with a heading of at most seven letters."""
    found = [
        ("model", model_line(record)),
        ("data", data_line(record)),
        ("machine", machine_line(record)),
        ("run", when_line(record)),
    ]
    if record.ceiling is not None:
        found.append(("ceiling", _ceiling_line(record.ceiling)))
    pairs = "processes" if record.resolutions else "blocks"
    found += [("control", _control_line(one, pairs)) for one in record.controls]
    if record.resolutions:
        found.append(("limit", resolution_line(record.resolutions)))
    return found


def run_line(record: RunRecord, *, noisy: bool = False) -> str:
    """What the run covers, in one line. ``noisy``: without what ties may hide, which the noise banner gives."""
    data, machine = record.data, record.machine
    synthetic = "synthetic " if data.synthetic else ""
    parts = [
        f"AlexNet ({record.model.card}), {data.images:,} {synthetic}images",
        f"{machine.get('cpu')} ({machine.get('usable_cores')} cores)",
    ]
    if record.configuration.get("rigor"):
        parts.append(f"rigor {record.configuration['rigor']}")
    ties = "" if noisy else ties_line(record)
    if ties:
        parts.append(ties)
    if record.status != "complete":
        parts.append(f"this run is {record.status.upper()}")
    return "; ".join(parts)


def ties_line(record: RunRecord) -> str:
    """How far apart rows that share a rank may be: the widest interval of their pairs; "" without ties."""
    ranks = {row.name: (row.group, row.rank) for row in record.systems if row.rank is not None}
    pairs = [one for one in record.differences if one.of == "images/s" and not one.apart]
    tied = [one for one in pairs if one.one in ranks and ranks[one.one] == ranks.get(one.other)]
    if not tied:
        return ""
    most = 100 * (max(max(one.high, 1 / one.low) for one in tied) - 1)
    return f"tied rows may differ by up to {most:.{0 if most >= 10 else 1}f} % in FPS"


def resolution_line(resolutions: Sequence[Resolution]) -> str:
    """What the run can tell apart, as a sentence."""
    counts = sorted({one.processes for one in resolutions})
    return (
        f"This run can tell apart rows that differ by more than {resolved(resolutions)}"
        f" (95 %, the widest of all pairs; {' to '.join(map(str, counts))} processes per row)"
    )


def resolved(resolutions: Sequence[Resolution]) -> str:
    """How far rows must differ to be told apart, for each measure."""
    return " or ".join(f"{100 * (one.ratio - 1):.1f} % in {_MEASURES[one.of]}" for one in resolutions)


def _ceiling_line(ceiling: Ceiling) -> str:
    kernel = max(ceiling.kernels, key=lambda name: ceiling.kernels[name])
    stream = max(ceiling.streams, key=lambda name: ceiling.streams[name])
    return (
        f"this machine reached {ceiling.gflops_per_second:.0f} GFLOP/s ({kernel}, the best of {len(ceiling.kernels)})"
        f" and {ceiling.gb_per_second:.1f} GB/s ({stream}) during the run"
    )


def _control_line(control: Control, pairs: str) -> str:
    found = f"A/A of {control.of}, {control.backend} against itself in the same rounds: {control.ratio:.3f}"
    if not control.decides:
        return f"{found}, from {control.pairs} pair{'' if control.pairs == 1 else 's'} of {pairs}"
    return f"{found} (90 % interval over {control.pairs} pairs of {pairs}: {control.low:.3f} to {control.high:.3f})"


def published_lines(record: RunRecord) -> list[str]:
    """What others published for this card, and whether it may be compared."""
    verdict = "no verdict: these images or weights are synthetic"
    if not (record.model.synthetic or record.data.synthetic):
        verdict = "compare only on all 50,000 images and with verified weights"
    return [f"{one.source}: top-1 {one.top1:g} %, top-5 {one.top5:g} % ({verdict})" for one in record.model.published]


def run_remarks(record: RunRecord, *, details: bool = True) -> list[str]:
    """What qualifies the run: doubtful rows and its images; with ``details``, how many batches ran at once."""
    doubted = [f"{entry.name}: {line}" for entry in record.systems for line in doubts(entry)]
    about = [*_data_lines(record.data), *map(words, record.notes)]
    return [*doubted, *about, *(_about_speed(record) if details else [])]


def _data_lines(data: DataRecord) -> list[str]:
    """Which images these are, and how many could not be read."""
    lines = []
    if data.part is not None:
        part = data.part
        lines.append(
            f"Part {part.number} of {part.of}: images {part.first + 1} to {part.last} of {part.total}; alexbench merge"
            " joins the parts."
        )
    if data.certificate:
        lines.append(data.certificate)
    total = len(data.skipped) + data.images
    if data.calibration:
        lines.append(
            f"int8 ranges were taken from {data.calibration} of these {total} images, so many of each class; they are"
            f" scored for no row: accuracies are over the other {data.images}. --calibration names other images."
        )
    unread = [one for one in data.skipped if one.reason != KEPT_OUT]
    if unread:
        named = ", ".join(one.name for one in unread[:_NAMED_AT_MOST])
        more = ", ..." if len(unread) > _NAMED_AT_MOST else ""
        lines.append(
            f"{len(unread)} of {total} images could not be read and were skipped"
            f" ({named}{more}): accuracies are over the other {data.images}."
        )
    return lines


def doubts(entry: SystemRecord) -> list[str]:
    """Why no measurement of a row is reliable: it is no better than guessing, or computes another function."""
    lines = []
    accuracy, parity = entry.accuracy, entry.parity
    right = "" if accuracy is None else f"top-1 is {accuracy.top1_correct} of {accuracy.images}"
    if accuracy is not None and accuracy.against_guessing == "no better":
        luck = "" if accuracy.by_guessing is None else f" (a guess is right for {100 * accuracy.by_guessing:.2g} %)"
        lines.append(
            f"{right}, NO BETTER THAN GUESSING{luck}: images, labels, card and weights do not belong together, or the"
            " file expects other input; not ranked. To find the cause: alexbench doctor."
        )
    if accuracy is not None and accuracy.against_guessing == "too few":
        lines.append(f"{right}: TOO FEW IMAGES to tell it from guessing; not ranked.")
    if parity is not None and parity.far_off:
        lines.append(
            f"logits are OFF BY UP TO {parity.max_abs_over_sigma:.2g} SIGMA from float64, more than any rounding; not"
            " ranked."
        )
    return lines


def row_remarks(entry: SystemRecord) -> list[str]:
    """What qualifies a row, without its name: its file, its error, parity, threads that were not counted.

    Disturbances of the machine are reported once for all rows (:mod:`alexbench.reports.leaderboard.noise_banner`).
    """
    lines = doubts(entry)
    lines += [] if entry.artifact is None else [_file_line(entry, entry.artifact)]
    lines += [] if entry.error is None else [entry.error]
    settings = settings_line(entry.system.settings, entry.effective, entry.tuning)
    lines += [settings] if settings else []
    lines += _batch_lines(entry)
    lines += map(words, entry.remarks)
    if entry.parity is not None:
        lines += _parity_lines(entry, entry.parity)
    if entry.kernels is not None:
        lines.append(_kernel_line(entry.kernels))
    if entry.effective is not None and entry.effective.threads[1] != "measured":
        lines.append(f"thread count only {entry.effective.threads[1]}, not measured.")
    return lines


def _kernel_line(check: KernelCheck) -> str:
    """What the int8 kernels lose, compared with the same file in fp32, its cause and the fix."""
    both = f"{check.kernels_db:.1f} dB with int8 kernels, {check.emulated_db:.1f} dB with the same file's steps in fp32"
    if not check.corrupted:
        return f"int8 kernels compute what the file says: {both}; the rest is quantization."
    cause = (
        "this CPU has no VNNI (avx512_vnni, avx_vnni), and sums of 8-bit products saturate in int16"
        if check.vnni is False
        else "the kernels of this runtime and CPU"
    )
    return f"int8 kernels LOSE {check.lost_db:.1f} dB: {both}. Cause: {cause}. Fix: quantize with --reduce-range."


def _batch_lines(entry: SystemRecord) -> list[str]:
    """That a row's answers depend on the batch, and the batch size of its accuracy."""
    if entry.batch_dependence is None:
        return []
    size = None if entry.accuracy is None else entry.accuracy.batch_size
    only = "" if size is None else f": accuracy and parity hold for batches of {size} only"
    much = f"by up to {entry.batch_dependence:.2g} sigma"
    return [f"scores of an image DEPEND ON ITS BATCH, {much} (dynamic quantization){only}."]


def _parity_lines(entry: SystemRecord, parity: Parity) -> list[str]:
    """The precision that a row's error reveals, and whether it matches float64 within its own tolerance."""
    lines = []
    bits = "" if parity.effective_bits is None else f", {parity.effective_bits:.1f} effective bits,"
    if parity.unmasked is not None:
        says = entry.artifact.precision if entry.artifact else entry.effective.precision[0] if entry.effective else ""
        other = arithmetic_words(parity.unmasked)
        lines.append(f"says {parity.held_to or says}, but its error{bits} is that of {other}.")
    of = "these weights in float64" if entry.artifact else "float64"
    found = (
        f"error {parity.max_abs_over_sigma:.2g} sigma (at most {parity.tolerance_max_abs_over_sigma:g}),"
        f" {parity.sqnr_db:.0f} dB (at least {parity.tolerance_sqnr_db:g})"
    )
    if parity.unexplained_flips:
        found += f", {parity.unexplained_flips} top-1 mismatches that this cannot explain"
    if parity.quantised and parity.passed:
        lines.append(f"quantized to {parity.held_to}, within expectation of {of}: {found}.")
    elif parity.quantised:
        lines.append(
            f"quantized to {parity.held_to}, outside expectation of {of}: {found}; commonly its calibration, or kernels"
            " that saturate on this CPU. Not ranked."
        )
    elif not parity.passed and (parity.computed_as == "another function" or parity.far_off):
        lines.append(f"not the same function as {of}, nor a rounding of it: {found}; not ranked.")
    elif not parity.passed:
        lines.append(f"beyond {parity.held_to or 'its'} tolerance of {of}: {found}; not ranked.")
    return lines


def _about_speed(record: RunRecord) -> list[str]:
    """How each row ran many batches at once; then LoadGen's reasons."""
    speeds = [(entry.name, entry.performance) for entry in record.systems if entry.performance is not None]
    ways: dict[str, list[str]] = {}
    for name, speed in speeds:
        if speed.offline is not None:
            ways.setdefault(speed.offline.way, []).append(name)
    lines = [f"{', '.join(names)}, many at once: {way}." for way, names in ways.items()]
    for name, speed in speeds:
        lines += [_generated_line(name, one) for one in speed.generated if one.reasons]
    return lines


def noise_words(speed: Performance) -> str | None:
    """What was unusual while a row was timed, "" if nothing was; None if it was not checked, as before schema 3."""
    if speed.noise is not None:
        return joined(speed.noise.failed)
    return None if speed.steady else "no steady state"


def _generated_line(backend: str, one: Generated) -> str:
    verdict = "" if one.valid else "INVALID by LoadGen: "
    return f"{backend}, {one.scenario}: {verdict}{joined(one.reasons)}."


def _file_line(entry: SystemRecord, artifact: ArtifactRecord) -> str:
    made = entry.quantization
    return (
        _artifact_line(artifact, entry.effective) if made is None else _quantized_line(made, artifact, entry.effective)
    )


def _quantized_line(made: QuantizationRecord, artifact: ArtifactRecord, ran: Effective | None) -> str:
    """How an int8 file was made here, and what it computes in."""
    scales = "a scale per channel" if made.per_channel else "one scale per layer"
    reduced = ", reduced range" if made.reduce_range else ""
    images = f"calibrated with {made.calibration}{' (SYNTHETIC)' if made.calibration_synthetic else ''}"
    leaked = f"; {made.scored:,} of them are among the SCORED images" if made.scored else ""
    return (
        f"quantized here by {made.tool}, {scales}, {made.method} ranges{reduced}, {images}{leaked};"
        f" {_precision(artifact, ran)}; SHA-256 {artifact.sha256[:12]}."
    )


def _artifact_line(artifact: ArtifactRecord, ran: Effective | None) -> str:
    batch = "any batch" if artifact.batch is None else f"batch {artifact.batch} (padded)"
    if artifact.stated:
        inside = f"its input as stated (--artifact-input {artifact.stated}), fed"
    else:
        inside = f"normalises its input itself ({artifact.normalisation}), so fed" if artifact.normalisation else "fed"
    trusted = f", trusted as a program (--trust; {artifact.confined})" if artifact.trusted else ""
    synthetic = ", with SYNTHETIC weights" if artifact.synthetic else ""
    return (
        f"ran {artifact.path} as it is{synthetic}: {artifact.format}, {_precision(artifact, ran)},"
        f" {artifact.input_name} ({artifact.layout}, {batch}) to {artifact.output_name} ({_scores(artifact)});"
        f" {inside} {artifact.fed}; SHA-256 {artifact.sha256[:12]}{trusted}."
    )


def _scores(artifact: ArtifactRecord) -> str:
    """Outputs and GFLOPs per image."""
    if artifact.outputs is None:  # an older record
        return artifact.scores
    work = "GFLOPs unknown" if artifact.macs is None else f"{2 * artifact.macs / 1e9:.3f} GFLOPs per image"
    return f"{artifact.outputs:,} {artifact.scores}, {work}"


def _precision(artifact: ArtifactRecord, ran: Effective | None) -> str:
    """The computing and the stored precision, and how they are known; older records have one word."""
    if not artifact.stored or ran is None:
        return artifact.precision
    how = _HOW.get(ran.precision[1], ran.precision[1])
    scales = ", with scales computed at run time" if artifact.dynamic else ""
    products = f" ({artifact.products})" if ", " in artifact.products else ""
    return f"computes in {ran.precision[0]}{products}{scales} ({how}), weights stored in {artifact.stored}"
