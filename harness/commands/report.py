"""``alexbench report``: a run's reports made again, or one leaderboard of many runs."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, json_option, option
from alexbench.harness.files.plain_text import one_line

if TYPE_CHECKING:
    from alexbench.harness.errors import RecordError
    from alexbench.harness.records.run_records import RunRecord
    from alexbench.harness.records.training_speed_records import TrainingSpeed


@click.command(
    cls=Command,
    short_help="Rebuild reports, or one leaderboard of many runs.",
    examples=(
        "alexbench report RUN",
        "alexbench report RUN --details --pictures",
        "alexbench report runs/* --leaderboard LEADERBOARD.md",
    ),
)
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("--base", metavar="ROW", help="Row that the others are compared with.", otherwise="the run's")
@option("--leaderboard", metavar="FILE.md", kind=OUTPUT, help="Write and print one leaderboard of all runs.")
@option("--details", is_flag=True, kind=OUTPUT, help="Print all tables, not only the leaderboard.")
@option("--pictures", is_flag=True, kind=OUTPUT, help="Draw plots too, as SVG and PNG.")
@json_option("Print the leaderboards as JSON.")
def report(
    folders: tuple[Path, ...],
    *,
    leaderboard: str | None,
    base: str | None,
    details: bool,
    pictures: bool,
    as_json: bool,
) -> None:
    """Rebuild the reports of runs from their records, and print their leaderboards.

    With --leaderboard, FILE.md gets one table of all runs, with a column for what differs (model, data, batch size,
    machine), and the runs' folders stay unchanged. The order of the runs does not matter.
    """
    for flag, given in (("--leaderboard", leaderboard is not None), ("--json", as_json)):
        if details and given:
            raise click.UsageError(f"--details is for the printed report, which {flag} replaces; give one of them")
    if leaderboard is not None and pictures:
        raise click.UsageError("--pictures draws plots of each run, --leaderboard covers all runs; give one of them")
    if leaderboard is not None:
        from alexbench.harness.files.out_file import MARKDOWN, check_place

        check_place(Path(leaderboard), flag="--leaderboard", suffixes=MARKDOWN)
    by_folder = {folder.resolve(): folder for folder in folders}  # a run named twice is one
    runs, trained, unread = _readable(list(by_folder.values()))
    if base is not None:
        from alexbench.harness.running.row_pairs import rebased

        runs = [(folder, rebased(folder, record, base)) for folder, record in runs]
    if leaderboard is None:
        for folder, record in runs:
            show_reports(folder, record, details=details, pictures=pictures, printed=not as_json)
        for folder, speed in trained:
            show_training_speed(folder, speed, printed=not as_json)
    else:
        speeds = [speed for _, speed in trained]
        _write_leaderboard(Path(leaderboard), [record for _, record in runs], speeds, quiet=as_json)
    if as_json:
        from alexbench.reports.export.leaderboards_json import leaderboards_json

        click.echo(leaderboards_json(runs, trained), nl=False)
    for error in unread[:-1]:
        click.echo(f"alexbench: left out: {one_line(str(error))}", err=True)
    if unread:
        raise type(unread[-1])(f"left out: {unread[-1]}")


def _readable(
    folders: "Sequence[Path]",
) -> "tuple[list[tuple[Path, RunRecord]], list[tuple[Path, TrainingSpeed]], list[RecordError]]":
    """The runs whose record and tables can be read and agree, benchmarks of training, and why others cannot.

    Raises:
        RecordError: none can.
    """
    from alexbench.harness.errors import RecordError
    from alexbench.harness.records.record_files import read_run
    from alexbench.harness.records.training_speed_records import TRAINING_SPEED, read_training_speed
    from alexbench.harness.running.table_checks import check_tables

    runs, trained, unread = [], [], []
    for folder in folders:
        try:
            if (folder / TRAINING_SPEED).is_file():
                trained.append((folder, read_training_speed(folder)))
                continue
            record = read_run(folder)
            check_tables(folder, record)
            runs.append((folder, record))
        except RecordError as error:
            unread.append(error)
    found = bool(runs or trained)
    if not found and len(unread) == 1:
        raise unread[0]
    if not found:
        raise RecordError(f"none of these {len(unread)} runs can be read: {'; '.join(map(str, unread))}")
    return runs, trained, unread


def show_training_speed(folder: Path, speed: "TrainingSpeed", *, printed: bool = True) -> None:
    """Write the report of a benchmark of training, print it (if ``printed``) and, last, where it is."""
    from alexbench.reports.training.speed_output import print_speed, write_report

    path = write_report(folder, speed)
    if printed:
        print_speed(speed, sys.stdout)
    click.echo(f"wrote {path}", err=not printed)


def show_reports(
    folder: Path,
    record: "RunRecord",
    *,
    details: bool = False,
    pictures: bool = False,
    printed: bool = True,
    step: bool = False,
    tuning: bool = False,
) -> None:
    """Write the reports of a run, and print its leaderboard (if ``printed``) and, last, where they are.

    ``details``: print all tables; ``tuning``: those of a search. ``step``: show the writing as a step of a run.
    """
    from alexbench.harness.console.progress import display_for
    from alexbench.reports.leaderboard.output import print_leaderboard
    from alexbench.reports.report_files import write_reports

    with display_for().step("writing the reports") if step else nullcontext():
        paths = write_reports(folder, record)
    if pictures:
        from alexbench.reports.plots.run_plots import write_pictures

        paths += write_pictures(folder, record)
    if printed:
        print_leaderboard(record, sys.stdout, details=details, tuning=tuning)
    for path in paths:
        click.echo(f"wrote {path}", err=not printed)
    _summarise(record)


def _summarise(record: "RunRecord") -> None:
    """Add the report to the workflow's page, if there is one. A page that cannot be written does not fail the run."""
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        from alexbench.reports.export.step_summary import add_to_step_summary
        from alexbench.reports.leaderboard.output import markdown

        remark = add_to_step_summary(markdown(record))
        if remark is not None:
            click.echo(remark, err=True)


def _write_leaderboard(
    path: Path, records: "Sequence[RunRecord]", trained: "Sequence[TrainingSpeed]", *, quiet: bool
) -> None:
    from alexbench.harness.files.out_file import write_out
    from alexbench.reports.leaderboard.many_runs import many_runs, print_many_runs

    write_out(path, many_runs(records, trained), flag="--leaderboard")
    if not quiet and records:
        print_many_runs(records, sys.stdout)
    click.echo(f"wrote {path}", err=quiet)
