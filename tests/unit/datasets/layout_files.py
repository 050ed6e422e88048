"""The layouts that ImageNet comes in, written by the libraries that write the real ones; TFRecords by hand, too."""

import io
import json
import struct
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat

from alexbench.datasets.classes import class_list, packaged_labels

WNIDS = [each.wnid for each in class_list()]
SLIM_FILLER: dict[str, Any] = {
    "image/height": 30,
    "image/width": 40,
    "image/colorspace": b"RGB",
    "image/channels": 3,
    "image/class/text": b"something, with words",
    "image/object/bbox/xmin": [0.25],
    "image/object/bbox/label": 66,
    "image/format": b"JPEG",
}


@dataclass(frozen=True)
class Picture:
    """An image of the validation set, with a label that is its own unless a test says otherwise."""

    number: int
    data: bytes
    label: int

    @property
    def name(self) -> str:
        return f"ILSVRC2012_val_{self.number:08d}.JPEG"

    @property
    def wnid(self) -> str:
        return WNIDS[self.label]


def pictures(numbers: Iterable[int] = (1, 2, 3, 5, 8, 13, 49_999, 50_000)) -> list[Picture]:
    """A small JPEG file for each of these numbers, with its own label."""
    own = packaged_labels()
    return [Picture(number, jpeg(number), own[number - 1]) for number in numbers]


def jpeg(seed: int) -> bytes:
    """A JPEG file, different for each seed."""
    pixels = np.random.RandomState(seed).randint(0, 256, (30, 40, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Files by their paths below ``root``."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def write_flat(root: Path, pictures: Sequence[Picture]) -> Path:
    """A flat folder."""
    return write_files(root, {picture.name: picture.data for picture in pictures})


def write_folders(root: Path, pictures: Sequence[Picture], *, by: str = "wnid") -> Path:
    """A folder a class, by ``wnid`` or by ``label``."""
    return write_files(root, {f"{getattr(picture, by)}/{picture.name}": picture.data for picture in pictures})


def write_tar(path: Path, files: Mapping[str, bytes], *, mode: Any = "w", kind: int = tarfile.GNU_FORMAT) -> Path:
    """A tar of these members, in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode, format=kind) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_parquet(path: Path, rows: Sequence[tuple[str | None, bytes | None, int | None]], **options: Any) -> Path:
    """Hugging Face's columns: path, bytes, label. ``names``: those of the classes, in the metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = options.pop("names", [", ".join(each.labels) for each in class_list()])
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", kind), ("label", pa.int64())])
    table = pa.table(
        [
            pa.array([{"bytes": data, "path": name} for name, data, _ in rows], type=kind),
            pa.array([label for _, _, label in rows], type=pa.int64()),
        ],
        schema=schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})}),
    )
    pq.write_table(table, path, **options)
    return path


def example(**values: Any) -> bytes:
    """A tf.train.Example; ``__`` in a name stands for ``/``."""
    entries = b""
    for name, value in values.items():
        items = value if isinstance(value, list) else [value]
        if isinstance(items[0], bytes):
            feature = _field(1, b"".join(_field(1, item) for item in items))
        elif isinstance(items[0], float):
            feature = _field(2, _field(1, struct.pack(f"<{len(items)}f", *items)))
        else:
            feature = _field(3, _field(1, b"".join(_varint(item) for item in items)))
        entries += _field(1, _field(1, name.replace("__", "/").encode()) + _field(2, feature))
    return _field(1, entries)


def slim(picture: Picture, **others: Any) -> bytes:
    """The Example of an image as Inception/Slim's conversion writes it; what is None among ``others`` is left away."""
    values = {name.replace("/", "__"): value for name, value in SLIM_FILLER.items()}
    values |= {
        "image__class__label": picture.label + 1,
        "image__class__synset": picture.wnid.encode(),
        "image__encoded": picture.data,
        "image__filename": picture.name.encode(),
    }
    return example(**{name: value for name, value in (values | others).items() if value is not None})


def tfds(picture: Picture, **others: Any) -> bytes:
    """The Example of an image as TensorFlow Datasets writes it; what is None among ``others`` is left away."""
    values: dict[str, Any] = {
        "file_name": picture.name.encode(),
        "image": picture.data,
        "label": picture.label,
    }
    return example(**{name: value for name, value in (values | others).items() if value is not None})


def write_webdataset(path: Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> Path:
    """A WebDataset shard of these keys, each with its members by extension."""
    return write_tar(path, {f"{key}.{kind}": data for key, members in samples for kind, data in members.items()})


def write_tfrecords(path: Path, examples: Iterable[bytes]) -> Path:
    """A TFRecord file of these."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for data in examples:
            header = struct.pack("<Q", len(data))
            file.write(header + struct.pack("<I", _masked(header)) + data + struct.pack("<I", _masked(data)))
    return path


def write_devkit(folder: Path, pictures: Sequence[Picture], *, squeezed: bool = False) -> Path:
    """The devkit's data: ground truth in ILSVRC2012_ID (here an order of its own), all 50,000, and meta.mat."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.RandomState(7).permutation(1000)  # class index -> ILSVRC2012_ID - 1
    own = list(packaged_labels())
    for picture in pictures:
        own[picture.number - 1] = picture.label
    lines = "".join(f"{order[label] + 1}\n" for label in own)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(lines, encoding="ascii")
    rows = sorted((int(order[index]) + 1, wnid, 0) for index, wnid in enumerate(WNIDS))
    rows += [(1001, "n00001740", 2), (1002, "n00001930", 3)]  # inner nodes
    kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("num_children", object)]
    synsets = np.empty(len(rows) if squeezed else (len(rows), 1), dtype=kinds)
    for place, (identity, wnid, children) in enumerate(rows):
        wrapped = identity if squeezed else np.array([[identity]], dtype=np.float64)
        synsets[place] = (
            wrapped,
            wnid,
            "words, of it",
            children if squeezed else np.array([[children]], dtype=np.uint8),
        )
    savemat(folder / "meta.mat", {"synsets": synsets}, do_compression=True)  # as MATLAB has done since 7.0
    return folder


def _masked(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
