"""The words for what is wrong with a quantized file."""

from collections.abc import Iterator
from typing import Final

from alexbench.harness.records.diagnosis_records import Change
from alexbench.harness.records.quantization_records import QuantizedFile, RangeFault, RangeSeen

_GREY: Final = {"0..1": "0..1, without mean and deviation", "0..255": "grey levels 0..255, not normalised"}
_AGAIN: Final = "quantize again"


def quantization_changes(found: QuantizedFile) -> Iterator[Change]:
    """Each fault with its fix: kernels, activation ranges, weights."""
    kernels = found.kernels
    if kernels is not None and kernels.corrupted:
        why = " (this CPU has no VNNI, and sums of products saturate in int16)" if kernels.vnni is False else ""
        yield Change(
            "int8-kernels",
            f"this CPU's int8 kernels do not compute what the file says{why}: {kernels.kernels_db:.1f} dB with them,"
            f" {kernels.emulated_db:.1f} dB with the file's steps in fp32",
            f"{_AGAIN} with --reduce-range, or run it on a CPU with VNNI",
        )
    if found.fault is not None:
        yield _of_ranges(found, found.fault)
    if found.loses_by_one_scale:
        yield Change(
            "per-tensor",
            f"one weight scale per layer costs {found.one_scale_loss_db:.1f} dB: weights rounded so have"
            f" {found.weights_db:.1f} dB, with a scale per channel {found.per_channel_db:.1f} dB",
            f"{_AGAIN} with a scale per channel (without --per-tensor)",
        )


def _of_ranges(found: QuantizedFile, fault: RangeFault) -> Change:
    gain = f"costs {found.refitted_db - found.given_db:.1f} dB"
    if fault.cause == "channels":
        return Change(
            "calibration-channels",
            f"the calibration images had their channels swapped ({fault.calibrated}), which {gain}",
            f"{_AGAIN} with the channels in the order that the card names",
        )
    if fault.cause == "normalisation":
        return Change(
            "calibration-normalisation",
            f"the calibration images were fed as {_GREY.get(fault.calibrated, fault.calibrated)}, which {gain}",
            f"{_AGAIN} with calibration images normalised as the card says",
        )
    if fault.cause == "contrast":
        return Change(
            "calibration-contrast",
            f"the calibration images were scaled to {fault.calibrated} times the contrast of these, which {gain}",
            f"{_AGAIN} with calibration images like those that it is to classify, normalised as the card says",
        )
    if fault.cause == "few_images":
        count = f"{fault.images:.0f}" if found.confirmed else f"about {fault.images:.0f}"
        plural = "" if count.endswith("1") else "s"
        unsure = "" if found.confirmed else " (or images fainter than these)"
        return Change(
            "calibration-images",
            f"its activation ranges are those of {count} calibration image{plural}{unsure}, which {gain}",
            f"{_AGAIN} with 100 calibration images or more",
        )
    worst = f"{fault.layer}'s range is {fault.width:.2g} times what they need and clips {100 * fault.cut:.0f} % of them"
    if fault.cause == "other_images":
        return Change(
            "calibration-data",
            f"it was calibrated with images unlike these: {worst}, which {gain}",
            f"{_AGAIN} with calibration images like those that it is to classify",
        )
    return Change(
        "calibration-ranges",
        f"its activation ranges do not fit these images: {worst}, which {gain}",
        f"check the calibration images and how they are prepared, then {_AGAIN}",
    )


def quantization_facts(found: QuantizedFile) -> Iterator[tuple[str, str]]:
    """Name and value of each fact."""
    yield (
        "int8 ranges",
        f"{found.given_db:.1f} dB as they are, {found.refitted_db:.1f} dB if fitted to {found.images} of these images",
    )
    if found.kernels is not None:
        yield (
            "int8 kernels",
            f"{found.kernels.kernels_db:.1f} dB, {found.kernels.emulated_db:.1f} dB with the same file's steps in fp32",
        )
    if found.weights_db is not None and found.per_channel_db is not None:
        yield (
            "int8 weights",
            f"{found.weights_db:.1f} dB with one scale per layer, {found.per_channel_db:.1f} dB with one per channel",
        )
    if found.confirmed is not None:
        said = "are" if found.confirmed else "are NOT"
        yield "calibration", f"the activation ranges {said} those of the images named by --calibration"


RANGE_HEADINGS: Final = ("activation", "range in the file", "these images", "images clipped (%)", "values clipped (%)")


def range_row(one: RangeSeen) -> tuple[str, ...]:
    """The cells of an activation's range."""
    return (
        one.name,
        f"{one.low:.4g} to {one.high:.4g}",
        f"{one.lowest:.4g} to {one.highest:.4g}",
        f"{100 * one.images_cut:.1f}",
        f"{100 * one.values_cut:.4f}",
    )
