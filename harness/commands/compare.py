"""``alexbench compare``: the rows of one run, or of two runs, image by image."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, json_option, option
from alexbench.harness.commands.leaving import leave
from alexbench.harness.commands.options import trust
from alexbench.harness.commands.places import check_places
from alexbench.harness.errors import ExitCode

FLIPS: Final = 10
IMAGES: Final = 8

if TYPE_CHECKING:
    from alexbench.harness.comparison.compare import Compared
    from alexbench.harness.records.gate_records import GateReport
    from alexbench.harness.records.layer_records import LayerComparison


@click.command(
    cls=Command,
    short_help="Compare the rows of one run, or of two runs.",
    examples=(
        "alexbench compare RUN",
        "alexbench compare RUN:openvino RUN:torch",
        "alexbench compare OLD_RUN NEW_RUN --out comparison.md",
    ),
)
@click.argument("runs", metavar="RUN[:ROW] [RUN[:ROW]]", nargs=-1, required=True)
@option("--base", metavar="ROW", help="Row that the others are compared with.", otherwise="the run's")
@option("--margin", type=float, metavar="POINTS", help="Difference that counts as none.", otherwise="0.5")
@option("--different-weights", is_flag=True, help="The two runs have different weights on purpose.")
@option("--layers", is_flag=True, help="Compare every layer with float64.")
@option("--images", type=int, metavar="N", help="Images that --layers takes.", otherwise="8")
@trust
@option("--flips", type=int, metavar="N", kind=OUTPUT, help="Changed predictions to list.", otherwise="10")
@option("--keep", is_flag=True, kind=OUTPUT, help="Keep what --layers finds in the run's folder.")
@option("--out", type=click.Path(path_type=Path), metavar="FILE.md", kind=OUTPUT, help="Write Markdown too.")
@option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE.xml",
    kind=OUTPUT,
    help="Write JUnit XML too (two runs only).",
)
@json_option("Print JSON, with every changed prediction.")
def compare(
    runs: tuple[str, ...],
    *,
    base: str | None,
    margin: float | None,
    different_weights: bool,
    flips: int | None,
    layers: bool,
    images: int | None,
    trusted: tuple[str, ...],
    keep: bool,
    out: Path | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Compare rows of one run, or of two runs, on the same images: accuracy, equivalence, changed predictions.

    For two complete runs it also compares parity, latency, images/s, memory and load, with gate's tolerances. It
    measures nothing, and does not use gate's exit codes (see alexbench gate RUN --baseline RUN).

    Exit code 3: too few images to decide every pair; the output says how many are enough. 1: --layers found an fp32
    row whose error exceeds its bound.
    """
    _check_flags(flips, as_json=as_json)
    if not layers:
        _refuse_without_layers({"--images": images is not None, "--keep": keep, "--trust": bool(trusted)})
    elif images is not None and images < 1:
        raise click.UsageError(f"--images {images}: give 1 or more")
    if different_weights and len(runs) == 1:
        raise click.UsageError("--different-weights needs two runs; name a second one")
    from alexbench.harness.comparison.compare import compare as hold
    from alexbench.harness.comparison.compare import to_json
    from alexbench.harness.comparison.rows_of_runs import split
    from alexbench.harness.files.out_file import write_out
    from alexbench.harness.judge.paired_tests import MARGIN

    check_places([split(run)[0] for run in runs], out=out, junit=junit)
    rest = _rest(runs)
    if junit is not None and rest is None:
        raise click.UsageError("--junit needs two whole runs; for one run: alexbench export RUN --to junit")
    if rest is not None and junit is not None:
        from alexbench.reports.gate.output import gate_junit

        write_out(junit, gate_junit(rest, command="compare"), flag="--junit")
    if rest is not None and not all(_answered(run) for run in runs):
        given = {
            "--base": base is not None,
            "--margin": margin is not None,
            "--different-weights": different_weights,
            "--flips": flips is not None,
            "--layers": layers,
        }
        _without_answers(rest, out, [flag for flag, is_given in given.items() if is_given], as_json=as_json)
        return
    compared = hold(runs, base=base, margin=MARGIN if margin is None else margin, different_weights=different_weights)
    if keep and len(compared.runs) > 1:
        raise click.UsageError("--keep writes into the folder of one run; compare each with --layers --keep alone")
    looked = _layers(compared, IMAGES if images is None else images, trusted) if layers else []
    answered = _answer(compared, looked, rest)
    if as_json:
        made = to_json(compared, answered, layers=_plain(looked) if layers else None, rest=_judged(rest))
        click.echo(made, nl=False)
    else:
        _print(compared, answered, looked, FLIPS if flips is None else flips)
        if rest is not None:
            _print_rest(rest)
    if out is not None:
        write_out(out, _markdown(compared, answered, looked, rest))
        click.echo(f"wrote {out}", err=as_json)
    if keep:
        from alexbench.harness.comparison.divergence import keep_layers

        folder = compared.runs[0][0].folder
        click.echo(f"wrote {keep_layers(folder, looked[0])}; alexbench report {folder} shows it", err=as_json)
    diverged = max((one.exit_code for one in looked), default=ExitCode.OK)
    meaning = "an fp32 row exceeds its error bound at some layer" if diverged else "too few images to decide every pair"
    leave(diverged or compared.exit_code, meaning, to_stderr=as_json)


