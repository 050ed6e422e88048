"""The ``alexbench`` command. Imports click and nothing heavier: each command imports its work when it is called."""

import codecs
import contextlib
import os
import signal
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from alexbench.harness.commands import completion
from alexbench.harness.commands.ablate import ablate
from alexbench.harness.commands.compare import compare
from alexbench.harness.commands.conformance import conformance
from alexbench.harness.commands.datasets import datasets
from alexbench.harness.commands.doctor import doctor
from alexbench.harness.commands.export import export
from alexbench.harness.commands.gate import ab, baseline, gate
from alexbench.harness.commands.help_format import (
    DATA,
    MEASURING,
    OUTPUT,
    SYSTEMS,
    Group,
    json_option,
    option,
)
from alexbench.harness.commands.history import history
from alexbench.harness.commands.models import models
from alexbench.harness.commands.options import one_answer, one_run, python
from alexbench.harness.commands.quantize import quantize
from alexbench.harness.commands.report import report, show_reports
from alexbench.harness.commands.shards import shards
from alexbench.harness.commands.train import train
from alexbench.harness.commands.tune import tune
from alexbench.harness.console.streams import clean_streams, nobody_reads
from alexbench.harness.errors import AlexBenchError, ExitCode

if TYPE_CHECKING:
    from alexbench.harness.running.pipeline import Outcome

_ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a command as Ctrl-C does: a job is cancelled, a terminal goes."""


WELCOME: Final = """\
AlexBench runs AlexNet on every installed runtime with the same weights and
images. It checks the answers and ranks the speeds.

  alexbench backends   Show which runtimes are installed.
  alexbench run        Benchmark them: about 2 minutes, nothing to download.
  alexbench --help     Show all commands.
"""
_SECTIONS: Final = {
    "Measure": ("run", "ab", "shards", "merge", "report", "tune", "train"),
    "Compare": ("compare", "gate", "baseline", "history"),
    "Find errors": ("doctor", "ablate", "conformance"),
    "Use models": ("predict", "quantize", "models", "datasets", "backends"),
    "Export results": ("export",),
}


@click.group(
    cls=Group,
    sections=_SECTIONS,
    examples=("alexbench run", "alexbench run --backend torch --backend openvino --rigor standard"),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="alexbench", message="alexbench %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Run the same AlexNet on every runtime: accuracy, speed and a leaderboard."""
    if context.invoked_subcommand is None:
        click.echo(WELCOME, nl=False)


_details = option("--details", is_flag=True, kind=OUTPUT, help="Print all tables, not only the leaderboard.")


@cli.command(
    short_help="Measure accuracy and speed; print a leaderboard.",
    examples=(
        "alexbench run",
        "alexbench run --backend torch --backend openvino --rigor standard",
        'alexbench run --system "torch precision=bf16" --system torch',
        "alexbench run --data ILSVRC2012_img_val.tar --labels val.txt --weights published",
    ),
)
@one_run
@option(
    "--system",
    "systems",
    metavar="TEXT",
    multiple=True,
    kind=SYSTEMS,
    help='One row, as "torch precision=bf16 threads=1".',
)
@option("--base", metavar="ROW", kind=SYSTEMS, help="Row to compare the others with.", otherwise="torch")
@python
@option(
    "--environment",
    "environments",
    metavar="LABEL=FILE",
    multiple=True,
    kind=SYSTEMS,
    help="Run each backend in this interpreter.",
)
@option(
    "--scenario",
    "scenarios",
    values=completion.scenarios,
    metavar="NAME",
    multiple=True,
    kind=MEASURING,
    help="Measure Offline, Server or MultiStream too.",
)
@option("--latency-bound", type=float, metavar="MS", kind=MEASURING, help="Find the highest load with p99 below MS.")
@option("--shard", metavar="I/N", kind=DATA, help="Run part I of N; alexbench merge joins them.")
@_details
@option("--config", "config_file", type=click.Path(path_type=Path), metavar="FILE.toml", help="Flags as TOML keys.")
@option("--resume", "resumed", metavar="RUN", help="Continue an interrupted run.")
def run(config_file: Path | None, resumed: str | None, *, details: bool, **flags: Any) -> None:
    """Measure accuracy and speed on every installed runtime, and print a leaderboard.

    Without flags: synthetic images and weights, made on first use, and every installed runtime. Options that take
    NAME... may be repeated; several of them are combined.

    Exit code 0: success. 1: a system failed or does not match the float64 reference. 3: the timings are invalid.
    """
    from alexbench.harness.config_file import key_of, read_config
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.resolving import resolve

    values = {key: value for key, value in flags.items() if value not in (None, ()) and value is not False}
    if resumed is not None:
        trusted = values.pop("trusted", ())
        if values or config_file is not None:
            raise click.UsageError("--resume takes no flag but --trust and --details: the run's own flags apply")
        from alexbench.harness.running.pipeline import resume

        _finish(resume(Path(resumed), display_for(), trusted=trusted), details=details)
    replaced: list[str] = []
    if config_file is not None:
        of_file = read_config(config_file)
        replaced = sorted(key_of(key) for key in of_file.keys() & values.keys() if of_file[key] != values[key])
        values = {**of_file, **values}
    config = resolve(values)
    if replaced:
        _say(f"--config {config_file}: flags replace its {', '.join(replaced)}")
    from alexbench.harness.running.pipeline import run as carry_out  # after the flags were checked: it imports much
    from alexbench.harness.tuning.tune import with_tuned

    display = display_for()
    _finish(carry_out(with_tuned(config, display), display), details=details)


