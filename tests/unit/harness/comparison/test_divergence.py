"""``compare --layers`` without the workers: which rows and images, and the text."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from alexbench.harness.cli import cli
from alexbench.harness.comparison import divergence as divergence_module
from alexbench.harness.comparison.divergence import (
    MOST_IMAGES,
    _chosen_rows,
    _places,
    _smallest_margins,
    compare_layers,
    keep_layers,
)
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import UnsupportedOptionError, UsageError
from alexbench.harness.records import file_names
from alexbench.harness.records.artifact_records import ArtifactRecord
from alexbench.harness.records.layer_records import LayerComparison, LayerError, RowLayers
from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.running import folder as run_folder
from alexbench.reports.divergence.tables import layers_json, layers_markdown, print_layers, sentences
from alexbench.reports.html.accuracy_charts import divergence
from alexbench.reports.html.figure import Figure
from tests.support.records import ok_row, run_record, system_called
from tests.support.runs import answers, write_run

FOLDER = Path("runs/one")
FILE = ArtifactRecord("m.onnx", "00", "ONNX", "fp32", "x", "y", "NCHW", None, "logits", "", "")


def record(*rows: SystemRecord) -> Any:
    return SimpleNamespace(systems=rows)


TORCH, OPENVINO = (
    SystemRecord("torch", system_called("torch"), "ok"),
    SystemRecord("openvino", system_called("openvino"), "ok"),
)
BROKEN, MISSING = (
    SystemRecord("tensorflow", system_called("tensorflow"), "error", error="died"),
    SystemRecord("tensorflow", system_called("tensorflow"), "missing"),
)
ARTIFACT = SystemRecord("onnxruntime", system_called("onnxruntime"), "ok", artifact=FILE)


def test_by_default_all_rows_that_ran_from_weights_are_looked_at() -> None:
    names, notes = _chosen_rows(FOLDER, record(TORCH, ARTIFACT, OPENVINO, BROKEN), ())
    assert names == ["torch", "openvino"]
    assert [note.partition(":")[0] for note in notes] == ["onnxruntime", "tensorflow"]
    assert "the names of its inner layers are unknown" in notes[0]
    assert "in error" in notes[1]


def test_a_row_in_error_is_looked_at_where_it_is_named() -> None:
    assert _chosen_rows(FOLDER, record(TORCH, BROKEN), ["tensorflow"]) == (["tensorflow"], ())


def test_named_rows_come_in_the_order_named_and_an_artifact_among_them_is_left_out() -> None:
    names, (note,) = _chosen_rows(FOLDER, record(TORCH, ARTIFACT, OPENVINO), ["openvino", "onnxruntime", "torch"])
    assert names == ["openvino", "torch"]
    assert note.startswith("onnxruntime: left out")


def test_artifacts_alone_are_refused() -> None:
    with pytest.raises(
        UnsupportedOptionError, match=r"^onnxruntime: .*inner layers are unknown; make a run from its weights$"
    ):
        _chosen_rows(FOLDER, record(ARTIFACT, MISSING), ())


def test_an_unknown_or_missing_row_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"runs.one has no row 'tensorflow'; known: openvino, torch"):
        _chosen_rows(FOLDER, record(TORCH, OPENVINO, MISSING), ["tensorflow"])


def test_a_run_of_nothing_but_errors_is_refused() -> None:
    with pytest.raises(UsageError, match="has no row without error"):
        _chosen_rows(FOLDER, record(BROKEN), ())


@pytest.mark.parametrize("count", [0, MOST_IMAGES + 1])
def test_no_image_and_too_many_are_refused_before_anything_is_opened(count: int) -> None:
    with pytest.raises(UsageError, match=f"^{count} images to look at the layers of: give 1 to {MOST_IMAGES}$"):
        compare_layers(FOLDER, record(TORCH), display=PlainDisplay(), count=count)


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    good = np.array([True, True, False, True])
    run_inputs = SimpleNamespace(names=("a", "b", "c", "d"), good=good)
    return SimpleNamespace(folder=tmp_path, run_inputs=run_inputs)


def test_images_are_named_or_counted_and_each_taken_once(opened: Any) -> None:
    assert _places(opened, ["d", 0, "a"]) == [3, 0]


@pytest.mark.parametrize("strange", ["e", 4, -1])
def test_an_image_that_is_not_there_is_refused(opened: Any, strange: str | int) -> None:
    with pytest.raises(UsageError, match=f"has no image {strange!r}"):
        _places(opened, ["a", strange])


def test_a_skipped_image_is_refused(opened: Any) -> None:
    with pytest.raises(UsageError, match=r"image 'c' .* was skipped"):
        _places(opened, ["c"])


def test_the_smallest_margins_are_looked_at(opened: Any) -> None:
    frame = pd.DataFrame({"sample": ["a", "b", "d"], "score1": [9.0, 9.0, 9.0], "score2": [3.0, 8.5, 8.0]})
    run_folder.write_parquet(opened.folder / file_names.REFERENCE, frame)
    places, why = _smallest_margins(opened, 2)
    assert places == [1, 3]
    assert "smallest margins" in why


def test_without_a_reference_the_first_good_ones_are(opened: Any) -> None:
    assert _smallest_margins(opened, 3) == ([0, 1, 3], "the first")


def layer(name: str, error: float, *, channels: int = 4, worst: tuple[tuple[int, float], ...] = ()) -> LayerError:
    return LayerError(name, error, error / 4, 6.0, bound=0.01, channels=channels, off=len(worst), worst=worst)


HEALTHY = RowLayers("torch", "fp32", (layer("conv1", 0.001), layer("relu1", 0.001), layer("fc8", 0.002)))
ILL = RowLayers(
    "openvino",
    "fp32",
    (layer("conv1", 0.002), layer("relu1", 0.5, worst=((3, 0.5),)), layer("fc8", 0.25, worst=((1, 0.25), (0, 0.1)))),
)
BOTH = LayerComparison("runs/one", ("a", "b"), "named", (HEALTHY, ILL), ("onnxruntime: left out",))


def test_a_layer_named_in_an_fp32_row_is_a_failed_check() -> None:
    assert BOTH.exit_code == 1
    assert replace(BOTH, rows=(HEALTHY,)).exit_code == 0
    assert replace(BOTH, rows=(replace(ILL, precision="bf16"),)).exit_code == 0
    assert replace(BOTH, rows=(RowLayers("torch", "fp32", error="worker torch died"),)).exit_code == 1


def test_each_row_has_its_sentence() -> None:
    looked, healthy, ill, left_out = sentences(BOTH)
    assert looked == "Compared on 2 images (named): a, b."
    assert healthy == "torch: all 3 layers are within fp32 rounding; nearest: fc8, at 20 % of its bound."
    assert ill == (
        "openvino leaves float64 at relu1: 5.0e-01 sigma where fp32 may have 1.0e-02 (6.0 bits), in 1 of 4 channels: 3."
        " 1 of the layers after it has inherited the error."
    )
    assert left_out == "onnxruntime: left out."


def test_a_look_that_changed_the_result_is_said_to() -> None:
    changed = replace(HEALTHY, looking=0.02, looking_within=False)
    said = sentences(replace(BOTH, rows=(changed,)))
    assert any("reading inner layers changed the result" in line and "2.0e-02 sigma" in line for line in said)


def test_markdown_has_a_line_a_layer_and_a_column_a_row() -> None:
    text = layers_markdown(BOTH).replace("\u2011", "-")
    assert "| layer | bound | torch | openvino |" in text
    assert "| relu1 | 1.0e-02 | 1.0e-03 (6) | 5.0e-01 (6) FIRST |" in text
    assert "| fc8 | 1.0e-02 | 2.0e-03 (6) | 2.5e-01 (6) over |" in text
    assert "- openvino leaves float64 at relu1" in text


def test_rows_in_error_have_no_column_but_a_sentence() -> None:
    text = layers_markdown(replace(BOTH, rows=(HEALTHY, RowLayers("tensorflow", "fp32", error="worker died"))))
    assert "| layer | bound | torch |" in text
    assert "- tensorflow: not compared: worker died" in text
    alone = layers_markdown(replace(BOTH, rows=(RowLayers("tensorflow", "fp32", error="worker died"),)))
    assert "| layer |" not in alone


def test_json_names_the_layer_and_has_all_figures() -> None:
    data = layers_json(BOTH)
    assert [(row["name"], row["first"]) for row in data["rows"]] == [("torch", None), ("openvino", "relu1")]
    assert data["rows"][1]["where"] == "in 1 of 4 channels: 3"
    assert data["rows"][1]["layers"][1]["max_abs_over_sigma"] == 0.5
    assert data["exit_code"] == 1


def test_the_terminal_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_layers(BOTH)
    out = capsys.readouterr().out
    assert "5.0e-01 (6) FIRST" in out
    assert "openvino leaves float64 at relu1" in out


def test_layers_that_are_alike_in_every_row_and_bound_share_a_line() -> None:
    alike = (layer("pool5", 0.001), layer("flatten", 0.001), replace(layer("fc6", 0.001), bound=0.02))
    text = layers_markdown(replace(BOTH, rows=(RowLayers("torch", "fp32", alike),))).replace("\u2011", "-")
    assert "| pool5, flatten | 1.0e-02 | 1.0e-03 (6) |\n| fc6 | 2.0e-02 | 1.0e-03 (6) |" in text


def test_rows_of_two_precisions_have_a_bound_each() -> None:
    coarse = RowLayers("torch bf16", "bf16", tuple(replace(one, bound=0.3) for one in HEALTHY.layers))
    text = layers_markdown(replace(BOTH, rows=(coarse, HEALTHY))).replace("\u2011", "-")
    assert "| layer | bf16 bound | fp32 bound | torch bf16 | torch |" in text
    assert "| conv1, relu1 | 3.0e-01 | 1.0e-02 |" in text


def test_what_is_kept_is_what_the_page_draws(tmp_path: Path) -> None:
    assert keep_layers(tmp_path, BOTH) == tmp_path / "layers.json"
    figure = divergence(tmp_path, run_record(ok_row("torch"), ok_row("openvino")))
    assert isinstance(figure, Figure)
    assert [row[:4] for row in figure.rows] == [
        (row.name, one.layer, one.max_abs_over_sigma, one.bound) for row in BOTH.rows for one in row.layers
    ]
    assert "on 2 images (named)" in figure.said
    assert figure.said.startswith("Above the bound: openvino at relu1, openvino at fc8.")


def test_where_it_cannot_be_kept_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "layers.json").mkdir()
    with pytest.raises(UsageError, match=r"^--keep .*layers.json is a folder"):
        keep_layers(tmp_path, BOTH)
    assert [path.name for path in tmp_path.iterdir()] == ["layers.json"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two runs whose layers nobody has to compute."""
    rows = dict.fromkeys(("openvino", "torch"), answers(100))
    monkeypatch.setattr(divergence_module, "compare_layers", lambda *_, **__: replace(BOTH, notes=()))
    return [write_run(tmp_path / name, rows) for name in ("one", "two")]


