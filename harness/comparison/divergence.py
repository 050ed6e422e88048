"""``alexbench compare RUN --layers``: each runtime's activations against float64, and the layer where it leaves it.

One worker after the other: the float64 reference first, then each row, loaded as in the run. Nothing is written into
the run's folder, unless :func:`keep_layers` is asked for.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.console.progress import Display
from alexbench.harness.contract import Precision
from alexbench.harness.errors import AlexBenchError, UnsupportedOptionError, UsageError, known_words
from alexbench.harness.files.out_file import write_out
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.judge.layer_errors import bounds, layer_error, scales
from alexbench.harness.judge.parity import TOLERANCES
from alexbench.harness.records import file_names
from alexbench.harness.records.layer_records import LayerComparison, LayerError, RowLayers
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import read_table
from alexbench.harness.running.reopening import OpenedRun, open_again
from alexbench.harness.running.starting import options_of
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.scoring import WriteActivations, WriteLogits
from alexbench.reports.divergence.tables import layers_json

IMAGES: Final = 8
MOST_IMAGES: Final = 64
"""An image's activations of all layers take 8 to 16 MB in float64, of each row and of the reference."""
BATCH: Final = 8
_ARTIFACT: Final = "it ran a file of the user's, and the names of its inner layers are unknown"


def compare_layers(
    folder: Path,
    record: RunRecord,
    *,
    display: Display,
    rows: Sequence[str] = (),
    images: Sequence[str | int] = (),
    chosen: str = "",
    count: int = IMAGES,
    trusted: Sequence[str] = (),
) -> LayerComparison:
    """Compare every layer of ``rows`` (names; default: all that ran from weights) with float64.

    ``images``: names of samples or their places (mismatches, for example; ``chosen`` then has the reason); default: of
    the examined ones in ``reference.parquet`` the ``count`` with the smallest float64 margin, else the first ``count``.
    ``trusted``: the interpreters that the record names and that may run.

    Raises:
        UsageError: an unknown row or image, none or too many of them.
        UnsupportedOptionError: every row is an artifact.
        AlexBenchError: the run's weights, images or preprocessing are no longer those of its record.
    """
    if not 1 <= (len(images) or count) <= MOST_IMAGES:
        raise UsageError(f"{len(images) or count} images to look at the layers of: give 1 to {MOST_IMAGES}")
    names, notes = _chosen_rows(folder, record, rows)
    run = open_again(folder, record, display, trusted=trusted)
    if images:
        places = _places(run, images)
    else:
        places, chosen = _smallest_margins(run, count)
    with TemporaryDirectory(prefix="layers-", dir=run.work) as scratch:
        look = _Look(run, places, Path(scratch), display)
        look.at_float64()
        found = tuple(look.at(name) for name in names)
    samples = tuple(run.run_inputs.names[place] for place in places)
    return LayerComparison(str(folder), samples, chosen or "named", found, notes)


def keep_layers(folder: Path, result: LayerComparison) -> Path:
    """Write the comparison into the folder of the run it is of, where ``alexbench report`` finds it; the file.

    Raises:
        UsageError: it cannot be written there.
    """
    path = folder / file_names.LAYERS
    write_out(path, json_text(layers_json(result)) + "\n", flag="--keep")
    return path


