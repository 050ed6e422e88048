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

from alexbench.harness.commands.ablate import ablate
from alexbench.harness.commands.compare import compare
from alexbench.harness.commands.datasets import datasets
from alexbench.harness.commands.doctor import doctor
from alexbench.harness.commands.export import export
from alexbench.harness.commands.gate import ab, baseline, gate
from alexbench.harness.commands.history import history
from alexbench.harness.commands.models import models
from alexbench.harness.commands.options import artifacts, one_run
from alexbench.harness.commands.quantize import quantize
from alexbench.harness.commands.report import report, show_reports
from alexbench.harness.console.streams import clean_streams, nobody_reads
from alexbench.harness.errors import AlexBenchError, ExitCode

if TYPE_CHECKING:
    from alexbench.harness.running.pipeline import Outcome

_ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends a command as Ctrl-C does: a job is cancelled, a terminal goes."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="alexbench", message="alexbench %(version)s")
def cli() -> None:
    """The same AlexNet, the same weights, the same pixels on every runtime: accuracy, speed and a leaderboard."""


@cli.command()
@one_run
@click.option(
    "--system", "systems", metavar="TEXT", multiple=True, help='One row, as "torch precision=bf16 threads=1".'
)
@click.option(
    "--base", metavar="ROW", help="The row that the others are compared with.  [default: torch, or the first]"
)
@click.option("--shard", metavar="I/N", help="Only part I of N, whole batches; alexbench merge joins the parts.")
@click.option("--scenario", "scenarios", metavar="NAME", multiple=True, help="Also Offline, Server, MultiStream.")
@click.option("--latency-bound", type=float, metavar="MS", help="Find the highest load whose p99 stays under it.")
@click.option("--python", "pythons", metavar="BACKEND=FILE", multiple=True, help="Its own interpreter. Repeatable.")
@click.option(
    "--environment", "environments", metavar="LABEL=FILE", multiple=True, help="Each backend on each. Repeatable."
)
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML file with these flags as keys.")
@click.option("--resume", "resumed", metavar="RUN", help="Go on with an interrupted run, as it was started.")
def run(config_file: Path | None, resumed: str | None, **flags: Any) -> None:
    """Accuracy and speed on every available runtime, and a leaderboard.

    With no flags: synthetic pictures and weights, made on first use, and every runtime that is installed.
    """
    from alexbench.harness.config import read_config, resolve
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.running.pipeline import resume
    from alexbench.harness.running.pipeline import run as carry_out

    values = {key: value for key, value in flags.items() if value is not None and value != ()}
    if resumed is not None:
        trusted = values.pop("trusted", ())
        if values or config_file is not None:
            raise click.UsageError("--resume takes no other flag than --trust: the run goes on as it was started")
        _finish(resume(Path(resumed), display_for(), trusted=trusted))
    if config_file is not None:
        values = {**read_config(config_file), **values}
    _finish(carry_out(resolve(values), display_for()))


def _finish(outcome: "Outcome") -> NoReturn:
    """Write and print the reports of a run, and leave with its exit code."""
    show_reports(outcome.folder, outcome.record, step=True)
    sys.exit(outcome.exit_code)


@cli.command()
@click.argument("parts", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", metavar="DIR", default="runs", help="Where the joined run's folder is made.  [default: runs]")
def merge(parts: tuple[Path, ...], out: str) -> None:
    """Join the runs of all parts of a data set (run --shard) into one."""
    from alexbench.harness.running.merge import merge as join

    _finish(join(parts, Path(out)))


@cli.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--model", metavar="CARD", help="Model card, or the path of a .toml card.  [default: torchvision]")
@click.option("--weights", metavar="FILE", help="A file, or published (fetched).  [default: synthetic weights]")
@click.option("--weights-layout", metavar="NAME", help="NCHW or NHWC: how a TensorFlow checkpoint was trained.")
@click.option("--weights-key", metavar="KEY", help="Which model of a file that holds several (model_ema).")
@artifacts
@click.option("--backend", "backends", metavar="NAME", multiple=True, help="Repeatable.  [default: all available]")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, gpu: as the runtime calls it.  [default: cpu]")
@click.option("--precision", metavar="NAME", help="fp32 or bf16.  [default: fp32]")
@click.option("--threads", type=int, metavar="N", help="Compute threads.  [default: usable cores]")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def predict(images: tuple[str, ...], *, as_json: bool, **flags: Any) -> None:
    """Top-5 of pictures with labels and probabilities, runtime beside runtime; - reads standard input."""
    from alexbench.harness.config import resolve
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.prediction.predict import predict as answer
    from alexbench.harness.prediction.showing import print_predictions

    config = resolve({**flags, "only": "performance"})
    answers = answer(images, config=config, display=display_for())
    print_predictions(answers, as_json=as_json)


@cli.command()
@click.option("--devices", is_flag=True, help="Also ask each runtime which devices it sees (imports them).")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def backends(*, devices: bool, as_json: bool) -> None:
    """The runtimes: which are installed, in which version, and what to install."""
    from alexbench.backends.registry import ignored_plugins
    from alexbench.harness.inputs.catalogue import backend_list, print_listing

    for line in ignored_plugins():
        _say(line)
    print_listing(backend_list(with_devices=devices), as_json=as_json)


for _command in (ab, ablate, baseline, compare, datasets, doctor, export, gate, history, models, quantize, report):
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
    """Run the command; every error the user can mend is one line on standard error and an exit code."""
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
        _say("a fault of its own: please report the lines above")
        sys.exit(ExitCode.FAULT)


def _say(message: str) -> None:
    click.echo(f"alexbench: {' '.join(message.splitlines())}", err=True)


if __name__ == "__main__":
    main()
