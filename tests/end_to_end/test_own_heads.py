"""Files that are not bound to the card's network: own classes, a background, two outputs, any shape of the end."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ended, Ground, only_run
from tests.end_to_end.own_heads import NAMES, class_list_file, colour_folders, own_onnx


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("colours")
    colour_folders(folder / "val")
    class_list_file(folder / "classes.txt")
    own_onnx(folder / "mine.onnx")
    return folder


def run(command: Command, colours: Path, out: Path, *more: str | Path, labels: str | Path = "") -> Ended:
    given = ("--data", colours / "val", "--labels", labels or colours / "classes.txt", "--only", "accuracy")
    return command("run", *given, "--out", out, "--threads", "1", *more)


def test_ten_classes_on_two_runtimes_are_scored_and_compared_with_each_other(
    command: Command, colours: Path, tmp_path: Path
) -> None:
    file = colours / "mine.onnx"
    ended = run(command, colours, tmp_path, "--artifact", f"onnxruntime={file}", "--artifact", f"openvino={file}")
    assert ended.code == 0, ended.err
    folder = only_run(tmp_path)
    record = read_run(folder)
    assert record.data.class_names == NAMES
    assert (record.model.macs, record.model.network, record.comparisons) == (0, "", ())
    assert len(record.pairs) == 1
    for row in record.systems:
        assert row.accuracy is not None
        assert (row.accuracy.images, row.accuracy.top1_correct, row.accuracy.top5_correct) == (20, 20, 20)
        assert row.artifact is not None
        assert (row.artifact.outputs, row.artifact.macs) == (10, 8 * 3 * 16 * 56 * 56 + 80)
        assert row.parity is None
    compared = [one for one in record.systems[1].remarks if one.code == "against_first"]
    assert len(compared) == 1
    assert compared[0].measured < 1e-4
    assert compared[0].of == "onnxruntime"
    assert command("report", folder).code == 0
    assert command("compare", folder).code in (0, 3)  # 20 images decide little


@pytest.mark.parametrize(
    "make",
    [
        {"last": "LogSoftmax", "hidden": True},
        {"four_dimensional": True, "batch": 1},
    ],
)
def test_every_shape_of_an_end_is_read(
    command: Command, colours: Path, tmp_path: Path, make: dict[str, object]
) -> None:
    file = own_onnx(tmp_path / "mine.onnx", **make)  # type: ignore[arg-type]
    ended = run(command, colours, tmp_path / "runs", "--artifact", f"onnxruntime={file}")
    assert ended.code == 0, ended.err
    (row,) = read_run(only_run(tmp_path / "runs")).systems
    assert row.accuracy is not None
    assert row.accuracy.top1_correct == 20


def test_a_background_is_named_in_the_list(command: Command, colours: Path, tmp_path: Path) -> None:
    file = own_onnx(tmp_path / "mine.onnx", background=True)
    refused = run(command, colours, tmp_path / "runs", "--artifact", f"onnxruntime={file}")
    assert (refused.code, len(refused.err.splitlines()) > 0) == (2, True)
    assert "gives 11 scores per image, and" in refused.last_line
    assert "names 10 classes" in refused.last_line
    labels = class_list_file(tmp_path / "with.txt", ("background", *NAMES))
    ended = run(command, colours, tmp_path / "runs", "--artifact", f"onnxruntime={file}", labels=labels)
    assert ended.code == 0, ended.err
    (row,) = read_run(only_run(tmp_path / "runs")).systems
    assert row.accuracy is not None
    assert row.accuracy.top1_correct == 20


def test_a_file_without_a_list_is_asked_for_one(command: Command, colours: Path, tmp_path: Path) -> None:
    file = colours / "mine.onnx"
    out = ("--out", tmp_path / "runs")
    asked = command("run", "--artifact", f"onnxruntime={file}", "--only", "accuracy", *out, cache=cache_folder())
    assert asked.code == 2
    assert "gives 10 scores per image, not the 1,000 of ImageNet's classes" in asked.last_line
    assert "--labels" in asked.last_line


def test_a_thousand_and_one_outputs_have_a_background_first(command: Command, ground: Ground, tmp_path: Path) -> None:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    random = np.random.Generator(np.random.PCG64(3))
    weight = random.standard_normal((1001, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["c"], strides=[16, 16], kernel_shape=[16, 16]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["y"], transB=1),
    ]
    first = random.standard_normal((8, 3, 16, 16)).astype(np.float32)
    weight = random.standard_normal((1001, 8)).astype(np.float32)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "tf", [value("x", TensorProto.FLOAT, ["N", 3, 224, 224])], [value("y", TensorProto.FLOAT, ["N", 1001])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    file = tmp_path / "tf.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(file))
    given = ("--data", ground.pictures, "--artifact", f"onnxruntime={file}", "--only", "accuracy")
    ended = command("run", *given, "--out", tmp_path / "runs")
    assert ended.code == 0, ended.err
    (row,) = read_run(only_run(tmp_path / "runs")).systems
    assert row.artifact is not None
    assert row.artifact.outputs == 1001
    assert [one.code for one in row.remarks] == ["background_assumed"]


def test_what_does_not_fit_is_a_line(command: Command, colours: Path, tmp_path: Path) -> None:
    file, out = colours / "mine.onnx", tmp_path / "runs"
    nine = class_list_file(tmp_path / "nine.txt", NAMES[:9])
    for more, said in (
        (
            ("--artifact", f"onnxruntime={file}", "--labels", nine),
            "1 (yellow) of 10 folders is not among the 9 classes",
        ),
        (("--artifact", f"onnxruntime={own_onnx(tmp_path / 'two.onnx', extra='aux')}"), "--output-name scores or"),
        (("--artifact", f"onnxruntime={file}", "--output-name", "prob"), "has no output 'prob'"),
        (
            ("--artifact", f"onnxruntime={file}", "--backend", "onnxruntime", "--backend", "torch"),
            "name only files (--artifact)",
        ),
        (("--output-name", "prob"), "name --artifact BACKEND=FILE too"),
    ):
        given = ("run", "--data", colours / "val", "--only", "accuracy", "--out", out)
        labels = () if "--labels" in more else ("--labels", colours / "classes.txt")
        ended = command(*given, *labels, *more)
        assert ended.code == 2, ended.err
        assert said in ended.last_line, ended.last_line
    assert not out.exists()


def test_a_system_has_its_own_output_input_and_trust(command: Command, colours: Path, tmp_path: Path) -> None:
    file = own_onnx(tmp_path / "two.onnx", extra="aux")
    systems = [
        f"onnxruntime threads=1 artifact={file} output_name=scores artifact_input=normalised,rgb",
        f"onnxruntime threads=1 artifact={file} output_name=aux",
    ]
    given = ("--data", colours / "val", "--labels", colours / "classes.txt", "--only", "accuracy")
    named = (word for one in systems for word in ("--system", one))
    ended = command("run", *given, "--out", tmp_path / "runs", *named)
    assert ended.code == 0, ended.err
    rows = read_run(only_run(tmp_path / "runs")).systems
    assert [row.artifact and row.artifact.output_name for row in rows] == ["scores", "aux"]
    assert rows[0].artifact is not None
    assert rows[0].artifact.stated == "normalised,rgb"


def test_predict_names_own_classes_or_their_outputs(command: Command, colours: Path, tmp_path: Path) -> None:
    file, image = colours / "mine.onnx", colours / "val" / "red" / "0.png"
    ended = command(
        "predict", image, "--artifact", f"onnxruntime={file}", "--labels", colours / "classes.txt", "--json"
    )
    assert ended.code == 0, ended.err
    (rows,) = json.loads(ended.out).values()
    assert (rows["onnxruntime"][0]["label"], rows["onnxruntime"][0]["index"]) == ("red", NAMES.index("red"))
    three = own_onnx(tmp_path / "three.onnx", ("red", "green", "blue"))
    ended = command("predict", image, "--artifact", f"onnxruntime={three}", "--artifact", f"openvino={file}")
    assert ended.code == 0, ended.err
    assert "output 0" in ended.out
    assert f"output {NAMES.index('red')}" in ended.out
    ended = command("predict", image, "--labels", colours / "classes.txt", "--backend", "onnxruntime")
    assert ended.code == 2
    assert "name it with --artifact" in ended.last_line
