"""``alexbench gate``, ``alexbench ab`` and ``alexbench baseline``: check a run, or an environment, before a release."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, Group, json_option, option
from alexbench.harness.commands.leaving import leave
from alexbench.harness.commands.options import one_run, trust
from alexbench.harness.commands.places import check_places
from alexbench.harness.console.streams import nobody_reads
from alexbench.harness.errors import UsageError

if TYPE_CHECKING:
    from alexbench.harness.records.gate_records import GateReport


_no_follow_up = option("--no-follow-up", is_flag=True, help="Do not re-measure; report INCONCLUSIVE instead.")


def gating(command: Callable[..., None]) -> Callable[..., None]:
    """Add the policy and output flags of commands that end in a verdict."""
    path = click.Path(path_type=Path)
    for decorator in (
        json_option(),
        option("--details", is_flag=True, kind=OUTPUT, help="List every check, also those that passed."),
        option("--junit", type=path, metavar="FILE.xml", kind=OUTPUT, help="Write JUnit XML too."),
        option("--markdown", type=path, metavar="FILE.md", kind=OUTPUT, help="Write Markdown too."),
        option("--policy", type=path, metavar="FILE.toml", help="Tolerances, and what is advisory."),
    ):
        command = decorator(command)
    return command


@click.command(
    cls=Command,
    short_help="Check a run against a baseline: PASS or FAIL.",
    examples=(
        "alexbench gate RUN --baseline baselines/torchvision.json",
        "alexbench gate NEW_RUN --baseline OLD_RUN --policy gate.toml --junit gate.xml",
    ),
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@option("--baseline", type=click.Path(path_type=Path), metavar="FILE_OR_RUN", help="Compare RUN with this.")
@option("--base", metavar="LABEL", help="In a run of several environments: the base.")
@option("--head", metavar="LABEL", help="In a run of several environments: the head.")
@trust
@_no_follow_up
@gating
def gate(
    run: Path,
    *,
    trusted: tuple[str, ...],
    baseline: Path | None,
    base: str | None,
    head: str | None,
    policy: Path | None,
    no_follow_up: bool,
    markdown: Path | None,
    junit: Path | None,
    details: bool,
    as_json: bool,
) -> None:
    """Check RUN against a baseline: PASS, FAIL (exit code 1), INCONCLUSIVE or INVALID (3).

    A slowdown fails only after a re-run in fresh processes confirms it. A run of two environments (alexbench ab)
    contains its base and takes no --baseline.
    """
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.gating.policy import read_policy

    if trusted and no_follow_up:
        raise click.UsageError("--trust is for re-measuring, which --no-follow-up turns off; give one of them")
    _check_details(details=details, as_json=as_json)
    check_places((run, baseline, policy), markdown=markdown, junit=junit)
    rules = read_policy(policy)
    from alexbench.harness.gating.gate import gate_run

    report = gate_run(
        run, baseline, rules, display_for(), follow_up=not no_follow_up, trusted=trusted, base=base, head=head
    )
    _finish(report, markdown=markdown, junit=junit, details=details, as_json=as_json)


@click.command(
    cls=Command,
    short_help="Gate one Python environment against another.",
    examples=(
        "alexbench ab --head new/bin/python --backend onnxruntime",
        "alexbench ab --base old/bin/python --head new/bin/python --rigor standard",
    ),
)
@option("--base", metavar="PYTHON", help="Interpreter to compare with.", otherwise="this one")
@option("--head", metavar="PYTHON", required=True, help="Interpreter to gate.")
@one_run
@_no_follow_up
@gating
def ab(
    *,
    base: str | None,
    head: str,
    policy: Path | None,
    no_follow_up: bool,
    markdown: Path | None,
    junit: Path | None,
    details: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Gate one Python environment against another, in the same rounds with the same images and weights.

    Both interpreters need alexbench and the runtimes. Exit codes are those of gate.
    """
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.gating.policy import read_policy
    from alexbench.harness.resolving import resolve

    _check_details(details=details, as_json=as_json)
    check_places((policy,), markdown=markdown, junit=junit)
    rules = read_policy(policy)
    config = resolve({**flags, "environments": (f"base={base or sys.executable}", f"head={head}")})
    from alexbench.harness.gating.gate import gate_run
    from alexbench.harness.inputs.model_files import programs_of
    from alexbench.harness.running.pipeline import run
    from alexbench.harness.tuning.tune import with_tuned

    display = display_for()
    config = with_tuned(config, display)
    outcome = run(config, display)
    display.say(f"{outcome.folder}: gating")
    follow_up = not no_follow_up
    report = gate_run(outcome.folder, None, rules, display, follow_up=follow_up, trusted=programs_of(config))
    _finish(report, markdown=markdown, junit=junit, details=details, as_json=as_json)


