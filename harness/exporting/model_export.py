"""``alexbench models export``: a card's network as a file for other programs, checked before it gets its name.

The file is written under a temporary name, loaded by its runtime in a fresh process, run, and compared with the float64
reference. Only then it is renamed.
"""

import importlib.metadata
import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import REFERENCE, availability, backend_class
from alexbench.datasets.preprocess import prepare_picture
from alexbench.datasets.synthetic.draw import draw
from alexbench.datasets.synthetic.write import encode
from alexbench.harness.capabilities import ExportFormat
from alexbench.harness.console.progress import Display
from alexbench.harness.contract import Options
from alexbench.harness.errors import BackendUnavailableError, ExportError, UsageError, unknown_name
from alexbench.harness.exporting.routes import Route, chosen_route
from alexbench.harness.exporting.target import (
    ExportedFile,
    chosen_target,
    exported_files,
    partial_folder,
    publish,
    refuse_too_little_space,
)
from alexbench.harness.files.plain_text import encodable
from alexbench.harness.inputs import synthetic
from alexbench.harness.inputs.chosen_weights import ChosenWeights, choose_weights
from alexbench.harness.inputs.gathering import writable
from alexbench.harness.judge.parity import TOLERANCES, Deviation, deviation
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.network import Layout
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.weights import map_weights, weights_digest
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load
from alexbench.harness.worker.protocol.making import ConvertWeights, ExportNames, ExportNetwork, RunExport
from alexbench.harness.worker.protocol.scoring import Predict

LAYOUTS: Final[tuple[Layout, ...]] = ("NCHW", "NHWC")
CHECKED_CLASSES: Final = (0, 250, 500, 750)
"""The classes whose synthetic images check the file."""
CHECKED_BATCHES: Final = (1, 3)
SPACE_BESIDES: Final = 32 << 20
"""Free space for the graph, the images and the logs."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported. ``weights``: the file that was named, or SYNTHETIC. ``deviation``: None for arrays alone.

    ``inputs``, ``outputs``: the file's own names -> dtype and shape; ``takes``, ``gives``: what their values mean.
    ``write_s`` and ``check_s`` are wall seconds.
    """

    card: str
    to: str
    via: str | None
    files: tuple[ExportedFile, ...]
    writer: str
    reader: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    takes: str
    gives: str
    notes: Mapping[str, str]
    deviation: Deviation | None
    write_s: float
    check_s: float


def export(
    model: str,
    *,
    to: str,
    via: str | None,
    weights: str | None,
    weights_layout: Layout | None,
    weights_key: str | None = None,
    out: str | None,
    force: bool,
    cache: Path,
    display: Display,
) -> Exported:
    """Write the network of the card ``model`` as ``to``, check it, and put it at ``out``.

    Raises:
        UsageError: an unknown format, a place that cannot be written, or a writer that fails.
        BackendUnavailableError: a runtime that writes or checks the format is not installed.
        WeightsError: the weights cannot be read or do not fit the card.
        ExportError: the file does not load or is not the same function; it is not kept.
    """
    route = chosen_route(to, via)
    _check_weights_layout(weights, weights_layout)
    if weights_key is not None and weights is None:
        raise UsageError("--weights-key says which model of --weights is read; name --weights FILE too")
    card = load_card(model)
    target = chosen_target(out, card.name, route.form, force=force)
    for backend in filter(None, (route.writer, route.reader)):
        problem = availability(backend).problem
        if problem is not None:
            raise BackendUnavailableError(problem)
    cache = writable(cache)
    log = cache / "export.log"
    chosen = choose_weights(card, weights, cache, log=log, display=display, data_format=weights_layout, key=weights_key)
    # openvino-convert reads a temporary .onnx file.
    copies = 1 if via is None else 2
    refuse_too_little_space(target, copies * chosen.path.stat().st_size + SPACE_BESIDES)
    layout = _layout(route)
    notes = export_notes(card, chosen, layout)
    with partial_folder(target) as partial:
        made = partial / target.name
        if route.writer is None or route.reader is None:
            result = _export_arrays(card, chosen, made, notes, cache, log, display)
        else:
            result = _export_network(route, card, chosen, made, notes, log, display)
        files = exported_files(made, route.form, called=target)
        publish(partial, target, route.form, force=force)
    takes, gives = input_words(card, layout), output_words(card)
    return Exported(card=card.name, to=to, via=via, files=files, takes=takes, gives=gives, notes=notes, **result)


def _check_weights_layout(weights: str | None, layout: str | None) -> None:
    if layout is not None and layout not in LAYOUTS:
        raise unknown_name("--weights-layout", layout, LAYOUTS)
    if layout is not None and weights is None:
        raise UsageError("--weights-layout says how --weights is read; name --weights FILE too")


