"""Where a command's files go: checked before its work, and never over what it reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

_OURS: Final = (".csv", ".html", ".json", ".parquet")
"""Suffixes of measurements and their page, in a run's folder or a folder of baselines."""


def check_places(read: Sequence[Path | None], **files: Path | None) -> None:
    """Refuse, before minutes of measuring, files that cannot be written or that would overwrite what is ``read``."""
    from alexbench.harness.files.out_file import MARKDOWN, XML, check_place

    taken = {path.resolve(): "is also an input" for path in read if path is not None}
    for name, path in files.items():
        if path is None:
            continue
        whole = path.resolve()
        folder = next((one for one in taken if one.is_dir() and whole.is_relative_to(one)), None)
        if whole in taken or (folder is not None and whole.suffix in _OURS):
            said = taken.get(whole, f"is one of the files of {folder}")
            raise click.UsageError(f"--{name} {path} {said}; name another file")
        check_place(path, flag=f"--{name}", suffixes=XML if name == "junit" else MARKDOWN)
        taken[whole] = "is named twice"
