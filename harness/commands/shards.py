"""``alexbench shards``: a run in parts, as a job array."""

import shlex
from typing import TYPE_CHECKING, Final

import click

from alexbench.harness.commands.help_format import DATA, OUTPUT, Command, option

if TYPE_CHECKING:
    from alexbench.harness.cluster.job_arrays import Parts

_OURS: Final = {
    "shard": "--shard: each job has its own",
    "resumed": "--resume: name it in a job that was interrupted",
    "config_file": "--config: give its flags instead",
}


@click.command(
    cls=Command,
    short_help="Print a job array that runs N parts.",
    examples=(
        "alexbench shards 8 --for slurm --command 'alexbench run --data ILSVRC2012 --backend torch'",
        "alexbench shards 4 --command 'alexbench run --backend torch'",
    ),
)
@click.argument("count", metavar="N", type=int)
@option(
    "--for", "form", metavar="FORM", default="shell", kind=OUTPUT, help="One of the forms above.", otherwise="shell"
)
@option("--command", metavar="TEXT", default="alexbench run", kind=DATA, help="The run.", otherwise="alexbench run")
def shards(count: int, *, form: str, command: str) -> None:
    """Print the jobs that run N parts of a data set, and the command that joins them.

    Forms: shell, parallel (GNU parallel), slurm, github (a workflow). Each part measures accuracy only: speeds of
    different machines are not joined. A part that was interrupted is continued by "alexbench run --resume".
    """
    from alexbench.harness.cluster.job_arrays import job_array

    click.echo(job_array(_parts(command, count), form), nl=False)


def _parts(command: str, count: int) -> "Parts":
    """The parts of the run that ``command`` starts, whose flags are checked here and not in each job."""
    from alexbench.harness.cluster.job_arrays import Parts
    from alexbench.harness.resolving import resolve

    words = _words(command)
    start = words.index("run") + 1
    flags = _flags(words[start:])
    for name, why in _OURS.items():
        if flags.pop(name, None):
            raise click.UsageError(f"--command has {why}")
    out = str(flags["out"] or "runs")
    if flags["only"] is None:
        words += ["--only", "accuracy"]
    elif flags["only"] != "accuracy":
        raise click.UsageError(f"--command has --only {flags['only']}, but parts measure accuracy only")
    resolve({key: value for key, value in flags.items() if value not in (None, (), False) and key != "details"})
    return Parts(tuple(_without_out(words)), count, out.rstrip("/") or "/")


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"--command {command}: {str(error).lower()}") from None
    if {"-h", "--help"} & set(words):
        raise click.UsageError("--command asks for help: give the flags of a run")
    if "run" not in words[1:] or not words[words.index("run") - 1].endswith("alexbench"):
        raise click.UsageError(f"--command {command}: wanted alexbench run and its flags")
    return words


def _flags(words: list[str]) -> dict[str, object]:
    """The flags of ``alexbench run``, by parameter.

    Raises:
        click.UsageError: an unknown flag, or a value of another kind.
    """
    run = click.get_current_context().find_root().command.commands["run"]  # type: ignore[attr-defined]
    parameters: dict[str, object] = run.make_context("run", list(words)).params
    return parameters


def _without_out(words: list[str]) -> list[str]:
    """``words`` without ``--out FOLDER`` and ``--out=FOLDER``."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--out":
            next(rest)
        elif not word.startswith("--out="):
            kept.append(word)
    return kept
