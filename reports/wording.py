"""The sentences that stand around a leaderboard, the same in every format."""

from pathlib import PurePath

from alexbench.harness.records import ArtifactRecord, BackendRecord, RunRecord
from alexbench.harness.speed_records import Ceiling, Control

ABSENT = "-"


def model_line(record: RunRecord) -> str:
    """The network, its size, and where its weights are from."""
    model = record.model
    if not model.weights_digest:
        weights = "the files named below, unverified"
    elif model.synthetic:
        weights = f"SYNTHETIC weights (random layers, a closed-form classifier), digest {model.weights_digest[:12]}"
    else:
        verified = f"verified: {model.weights_verified}" if model.weights_verified else "UNVERIFIED"
        weights = f"weights {PurePath(model.weights).name} ({verified}), digest {model.weights_digest[:12]}"
    return (
        f"{model.card} (network {model.network}), {model.parameters:,} parameters, {model.macs / 1e9:.3f} GMACs "
        f"= {model.gflops:.3f} GFLOPs (2 x MACs) an image; {weights}"
    )


def data_line(record: RunRecord) -> str:
    """The pictures, how many, and what they are not."""
    data = record.data
    kind = (
        "SYNTHETIC pictures, drawn by a program; these accuracies say nothing about ImageNet: "
        if data.synthetic
        else ""
    )
    return f"{kind}{data.description}; prepared as {record.model.preprocessing}, pixels {data.pixels_digest[:12]}"


def machine_line(record: RunRecord) -> str:
    """The hardware and what was asked of it."""
    machine, asked = record.machine, record.configuration
    virtual = ", virtual machine" if machine.get("virtualised") else ""
    return (
        f"{machine.get('cpu')}, {machine.get('usable_cores')} of {machine.get('logical_cores')} cores usable{virtual}, "
        f"{machine.get('memory_mib', 0) / 1024:.0f} GiB, {machine.get('os')}; asked for: {asked.get('device')}, "
        f"{asked.get('precision')}, {asked.get('threads')} threads"
    )


def when_line(record: RunRecord) -> str:
    """When, by which version, and how it ended."""
    status = "" if record.status == "complete" else f"; this run is {record.status.upper()}"
    rigor = f", rigor {record.configuration['rigor']}" if record.configuration.get("rigor") else ""
    return f"{record.started}, alexbench {record.alexbench_version}{rigor}{status}"


def published_lines(record: RunRecord) -> list[str]:
    """What others published for this card, and whether it may be compared."""
    verdict = "no verdict: these pictures or weights are synthetic"
    if not (record.model.synthetic or record.data.synthetic):
        verdict = "compare only on all 50,000 pictures and with verified weights"
    return [f"{one.source}: top-1 {one.top1:g} %, top-5 {one.top5:g} % ({verdict})" for one in record.model.published]


def explanations(record: RunRecord) -> list[str]:
    """How to read the columns that are shown; only those that this run filled."""
    lines = []
    lines += _about_speed(record)
    if any(entry.parity for entry in record.backends):
        lines += [
            _parity_rule(record),
            "Flips: pictures whose top-1 is not float64's, among the parity pictures and all on which backends differ.",
        ]
    lines.append(
        "Threads: counted while they worked. Load: importing and building. First: the first inference, batch 1."
    )
    lines.append(
        "MiB: resident memory of the worker, mapped weights and pixels included, when warm; peak: the most until then."
    )
    return lines


