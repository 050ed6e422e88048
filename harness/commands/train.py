"""``alexbench train``: training by a recipe, and how fast each runtime trains."""

from pathlib import Path
from typing import Any, Final, NoReturn

import click

from alexbench.harness.commands import completion
from alexbench.harness.commands.help_format import DATA, MEASURING, MODEL, OUTPUT, SYSTEMS, Command, json_option, option

_OF_TRAINING: Final = (
    "val", "lr", "epochs", "steps", "minutes", "on_error", "deterministic", "checkpoint_minutes", "resumed", "then_run",
)  # fmt: skip


@click.command(
    cls=Command,
    short_help="Train CARD by a published recipe, or time it.",
    examples=(
        "alexbench train --backend torch --batch-size 8 --steps 20",
        "alexbench train --backend tensorflow --data ILSVRC2012/train --val ILSVRC2012/val --then-run",
        "alexbench train --resume RUN",
        "alexbench train --benchmark",
        "alexbench train tfcnn --benchmark --recipe tf-cnn --batch-size 32 --data ILSVRC2012 --processes 2",
    ),
)
@click.argument("model", metavar="[CARD]", required=False)
@option("--benchmark", is_flag=True, kind=MEASURING, help="Measure training throughput instead.")
@option(
    "--backend",
    "backends",
    values=completion.backends,
    metavar="NAME",
    multiple=True,
    kind=SYSTEMS,
    help="Backend that trains.",
    otherwise="torch; with --benchmark, all that can train",
)
@option("--recipe", metavar="NAME", kind=MODEL, help="Recipe, or a TOML file.", otherwise="the one that fits CARD")
@option("--data", metavar="PATH", kind=DATA, help="Training images.", otherwise="synthetic images")
@option("--val", metavar="PATH", kind=DATA, help="Held-out images.", otherwise="none; synthetic: the scored images")
@option("--on-error", metavar="WHAT", kind=DATA, help="Bad image: fail, or skip and count.", otherwise="fail")
@option("--layout", values=completion.layouts, metavar="NAME", kind=DATA, help="Layout of the images.")
@option("--labels", metavar="FILE", kind=DATA, help="Labels of flat images.")
@option("--limit", type=int, metavar="N", kind=DATA, help="Use N images, drawn by class.")
@option("--seed", type=int, default=1, metavar="N", kind=DATA, help="Weights, order and crops.", otherwise="1")
@option(
    "--batch-size", type=int, metavar="N", kind=MEASURING, help="Images per step and process.", otherwise="the recipe's"
)
@option("--lr", type=float, metavar="RATE", kind=MODEL, help="First learning rate.", otherwise="the recipe's")
@option("--epochs", type=int, metavar="N", kind=MODEL, help="Epochs in all.", otherwise="the recipe's")
@option("--steps", type=int, metavar="N", kind=MEASURING, help="Stop after step N.")
@option("--minutes", type=float, metavar="M", kind=MEASURING, help="Stop after M minutes.")
@option("--deterministic", is_flag=True, kind=MODEL, help="Same bits in each repetition; slower.")
@option("--checkpoint-minutes", type=float, metavar="M", kind=OUTPUT, help="Time between checkpoints.", otherwise="10")
@option("--resume", "resumed", metavar="RUN", kind=MEASURING, help="Continue RUN from its last checkpoint.")
@option("--then-run", is_flag=True, kind=MEASURING, help="Score the weights on all runtimes.")
@option("--threads", type=int, metavar="N", kind=SYSTEMS, help="Threads that train.", otherwise="all cores")
@option(
    "--workers", type=int, metavar="N", kind=MEASURING, help="Processes that decode images.", otherwise="one per core"
)
@option(
    "--processes",
    type=int,
    default=1,
    metavar="N",
    kind=MEASURING,
    help="Measure scaling at 1 to N processes.",
    otherwise="1",
)
@option(
    "--out",
    type=click.Path(path_type=Path),
    default="runs",
    metavar="FOLDER",
    kind=OUTPUT,
    help="Where the result goes.",
    otherwise="runs",
)
@json_option()
def train(model: str | None, *, benchmark: bool, as_json: bool, **flags: Any) -> None:
    """Train CARD (default: torchvision) by a published recipe, from seeded weights.

    Each epoch ends with a checkpoint and the top-1 of held-out images. The folder has train.json, log.parquet,
    checkpoint.safetensors and weights.safetensors, which "alexbench run --weights" takes.

    With --benchmark: how fast each runtime trains. All train in turns, with the same weights, batches and seed, and
    their losses are compared with float64's.

    Exit code 0: success. 1: training diverged; a runtime failed, or its losses are not float64's.
    """
    from alexbench.harness.errors import UsageError

    given = {name: flags.pop(name) for name in _OF_TRAINING}
    if benchmark:
        named = [name for name, value in given.items() if value is not None and value is not False]
        if named:
            raise UsageError(f"--{_flag(named[0])} is of training; leave it or --benchmark out")
        _benchmark(model, as_json=as_json, **flags)
    if flags.pop("processes") != 1:
        raise UsageError("--processes measures scaling: give --benchmark too; a training has one process")
    _train(model, as_json=as_json, **given, **flags)


