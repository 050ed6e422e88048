"""The files of an ablation: each is written whole or not at all, and the same ablation gives the same bytes."""

from pathlib import Path

from alexbench.harness.errors import UsageError
from alexbench.harness.files.input_files import expanded
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.ablation_records import Ablation
from alexbench.harness.records.file_names import ABLATION, ABLATION_PICTURES, ABLATION_TABLE
from alexbench.reports.ablation.map_cells import heat_map
from alexbench.reports.ablation.tables import csv_text, markdown
from alexbench.reports.plots.heat_map import draw


def folder_for(out: str) -> Path:
    """The folder ``out``, made where it is not there, before minutes are spent on what goes into it.

    Raises:
        UsageError: it is empty, a file, or cannot be made.
    """
    if not out:
        raise UsageError("--out is empty; name a folder")
    folder = expanded(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"--out {out} is a file, not a folder; name another") from None
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name a folder that can be written") from error
    return folder


def write_files(folder: Path, ablation: Ablation) -> list[Path]:
    """``ablation.md``, ``.csv``, ``.svg`` and ``.png`` in ``folder``; their paths."""
    drawn = draw(heat_map(ablation))
    svg, png = ABLATION_PICTURES
    contents = {
        ABLATION: markdown(ablation, svg).encode(),
        ABLATION_TABLE: csv_text(ablation).encode(),
        svg: drawn.svg,
        png: drawn.png,
    }
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [folder / name for name in contents]