@click.group(
    cls=Group,
    short_help="Save, show and compare baselines.",
    examples=("alexbench baseline save RUN", "alexbench baseline show"),
)
def baseline() -> None:
    """Manage baselines: a small file per machine and model, with its history, to commit to a repository."""


@baseline.command("save", examples=('alexbench baseline save RUN --reason "upgrade to OpenVINO 2026.4"',))
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Baseline file.",
    otherwise="baselines/<card>-<CPU>-<key>.json",
)
@option("--reason", default="", metavar="TEXT", help="Why it replaces the current baseline.")
def save_baseline(run: Path, *, to: Path | None, reason: str) -> None:
    """Make RUN the baseline of this machine."""
    from alexbench.harness.gating.baseline import save

    saved, said = save(run, to, reason)
    for line in said:
        click.echo(f"! {line}", err=True)
    click.echo(f"wrote {saved.path} ({saved.path.stat().st_size:,} bytes, entry {len(saved.history)} of its history)")


@baseline.command(
    "show",
    short_help="Show what baselines contain.",
    examples=("alexbench baseline show baselines/torchvision.json",),
)
@click.argument("files", metavar="FILE...", nargs=-1, type=click.Path(path_type=Path))
@json_option()
def show_baseline(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Show what baselines contain, and why each was replaced; without FILE, those in baselines/."""
    from alexbench.harness.gating.showing import baselines, baselines_json, print_baselines

    found = baselines(files)
    if as_json:
        click.echo(baselines_json(found), nl=False)
    else:
        print_baselines(found)


@baseline.command(
    "compare",
    short_help="Compare a baseline or a run with a baseline.",
    examples=("alexbench baseline compare OLD.json NEW.json",),
)
@click.argument("base", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("head", metavar="FILE_OR_RUN", type=click.Path(path_type=Path))
@gating
def compare_baselines(
    base: Path,
    head: Path,
    *,
    policy: Path | None,
    markdown: Path | None,
    junit: Path | None,
    details: bool,
    as_json: bool,
) -> None:
    """Compare a baseline or a run with a baseline, as gate does, without measuring again."""
    from alexbench.harness.gating.gate import compare_files
    from alexbench.harness.gating.policy import read_policy

    _check_details(details=details, as_json=as_json)
    check_places((base, head, policy), markdown=markdown, junit=junit)
    report = compare_files(base, head, read_policy(policy))
    _finish(report, markdown=markdown, junit=junit, details=details, as_json=as_json)


def _check_details(*, details: bool, as_json: bool) -> None:
    if details and as_json:
        raise click.UsageError("--details: --json has every check already; leave one of them out")


_MEANINGS: Final = {
    "FAIL": "the gate failed",
    "INCONCLUSIVE": "the gate is inconclusive",
    "INVALID": "the gate could not decide",
}


def _finish(
    report: "GateReport", *, markdown: Path | None, junit: Path | None, details: bool, as_json: bool
) -> NoReturn:
    from alexbench.harness.files.out_file import write_out
    from alexbench.reports.export.step_summary import add_to_step_summary
    from alexbench.reports.gate.output import gate_json, gate_junit, gate_markdown, print_gate

    written, unwritten = [], []
    for flag, path, made in (("--markdown", markdown, gate_markdown), ("--junit", junit, gate_junit)):
        if path is None:
            continue
        try:  # before a verdict is printed: who reads that may rely on them
            write_out(path, made(report), flag=flag)
            written.append(f"wrote {path}")
        except UsageError as error:
            unwritten.append(error)
    try:
        if as_json:
            click.echo(gate_json(report), nl=False)
        else:
            print_gate(report, details=details)
        for said in written:
            click.echo(said, err=as_json)
        sys.stdout.flush()
    except BrokenPipeError:  # | head: the verdict is what it is
        nobody_reads()
    failed = add_to_step_summary(gate_markdown(report))
    if failed is not None:
        click.echo(f"! {failed}", err=True)
    if unwritten:
        raise unwritten[0]
    leave(report.exit_code, _MEANINGS.get(report.verdict, ""), to_stderr=as_json)
