"""Float64's answers for the images on which rows differ, read from a run's folder.

``reference.parquet``: sample, label, top1..top5, score1..score5 (float64) of every image that the reference answered.
``flips.parquet``: backend, sample, margin_sigma, explained, where a row's first answer is not the reference's.
"""

import math
from dataclasses import dataclass
from typing import Final

from alexbench.harness.comparison.rows_of_runs import MARGIN_COLUMN, RowOfRun, Run
from alexbench.harness.records import file_names
from alexbench.harness.run_tables import read_table

TOP: Final = 5


@dataclass(frozen=True, slots=True)
class Margins:
    """How far below the reference's first answer another one is, in sigma, image by image.

    ``best``: image -> class -> margin, of the reference's five best. ``farther``: (row, image) -> margin of that
    row's first answer, where it is not the reference's.
    """

    best: dict[str, dict[int, float]]
    farther: dict[tuple[str, str], float]

    def of(self, backend: str | None, sample: str, answer: int) -> float | None:
        """The margin of a row's first answer; None where the reference was not asked."""
        best = self.best.get(sample)
        if best is None:
            return None
        found = best.get(answer)
        return self.farther.get((backend, sample)) if found is None and backend is not None else found


def margins(run: Run) -> Margins | None:
    """The margins of a run; None if it has none (an older run, or one without the reference).

    Raises:
        RecordError: a file is damaged.
    """
    asked = read_table(run.folder / file_names.REFERENCE)
    flips = read_table(run.folder / file_names.FLIPS)
    reference = run.record.reference
    if asked is None or reference is None or not reference.sigma > 0:
        return None
    classes = asked[[f"top{place}" for place in range(1, TOP + 1)]].to_numpy().tolist()
    scores = asked[[f"score{place}" for place in range(1, TOP + 1)]].to_numpy().tolist()
    best = {
        sample: {int(one): (values[0] - value) / reference.sigma for one, value in zip(top, values, strict=True)}
        for sample, top, values in zip(asked["sample"], classes, scores, strict=True)
    }
    farther = {}
    if flips is not None:
        keys = zip(flips["backend"], flips["sample"], strict=True)
        farther = dict(zip(keys, flips[MARGIN_COLUMN], strict=True))
    return Margins(best, farther)


def flip_margin(
    base: RowOfRun, other: RowOfRun, place: int, asked: tuple[Margins | None, Margins | None]
) -> float | None:
    """How far apart float64 has the first answers of two rows to the image at ``place``, in sigma; None: not computed.

    ``asked``: the reference of each row's run. Either will do for the five best classes: both are of the same weights
    and pixels.
    """
    here = _margin(base, place, *asked)
    there = _margin(other, place, *reversed(asked))
    apart = math.nan if here is None or there is None else abs(here - there)
    return apart if math.isfinite(apart) else None  # a reference that answered nothing finite was asked in vain


def _margin(row: RowOfRun, place: int, own: Margins | None, others: Margins | None) -> float | None:
    sample, answer = row.samples[place], int(row.top[place, 0])
    found = None if own is None else own.of(row.entry.name, sample, answer)
    return others.of(None, sample, answer) if found is None and others is not None else found