def _finish(outcome: "Outcome", *, details: bool) -> NoReturn:
    """Write and print the reports of a run, and leave with its exit code, which the last line explains."""
    from alexbench.harness.commands.leaving import leave
    from alexbench.harness.tuning.tune import confirm
    from alexbench.reports.leaderboard.outcome import outcome_words

    confirm(outcome.record)
    show_reports(outcome.folder, outcome.record, details=details, step=True)
    leave(outcome.exit_code, outcome_words(outcome.exit_code, outcome.record))


@cli.command(
    short_help="Join the parts of a run (run --shard).",
    examples=("alexbench merge runs/PART1 runs/PART2",),
)
@click.argument("parts", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("--out", metavar="DIR", default="runs", kind=OUTPUT, help="Where the folder is created.", otherwise="runs")
@_details
def merge(parts: tuple[Path, ...], out: str, *, details: bool) -> None:
    """Join the runs of all parts of a data set (run --shard) into one run."""
    from alexbench.harness.running.merge import merge as join

    _finish(join(parts, Path(out)), details=details)


@cli.command(
    short_help="Classify images with every runtime.",
    examples=("alexbench predict dog.jpg --weights published", "cat dog.jpg | alexbench predict - --backend torch"),
)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@one_answer
@json_option()
def predict(images: tuple[str, ...], *, as_json: bool, labels: str | None, **flags: Any) -> None:
    """Print the top-5 labels and probabilities of images on every runtime; - reads standard input."""
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.resolving import resolve

    config = resolve({**flags, "only": "performance"})
    from alexbench.harness.prediction.predict import predict as answer
    from alexbench.harness.prediction.showing import print_predictions

    answers = answer(images, config=config, display=display_for(), own_classes=labels)
    print_predictions(answers, as_json=as_json)


@cli.command(
    short_help="List the runtimes and what to install.",
    examples=("alexbench backends", "alexbench backends --devices", "alexbench backends --capabilities"),
)
@option("--devices", is_flag=True, help="Import each runtime and list its devices.")
@option("--capabilities", is_flag=True, help="Show what each offers, and what conformance found.")
@json_option()
def backends(*, devices: bool, capabilities: bool, as_json: bool) -> None:
    """List the runtimes: which are installed, in which version, and what to install.

    --capabilities: passed, failed or refused, as alexbench conformance found it here; declared: not checked yet.
    """
    from alexbench.backends.registry import ignored_plugins
    from alexbench.harness.inputs.catalogue import backend_list, print_listing

    for line in ignored_plugins():
        _say(line)
    if capabilities and devices:
        raise click.UsageError("--capabilities and --devices are two lists; give one of them")
    if capabilities:
        from alexbench.harness.conformance.matrix import matrix

        print_listing(matrix(), as_json=as_json)
        return
    print_listing(backend_list(with_devices=devices), as_json=as_json)


for _command in (
    ab,
    ablate,
    baseline,
    compare,
    conformance,
    datasets,
    doctor,
    export,
    gate,
    history,
    models,
    quantize,
    report,
    shards,
    train,
    tune,
):
    cli.add_command(_command)


def _read_paths_as_utf8() -> None:
    """Start over in Python's UTF-8 mode where paths would be read as ASCII (LC_ALL=C with that mode switched off).

    Runtimes and file formats take paths and names as UTF-8: of those that are, nothing is lost then.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii" and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # the same command


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C ends. What told so may do it again (a shell that goes, and its terminal): once is enough."""
    for told in _ENDING:
        signal.signal(told, signal.SIG_IGN)
    raise KeyboardInterrupt


def _refuse_empty(arguments: list[str]) -> None:
    """An empty name would be read as the current folder; it is what a variable that is not set leaves behind."""
    for before, one in pairwise(["alexbench", *arguments]):
        flag, equals, value = one.partition("=")
        if flag.startswith("--") and equals and not value:
            raise click.UsageError(f"{flag} is empty; give it a value, or leave it out")
        if not one:
            raise click.UsageError(f"{before} is followed by an empty argument; give it a value, or leave it out")


def main() -> None:
    """Run the command; every error that the user can fix is one line on stderr and an exit code."""
    _read_paths_as_utf8()
    clean_streams()
    for told in _ENDING:
        if signal.getsignal(told) is not signal.SIG_IGN:  # nohup
            signal.signal(told, _end)
    try:
        _refuse_empty(sys.argv[1:])
        cli.main(standalone_mode=False)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "alexbench"
        _say(f"{error.format_message()} (see {command} --help)")
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(error.exit_code)
    except AlexBenchError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        nobody_reads()
        sys.exit(ExitCode.UNREAD)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        _say(f"{named}{error.strerror or error}")
        sys.exit(ExitCode.USAGE)
    except MemoryError:
        click.echo("alexbench: not enough memory for this; give a smaller file, fewer images, or more memory", err=True)
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        with contextlib.suppress(OSError):  # the terminal may be gone
            _say("interrupted")
        sys.exit(ExitCode.INTERRUPTED)
    except Exception:
        traceback.print_exc()
        _say("internal error (exit code 70): please report the lines above")
        sys.exit(ExitCode.FAULT)


def _say(message: str) -> None:
    click.echo(f"alexbench: {' '.join(message.splitlines())}", err=True)


if __name__ == "__main__":
    main()
