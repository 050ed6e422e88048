"""Wrong usage, command by command: exit code 2, one line, and nothing made; the lines are in a golden file."""

import shlex
from pathlib import Path
from typing import Final

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.support.in_process import alexbench

REFUSED: Final = """
ab --only accuracy
backends --system torch
compare
doctor --backend torch --backend openvino
doctor --data x
doctor --expected -1
doctor --expected 0.565
doctor --expected 101
doctor --expected 5 --reference x
doctor --limit 0
doctor --out nowhere/x.md
doctor --reference nowhere:torch
doctor --weights x.pth
export nowhere --to csv
gate nowhere
history nowhere
merge nowhere
models export alexnet2 --to onnx
models export torchvision
models export torchvision --to onnx --out net.xml
models export torchvision --to onnx --out no/net.onnx
models export torchvision --to onnx --weights no.pth
models export torchvision --to onnx --weights-layout NHWC
models export torchvision --to tflite
models export torchvision --to torch --via torch.onnx
models fetch alexnet2
models nothing
predict
predict a.jpg --backend nothing
predict a.jpg --model nothing
predict a.jpg a.jpg
predict gone.jpg
report
report nowhere
run --artifact onnxruntime=nowhere.onnx
run --backend nothing
run --batch-size 0
run --bach-size 8
run --budget soon
run --data nowhere
run --data nowhere --only performance
run --device gpuu
run --device npu --backend openvino
run --limit 0
run --limit 3 --limit 4
run --only speed
run --precision int4 --backend torch
run --python onnxruntime=nowhere/python --backend onnxruntime
run --resolution 0
run --resume nowhere
run --rigor sloppy
run --seed x
run --shard 3/2
run --system "onnxruntime threads=1" --system "onnxruntime threads=1"
run --system "onnxruntime thread=2"
run --system "onnxruntime threads=-1"
run --system "onnxruntime 'threads=1"
runn
""".strip().splitlines()


@pytest.mark.parametrize("line", REFUSED)
def test_refusal(line: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    ended = alexbench(*shlex.split(line), folder=work, cache=cache)
    assert (ended.code, ended.out) == (2, "")
    assert list(work.iterdir()) == []
    assert ended.err.replace(str(tmp_path), "TMP").replace("\\", "/") == snapshot
