"""``alexbench doctor``: why is accuracy off?"""

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--model", metavar="CARD", help="Model card, or the path of a .toml card.  [default: torchvision]")
@click.option("--weights", metavar="FILE", help="A file, or published (fetched).  [default: synthetic weights]")
@click.option("--weights-layout", metavar="NAME", help="NCHW or NHWC: how a TensorFlow checkpoint was trained.")
@click.option("--artifact", "artifacts", metavar="BACKEND=FILE", multiple=True, help="Examine this file.")
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
@click.option("--expected", type=float, metavar="PERCENT", help="The top-1 that there should be.")
@click.option("--reference", metavar="RUN:ROW", help="A run's row over the same pictures that is as it should be.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.option("--out", metavar="FILE", help="Write the answer as Markdown, too.")
def doctor(
    *, expected: float | None, reference: str | None, as_json: bool, out: str | None, limit: int | None, **flags: Any
) -> None:
    """Why is accuracy off? Tries the mistakes that people make, and names the likeliest mend.

    Exit code 0: nothing is wrong as far as can be told. 1: something is. 3: too few pictures to say.
    """
    from alexbench.harness.app.config import resolve
    from alexbench.harness.app.doctor.doctor import IMAGES, Question, diagnose
    from alexbench.harness.app.doctor.page import show
    from alexbench.harness.app.out_file import check_place
    from alexbench.harness.app.progress import display_for
    from alexbench.harness.errors import UsageError

    if out is not None:
        check_place(Path(out))
    if flags["weights"] is not None and flags["data"] is None:
        raise UsageError("--weights without --data: the built-in pictures are synthetic; name --data PATH too")
    if flags["data"] is not None and flags["weights"] is None and not flags["artifacts"]:
        raise UsageError("--data without a model: the built-in weights are synthetic; name --weights or --artifact")
    values = {key: value for key, value in flags.items() if value is not None and value != ()}
    config = resolve({"only": "accuracy", "limit": IMAGES if limit is None else limit, **values})
    diagnosis = diagnose(Question(config, expected, reference), display_for())
    show(diagnosis, as_json=as_json, out=out)
    sys.exit(diagnosis.exit_code)
