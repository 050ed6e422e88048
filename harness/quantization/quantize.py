"""``alexbench quantize``: a card's network in int8 as a file for the user, by the tool of a runtime's makers."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from alexbench.backends.registry import availability, backend_class, backend_classes
from alexbench.harness.capabilities import QuantizationOptions, Quantizes
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import BackendUnavailableError, UsageError, unknown_name
from alexbench.harness.files.out_file import check_place
from alexbench.harness.files.whole_file import whole_file
from alexbench.harness.inputs.chosen_weights import ChosenWeights, choose_weights
from alexbench.harness.inputs.gathering import writable
from alexbench.harness.inputs.model_files import files_of
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.quantization.calibration import named_images
from alexbench.harness.quantization.files import ToQuantize, check_quantizes, quantized_file
from alexbench.harness.records.quantization_records import QuantizationRecord


@dataclass(frozen=True, slots=True)
class QuantizedNetwork:
    """What was written. ``files``: the first is the one that a runtime is given. ``bytes``: of all of them."""

    card: str
    backend: str
    files: tuple[str, ...]
    bytes: int
    sha256: str
    record: QuantizationRecord


def quantize(
    model: str,
    *,
    to: str,
    weights: str | None,
    calibration: str | None,
    images: int | None,
    how: QuantizationOptions,
    out: str | None,
    force: bool,
    seed: int,
    cache: Path,
    display: Display,
) -> QuantizedNetwork:
    """Write the network of the card ``model`` in int8 for the backend ``to``, and put it at ``out``.

    ``calibration``: training images; None: the synthetic ones, which only synthetic weights know.

    Raises:
        UsageError: no backend of that name quantizes, or a place that cannot be written.
        BackendUnavailableError: its runtime or its tool is not installed.
        WeightsError: the weights cannot be read or do not fit the card.
        DataError: the calibration images are too few, or of one class.
    """
    _check_backend(to, how)
    card = load_card(model)
    target = _target(out, f"{card.name}-int8", backend_class(to), force=force)
    cache = writable(cache)
    log = cache / "quantize.log"
    chosen = choose_weights(card, weights, cache, log=log, display=display, data_format=None, key=None)
    if calibration is None and not chosen.synthetic:
        raise UsageError(
            f"--weights {weights}: name training images with --calibration PATH; drawn ones say nothing of it"
        )
    found = named_images(calibration, images, seed, card.preprocessing, cache, display)
    file, record = quantized_file(to, _given(card, chosen), how, found, cache=cache, log=log, display=display)
    made = files_of(Path(file.path))
    written = [target.with_suffix(one.suffix) for one in made]
    for source, place in zip(made, written, strict=True):
        with whole_file(place) as partial:
            shutil.copyfile(source, partial)
    size = sum(one.stat().st_size for one in written)
    return QuantizedNetwork(card.name, to, tuple(map(str, written)), size, file.sha256, record)


def _given(card: Card, chosen: ChosenWeights) -> ToQuantize:
    return ToQuantize(card, chosen.path, chosen.digest)


def report(made: QuantizedNetwork) -> list[str]:
    """What was written, and how it can be measured: lines."""
    record = made.record
    scales = "a scale per channel" if record.per_channel else "one scale per layer"
    reduced = ", reduced range" if record.reduce_range else ""
    return [
        f"wrote {' and '.join(made.files)} ({made.bytes / 1e6:.1f} MB, SHA-256 {made.sha256[:12]})",
        f"by {record.tool}, {scales}, {record.method} ranges{reduced}",
        f"calibrated with {record.calibration}{' (SYNTHETIC)' if record.calibration_synthetic else ''}",
        f"measure it: alexbench run --artifact {made.backend}={made.files[0]} --artifact-input normalised",
    ]


def _check_backend(to: str, how: QuantizationOptions) -> None:
    known = [name for name, kind in backend_classes().items() if isinstance(kind(), Quantizes)]
    if to not in backend_classes():
        raise unknown_name("backend", to, known)
    problem = availability(to).problem
    if problem is not None:
        raise BackendUnavailableError(problem)
    check_quantizes(to, how)


def _target(out: str | None, stem: str, kind: type[object], *, force: bool) -> Path:
    backend = kind()
    assert isinstance(backend, Quantizes)
    suffix = backend.quantized_suffix
    target = Path(out if out is not None else f"{stem}{suffix}")
    if target.suffix != suffix:
        raise UsageError(f"--out {out}: wanted a file name that ends in {suffix}")
    check_place(target)
    taken = [one for one in files_of(target) if one.exists()]
    if taken and not force:
        raise UsageError(f"{taken[0]} is there already; name another with --out, or replace it with --force")
    return target
