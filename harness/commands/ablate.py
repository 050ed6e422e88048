"""``alexbench ablate``: what does each choice of preprocessing cost?"""

from typing import Any

import click


@click.command()
@click.option("--model", metavar="CARD", help="Model card, or the path of a .toml card.  [default: torchvision]")
@click.option("--weights", metavar="FILE", help="A file, or published (fetched).  [default: synthetic weights]")
@click.option("--weights-layout", metavar="NAME", help="NCHW or NHWC: how a TensorFlow checkpoint was trained.")
@click.option("--artifact", "artifacts", metavar="BACKEND=FILE", multiple=True, help="Ablate this file.")
@click.option("--data", metavar="PATH", help="Folder, tar, TFRecords or parquet.  [default: synthetic pictures]")
@click.option("--layout", metavar="NAME", help="How --data is read.  [default: recognised by itself]")
@click.option("--labels", metavar="FILE", help="Labels of a flat folder or tar: val.txt, LOC_val_solution.csv, devkit.")
@click.option("--backend", "backends", metavar="NAME", multiple=True, help="[default: the fastest that is installed]")
@click.option("--python", "pythons", metavar="BACKEND=FILE", multiple=True, help="Its own interpreter.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, gpu: as the runtime calls it.  [default: cpu]")
@click.option("--precision", metavar="NAME", help="fp32 or bf16.  [default: fp32]")
@click.option("--threads", type=int, metavar="N", help="Compute threads.  [default: usable cores]")
@click.option("--limit", type=int, metavar="N", help="Pictures, drawn evenly over the classes.  [default: 500]")
@click.option("--seed", type=int, metavar="N", help="Of that draw.  [default: 1]")
@click.option(
    "--vary",
    metavar="AXIS",
    multiple=True,
    help="decoder, interpolation, antialias, crop or channels. Repeatable.  [default: all]",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.option("--out", metavar="FOLDER", help="Write ablation.md, .csv, .svg and .png there, too.")
def ablate(*, vary: tuple[str, ...], as_json: bool, out: str | None, limit: int | None, **flags: Any) -> None:
    """What does each choice of preprocessing cost? The same weights and pictures under every combination.

    Decoder, interpolation, antialias, crop and channel order, in points of top-1 with paired intervals.
    """
    from alexbench.harness.app.ablation import IMAGES
    from alexbench.harness.app.ablation import ablate as carry_out
    from alexbench.harness.app.ablation_files import folder_for, write_files
    from alexbench.harness.app.ablation_tables import show
    from alexbench.harness.app.config import resolve
    from alexbench.harness.app.progress import display_for

    values = {key: value for key, value in flags.items() if value is not None and value != ()}
    config = resolve({"only": "accuracy", "limit": IMAGES if limit is None else limit, **values})
    folder = None if out is None else folder_for(out)
    display = display_for()
    ablation = carry_out(config, vary, display)
    show(ablation, as_json=as_json)
    if folder is not None:
        for path in write_files(folder, ablation):
            display.say(f"wrote {path}")
