"""The Python files that pages show whole do what their page says."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from alexbench.backends.reference import ReferenceBackend
from alexbench.datasets.layouts import layout_table, open_dataset, recognising
from alexbench.harness.contract import Backend, Model, Options
from alexbench.harness.errors import DataError, UnsupportedOptionError
from alexbench.reports.columns import Column
from alexbench.reports.rows import rows_of
from tests.support.records import missing_row, ok_row, performance, run_record
from tests.support.toy_network import TOY, toy_weights
from tests.unit.house.shown_in_docs import ROOT, files_shown

CONTRIBUTING = ROOT / "docs" / "contributing"


def module_of(page: str, name: str, folder: Path) -> ModuleType:
    """What a page shows, written to a file and imported."""
    path = folder / name
    path.write_text(files_shown(CONTRIBUTING / page)[name], encoding="utf-8")
    return imported(path)


def imported(path: Path) -> ModuleType:
    """A file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def backend() -> Iterator[Backend]:
    example = ROOT / "docs" / "examples" / "alexbench-myruntime" / "alexbench_myruntime.py"
    made: Backend = imported(example).MyRuntimeBackend()
    yield made
    made.close()


def test_the_runtime_computes_what_float64_does_and_says_what_ran(backend: Backend) -> None:
    model, options = Model(TOY, toy_weights()), Options(threads=1)
    reference = ReferenceBackend()
    pixels = np.random.Generator(np.random.PCG64(3)).standard_normal((2, *TOY.input_shape), np.float32)
    for one in (backend, reference):
        one.load(model, options)
    found, wanted = backend.predict(pixels), reference.predict(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert backend.effective().threads.value == "1"
    reference.close()


def test_the_runtime_refuses_what_it_cannot_do(backend: Backend) -> None:
    assert backend.probe().available
    with pytest.raises(UnsupportedOptionError):
        backend.load(Model(TOY, toy_weights()), Options(threads=1, precision="bf16"))


def test_the_layout_is_recognised_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = (*layout_table.LAYOUTS, module_of("add-a-layout.md", "labels_json.py", tmp_path).LABELS_JSON)
    for module in (layout_table, recognising):
        monkeypatch.setattr(module, "LAYOUTS", added)
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("cat.jpg", "dog.jpg"):
        (folder / name).write_bytes(b"")
    (folder / "labels.json").write_text(json.dumps({"cat.jpg": 281, "dog.jpg": 207}), encoding="utf-8")
    opened = open_dataset(folder)
    assert opened.layout == "labels-json"
    assert {sample.name: sample.label for sample in opened.samples} == {"cat.jpg": 281, "dog.jpg": 207}
    (folder / "labels.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError):
        open_dataset(folder)


def test_the_column_has_a_value_where_something_was_timed(tmp_path: Path) -> None:
    column: Column = module_of("add-a-column.md", "calls_per_process.py", tmp_path).CALLS
    timed, missing = rows_of(run_record(ok_row("a", performance=performance()), missing_row("b")))
    assert column.number(timed) is not None
    assert column.number(missing) is None
    assert str(column.cell(missing)) == "-"