def _answer(compared: "Compared", looked: "list[LayerComparison]", rest: "GateReport | None") -> list[str]:
    """The first lines of the output; the answer about layers, if any, comes first."""
    from alexbench.reports.comparison.answer import answer
    from alexbench.reports.divergence.tables import answer as answer_of_layers

    return [*(line for one in looked for line in answer_of_layers(one)), *answer(compared.report, rest)]


def _refuse_without_layers(given: dict[str, bool]) -> None:
    for flag, is_given in given.items():
        if is_given:
            raise click.UsageError(f"{flag} works only with --layers; add --layers, or leave {flag} out")


def _check_flags(flips: int | None, *, as_json: bool) -> None:
    """Refuse a number out of range, and a flag without effect."""
    if flips is not None and flips < 0:
        raise click.UsageError(f"--flips {flips}: give 0 or more")
    if flips is not None and as_json:
        raise click.UsageError(f"--flips {flips}: --json already lists every changed prediction; leave one of them out")


def _without_answers(rest: "GateReport", out: Path | None, given: list[str], *, as_json: bool) -> None:
    """Compare two runs when one has only speeds."""
    from alexbench.harness.files.out_file import write_out

    if given:
        raise click.UsageError(
            f"{given[0]} needs predictions in both runs, and one of these runs has none; leave it out"
        )
    from alexbench.reports.comparison.answer import speed_answer
    from alexbench.reports.gate.output import gate_json, print_rest, rest_markdown

    answered = speed_answer(rest)
    if as_json:
        click.echo(gate_json(rest, answered), nl=False)
    else:
        print_rest(rest, answered)
    if out is not None:
        write_out(out, rest_markdown(rest, answered))
        click.echo(f"wrote {out}", err=as_json)


def _layers(compared: "Compared", images: int, trusted: tuple[str, ...]) -> "list[LayerComparison]":
    """Every layer of the compared rows, run by run, on images that they classify differently."""
    from alexbench.harness.comparison.compare import flipped
    from alexbench.harness.comparison.divergence import compare_layers
    from alexbench.harness.console.progress import display_for

    chosen = flipped(compared, images)
    return [
        compare_layers(
            run.folder,
            run.record,
            display=display_for(),
            rows=rows,
            images=chosen,
            chosen="with a top-1 mismatch" if chosen else "",
            count=images,
            trusted=trusted,
        )
        for run, rows in compared.runs
    ]


def _plain(looked: "list[LayerComparison]") -> list[dict[str, Any]]:
    from alexbench.reports.divergence.tables import layers_json

    return [layers_json(one) for one in looked]


def _print(compared: "Compared", answered: list[str], looked: "list[LayerComparison]", flips: int) -> None:
    from alexbench.reports.comparison.output import print_comparison

    print_comparison(compared.report, answered, flips=flips)
    if looked:
        from alexbench.reports.divergence.tables import print_layers

        for one in looked:
            click.echo()
            print_layers(one)


def _rest(runs: tuple[str, ...]) -> "GateReport | None":
    """Two complete runs of one environment each, judged by gate's built-in policy; None for anything else."""
    from alexbench.harness.comparison.rows_of_runs import split

    if len(runs) != 2 or any(row is not None for _, row in map(split, runs)):
        return None
    from alexbench.harness.gating.gate import compare_files
    from alexbench.harness.gating.gated_runs import environments
    from alexbench.harness.gating.policy import read_policy
    from alexbench.harness.records.record_files import read_run

    records = [read_run(Path(run)) for run in runs]
    if any(record.status != "complete" or environments(record) for record in records):
        return None

    return compare_files(Path(runs[0]), Path(runs[1]), read_policy(None))


def _answered(run: str) -> bool:
    from alexbench.harness.records.record_files import read_run

    return any(row.accuracy is not None for row in read_run(Path(run)).systems)


def _judged(rest: "GateReport | None") -> dict[str, Any] | None:
    if rest is None:
        return None
    import json

    from alexbench.reports.gate.output import gate_json

    found: dict[str, Any] = json.loads(gate_json(rest))
    return found


def _print_rest(rest: "GateReport") -> None:
    from alexbench.reports.gate.output import print_rest

    print_rest(rest)


def _markdown(
    compared: "Compared", answered: list[str], looked: "list[LayerComparison]", rest: "GateReport | None"
) -> str:
    from alexbench.reports.comparison.output import comparison_markdown

    text = comparison_markdown(compared.report, answered)
    if rest is not None:
        from alexbench.reports.gate.output import rest_markdown

        text += f"\n{rest_markdown(rest)}"
    if looked:
        from alexbench.reports.divergence.tables import layers_markdown

        text += "".join(f"\n{layers_markdown(one)}" for one in looked)
    return text
