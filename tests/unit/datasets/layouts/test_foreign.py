"""Other formats that people have are named, in one line with the fix."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import write_files


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def numpy_file() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3), np.uint8))
    return buffer.getvalue()


def arrow(kind: object) -> bytes:
    sink = io.BytesIO()
    table = pa.table({"label": [1]})
    with kind(sink, table.schema) as writer:  # type: ignore[operator]
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("data.mdb", bytes(16) + b"\xde\xc0\xef\xbe" + bytes(500), "an LMDB database"),
        ("val.npy", numpy_file(), "NumPy arrays"),
        ("a.arrow", arrow(pa.ipc.new_file), "Arrow files"),
        ("a.arrow", arrow(pa.ipc.new_stream), "Arrow files"),
        ("val.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        ("val.rec", b"\x0a\x23\xd7\xce" + bytes(20), "MXNet's RecordIO"),
        ("val.beton", b"anything", "an FFCV file"),
        ("val.7z", b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        ("val.pkl", b"\x80\x04K\x01.", "a pickle"),
        ("alexnet.pth", b"PK\x03\x04", "a model, not a data set; give it with --weights or --artifact"),
        ("val.txt", b"a.jpg 1\n", "not a data set; give the folder that holds the images, and this file with --labels"),
    ],
)
def test_a_file_is_called_by_its_name(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = write_files(tmp_path, {name: data}) / name
    assert said in refusal(path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            ["annotations/instances_val2017.json", "val2017/000000000139.jpg"],
            "COCO (annotations/instances_val2017.json)",
        ),
        (["wnids.txt", "words.txt", "val/images/val_0.JPEG", "val/val_annotations.txt"], "Tiny ImageNet"),
        (["val_annotations.txt", "images/val_0.JPEG"], "Tiny ImageNet (200 classes, 64 x 64)"),
        (["JPEGImages/1.jpg", "Annotations/1.xml"], "Pascal VOC"),
        (["val.rec", "val.idx", "val.lst"], "MXNet's RecordIO (val.rec)"),
        (["index.json", "shard.00000.mds"], "MosaicML's streaming shards (MDS)"),
        (["CURRENT", "MANIFEST-000001", "000005.ldb"], "a LevelDB database"),
        (["a.tif", "b.tif"], "images of a format that is not read (a.tif, b.tif); save them as PNG"),
        (["val.beton"], "an FFCV file"),
        (["train_images_0.tar.gz", "val_images.tar.gz"], "gzip-compressed (val_images.tar.gz), which cannot be read"),
    ],
)
def test_a_folder_is_called_by_what_it_holds(tmp_path: Path, files: list[str], said: str) -> None:
    assert said in refusal(write_files(tmp_path, dict.fromkeys(files, b"x")))


def test_what_lies_below_is_called_by_its_name_too(tmp_path: Path) -> None:
    write_files(tmp_path, {"caffe/ilsvrc12_val_lmdb/data.mdb": b"x", "notes/readme.txt": b"x"})
    with pytest.raises(DataError, match="ilsvrc12_val_lmdb: an LMDB database"):
        open_dataset(tmp_path)


def test_another_set_below_has_no_validation_set_of_imagenet(tmp_path: Path) -> None:
    files = ["wnids.txt", "words.txt", "val/images/val_0.JPEG", "train/n01443537/images/n01443537_0.JPEG"]
    write_files(tmp_path / "tiny-imagenet-200", dict.fromkeys(files, b"x"))
    with pytest.raises(DataError, match="tiny-imagenet-200: Tiny ImageNet"):
        open_dataset(tmp_path)
