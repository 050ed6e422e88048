"""ONNX Runtime's trace, cut into inferences and layers."""

import json
from pathlib import Path
from typing import Any

import pytest

from alexbench.backends._shared.profiles import WARM_UP
from alexbench.backends.onnxruntime_.profile import layer_times, profile
from tests.support.toy_network import TOY


def kernel(node: str, operator: str, microseconds: int) -> dict[str, Any]:
    return {"cat": "Node", "name": f"{node}_kernel_time", "dur": microseconds, "args": {"op_name": operator}}


def of_the_session(name: str, microseconds: int) -> dict[str, Any]:
    return {"cat": "Session", "name": name, "dur": microseconds, "args": {}}


def inference(first: int) -> list[dict[str, Any]]:
    """As ONNX Runtime 1.31 writes it: a convolution named after its ReLU, reorders with a number, the run last."""
    return [
        kernel("relu1_nchwc", "Conv", first),
        kernel("ReorderOutput_token_16", "ReorderOutput", 60),
        kernel("norm1", "LRN", 3000),
        kernel("ReorderInput", "ReorderInput", 40),
        kernel("fused fc6", "FusedGemm", 5000),
        of_the_session("SequentialExecutor::Execute", 9000),
        of_the_session("model_run", 9100),
    ]


def test_kernels_are_added_by_layer_and_reorders_are_no_layers() -> None:
    trace = [of_the_session("session_initialization", 70000), *inference(700)]
    (times,) = layer_times(TOY, trace)
    assert times == pytest.approx({"conv1": 0.7, "": 0.1, "norm1": 3.0, "fc6": 5.0})


def test_inferences_are_kept_apart() -> None:
    times = layer_times(TOY, [*inference(700), *inference(900)])
    assert [one["conv1"] for one in times] == pytest.approx([0.7, 0.9])


def test_warming_up_is_left_out(tmp_path: Path) -> None:
    calls: list[int] = []

    def end() -> str:
        trace = [event for number, _ in enumerate(calls) for event in inference(1000 if number >= WARM_UP else 90000)]
        (tmp_path / "trace.json").write_text(json.dumps(trace), encoding="utf-8")
        return str(tmp_path / "trace.json")

    times = profile(TOY, lambda: calls.append(1), end, repeats=3)
    assert len(calls) == WARM_UP + 3
    assert times["conv1"] == pytest.approx(1.0)
