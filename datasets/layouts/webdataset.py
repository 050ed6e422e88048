"""WebDataset shards: tars of ``KEY.jpg`` with ``KEY.cls`` (or a label in ``KEY.json``), one after the other.

A key is a member's path up to the first dot of its last part (github.com/webdataset/webdataset, tariterators.py). A
label is a class index or a WordNet id in ASCII.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.dataset import validation_number
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.class_lists import lists_in
from alexbench.datasets.layouts.class_names import Meaning, meanings, meant
from alexbench.datasets.layouts.listing import PICTURE_SUFFIXES, WNID, Entry, is_litter
from alexbench.datasets.layouts.numbering import numbers_mean, outside_words, own_label
from alexbench.datasets.layouts.tar import first_names, members_of
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped, short

_LABEL: Final = "cls"
_INFO: Final = "json"
_LABEL_BYTES_AT_MOST: Final = 64
_INFO_BYTES_AT_MOST: Final = 1 << 20
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_LABEL_KEYS: Final = ("label", "cls", "class_id", "class_index", "target", "wnid", "synset")
_NAME_KEYS: Final = ("filename", "file_name", "path", "image_name", "name")
_OF_IMAGENET: Final = re.compile(
    r"(?<!tiny[-_])(?<!mini[-_])(?<!tiny)(?<!mini)(imagenet(?!te|-?_?100(?!0))|ilsvrc)", re.ASCII
)
"""Names of shards of the 1000 classes: not Tiny ImageNet, Mini-ImageNet, Imagenette or ImageNet-100."""


@dataclass(slots=True)
class _Sample:
    """The members of one key. ``words``: the classes that its key, its name and its JSON may mean."""

    key: str
    image: Entry | None = None
    label: Entry | None = None
    info: Entry | None = None
    text: str = ""
    words: frozenset[int] = frozenset()

    @property
    def path(self) -> str:
        """The path of its image."""
        return "" if self.image is None else self.image.path


def is_tar(name: str) -> bool:
    """Whether a file of that name is a tar."""
    return name.lower().endswith(".tar")


def holds_webdataset(path: Path) -> bool:
    """Whether the first members of a tar have labels: ``KEY.cls``, or ``KEY.json`` next to ``KEY.jpg``."""
    kinds = [_split(name) for name in first_names(path)]
    images = {key for key, extension in kinds if f".{extension}" in PICTURE_SUFFIXES}
    return any(extension == _LABEL or (extension == _INFO and key in images) for key, extension in kinds)


def take_webdataset(root: Path, files: Sequence[str]) -> Labelled:
    """Every image of the shards ``files`` below ``root``.

    Raises:
        DataError: a shard is cut off or damaged, an image lacks a label or a label lacks an image (the message has the
            key), a label is neither a class index nor a WordNet id, or nothing defines the numbers.
    """
    result = Labelled(labels_from="KEY.cls")
    samples: list[_Sample] = []
    for file in files:
        found, others = _group(root / file, file)
        result.left_out += others
        samples += _read_texts(root / file, found)
    if samples and all(sample.label is None for sample in samples):
        result.labels_from = "KEY.json"
    first = escaped(str(root / files[0]))
    numbered = [(int(one.text), _known_label(one)) for one in samples if _NUMBER.fullmatch(one.text)]
    meaning = numbers_mean(first, numbered, stated=lists_in(root), folder=root) if numbered else None
    if numbered and meaning is None:
        if not _OF_IMAGENET.search(files[0].lower()):
            raise DataError(
                f"{first}: WebDataset shards, and nothing defines their labels; put a class list (classes.txt, one"
                " WordNet id per line in the order of the labels) next to them"
            )
        result.notes.append(
            "labels are assumed to be class indices 0..999, as in ImageNet's WebDataset shards; the shards do not"
            " show it"
        )
    result.labels_from += "" if meaning is None else meaning.words
    numbers = [number for number, _ in numbered]
    result.pictures = _named([(sample, _label(root, sample, meaning, numbers)) for sample in samples])
    return result


def _split(path: str) -> tuple[str, str]:
    """The key and extension of a member: ``val/7.seg.png`` has the key ``val/7`` and the extension ``seg.png``."""
    folder, slash, name = path.rpartition("/")
    stem, _, extension = name.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


def _group(path: Path, file: str) -> tuple[list[_Sample], int]:
    """The samples of a shard, and the number of its other members."""
    by_key: dict[str, _Sample] = {}
    others = 0
    for member in members_of(path):
        if any(is_litter(part) for part in member.path.split("/")):
            continue
        key, extension = _split(member.path)
        kind = {_LABEL: "label", _INFO: "info"}.get(extension, "image" if f".{extension}" in PICTURE_SUFFIXES else "")
        if not kind:
            others += 1
            continue
        sample = by_key.setdefault(key, _Sample(key))
        if getattr(sample, kind) is not None:
            raise DataError(f"{escaped(f'{path}: {key}')}: two members are its {kind} ({extension}); keep one of them")
        setattr(sample, kind, member._replace(file=file))
    info_alone = [key for key, one in by_key.items() if one.image is None and one.label is None]
    for key in info_alone:  # metadata of the shard, not of an image
        del by_key[key]
    _check_pairs(path, list(by_key.values()))
    return list(by_key.values()), others + len(info_alone)


def _check_pairs(path: Path, samples: Sequence[_Sample]) -> None:
    said = escaped(str(path))
    without_image = [one.key for one in samples if one.image is None]
    if without_image:
        raise DataError(
            f"{said}: {escaped(without_image[0])}.{_LABEL} is a label without an image{_more(without_image)};"
            " restore the shard, or remove the label"
        )
    without_label = [one.path for one in samples if one.label is None and one.info is None]
    if without_label:
        key = escaped(_split(without_label[0])[0])
        raise DataError(
            f"{said}: {escaped(without_label[0])} is an image without a label ({key}.{_LABEL}){_more(without_label)};"
            " restore the shard, or remove the image"
        )


def _more(names: Sequence[str]) -> str:
    return f", and {len(names) - 1:,} more are" if len(names) > 1 else ""


def _read_texts(path: Path, samples: list[_Sample]) -> list[_Sample]:
    """The samples with the text of their labels, and with the classes from their names and their JSON."""
    with path.open("rb") as opened:
        for sample in samples:
            info: Mapping[str, Any] = {}
            if sample.info is not None:
                info = _info(path, sample, _bytes(opened, path, sample.info, _INFO_BYTES_AT_MOST))
            if sample.label is not None:
                label = _bytes(opened, path, sample.label, _LABEL_BYTES_AT_MOST)
                sample.text = label.decode("ascii", "backslashreplace").strip()
            else:
                sample.text = next((str(info[key]) for key in _LABEL_KEYS if info.get(key) is not None), "")
            _check_text(path, sample)
            names = [str(info[key]) for key in _NAME_KEYS if isinstance(info.get(key), str)]
            assert sample.image is not None
            if validation_number(sample.path) is None:
                named = next((name for name in names if validation_number(name) is not None), sample.path)
                sample.image = sample.image._replace(path=named)
            for text in (sample.key, *names, *(str(info[key]) for key in ("wnid", "synset") if key in info)):
                sample.words = sample.words or (meanings(text) if WNID.search(text) else frozenset())
    return samples


def _bytes(opened: BinaryIO, path: Path, member: Entry, most: int) -> bytes:
    if member.size > most:
        raise DataError(
            f"{escaped(f'{path}: {member.path}')} has {member.size:,} bytes, {most:,} at most; restore the shard"
        )
    opened.seek(member.at)
    return opened.read(member.size)


def _info(path: Path, sample: _Sample, data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{escaped(f'{path}: {sample.key}')}.{_INFO} cannot be read ({type(error).__name__}); restore the shard"
        ) from error
    return found if isinstance(found, Mapping) else {}


def _check_text(path: Path, sample: _Sample) -> None:
    if not (_NUMBER.fullmatch(sample.text) or sample.text in index_by_wnid()):
        where = f"{sample.key}.{_LABEL if sample.label is not None else _INFO}"
        what = f"label {short(sample.text)}" if sample.text else "no label"
        raise DataError(
            f"{escaped(f'{path}: {where}')} has {what}; expected a class index 0..999, or the WordNet id of one of"
            " the 1000 classes"
        )


def _known_label(sample: _Sample) -> int | None:
    """The known class index of an image: by a WordNet id in its name or JSON, or as one of ILSVRC2012's own."""
    return next(iter(sample.words)) if len(sample.words) == 1 else own_label(sample.path)


