"""Every file that can be exported is the network it was made from, once its own runtime has loaded it elsewhere."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.capabilities import ExportFormat
from alexbench.harness.errors import ExportError, UsageError
from alexbench.harness.exporting.routes import Route, known_routes
from alexbench.harness.models.synthetic_label import MARK, is_synthetic
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import ExportNetwork, RunExport
from tests.conformance.conftest import Store, class_or_skip
from tests.conformance.test_parity import assert_parity
from tests.support.models import Case, network_pixels

ROUTES = [route for route in known_routes() if route.writer is not None]
READERS = {route.form.name: route for route in ROUTES if route.form.via is None}
CASES = (
    Case("bvlc", 224),
    Case("owt", 256),
    pytest.param(Case("owt", 224), marks=pytest.mark.nightly),
    pytest.param(Case("tfcnn", 227), marks=pytest.mark.nightly),
)
"""Each network; where windows hang over the edge (bvlc) and adaptive pooling averages (256), which have every layer."""
BATCHES = (1, 3)
CANNOT: set[tuple[str | None, Case]] = set()
"""Networks that other exporters have no operator for; their error is one line."""
if importlib.util.find_spec("onnxscript") is None:
    CANNOT.add(("torch.onnx", Case("owt", 256)))  # by TorchScript, no averaging of 7 x 7 to 6 x 6
NOTES = {"card": "a card", "weights": f"{MARK}1): weights that nobody trained"}


def said(route: Route) -> str:
    return f"{route.form.name}{f'-via-{route.form.via}' if route.form.via else ''}"


@pytest.fixture(params=ROUTES, ids=said)
def route(request: pytest.FixtureRequest) -> Route:
    """Every way to write a file, where its runtimes are installed."""
    found: Route = request.param
    assert found.writer is not None
    assert found.reader is not None
    class_or_skip(found.writer)
    class_or_skip(found.reader)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that goes with the test: each leaves a file of 244 MB."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def write(route: Route, case: Case, store: Store, folder: Path) -> Path:
    assert route.writer is not None
    path = folder / f"network{route.form.suffix}"
    with WorkerProcess(route.writer, log=folder / "write.log") as worker:
        network, weights = (case.network, case.input_size), store.weights(case)
        worker.ask(ExportNetwork(route.writer, route.form.name, route.form.via, *network, weights, path, NOTES))
    return path


def run_and_compare(route: Route, path: Path, case: Case, store: Store) -> None:
    assert route.reader is not None
    folder, count = path.parent, sum(BATCHES)
    layout = class_or_skip(route.reader).input_layout
    np.save(folder / "inputs.npy", network_pixels(case, layout, count))
    with WorkerProcess(route.reader, log=folder / "read.log") as worker:
        inputs, out = folder / "inputs.npy", folder / "logits.npy"
        answer = worker.ask(RunExport(route.reader, route.form.name, path, inputs, BATCHES, out))
    assert_parity(np.load(folder / "logits.npy"), store.reference_logits(case)[:count])
    channels, height, width = case.description.input_shape
    shape = f"N, {channels}, {height}, {width}" if layout == "NCHW" else f"N, {height}, {width}, {channels}"
    assert list(answer.inputs.values()) == [f"float32 ({shape})"]
    assert list(answer.outputs.values()) == [f"float32 (N, {case.description.outputs})"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_file_gives_float64s_logits_at_several_batch_sizes(
    route: Route, case: Case, store: Store, folder: Path
) -> None:
    if (route.form.via, case) in CANNOT:
        with pytest.raises(UsageError, match=rf"^{route.form.via} could not write network {case.network} as .+$"):
            write(route, case, store, folder)
        return
    path = write(route, case, store, folder)
    left = {path.name, *(path.with_suffix(suffix).name for suffix in route.form.beside)}
    assert {one.name for one in folder.iterdir()} == left | {"write.log"}
    files = [one for one in path.rglob("*") if one.is_file()] if route.form.marker else [folder / name for name in left]
    assert any(NOTES["weights"].encode() in file.read_bytes() for file in files)
    assert is_synthetic(path)
    run_and_compare(route, path, case, store)
    if route is READERS["onnx"]:
        assert_onnx_finds_no_fault(path)


def assert_onnx_finds_no_fault(path: Path) -> None:
    import onnx

    onnx.checker.check_model(str(path), full_check=True)
    kept = {one.key: one.value for one in onnx.load(path).metadata_props}
    assert kept == {f"alexbench.{key}": value for key, value in NOTES.items()}


@pytest.mark.parametrize("form", READERS)
def test_a_file_that_is_none_is_refused_in_one_line(form: str, tmp_path: Path) -> None:
    route = READERS[form]
    assert route.reader is not None
    kind = class_or_skip(route.reader)
    path = tmp_path / f"network{route.form.suffix}"
    _spoil(path, route.form)
    np.save(tmp_path / "inputs.npy", network_pixels(Case("owt", 224), kind.input_layout, 1))
    with (
        WorkerProcess(route.reader, log=tmp_path / "log") as worker,
        pytest.raises(ExportError, match=rf"^{path.name} was written, but {route.reader} does not run it: .+$"),
    ):
        worker.ask(RunExport(route.reader, form, path, tmp_path / "inputs.npy", (1,), tmp_path / "logits.npy"))


def _spoil(path: Path, form: ExportFormat) -> None:
    files = [path / form.marker] if form.marker else [path, *(path.with_suffix(one) for one in form.beside)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"no network at all")