def _about_speed(record: RunRecord) -> list[str]:
    speeds = [entry.performance for entry in record.backends if entry.performance is not None]
    if not speeds:
        return []
    batch, windows = speeds[0].throughput.batch_size, speeds[0].throughput.bounds == "windows"
    several = max(speed.latency.processes for speed in speeds) > 1
    lines = [
        "p50: median of block medians at batch 1, host array in to host array out, (95 % bootstrap interval).",
        "Percentiles above it: only from 64 (p90), 130 (p95), 662 (p99) samples on, as MLPerf's early stopping asks.",
        f"FPS: images over the wall time of steady windows at batch {batch}, "
        + ("(slowest-fastest window)." if windows else "(95 % interval over windows)."),
        "Rank: one more than the rows that are faster beyond doubt: intervals apart"
        + ("" if several else ", and by over 3 %, for processes of one program differ so much")
        + "; = marks equal ranks.",
        "Backends took turns, in random order within each round.",
        "Rows that ran unlike (device, precision, threads, streams) are ranked apart, noisy rows not at all.",
        "GFLOP/s: FPS x GFLOPs (2 x MACs of convolutions and fully connected layers).",
        "CPU ms: of all threads, waiting for work included where a runtime spins.",
    ]
    if record.ceiling is not None:
        lines.append(_ceiling_line(record.ceiling))
    if record.control is not None:
        lines.append(_control_line(record.control))
    return lines


def _ceiling_line(ceiling: Ceiling) -> str:
    kernel = max(ceiling.kernels, key=lambda name: ceiling.kernels[name])
    return (
        f"mfu: of {ceiling.gflops_per_second:.0f} GFLOP/s, the best of {len(ceiling.kernels)} kernels in the same"
        f" rounds ({kernel}); memory was read at {ceiling.gb_per_second:.1f} GB/s ({max(ceiling.streams)})."
    )


def _control_line(control: Control) -> str:
    return (
        f"A/A control: {control.backend} against itself in the same rounds: {control.ratio:.3f}"
        f" ({control.low:.3f}-{control.high:.3f}, 90 %), {'passed' if control.passed else 'FAILED'}."
    )


def _parity_rule(record: RunRecord) -> str:
    held = next(one.parity for one in record.backends if one.parity)
    return (
        f"Parity ok: on {held.images} pictures the largest error of a logit against float64, in units of the logits' "
        f"standard deviation sigma, is at most {held.tolerance_max_abs_over_sigma:g}, SQNR is at least "
        f"{held.tolerance_sqnr_db:g} dB, and no flip is beyond rounding."
    )


def remarks(record: RunRecord) -> list[str]:
    """What qualifies this run or a row of it."""
    lines = [f"INVALID: {reason}: no row is ranked." for reason in record.invalid] + list(record.notes)
    for entry in record.backends:
        if entry.artifact is not None:
            lines.append(_artifact_line(entry.name, entry.artifact))
        if entry.error is not None:
            lines.append(entry.error if entry.error.startswith(entry.name) else f"{entry.name}: {entry.error}")
        lines += _noise_lines(entry)
        if entry.parity is not None and not entry.parity.passed:
            of = "as these weights in float64" if entry.artifact else "as float64"
            lines.append(f"{entry.name}: not the same function {of} within its tolerance: not ranked.")
        if entry.effective is not None and entry.effective.threads[1] != "measured":
            lines.append(f"{entry.name}: thread count only {entry.effective.threads[1]}, not measured.")
    return lines


def _noise_lines(entry: BackendRecord) -> list[str]:
    speed = entry.performance
    if speed is None:
        return []
    if speed.noise is None:
        return [] if speed.steady else [f"{entry.name}: no steady state: not ranked."]
    return [f"{entry.name}: {'; '.join(speed.noise.failed)}: not ranked."] if speed.noise.failed else []


def _artifact_line(backend: str, artifact: ArtifactRecord) -> str:
    batch = "any batch" if artifact.batch is None else f"batch {artifact.batch} (padded)"
    inside = f"normalises its input itself ({artifact.normalisation}), so fed" if artifact.normalisation else "fed"
    return (
        f"{backend} ran {artifact.path} as it is: {artifact.format}, {artifact.precision}, {artifact.input_name}"
        f" ({artifact.layout}, {batch}) to {artifact.output_name} ({artifact.scores}); {inside} {artifact.fed};"
        f" SHA-256 {artifact.sha256[:12]}."
    )