def compared(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


def test_keeping_is_said_with_what_to_do_next_and_the_report_shows_it(runs: list[Path]) -> None:
    ended = compared(runs[0], "--layers", "--keep")
    path = runs[0] / "layers.json"
    assert ended.exit_code == 1
    assert ended.output.splitlines()[-2] == f"wrote {path}; alexbench report {runs[0]} shows it"
    assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(layers_json(replace(BOTH, notes=()))))
    assert CliRunner().invoke(cli, ["report", str(runs[0])]).exit_code == 0
    assert '<figure id="figure-divergence"' in (runs[0] / "report.html").read_text("utf-8")


def test_with_json_the_line_is_no_part_of_it(runs: list[Path]) -> None:
    ended = compared(runs[0], "--layers", "--keep", "--json")
    assert json.loads(ended.stdout)["layers"][0]["exit_code"] == 1
    assert ended.stderr.startswith("wrote ")


def test_nothing_is_kept_unless_asked_for(runs: list[Path]) -> None:
    before = sorted(path.name for path in runs[0].iterdir())
    compared(runs[0], "--layers")
    assert sorted(path.name for path in runs[0].iterdir()) == before


def test_keeping_without_looking_and_keeping_of_two_runs_are_refused_with_the_fix(runs: list[Path]) -> None:
    for arguments, mend in (
        ([runs[0], "--keep"], "--layers"),
        ([*runs, "--layers", "--keep"], "compare each with --layers --keep alone"),
    ):
        ended = compared(*arguments)
        assert ended.exit_code == 2
        assert mend in ended.output
        assert not (runs[0] / "layers.json").exists()