def _flag(name: str) -> str:
    return {"resumed": "resume"}.get(name, name.replace("_", "-"))


def _train(model: str | None, *, as_json: bool, **flags: Any) -> NoReturn:
    from dataclasses import asdict

    from alexbench.harness.commands.leaving import leave
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.errors import ExitCode, UsageError
    from alexbench.harness.files.cache_folder import cache_folder
    from alexbench.harness.files.input_files import expanded
    from alexbench.harness.files.plain_text import json_text
    from alexbench.harness.inputs.gathering import writable
    from alexbench.harness.records.training_run import read_training_run
    from alexbench.harness.training.asking import training_asked
    from alexbench.harness.training.limits import Limits

    resumed, then_run, out = flags.pop("resumed"), flags.pop("then_run"), expanded(flags.pop("out"))
    limits = Limits(flags.pop("steps"), flags.pop("minutes"))
    limits.check()
    values = {key: value for key, value in flags.items() if value is not None and value is not False and value != ()}
    display, cache = display_for(), writable(cache_folder())
    if resumed is not None:
        named = [key for key in values if key != "seed" or values[key] != 1]
        if named or model is not None:
            raise UsageError("--resume takes no flag but --steps, --minutes and --then-run: the run's own flags apply")
        from alexbench.harness.training.train import resume

        kept = read_training_run(Path(resumed)).asked
        if then_run and kept.data and not kept.val:
            raise UsageError(f"--then-run scores held-out images, and {resumed} has none; run its weights.safetensors")
        folder, record = resume(Path(resumed), limits, cache=cache, display=display)
    else:
        asked = training_asked(model, **values)
        if then_run and asked.data and not asked.val:
            raise UsageError("--then-run scores held-out images; name them with --val PATH")
        from alexbench.harness.training.train import train as carry_out

        folder, record = carry_out(asked, limits, out=out, cache=cache, display=display)
    from alexbench.reports.training.run_output import show_training

    show_training(folder, record, printed=not as_json)
    if as_json:
        click.echo(json_text({"run": str(folder), **asdict(record)}))
    if not then_run:
        leave(ExitCode.OK, "", to_stderr=as_json)
    from alexbench.harness.training.scoring import score

    outcome = score(folder, record, out=out, cache=cache, display=display)
    from alexbench.harness.commands.report import show_reports
    from alexbench.reports.leaderboard.outcome import outcome_words

    show_reports(outcome.folder, outcome.record, printed=not as_json)
    leave(outcome.exit_code, outcome_words(outcome.exit_code, outcome.record), to_stderr=as_json)


def _benchmark(model: str | None, *, as_json: bool, **flags: Any) -> NoReturn:
    from dataclasses import asdict

    from alexbench.harness.commands.leaving import leave
    from alexbench.harness.commands.report import show_training_speed
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.errors import ExitCode
    from alexbench.harness.files.cache_folder import cache_folder
    from alexbench.harness.files.plain_text import json_text
    from alexbench.harness.inputs.gathering import writable
    from alexbench.harness.training.asking import asked_for
    from alexbench.harness.training.benchmark import benchmark as measured

    folder, speed = measured(asked_for(model, **flags), cache=writable(cache_folder()), display=display_for())
    show_training_speed(folder, speed, printed=not as_json)
    if as_json:
        click.echo(json_text({"run": str(folder), **asdict(speed)}))
    failed = [row.name for row in speed.rows if row.error or (row.check is not None and not row.check.agrees)]
    code = ExitCode.FAILED if failed else ExitCode.OK
    leave(code, f"failed: {', '.join(failed)}" if failed else "", to_stderr=as_json)