def export_notes(card: Card, weights: ChosenWeights, layout: Layout | None) -> dict[str, str]:
    """What a user of the file must know, to be kept in it: text by key."""
    network, asked = card.build_network(), card.preprocessing
    channels, height, width = network.input_shape
    notes = {
        "producer": f"alexbench {importlib.metadata.version('alexbench')}",
        "card": card.name,
        "network": network.name,
        "licence": card.licence,
        "citation": card.citation,
        "weights": weights_words(card, weights),
        "weights_digest": weights.digest,
        "preprocessing": json.dumps(asdict(asked)),
    }
    if layout is not None:
        shape = f"N, {channels}, {height}, {width}" if layout == "NCHW" else f"N, {height}, {width}, {channels}"
        notes["input"] = f"float32 ({shape}), {input_words(card, layout)}"
        notes["output"] = f"float32 (N, {network.outputs}), {output_words(card)}"
    return {key: encodable(text) for key, text in notes.items()}


def input_words(card: Card, layout: Layout | None) -> str:
    """What the values of an exported network's input mean."""
    return f"{layout}, {arithmetic(card)}"


def output_words(card: Card) -> str:
    """The same of its output."""
    return f"logits: no softmax{'; output 0 is background, class c is output c + 1' if card.label_offset else ''}"


def weights_words(card: Card, weights: ChosenWeights) -> str:
    """What the weights are called: a file's name, and SYNTHETIC ones so whatever file they were read from."""
    name = None if weights.source is None else Path(weights.source).name
    if name is not None and not weights.synthetic:
        return name
    made_for = f"card {card.name}" if name is None else f"read from {name}"
    return f"SYNTHETIC ({synthetic.NAME}, {made_for}): they know drawn images only"


def arithmetic(card: Card) -> str:
    """How an image's bytes become the network's input, in words; mean and std in the order of the channels."""
    asked = card.preprocessing
    value = "value" if asked.divide_by == 1 else f"value / {asked.divide_by:g}"
    mean, std = (" ".join(f"{one:.7g}" for one in values) for values in (asked.mean, asked.std))
    scaled = f"({value} - mean) / std, std {std}" if set(asked.std) != {1.0} else f"{value} - mean"
    return f"{asked.channels}, {scaled}, mean {mean}"


def _export_network(
    route: Route,
    card: Card,
    weights: ChosenWeights,
    path: Path,
    notes: Mapping[str, str],
    log: Path,
    display: Display,
) -> dict[str, Any]:
    """Write the file in one worker, run it in another, and compare with what a third has made of it in float64."""
    assert route.writer is not None
    assert route.reader is not None
    start = time.perf_counter()
    pictures = _pictures(card)
    # Left in reverse: the reference's worker ends first, and with it whatever the thread waits for.
    with ThreadPoolExecutor(1) as beside, WorkerProcess(REFERENCE, log=log) as reference:
        truth = beside.submit(_reference_logits, reference, card, weights, pictures, path.parent)
        said = f"writing {route.form.name}{f' via {route.form.via}' if route.form.via else ''}"
        with WorkerProcess(route.writer, log=log) as worker, display.step(said):
            asked = ExportNetwork(
                backend=route.writer,
                to=route.form.name,
                via=route.form.via,
                network=card.network,
                input_size=card.preprocessing.crop,
                weights=weights.path,
                path=path.absolute(),
                notes=dict(notes),
            )
            writer = worker.ask(asked).writer
        written = time.perf_counter()
        with display.step(f"loading it back with {route.reader}, and comparing with float64"):
            inputs = network_input_for(route.reader, pictures, card)
            logits, names = _run(route.reader, route.form, path, inputs, log)
            seen = judged(logits, truth.result(), said=f"{route.form.name} from {writer}")
    return {
        "inputs": names.inputs,
        "outputs": names.outputs,
        "writer": writer,
        "reader": route.reader,
        "deviation": seen,
        "write_s": written - start,
        "check_s": time.perf_counter() - written,
    }


def _run(
    reader: str, form: ExportFormat, path: Path, pixels: NDArray[np.float32], log: Path
) -> tuple[NDArray[Any], ExportNames]:
    """What the file gives and what it calls its input and output, by a worker that has seen nothing else of it."""
    inputs, out = path.parent / ".inputs.npy", path.parent / ".logits.npy"
    np.save(inputs, pixels)
    with WorkerProcess(reader, log=log) as worker:
        names = worker.ask(RunExport(reader, form.name, path.absolute(), inputs, CHECKED_BATCHES, out))
    return np.load(out), names


def network_input_for(backend: str, pictures: NDArray[np.uint8], card: Card) -> NDArray[np.float32]:
    """Prepared pixels as a backend takes them."""
    return network_input(pictures, card.preprocessing, backend_class(backend).input_layout)


