"""Hostile files: refused in one line, in seconds and in little memory."""

import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexbench.datasets.containers.readers import reader_for
from alexbench.datasets.decode import decode_picture
from alexbench.datasets.layouts import assembling, open_dataset
from alexbench.harness.errors import AlexBenchError, DataError
from tests.unit.datasets.encoded import encoded, noise
from tests.unit.datasets.layout_files import pictures, slim, write_files, write_parquet, write_tar, write_tfrecords


def progressive(scans: int, side: int = 64) -> bytes:
    """A JPEG whose last scan comes again and again."""
    whole = encoded(Image.fromarray(noise(side, side)), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + whole[-2:]


@pytest.mark.parametrize("decoder", ["libjpeg", "libjpeg-fast", "opencv"])
def test_a_jpeg_of_thousands_of_scans_is_refused(decoder: str) -> None:
    with pytest.raises(DataError, match=r"it: a JPEG of 3,\d\d\d scans, 64 x 64, which would take minutes"):
        decode_picture(progressive(3000), "it", decoder=decoder, exif=False)  # type: ignore[arg-type]


def test_an_ordinary_progressive_jpeg_is_not() -> None:
    assert decode_picture(progressive(1, 500), "it", decoder="libjpeg", exif=False).shape == (500, 500, 4)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "JPEG"])
def test_more_pixels_than_are_decoded(kind: str) -> None:
    # From the header alone: a file of a few bytes would become gigabytes.
    side = {"WEBP": 16_000, "JPEG": 60_000}.get(kind, 100_000)
    small = bytearray(encoded(Image.new("RGB", (8, 8)), kind, **({"lossless": True} if kind == "WEBP" else {})))
    match kind:
        case "PNG":
            import struct
            import zlib

            small[16:24] = struct.pack(">II", side, side)
            small[29:33] = struct.pack(">I", zlib.crc32(small[12:29]))
        case "BMP":
            small[18:26] = side.to_bytes(4, "little") * 2
        case "JPEG":
            place = small.index(b"\xff\xc0") + 5
            small[place : place + 4] = side.to_bytes(2, "big") * 2
        case _:
            place = small.index(b"VP8L") + 9
            small[place : place + 4] = ((side - 1) | (side - 1) << 14).to_bytes(4, "little")
    with pytest.raises(DataError, match=r"the image is too large|damaged image"):
        decode_picture(bytes(small), "it", decoder="libjpeg", exif=False)


def test_a_table_of_more_rows_than_any_set_has(tmp_path: Path) -> None:
    rows = assembling.PICTURES_AT_MOST + 1
    image = pa.nulls(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    path = tmp_path / "validation.parquet"
    pq.write_table(pa.table({"image": image, "label": pa.nulls(rows, pa.int64())}), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="2,000,001 images, more than the 2,000,000"):
        open_dataset(path)


def test_a_path_of_megabytes_in_every_row(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", [("a" * 3_000_000, b"x", 1)] * 40)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match=r"row 0 .* has a path of 3,000,000 characters, 4,096 at most"):
        open_dataset(path)


def sparse_tar(path: Path, size: int, kind: bytes) -> Path:
    """A tar of one member that says it has ``size`` bytes, and has, but takes no room on the disk."""
    member = tarfile.TarInfo("a.jpg")
    member.size, member.type = size, kind
    with path.open("wb") as file:
        file.write(member.tobuf())
        file.truncate(512 + (size + 511) // 512 * 512 + 10240)
    return path


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_name_of_gigabytes_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(DataError, match="damaged"):
        open_dataset(sparse_tar(tmp_path / "x.tar", 4 << 30, kind))


def test_a_member_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    tar = sparse_tar(tmp_path / "x.tar", 4 << 30, tarfile.REGTYPE)
    labels = tmp_path / "val.txt"
    labels.write_text("a.jpg 3\n")
    dataset = open_dataset(tar, labels=labels)
    with pytest.raises(DataError, match=r"a\.jpg: 4,294,967,296 bytes, but an image has"):
        reader_for(dataset.container, dataset.root).read(dataset.samples[0])


def test_an_image_file_of_gigabytes(tmp_path: Path) -> None:
    file = write_files(tmp_path, {"val/0/a.jpg": b""}) / "val/0/a.jpg"
    with file.open("wb") as opened:
        opened.truncate(4 << 30)
    dataset = open_dataset(tmp_path / "val")
    with pytest.raises(DataError, match=r"a\.jpg has 4,294,967,296 bytes"):
        reader_for("files", dataset.root).read(dataset.samples[0])


def test_folders_in_folders_without_end(tmp_path: Path) -> None:
    deep = tmp_path / "val" / "0" / "/".join(["a"] * 200)
    deep.mkdir(parents=True)
    with pytest.raises(DataError, match="folders deep"):
        open_dataset(tmp_path / "val")


def test_links_that_make_a_few_folders_many_paths(tmp_path: Path) -> None:
    top = tmp_path / "val" / "0"
    top.mkdir(parents=True)
    for level in range(24):
        (tmp_path / f"level{level}").mkdir()
    for level in range(23):
        for side in "ab":
            (tmp_path / f"level{level}" / side).symlink_to(tmp_path / f"level{level + 1}")
    (top / "down").symlink_to(tmp_path / "level0")
    with pytest.raises(DataError, match="5,000"):
        open_dataset(tmp_path / "val")


SET = pictures((1, 2, 3))


def _parquet(path: Path) -> Path:
    return write_parquet(path, [(one.name, one.data, one.label) for one in SET], compression="none")


MAKERS = {
    "x.parquet": _parquet,
    "x.tfrecord": lambda path: write_tfrecords(path, [slim(one) for one in SET]),
    "x.tar": lambda path: write_tar(path, {one.name: one.data for one in SET}),
}


@pytest.mark.parametrize("name", MAKERS)
@given(data=st.data())
def test_tables_and_archives_changed_at_random_are_read_or_refused(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzzed") / name
    MAKERS[name](path)
    damaged = bytearray(path.read_bytes())
    edge = st.integers(0, min(600, len(damaged) - 1)) | st.integers(max(0, len(damaged) - 1500), len(damaged) - 1)
    for place in data.draw(st.lists(edge | st.integers(0, len(damaged) - 1), min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.just(len(damaged)) | st.integers(0, len(damaged)))])
    refused = ""
    try:
        dataset = open_dataset(path)
        reader = reader_for(dataset.container, dataset.root)
        for sample in dataset.samples:
            decode_picture(reader.read(sample), sample.name, decoder="opencv", exif=True)
    except AlexBenchError as error:
        refused = str(error)
    assert "\n" not in refused


@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP"]))
def test_images_changed_at_random_are_decoded_or_refused(data: st.DataObject, kind: str) -> None:
    damaged = bytearray(encoded(Image.fromarray(noise(40, 30)), kind))
    for place in data.draw(st.lists(st.integers(0, 200) | st.integers(0, len(damaged) - 1), min_size=1, max_size=5)):
        damaged[place % len(damaged)] = data.draw(st.integers(0, 255))
    refused = "it: "
    try:
        pixels = decode_picture(bytes(damaged), "it", decoder="opencv", exif=True)
        assert (pixels.dtype, pixels.shape[2]) == (np.uint8, 4)
    except DataError as error:
        refused = str(error)
    assert refused.startswith("it: ")
