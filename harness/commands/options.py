"""Flags that several commands have, each written once."""

from collections.abc import Callable
from typing import Any, Final

import click

Command = Callable[..., None]

_ARTIFACTS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--artifact", "artifacts", metavar="BACKEND=FILE", multiple=True, help="Run this file. Repeatable."),
    click.option(
        "--artifact-input",
        "artifact_inputs",
        metavar="[BACKEND=]SCALE[,ORDER]",
        multiple=True,
        help="What its input takes: normalised, 0..1 or 0..255; rgb or bgr.  [default: as its graph shows]",
    ),
    click.option(
        "--trust", "trusted", metavar="FILE", multiple=True, help="Let this program run (docs/security.md). Repeatable."
    ),
)
_WHAT: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--model", metavar="CARD", help="Model card, or the path of a .toml card.  [default: torchvision]"),
    click.option("--weights", metavar="FILE", help="A file, or published (fetched).  [default: synthetic weights]"),
    click.option("--weights-layout", metavar="NAME", help="NCHW or NHWC: how a TensorFlow checkpoint was trained."),
    click.option("--weights-key", metavar="KEY", help="Which model of a file that holds several (model_ema)."),
    *_ARTIFACTS,
    click.option("--data", metavar="PATH", help="Folder, tar, TFRecords or parquet.  [default: synthetic pictures]"),
    click.option("--layout", metavar="NAME", help="How --data is read.  [default: recognised by itself]"),
    click.option(
        "--labels", metavar="FILE", help="Labels of a flat folder or tar: val.txt, LOC_val_solution.csv, devkit."
    ),
)
_CALIBRATION: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--calibration", metavar="PATH", help="Training images for int8.  [default: synthetic]"),
    click.option("--calibration-images", type=int, metavar="N", help="How many.  [default: 100]"),
    click.option("--per-tensor", is_flag=True, help="int8: one weight scale per layer."),
    click.option("--reduce-range", is_flag=True, help="int8: 7-bit weights, for CPUs without VNNI."),
    click.option("--range-method", metavar="NAME", help="int8: minmax, entropy, percentile, mse."),
)
_REPEATED: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option(
        "--device", metavar="NAME", multiple=True, help="cpu, cuda, gpu: as the runtime calls it. Repeatable."
    ),
    click.option(
        "--precision", metavar="NAME", multiple=True, help="fp32, fp16, bf16, int8. Repeatable.  [default: fp32]"
    ),
    click.option("--profile", metavar="NAME", multiple=True, help="Settings: default, as the runtime ships."),
    click.option(
        "--threads", type=int, metavar="N", multiple=True, help="Of an inference. Repeatable.  [default: usable cores]"
    ),
)
_HOW: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, gpu: as the runtime calls it.  [default: cpu]"),
    click.option("--precision", metavar="NAME", help="fp32 or bf16.  [default: fp32]"),
    click.option("--threads", type=int, metavar="N", help="Compute threads of an inference.  [default: usable cores]"),
)


def _with(command: Command, options: tuple[Callable[[Any], Any], ...]) -> Command:
    """The first option is the first in the help."""
    for option in reversed(options):
        command = option(command)
    return command


def artifacts(command: Command) -> Command:
    """The user's own files, what they take, and whether they may run."""
    return _with(command, _ARTIFACTS)


trust = click.option(
    "--trust", "trusted", metavar="FILE", multiple=True, help="Let a program that RUN names run again. Repeatable."
)


def one_model(command: Command) -> Command:
    """Which model, on which runtime, over which pictures: of the commands that look into one."""
    which = (
        click.option(
            "--backend", "backends", metavar="NAME", multiple=True, help="[default: the fastest that is installed]"
        ),
        click.option("--python", "pythons", metavar="BACKEND=FILE", multiple=True, help="Its own interpreter."),
    )
    drawn = (
        click.option("--limit", type=int, metavar="N", help="Pictures, drawn evenly over the classes.  [default: 500]"),
        click.option("--seed", type=int, metavar="N", help="Of that draw.  [default: 1]"),
    )
    return _with(command, (*_WHAT, *which, *_HOW, *drawn))


def one_run(command: Command) -> Command:
    """What is run, how and for how long: of the commands that measure."""
    backends = click.option(
        "--backend", "backends", metavar="NAME", multiple=True, help="Repeatable.  [default: all available]"
    )
    measured = (
        click.option("--batch-size", type=int, metavar="N", help="Of accuracy and of images/s.  [default: 32]"),
        click.option(
            "--limit",
            type=int,
            metavar="N",
            help="Only N pictures, drawn evenly over the classes.  [default: all; smoke: 500 of the synthetic ones]",
        ),
        click.option("--seed", type=int, metavar="N", help="Of that draw and of the order of rounds.  [default: 1]"),
        click.option("--on-bad-image", metavar="WHAT", help="fail, or skip and say so.  [default: fail]"),
        click.option("--only", metavar="WHAT", help="accuracy or performance.  [default: both]"),
        click.option(
            "--rigor", metavar="NAME", help="smoke, standard, high or mlperf: how long it measures.  [default: smoke]"
        ),
        click.option("--budget", metavar="TIME", help="Timing ends after this, as in 90s or 2m.  [default: rigor's]"),
        click.option("--resolution", metavar="PERCENT", help="Timing ends when it can tell this apart, as in 2%."),
        *_CALIBRATION,
        click.option("--calibrate-on-scored", is_flag=True, help="Allow scored images among them."),
        click.option("--out", metavar="DIR", help="Where the run's folder is made.  [default: runs]"),
    )
    return _with(command, (*_WHAT, backends, *_REPEATED, *measured))


def calibration(command: Command) -> Command:
    """The options of how a network is quantized to int8."""
    return _with(command, _CALIBRATION)
