"""What export says and refuses before and after it works; the work itself is in conformance and end to end."""

import re
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.errors import ExportError, UsageError
from alexbench.harness.exporting.model_export import (
    Exported,
    arithmetic,
    export_notes,
    judged,
    report,
)
from alexbench.harness.exporting.routes import ARRAYS, chosen_route, known_routes
from alexbench.harness.exporting.target import ExportedFile
from alexbench.harness.files.plain_text import first_line
from alexbench.harness.inputs.chosen_weights import ChosenWeights
from alexbench.harness.judge.parity import Deviation
from alexbench.harness.models.card import card_names, load_card

OURS = ChosenWeights(Path("cache/abc.safetensors"), "abc", None)
THEIRS = ChosenWeights(Path("cache/abc.safetensors"), "abc", "/home/someone/alexnet.pth")
TRUTH = np.linspace(-3.0, 3.0, 40).reshape(4, 10)


@pytest.mark.parametrize(
    ("to", "via"),
    [
        ("onnx", None),
        ("openvino", None),
        ("savedmodel", None),
        ("torch", None),
        ("safetensors", None),
        ("onnx", "torch.onnx"),
        ("openvino", "openvino-convert"),
    ],
)
def test_every_format_has_a_route_and_a_way_back(to: str, via: str | None) -> None:
    route = chosen_route(to, via)
    assert (route.form.name, route.form.via) == (to, via)
    assert (route.writer is None) == (route.reader is None) == (route.form == ARRAYS)


def test_no_two_routes_are_alike() -> None:
    asked = [(route.form.name, route.form.via) for route in known_routes()]
    assert len(asked) == len(set(asked))


def test_an_unknown_format_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match=r"^unknown format 'tflite'; known: onnx, openvino, safetensors, savedmodel, torch$"
    ):
        chosen_route("tflite", None)


@pytest.mark.parametrize(("to", "via"), [("onnx", "tf2onnx"), ("torch", "torch.onnx"), ("onnx", "openvino-convert")])
def test_an_exporter_that_does_not_write_it_lists_those_that_do(to: str, via: str) -> None:
    known = r"--to onnx --via torch\.onnx, --to openvino --via openvino-convert"
    with pytest.raises(UsageError, match=f"^--to {to} --via {re.escape(via)}: no such exporter; .*{known}$"):
        chosen_route(to, via)


@pytest.mark.parametrize("name", card_names())
def test_the_notes_say_what_a_user_of_the_file_must_do(name: str) -> None:
    card = load_card(name)
    notes = export_notes(card, OURS, "NCHW")
    side, outputs = card.preprocessing.crop, card.build_network().outputs
    assert notes["weights"].startswith("SYNTHETIC")
    assert notes["input"].startswith(f"float32 (N, 3, {side}, {side}), NCHW, {card.preprocessing.channels}, ")
    assert notes["output"].startswith(f"float32 (N, {outputs}), logits: no softmax")
    assert ("output 0 is background" in notes["output"]) == (outputs == 1001)
    assert all(isinstance(value, str) for value in notes.values())


def test_the_notes_name_the_users_file_and_not_where_it_lay() -> None:
    assert export_notes(load_card("torchvision"), THEIRS, "NHWC")["weights"] == "alexnet.pth"
    assert export_notes(load_card("torchvision"), THEIRS, "NHWC")["input"].startswith(
        "float32 (N, 224, 224, 3), NHWC, "
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision", "RGB, (value / 255 - mean) / std, std 0.229 0.224 0.225, mean 0.485 0.456 0.406"),
        ("bvlc", "BGR, value - mean, mean 104.007 116.6688 122.6789"),
        ("tfcnn", "RGB, value / 127.5 - mean, mean 1 1 1"),
    ],
)
def test_the_arithmetic_in_words(name: str, words: str) -> None:
    assert arithmetic(load_card(name)) == words


def test_the_same_function_is_judged_so() -> None:
    assert judged(TRUTH.astype(np.float32), TRUTH, said="it").sqnr_db > 100


@pytest.mark.parametrize("found", [TRUTH + 1e-3, np.full_like(TRUTH, np.nan), TRUTH[:, ::-1]])
def test_another_function_is_refused_with_the_figures(found: np.ndarray) -> None:
    with pytest.raises(
        ExportError, match=r"^it is another function: error/sigma .* SQNR .*; it was not kept$"
    ) as caught:
        judged(found, TRUTH, said="it")
    assert caught.value.exit_code == 1


def test_logits_of_another_shape_are_refused() -> None:
    with pytest.raises(ExportError, match=r"^it gives logits \(4, 9\), wanted \(4, 10\); it was not kept$"):
        judged(TRUTH[:, :9], TRUTH, said="it")


def test_the_report_says_where_what_and_how_far() -> None:
    card = load_card("torchvision")
    made = Exported(
        card="torchvision",
        to="onnx",
        via=None,
        files=(ExportedFile("torchvision.onnx", 3, "f" * 64),),
        writer="a writer",
        reader="onnxruntime",
        inputs={"pixels": "float32 (N, 3, 224, 224)"},
        outputs={"logits": "float32 (N, 1000)"},
        takes=f"NCHW, {arithmetic(card)}",
        gives="logits: no softmax",
        notes=export_notes(card, OURS, "NCHW"),
        deviation=Deviation(6.03e-6, 121.12, 1.0),
        write_s=1.0,
        check_s=2.0,
    )
    figures = "error/sigma 6.03e-06 (at most 0.0001), SQNR 121.1 dB (at least 100)"
    assert list(report(made)) == [
        f"torchvision.onnx  3 bytes  sha256 {'f' * 64}",
        "written  a writer (1.0 s)",
        f"checked  by onnxruntime on 4 images (1 + 3 at a time) against float64: {figures} (2.0 s)",
        f"input    pixels: float32 (N, 3, 224, 224); NCHW, {arithmetic(card)}",
        "output   logits: float32 (N, 1000); logits: no softmax",
        f"weights  {made.notes['weights']}; digest abc",
    ]


def test_a_page_of_an_error_becomes_a_line() -> None:
    assert first_line(RuntimeError("\n\n  the reason\nand a page")) == "RuntimeError: the reason"
    assert first_line(RuntimeError()) == "RuntimeError"
    assert first_line(OSError(28, "No space left on device")) == "No space left on device"