def judged(found: NDArray[Any], truth: NDArray[np.float64], *, said: str) -> Deviation:
    """How far the file's logits are from float64's.

    Raises:
        ExportError: farther than fp32 may be, or not even of the same shape.
    """
    if found.shape != truth.shape:
        raise ExportError(f"{said} gives logits {found.shape}, wanted {truth.shape}; it was not kept")
    seen, limit = deviation(found, truth), TOLERANCES["fp32"]
    if not seen.within(limit):
        raise ExportError(
            f"{said} is another function: error/sigma {seen.max_abs_over_sigma:.3g} (at most "
            f"{limit.max_abs_over_sigma:g}), SQNR {seen.sqnr_db:.1f} dB (at least {limit.sqnr_db:g}); it was not kept"
        )
    return seen


def _pictures(card: Card) -> NDArray[np.uint8]:
    """Synthetic images as the card prepares them, (4, H, W, 3) uint8. They are drawn here, without the set."""
    return np.stack([prepare_picture(encode(draw(one, "val", 0)), card.preprocessing) for one in CHECKED_CLASSES])


def _reference_logits(
    worker: WorkerProcess, card: Card, weights: ChosenWeights, pictures: NDArray[np.uint8], scratch: Path
) -> NDArray[np.float64]:
    """Float64 logits by the reference."""
    inputs, out = scratch / ".reference-inputs.npy", scratch / ".reference.npy"
    np.save(inputs, network_input_for(REFERENCE, pictures, card))
    worker.ask(Load(REFERENCE, card.network, card.preprocessing.crop, weights.path, Options(threads=usable_cores())))
    worker.ask(Predict(inputs, out))
    logits: NDArray[np.float64] = np.load(out)
    return logits


def _export_arrays(
    card: Card,
    weights: ChosenWeights,
    path: Path,
    notes: Mapping[str, str],
    cache: Path,
    log: Path,
    display: Display,
) -> dict[str, Any]:
    """The canonical arrays, read back bit by bit: mapped as workers do, and read as ``--weights`` reads it."""
    import safetensors
    from safetensors.numpy import save_file

    start = time.perf_counter()
    with display.step("writing safetensors"):
        path.touch()
        mode = path.stat().st_mode
        try:
            save_file(map_weights(weights.path), path, metadata={"digest": weights.digest, **notes})
        except (OSError, safetensors.SafetensorError) as error:
            raise UsageError(f"{path.name} could not be written: {' '.join(str(error).split())}") from error
        path.chmod(mode)  # safetensors makes a file that nobody else may read
    written = time.perf_counter()
    with display.step("reading it back"), WorkerProcess("convert", log=log) as worker:
        mapped = weights_digest(map_weights(path))
        folder = cache / synthetic.WEIGHTS_FOLDER  # where these very arrays are, and nothing is written
        read = worker.ask(ConvertWeights(path.absolute(), card.network, card.preprocessing.crop, folder))
    if {mapped, read.digest} != {weights.digest}:
        raise ExportError(f"{path.name} reads back with digest {mapped}, wanted {weights.digest}; it was not kept")
    return {
        "writer": f"safetensors {safetensors.__version__}",
        "reader": "alexbench",
        "inputs": {},
        "outputs": {},
        "deviation": None,
        "write_s": written - start,
        "check_s": time.perf_counter() - written,
    }


def _layout(route: Route) -> Layout | None:
    return None if route.reader is None else backend_class(route.reader).input_layout


def report(result: Exported) -> Iterable[str]:
    """The lines that say what there is now."""
    for file in result.files:
        yield f"{file.path}  {file.bytes} bytes  sha256 {file.sha256}"
    yield f"written  {result.writer} ({result.write_s:.1f} s)"
    if result.deviation is None:
        yield f"checked  by reading it back: the same arrays, bit for bit ({result.check_s:.1f} s)"
    else:
        seen, limit = result.deviation, TOLERANCES["fp32"]
        pictures = f"{len(CHECKED_CLASSES)} images ({' + '.join(map(str, CHECKED_BATCHES))} at a time)"
        yield (
            f"checked  by {result.reader} on {pictures} against float64: "
            f"error/sigma {seen.max_abs_over_sigma:.2e} (at most {limit.max_abs_over_sigma:g}), "
            f"SQNR {seen.sqnr_db:.1f} dB (at least {limit.sqnr_db:g}) ({result.check_s:.1f} s)"
        )
    for name, shape in result.inputs.items():
        yield f"input    {name}: {shape}; {result.takes}"
    for name, shape in result.outputs.items():
        yield f"output   {name}: {shape}; {result.gives}"
    yield f"weights  {result.notes['weights']}; digest {result.notes['weights_digest']}"
