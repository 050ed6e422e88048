"""Formats that AlexBench does not read: each is named, with the way to a format that it does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.datasets.layouts.listing import Listing, is_picture, listed
from alexbench.datasets.layouts.shards import split_of
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_UNPACK: Final = "unpack it"
_IMAGES: Final = "give the images it was made from"


@dataclass(frozen=True, slots=True)
class Foreign:
    """One format. ``said``: what it is. ``fix``: the way to a format that is read.

    ``begins``: the first bytes of its files, at ``offset``. ``suffixes``: suffixes of its files, in lower case.
    ``names``: the files or folders by which a folder shows it; all must be present.
    """

    said: str
    fix: str
    begins: tuple[bytes, ...] = ()
    suffixes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    offset: int = 0


FOREIGN: Final = (
    Foreign("gzip-compressed", f"{_UNPACK} to a plain file (gunzip)", (b"\x1f\x8b",), (".gz", ".tgz")),
    Foreign("bzip2-compressed", f"{_UNPACK} to a plain file (bunzip2)", (b"BZh",), (".bz2", ".tbz2")),
    Foreign("xz-compressed", f"{_UNPACK} to a plain file (unxz)", (b"\xfd7zXZ\x00",), (".xz", ".txz")),
    Foreign("zstd-compressed", f"{_UNPACK} to a plain file (unzstd)", (b"\x28\xb5\x2f\xfd",), (".zst",)),
    Foreign("a zip archive", "unzip it and give the folder", (b"PK\x03\x04", b"PK\x05\x06"), (".zip",)),
    Foreign("a 7z archive", f"{_UNPACK} and give the folder", (b"7z\xbc\xaf\x27\x1c",), (".7z",)),
    Foreign("a RAR archive", f"{_UNPACK} and give the folder", (b"Rar!\x1a\x07",), (".rar",)),
    Foreign(
        "an LMDB database", _IMAGES, (b"\xde\xc0\xef\xbe",), (".mdb", ".lmdb"), offset=16
    ),  # MDB_MAGIC of lmdb's mdb.c, behind the page's header
    Foreign("a LevelDB database", _IMAGES, suffixes=(".ldb", ".sst")),
    Foreign(
        "Arrow files",
        "write them as Parquet (Hugging Face: datasets.load_from_disk(FOLDER).to_parquet(FILE))",
        (b"ARROW1", b"\xff\xff\xff\xff"),
        (".arrow", ".feather"),
    ),
    Foreign("an HDF5 file", _IMAGES, (b"\x89HDF\r\n\x1a\n",), (".h5", ".hdf5", ".hdf")),
    Foreign("MXNet's RecordIO", f"{_IMAGES}, with their labels", (b"\x0a\x23\xd7\xce",), (".rec",)),
    Foreign("an FFCV file", _IMAGES, suffixes=(".beton",)),
    Foreign("MosaicML's streaming shards (MDS)", _IMAGES, suffixes=(".mds", ".mds.zstd")),
    Foreign("ArrayRecord files", "write them as TFRecords (TFDS: file_format=tfrecord)", suffixes=(".array_record",)),
    Foreign("NumPy arrays", _IMAGES, (b"\x93NUMPY",), (".npy", ".npz")),
    Foreign("a pickle", _IMAGES, (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), (".pkl", ".pickle")),
    Foreign("an SQLite database", _IMAGES, (b"SQLite format 3\x00",), (".sqlite", ".sqlite3", ".db")),
    Foreign("a disk image", "mount it and give the folder", suffixes=(".iso", ".dmg", ".squashfs", ".sqsh", ".sqfs")),
    Foreign(
        "Tiny ImageNet (200 classes, 64 x 64)",
        "give the ILSVRC2012 validation set, which has the 1000 classes of an AlexNet",
        names=("val_annotations.txt",),
    ),
    Foreign("Tiny ImageNet", "give the ILSVRC2012 validation set", names=("wnids.txt", "words.txt", "val")),
    Foreign("Pascal VOC", "give a set with ImageNet's classes", names=("JPEGImages", "Annotations")),
    Foreign("CIFAR", "give a set with ImageNet's classes", names=("data_batch_1", "test_batch")),
    Foreign("ImageNet downsampled to arrays", _IMAGES, names=("train_data_batch_1", "val_data")),
)

_TEXTS: Final = (".txt", ".csv", ".tsv", ".json", ".lst", ".xml", ".mat", ".md", ".yaml", ".toml")
_OTHER_IMAGES: Final = (".tif", ".tiff", ".gif", ".jp2", ".heic", ".avif", ".ppm", ".pgm", ".jxl", ".tga", ".npy")
_MODELS: Final = (".pth", ".pt", ".pt2", ".onnx", ".ckpt", ".safetensors", ".keras", ".tflite", ".pb", ".caffemodel")
_ANNOTATIONS: Final = "Annotations"


def refuse_foreign_file(path: Path, head: bytes, *, named: bool) -> None:
    """Refuse a file that is not a data set, and name its format. ``named``: whether its name is a layout's.

    Raises:
        DataError: the format is known. Unknown formats pass.
    """
    said = escaped(str(path))
    if path.suffix.lower() in _MODELS:
        raise DataError(f"{said}: a model, not a data set; give it with --weights or --artifact")
    for one in FOREIGN:
        if one.begins and head[one.offset :].startswith(one.begins):
            raise DataError(f"{said}: {one.said}, which cannot be read in place; {one.fix}")
    if named:
        return
    if is_picture(path.name):
        raise DataError(f"{said}: an image, not a data set; give the folder that holds the images")
    if path.suffix.lower() in _TEXTS and head:
        raise DataError(
            f"{said}: not a data set; give the folder that holds the images, and this file with --labels if it has"
            " their labels"
        )
    for one in FOREIGN:
        if _is_of(one, path.name):
            raise DataError(f"{said}: {one.said}, which cannot be read in place; {one.fix}")


def other_set(listing: Listing) -> str | None:
    """The other data set that this folder is, and the fix; None if it is unknown."""
    there = {*listing.folders, *listing.others}
    for one in FOREIGN:
        if one.names and there.issuperset(one.names):
            return f"{one.said} ({listed(one.names)}), which is not supported; {one.fix}"
    for folder in ("annotations", _ANNOTATIONS):
        files = listing.names_in(folder)[1] if folder in listing.folders else []
        coco = [name for name in files if name.startswith(("instances_", "captions_"))]
        if coco:
            return f"COCO ({folder}/{coco[0]}), whose classes are not ImageNet's; give a set with ImageNet's labels"
    return None


def foreign_in(listing: Listing) -> str | None:
    """What a folder holds instead of a data set, and the fix; None if that is unknown."""
    for one in FOREIGN:
        found = [name for name in listing.others if _is_of(one, name)]
        if found:
            found = [name for name in found if split_of(name) == "val"] or found
            return f"{one.said} ({listed(found)}), which cannot be read in place; {one.fix}"
    return _other_files(listing)


def _is_of(one: Foreign, name: str) -> bool:
    lower = name.lower()
    return lower.endswith(one.suffixes) or any(f"{suffix}-" in lower for suffix in one.suffixes)


def _other_files(listing: Listing) -> str | None:
    images = [name for name in listing.others if name.lower().endswith(_OTHER_IMAGES)]
    if images:
        return f"images of a format that is not read ({listed(images)}); save them as PNG, which is lossless"
    tars = [name for name in listing.others if name.lower().endswith(".tar")]
    if len(tars) == 1:
        return f"no image, but an archive; did you mean {listing.said}/{tars[0]}?"
    if tars:
        return (
            f"{len(tars):,} archives ({listed(tars)}), as the training set's are; unpack each into a folder of its name"
        )
    boxes = [name for name in listing.others if name.lower().endswith(".xml")]
    if boxes and listing.folder is not None:
        images_at = Path(*("Data" if part == _ANNOTATIONS else part for part in listing.folder.parts))
        fix = f"did you mean {images_at}?" if images_at.is_dir() and images_at != listing.folder else "give the images"
        return f"annotations ({listed(boxes)}) and no image; {fix}"
    return None
