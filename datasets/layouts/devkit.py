"""The devkit's meta.mat and map_clsloc.txt map ILSVRC2012_ID, which the ground truth uses, to class index."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.layouts.class_names import BACKGROUND, Meaning
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import LABEL_BYTES_AT_MOST, check_file, read_file

META: Final = "meta.mat"
DEVKIT_FOLDERS: Final = (".", "data", "ILSVRC2012_devkit_t12/data", "devkit/data")
"""Where an unpacked devkit has its files."""
_MAP: Final = "map_clsloc.txt"
_MAP_LINE: Final = re.compile(r"(n\d{8})\s+(\d{1,4})\s.*", re.ASCII)


def devkit_beside(folder: Path, *, above: bool) -> Path | None:
    """The devkit's meta.mat or map_clsloc.txt in ``folder`` or in a devkit there, or with ``above`` one folder up."""
    folders = (folder, folder.resolve().parent) if above else (folder,)
    places = (one / place / name for one in folders for place in DEVKIT_FOLDERS for name in (META, _MAP))
    return next((place for place in places if place.is_file()), None)


def meaning_by_devkit(file: Path) -> Meaning:
    """The meaning of ILSVRC2012_ID according to the devkit's ``file``.

    Raises:
        DataError: the file cannot be read, or does not have the 1000 classes.
    """
    index = index_by_id(file)
    indices = (BACKGROUND, *(index[identity] for identity in range(1, CLASS_COUNT + 1)))
    return Meaning(str(file), indices, f", ILSVRC2012_ID by {file.name}")


def index_by_id(meta: Path) -> Mapping[int, int]:
    """ILSVRC2012_ID 1..1000 -> class index 0..999, by the WordNet ids in ``meta`` (devkit_t12/data/meta.mat).

    ILSVRC2012_ID is not the order of the sorted WordNet ids. Ids above 1000 are inner nodes of the hierarchy.

    Raises:
        DataError: the file is missing, cannot be read, or does not have the 1000 classes.
    """
    if not meta.is_file():
        raise DataError(
            f"{meta}: no such file, and the ground truth needs it; take it from"
            " ILSVRC2012_devkit_t12/data, or give --labels with a val.txt"
        )
    check_file(meta, str(meta), DataError, most=LABEL_BYTES_AT_MOST)
    wnids = _mapped(meta) if meta.name == _MAP else _wnids(meta)
    index = index_by_wnid()
    if sorted(wnids) != list(range(1, CLASS_COUNT + 1)) or set(wnids.values()) != set(index):
        raise DataError(f"{meta}: not the 1000 classes of ILSVRC2012; take it from ILSVRC2012_devkit_t12/data")
    return {identity: index[wnid] for identity, wnid in wnids.items()}


def _mapped(file: Path) -> dict[int, str]:
    """The lines ``n02119789 1 kit_fox`` of map_clsloc.txt."""
    text = read_file(file, str(file), DataError, most=LABEL_BYTES_AT_MOST).decode("utf-8", "replace")
    found = [_MAP_LINE.match(f"{line} ") for line in text.splitlines()]
    return {int(one[2]): one[1] for one in found if one is not None}


def _wnids(meta: Path) -> dict[int, str]:
    import zlib

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        synsets = np.atleast_1d(loadmat(meta, squeeze_me=True, variable_names=["synsets"])["synsets"]).ravel()
        leaves = [each for each in synsets if int(_scalar(each["num_children"])) == 0]
        return {int(_scalar(each["ILSVRC2012_ID"])): str(_scalar(each["WNID"])) for each in leaves}
    except PermissionError as error:
        raise DataError(f"{meta}: cannot be read ({error.strerror}); make it readable for this user") from error
    except (
        MatReadError,
        OSError,
        ValueError,
        TypeError,
        LookupError,
        NotImplementedError,
        EOFError,
        zlib.error,
    ) as error:
        raise DataError(f"{meta}: not the devkit's meta.mat ({type(error).__name__}); restore it") from error


def _scalar(value: Any) -> Any:
    """The one value of a field, at any depth of MATLAB's cells and matrices."""
    while isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.dtype == object or value.size == 1 else value.item()
    return value