class _Look:
    """Looking at layers: float64's are kept in files, a row's are gone when it was judged."""

    def __init__(self, run: OpenedRun, places: Sequence[int], scratch: Path, display: Display) -> None:
        self._run, self._places, self._display = run, tuple(places), display
        self._scratch, self._truth = scratch, scratch / "float64"
        self._layers = [layer.name for layer in run.run_inputs.network.layers]
        self._scales = scales(run.run_inputs.network)
        self._precisions: dict[str, Precision] = {
            row.name: options_of(row.system).precision for row in run.record.systems
        }

    def at_float64(self) -> None:
        """Let the reference compute all layers."""
        self._ask(self._run.start_reference(), "float64", self._truth)

    def at(self, name: str) -> RowLayers:
        """Let a row compute them, and judge it; its errors are its own."""
        precision = self._precisions[name]
        try:
            with TemporaryDirectory(prefix="row-", dir=self._scratch) as folder:
                logits = self._ask(self._run.start(self._run.row(name)), name, Path(folder))
                return self._judged(name, Path(folder), logits)
        except Exception as error:
            said = str(error) if isinstance(error, AlexBenchError) else f"{type(error).__name__}: {error}"
            return RowLayers(name, precision, error=said)

    def _ask(self, worker: WorkerProcess, name: str, out: Path) -> NDArray[np.float64]:
        out.mkdir(exist_ok=True)
        title = f"{name}: {len(self._layers)} layers of {len(self._places)} images"
        with worker, self._display.step(title) as advance:
            worker.ask(WriteActivations(self._places, tuple(self._layers), BATCH, out), progress=advance)
            worker.ask(WriteLogits(self._places, BATCH, out / "predict.npy"))
        return np.asarray(np.load(out / "predict.npy"), dtype=np.float64)

    def _judged(self, name: str, folder: Path, logits: NDArray[np.float64]) -> RowLayers:
        precision = self._precisions[name]
        bound = bounds(self._run.run_inputs.network, precision)
        errors: list[LayerError] = []
        sigma, found = 0.0, logits
        for layer in self._layers:
            truth = np.load(self._truth / f"{layer}.npy", mmap_mode="r")
            if self._scales[layer] == layer:
                sigma = float(truth.std())
            found = np.load(folder / f"{layer}.npy", mmap_mode="r")
            errors.append(layer_error(layer, found, truth, sigma=sigma, bound=bound[layer]))
        tolerance = TOLERANCES[precision].max_abs_over_sigma
        looked = layer_error("predict", np.asarray(found), logits, sigma=sigma, bound=tolerance)
        return RowLayers(name, precision, tuple(errors), looked.max_abs_over_sigma, looked.within)


def _chosen_rows(folder: Path, record: RunRecord, asked: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The rows to look at, and notes on those that cannot be."""
    known = {row.name: row for row in record.systems if row.status not in ("missing", "unsupported")}
    for name in asked:
        if name not in known:
            raise UsageError(f"{folder} has no row {name!r}; {known_words(name, sorted(known))}")
    wanted = list(dict.fromkeys(asked)) or list(known)
    artifacts = [name for name in wanted if known[name].artifact is not None]
    broken = [name for name in wanted if known[name].status == "error" and name not in {*artifacts, *asked}]
    names = [name for name in wanted if name not in {*artifacts, *broken}]
    if not names and artifacts:
        raise UnsupportedOptionError(f"{artifacts[0]}: {_ARTIFACT}; make a run from its weights")
    if not names:
        raise UsageError(f"{folder} has no row without error to look at the layers of")
    notes = [f"{name}: left out, for {_ARTIFACT}" for name in artifacts]
    return names, (*notes, *(f"{name}: left out, for it was in error in this run" for name in broken))


def _places(run: OpenedRun, images: Sequence[str | int]) -> list[int]:
    """Where the images are among the run's, each once."""
    run_inputs = run.run_inputs
    by_name = {name: place for place, name in enumerate(run_inputs.names)}
    places = []
    for image in images:
        place = by_name.get(image) if isinstance(image, str) else image
        if place is None or not 0 <= place < len(run_inputs.names):
            raise UsageError(f"{run.folder} has no image {image!r}; its {file_names.SAMPLES} lists those it has")
        if not run_inputs.good[place]:
            raise UsageError(f"image {image!r} of {run.folder} was skipped: it could not be prepared")
        places.append(int(place))
    return list(dict.fromkeys(places))


def _smallest_margins(run: OpenedRun, count: int) -> tuple[list[int], str]:
    """The images on which float64 itself is least decided, if the run has its answers; else the first."""
    table = read_table(run.folder / file_names.REFERENCE, ("sample", "score1", "score2"))
    if table is None:
        return [int(place) for place in np.flatnonzero(run.run_inputs.good)[:count]], "the first"
    margins = (table["score1"] - table["score2"]).to_numpy(np.float64)
    samples = table["sample"].tolist()
    order = np.argsort(margins, kind="stable")[:count]
    return _places(run, [samples[place] for place in order]), "the smallest margins of float64 among those it answered"
