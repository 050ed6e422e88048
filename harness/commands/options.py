"""Flags that several commands have."""

from collections.abc import Callable

import click


def one_model(command: Callable[..., None]) -> Callable[..., None]:
    """Which model, on which runtime, over which pictures: of the commands that look into one."""
    for option in (
        click.option("--seed", type=int, metavar="N", help="Of that draw.  [default: 1]"),
        click.option("--limit", type=int, metavar="N", help="Pictures, drawn evenly over the classes.  [default: 500]"),
        click.option("--threads", type=int, metavar="N", help="Compute threads.  [default: usable cores]"),
        click.option("--precision", metavar="NAME", help="fp32 or bf16.  [default: fp32]"),
        click.option(
            "--device", metavar="NAME", help="cpu, cuda, cuda:1, gpu: as the runtime calls it.  [default: cpu]"
        ),
        click.option("--python", "pythons", metavar="BACKEND=FILE", multiple=True, help="Its own interpreter."),
        click.option(
            "--backend", "backends", metavar="NAME", multiple=True, help="[default: the fastest that is installed]"
        ),
        click.option(
            "--labels", metavar="FILE", help="Labels of a flat folder or tar: val.txt, LOC_val_solution.csv, devkit."
        ),
        click.option("--layout", metavar="NAME", help="How --data is read.  [default: recognised by itself]"),
        click.option(
            "--data", metavar="PATH", help="Folder, tar, TFRecords or parquet.  [default: synthetic pictures]"
        ),
        click.option("--artifact", "artifacts", metavar="BACKEND=FILE", multiple=True, help="Take this file."),
        click.option("--weights-layout", metavar="NAME", help="NCHW or NHWC: how a TensorFlow checkpoint was trained."),
        click.option("--weights", metavar="FILE", help="A file, or published (fetched).  [default: synthetic weights]"),
        click.option(
            "--model", metavar="CARD", help="Model card, or the path of a .toml card.  [default: torchvision]"
        ),
    ):
        command = option(command)
    return command
