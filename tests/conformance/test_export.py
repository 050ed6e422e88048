"""Every file that can be exported is the network it was made from, once its own runtime has loaded it elsewhere."""

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.capabilities import ExportFormat
from alexbench.harness.conformance.cases import Case, network_pixels
from alexbench.harness.conformance.required import assert_parity
from alexbench.harness.conformance.store import Store
from alexbench.harness.errors import ExportError, UsageError
from alexbench.harness.exporting.routes import Route, known_routes
from alexbench.harness.models.synthetic_label import MARK, is_synthetic
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import ExportNetwork, RunExport
from tests.conformance.conftest import class_or_skip

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


class Workers:
    """One that writes and one that reads for each runtime: what reads a file has not written it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._found = folder, dict[tuple[str, str], WorkerProcess]()

    def of(self, task: str, backend: str | None) -> WorkerProcess:
        """The worker of a runtime for a task."""
        assert backend is not None
        if (task, backend) not in self._found:
            self._found[task, backend] = WorkerProcess(backend, log=self._folder / f"{task}-{backend}.log")
        return self._found[task, backend]

    def close(self) -> None:
        """End them."""
        for worker in self._found.values():
            worker.close()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with contextlib.closing(Workers(tmp_path_factory.mktemp("logs"))) as found:
        yield found


def write(route: Route, case: Case, store: Store, folder: Path, workers: Workers) -> Path:
    assert route.writer is not None
    path = folder / f"network{route.form.suffix}"
    network, weights = (case.network, case.input_size), store.weights(case)
    asked = ExportNetwork(route.writer, route.form.name, route.form.via, *network, weights, path, NOTES)
    workers.of("write", route.writer).ask(asked)
    return path


def run_and_compare(route: Route, path: Path, case: Case, store: Store, workers: Workers) -> None:
    assert route.reader is not None
    folder, count = path.parent, sum(BATCHES)
    layout = class_or_skip(route.reader).input_layout
    np.save(folder / "inputs.npy", network_pixels(case, layout, count))
    inputs, out = folder / "inputs.npy", folder / "logits.npy"
    asked = RunExport(route.reader, route.form.name, path, inputs, BATCHES, out)
    answer = workers.of("read", route.reader).ask(asked)
    assert_parity(np.load(folder / "logits.npy"), store.reference_logits(case)[:count])
    channels, height, width = case.description.input_shape
    shape = f"N, {channels}, {height}, {width}" if layout == "NCHW" else f"N, {height}, {width}, {channels}"
    assert list(answer.inputs.values()) == [f"float32 ({shape})"]
    assert list(answer.outputs.values()) == [f"float32 (N, {case.description.outputs})"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_file_gives_float64s_logits_at_several_batch_sizes(
    route: Route, case: Case, store: Store, folder: Path, workers: Workers
) -> None:
    if (route.form.via, case) in CANNOT:
        with pytest.raises(UsageError, match=rf"^{route.form.via} could not write network {case.network} as .+$"):
            write(route, case, store, folder, workers)
        return
    path = write(route, case, store, folder, workers)
    left = {path.name, *(path.with_suffix(suffix).name for suffix in route.form.beside)}
    assert {one.name for one in folder.iterdir()} == left
    files = [one for one in path.rglob("*") if one.is_file()] if route.form.marker else [folder / name for name in left]
    assert any(NOTES["weights"].encode() in file.read_bytes() for file in files)
    assert is_synthetic(path)
    run_and_compare(route, path, case, store, workers)
    if route is READERS["onnx"]:
        assert_onnx_finds_no_fault(path)


def assert_onnx_finds_no_fault(path: Path) -> None:
    import onnx

    onnx.checker.check_model(str(path), full_check=True)
    kept = {one.key: one.value for one in onnx.load(path).metadata_props}
    assert kept == {f"alexbench.{key}": value for key, value in NOTES.items()}


@pytest.mark.parametrize("form", READERS)
def test_a_file_that_is_none_is_refused_in_one_line(form: str, tmp_path: Path, workers: Workers) -> None:
    route = READERS[form]
    assert route.reader is not None
    kind = class_or_skip(route.reader)
    path = tmp_path / f"network{route.form.suffix}"
    _spoil(path, route.form)
    np.save(tmp_path / "inputs.npy", network_pixels(Case("owt", 224), kind.input_layout, 1))
    asked = RunExport(route.reader, form, path, tmp_path / "inputs.npy", (1,), tmp_path / "logits.npy")
    with pytest.raises(ExportError, match=rf"^{path.name} was written, but {route.reader} does not run it: .+$"):
        workers.of("read", route.reader).ask(asked)


def _spoil(path: Path, form: ExportFormat) -> None:
    files = [path / form.marker] if form.marker else [path, *(path.with_suffix(one) for one in form.beside)]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"no network at all")