def _label(root: Path, sample: _Sample, meaning: Meaning | None, numbers: Sequence[int]) -> int:
    index = index_by_wnid().get(sample.text)
    label = meant(int(sample.text), meaning) if index is None else index
    assert sample.image is not None
    said = escaped(f"{root / sample.image.file}: {sample.key}")
    if not 0 <= label < CLASS_COUNT:
        fix = outside_words(numbers, "give shards with ImageNet's labels") if numbers else "restore the shard"
        raise DataError(f"{said} has label {sample.text}, outside 0..999; {fix}")
    if sample.words and label not in sample.words:
        raise DataError(
            f"{said} is of class {label} by its label and of class {min(sample.words)} by its words; write the shards"
            " again"
        )
    return label


def _named(samples: Sequence[tuple[_Sample, int]]) -> list[tuple[Entry, int]]:
    """The images with their names. If keys restart in each shard, the shard is part of a name."""
    entries = [(sample.image, label) for sample, label in samples if sample.image is not None]
    names = Counter(entry.path for entry, _ in entries if validation_number(entry.path) is None)
    if all(count == 1 for count in names.values()):
        return entries
    return [
        (
            entry if validation_number(entry.path) is not None else entry._replace(path=f"{entry.file}/{entry.path}"),
            label,
        )
        for entry, label in entries
    ]
