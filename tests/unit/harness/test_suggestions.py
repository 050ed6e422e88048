"""A wrong name is refused with the one that was probably meant: values, keys, commands; never a different thing."""

from pathlib import Path

import pytest

from alexbench.backends.registry import backend_names
from alexbench.harness.config import SCENARIOS
from alexbench.harness.config_file import CONFIG_KEYS
from alexbench.harness.contract import PRECISIONS
from alexbench.harness.errors import known_words, nearest
from alexbench.harness.measure.rigor import RIGORS
from alexbench.harness.models.card import card_names
from tests.support.in_process import alexbench


@pytest.mark.parametrize(
    ("wrong", "known", "meant"),
    [
        ("pytorch", backend_names(), "torch"),
        ("Torch", backend_names(), "torch"),
        ("onnx", backend_names(), "onnxruntime"),
        ("ort", backend_names(), "onnxruntime"),
        ("open-vino", backend_names(), "openvino"),
        ("tf", backend_names(), "tensorflow"),
        ("torchvison", card_names(), "torchvision"),
        ("pytorch", card_names(), "torchvision"),
        ("float32", PRECISIONS, "fp32"),
        ("FP32", PRECISIONS, "fp32"),
        ("bfloat16", PRECISIONS, "bf16"),
        ("offline", SCENARIOS, "Offline"),
        ("single_stream", SCENARIOS, "SingleStream"),
        ("Sever", SCENARIOS, "Server"),
        ("smok", RIGORS, "smoke"),
        ("quick", RIGORS, "smoke"),
        ("thread", CONFIG_KEYS, "threads"),
        ("batchsize", CONFIG_KEYS, "batch_size"),
        ("nchw", ("NCHW", "NHWC"), "NCHW"),
    ],
)
def test_what_was_probably_meant(wrong: str, known: tuple[str, ...], meant: str) -> None:
    assert nearest(wrong, known) == meant


@pytest.mark.parametrize(
    ("wrong", "known"),
    [
        ("fp16", ("fp32", "bf16")),
        ("int8", ("int16", "fp32")),
        ("tensorrt", backend_names()),
        ("alexnet", card_names()),
        ("", backend_names()),
        ("x", ()),
    ],
)
def test_something_else_is_not_taken_for_a_typing_error(wrong: str, known: tuple[str, ...]) -> None:
    assert nearest(wrong, known) is None
    assert known_words(wrong, known).startswith("known: ")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("run --backend pytorch", "'torch'"),
        ("run --model torchvison", "'torchvision'"),
        ("run --precision float32", "'fp32'"),
        ("run --scenario servr", "'Server'"),
        ("run --rigor standart", "'standard'"),
        ("run --only acuracy", "'accuracy'"),
        ("run --on-bad-image skp", "'skip'"),
        ("run --system pytorch", "'torch'"),
        ("run --python pytorch=python3", "'torch'"),
        ('run --system "torch precison=fp32"', "'precision'"),
        ("run --base torh --backend torch", "'torch'"),
        ("run --data . --layout tfrecords --weights published", "'tfrecord'"),
        ("run --data . --layout imagenet --weights published", "'wnid-folders'"),
        ("models show torchvison", "'torchvision'"),
        ("models export torchvision --to onxx", "'onnx'"),
        ("models export torchvision --to onnx --via torch.onx", "'torch.onnx'"),
        ("models shw", "'show'"),
        ("ablate --vary interpolatoin", "'interpolation'"),
        ("history . --metric top-1", "'top1'"),
        ("rum", "'run'"),
        ("benchmark", "'run'"),
    ],
)
def test_every_refusal_of_a_name_says_it(arguments: str, meant: str, tmp_path: Path) -> None:
    import shlex

    ended = alexbench(*shlex.split(arguments), folder=tmp_path, cache=tmp_path / "cache")
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert f"did you mean {meant}" in ended.err


def test_a_key_of_a_configuration_file_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('precison = "fp32"\n', encoding="utf-8")
    ended = alexbench("run", "--config", "run.toml", folder=tmp_path, cache=tmp_path / "cache")
    assert (ended.code, "did you mean 'precision'?" in ended.err) == (2, True)
    (tmp_path / "run.toml").write_text('[[system]]\nbackend = "torch"\nthread = 1\n', encoding="utf-8")
    ended = alexbench("run", "--config", "run.toml", folder=tmp_path, cache=tmp_path / "cache")
    assert (ended.code, "did you mean 'threads'?" in ended.err) == (2, True)
