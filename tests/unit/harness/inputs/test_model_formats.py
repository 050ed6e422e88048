"""What a file given as --artifact is, by its content: the advice names a command that fits it."""

import io
import zipfile
from pathlib import Path

import pytest

from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.model_formats import refuse_other_formats

TFLITE = b"\x1c\x00\x00\x00TFL3" + b"\x00" * 60
GRAPH = b"\x0a\x20\x0a\x05input\x12\x0bPlaceholder" + b"\x00" * 60
ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.4.0\x3a\x00"
COREML = b"\x08\x04\x12\x90\x01\x0a"
H5 = b"\x89HDF\r\n\x1a\n" + b"\x00" * 600
IR = b"<?xml version='1.0'?>\n<net name='a' version='11'>\n"


def zipped(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "backend", "said"),
    [
        ("m.tflite", TFLITE, "tensorflow", "Lite model; tensorflow cannot run it: convert it (pip install"),
        ("m.onnx", TFLITE, "onnxruntime", "ovc"),
        ("frozen.pb", GRAPH, "tensorflow", "a frozen TensorFlow graph"),
        ("frozen.bin", GRAPH, "tensorflow", "--artifact openvino="),
        ("model.pb", ONNX, "tensorflow", "run it with --artifact onnxruntime="),
        ("model.pb", ONNX, "onnxruntime", "rename it to model.onnx"),
        ("m.h5", H5 + b"model_config", "tensorflow", "keras.models.load_model"),
        ("m.weights.h5", H5, "tensorflow", "model.load_weights"),
        ("m.h5", zipped("config.json", "model.weights.h5"), "onnxruntime", "--artifact tensorflow="),
        ("m.keras", zipped("config.json", "model.weights.h5"), "torch", "--trust"),
        ("m.mlmodel", COREML, "onnxruntime", "Core ML"),
        ("m.engine", b"ptrt\x00\x00", "onnxruntime", "TensorRT engine"),
        ("m.plan", b"\x00\x01", "onnxruntime", "TensorRT engine"),
        ("m.caffemodel", b"\x0a\x07AlexNet", "openvino", "--weights"),
        ("m.pdmodel", b"\x0a\x00", "openvino", "ovc"),
        ("m.param", b"7767517\n75 83\n", "onnxruntime", "ncnn"),
        ("m.ncnn.bin", b"\x00\x00\x00\x00", "onnxruntime", "name the .xml or the .param"),
        ("m.ort", b"\x00\x00\x00\x00ORTM", "onnxruntime", "ONNX Runtime (.ort)"),
        ("m.mnn", b"\x00", "onnxruntime", "MNN"),
        ("m.safetensors", b'\x40\x00\x00\x00\x00\x00\x00\x00{"a"', "torch", "--weights"),
        ("m.pth", b"\x80\x02}q\x00", "torch", "state dict"),
        ("m.pt", zipped("m/data.pkl", "m/data/0"), "torch", "state dict"),
        ("m.pt", zipped("m/code/a.py", "m/data.pkl"), "onnxruntime", "--artifact torch="),
        ("m.pt2", zipped("m/archive_format"), "openvino", "--artifact torch="),
        ("m.xml", IR, "onnxruntime", "--artifact openvino="),
        ("m.onnx", b"version https://git-lfs.github.com/spec/v1\n", "onnxruntime", "Git LFS pointer"),
        ("m.onnx", b"<!DOCTYPE html>", "onnxruntime", "a web page"),
        ("m.onnx", b"\x1f\x8b\x08", "onnxruntime", "gzip"),
        ("m.onnx", b"", "onnxruntime", "empty (0 bytes)"),
        ("m.onnx", b"\n <HTML>", "onnxruntime", "a web page"),
        ("m.onnx", b"<?xml version='1.0'?><Error>", "onnxruntime", "an XML text"),
        ("m.onnx", zipped("model.onnx"), "onnxruntime", "an archive"),
        ("m.onnx", b'{"message": "Not Found"}', "onnxruntime", "a JSON text"),
        ("m.onnx", b"\xff\xd8\xff\xe0", "onnxruntime", "an image (JPEG)"),
        ("m.pkl", b"\x80\x04\x95", "torch", "a pickle"),
        ("w.npz", zipped("a.npy"), "torch", "give it with --weights"),
        ("m.ckpt.index", b"\0\0", "tensorflow", "give its prefix with --weights"),
        ("m.onnx", b"no model", "onnxruntime", "damaged, or not an ONNX model"),
        ("m.onnx", ONNX[:-2], "openvino", "it has no graph"),
        ("m.onnx", ONNX[:-3], "onnxruntime", "cut short"),
        ("m.pt2", b"no model", "torch", "damaged, or not a torch.export program"),
        ("m.pt", b"no model", "torch", "damaged, or not a TorchScript"),
        ("m.keras", b"no model", "tensorflow", "damaged, or not a Keras model"),
        ("m.xml", b"no model", "openvino", "damaged, or not an OpenVINO IR"),
        ("m.tflite", b"no model", "tensorflow", "damaged, or not a TensorFlow Lite model"),
        ("m.tflite", TFLITE, "tensorflow", "--output_model"),
    ],
)  # fmt: skip
def test_a_file_is_called_what_it_is(tmp_path: Path, name: str, data: bytes, backend: str, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        refuse_other_formats(backend, tmp_path / name)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "backend"),
    [
        ("m.onnx", ONNX, "onnxruntime"),
        ("m.onnx", ONNX, "openvino"),
        ("m.onnx", b"\x1a\x01a" + ONNX, "onnxruntime"),  # the version need not come first
        ("m.xml", IR, "openvino"),
        ("m.pt2", zipped("m/archive_format"), "torch"),
        ("m.pt", zipped("m/code/a.py", "m/data.pkl"), "torch"),
        ("m.keras", zipped("config.json", "model.weights.h5"), "tensorflow"),
    ],
)
def test_what_a_backend_runs_or_nobody_knows_is_left_to_it(
    tmp_path: Path, name: str, data: bytes, backend: str
) -> None:
    (tmp_path / name).write_bytes(data)
    refuse_other_formats(backend, tmp_path / name)
    refuse_other_formats(backend, tmp_path / "gone")


def test_a_saved_model_is_its_folder(tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    refuse_other_formats("tensorflow", tmp_path / "saved")
    with pytest.raises(WeightsError, match=f"give the folder: --artifact tensorflow={tmp_path / 'saved'}"):
        refuse_other_formats("tensorflow", tmp_path / "saved" / "saved_model.pb")
    with pytest.raises(WeightsError, match=f"--artifact tensorflow={tmp_path / 'saved'} --trust"):
        refuse_other_formats("openvino", tmp_path / "saved")
