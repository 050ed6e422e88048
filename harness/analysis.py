"""The commands as functions for a notebook: run, open a run, compare and gate. Each calls what its command calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexbench.harness.comparison.compare import compare as compare_rows
from alexbench.harness.console.progress import Display, display_for
from alexbench.harness.errors import ExitCode, RecordError
from alexbench.harness.gating.gate import gate_run
from alexbench.harness.gating.policy import read_policy
from alexbench.harness.records.file_names import PREDICTIONS
from alexbench.harness.records.gate_records import GateReport
from alexbench.harness.records.paired_records import PairedReport
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.resolving import resolve
from alexbench.harness.running import pipeline
from alexbench.reports.export.flat_table import flat
from alexbench.reports.leaderboard.boards import leaderboard

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk: its folder and its record. A notebook shows it as its leaderboard."""

    folder: Path
    record: RunRecord

    @property
    def exit_code(self) -> ExitCode:
        """That with which ``alexbench run`` ends."""
        return pipeline.exit_code(self.record)

    def leaderboard(self) -> "pd.DataFrame":
        """One row a system, in the leaderboard's order, with the columns of ``leaderboard.csv``."""
        return flat(self.record)

    def predictions(self) -> "pd.DataFrame":
        """One row a system and image: label, the top-5 classes and their scores.

        Raises:
            RecordError: the run measured speed alone.
        """
        import pandas as pd

        path = self.folder / PREDICTIONS
        if not path.is_file():
            raise RecordError(f"{self.folder} has no {PREDICTIONS}: it was run with only=performance")
        return pd.read_parquet(path)

    def _repr_html_(self) -> str:
        table = leaderboard(self.record)
        head = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
        rows = zip(*(one.cells for one in table.shown), strict=True)
        body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
        title = f"<caption>{escape(table.title)}</caption>"
        return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def run(*, systems: Sequence[str] = (), display: Display | None = None, **flags: Any) -> Run:
    """Measure ``systems``, as ``"openvino precision=bf16"`` names one, and write the run's folder.

    ``flags`` are those of ``alexbench run``, with ``-`` written as ``_`` and lists for what repeats: ``data="val"``,
    ``limit=100``, ``only="accuracy"``. Without systems: every installed runtime. ``display``: where progress goes, None
    for stderr.

    Raises:
        AlexBenchError: a flag or an input that cannot be used.
    """
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in flags.items()}
    outcome = pipeline.run(resolve({**given, "systems": tuple(systems)}), display or display_for())
    return Run(outcome.folder, outcome.record)


def open_run(folder: str | Path) -> Run:
    """A run that was measured before.

    Raises:
        RecordError: it is not a run, or damaged.
    """
    return Run(Path(folder), read_run(Path(folder)))


def compare(first: Run | str, second: Run | str | None = None, *, base: str | None = None) -> PairedReport:
    """The rows of one run with its ``base``, or those of two runs, paired image by image; ``"RUN:ROW"`` names one row.

    Raises:
        AlexBenchError: a run or a row cannot be read.
    """
    named = [str(one.folder) if isinstance(one, Run) else one for one in (first, second) if one is not None]
    return compare_rows(named, base=base).report


def gate(
    judged: Run | str | Path,
    baseline: Run | str | Path,
    *,
    policy: str | Path | None = None,
    follow_up: bool = True,
    display: Display | None = None,
) -> GateReport:
    """Check a run against a baseline or another run. ``follow_up``: a slowdown is measured again in fresh processes.

    Raises:
        AlexBenchError: a side or the policy cannot be read.
    """
    head, base = (one.folder if isinstance(one, Run) else Path(one) for one in (judged, baseline))
    rules = read_policy(None if policy is None else Path(policy))
    return gate_run(head, base, rules, display or display_for(), follow_up=follow_up)
