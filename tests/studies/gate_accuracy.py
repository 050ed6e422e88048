"""What the gate says of answers on 5,000 synthetic images: half a point planted, and runtimes that round alike.

    python tests/studies/gate_accuracy.py FOLDER [--per-class 5] [--points 0.5]

FOLDER is scratch space (0.5 GB). Draws five images of each class, the first of them the default set's, runs four
runtimes on them with the synthetic weights; each of the other three is gated as if it were another version of PyTorch.
Then `alexbench ab`, accuracy only, of ONNX Runtime against itself with so many images wrong that top-1 falls by about
the points asked for (tests/studies/forgetful.py). Exit code 1 where rounding does not PASS or the loss does not FAIL.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from alexbench.datasets.classes import class_list
from alexbench.datasets.synthetic.write import write_classes
from alexbench.harness.console.progress import display_for
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.gating.gate import GatedPair, gate, sides_of
from alexbench.harness.gating.gated_runs import GatedRun, gated_run_of
from alexbench.harness.gating.policy import Policy
from alexbench.harness.inputs.synthetic import synthetic_weights
from alexbench.harness.models.card import load_card
from alexbench.harness.records.gate_records import GateReport, Judged
from alexbench.harness.resolving import resolve
from alexbench.harness.running.pipeline import run
from alexbench.reports.text.reason_words import joined

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.forgetful import forgetful

BASE = "torch"


def of(report: GateReport, metric: str) -> Judged:
    """One metric of the only row."""
    return next(one for one in report.judged if one.metric == metric)


def as_one(side: GatedRun, backend: str, record: GatedRun) -> GatedRun:
    """A row of a run as the only one, under the base's name."""
    entry = replace(side.rows[backend], entry=replace(side.rows[backend].entry, name=BASE))
    return replace(side, record=replace(record.record), rows={BASE: entry}, name=backend)


def line(name: str, report: GateReport) -> str:
    """A row of the table."""
    found = of(report, "top1")
    change = "-" if found.change is None else f"{found.change:+.2f}"
    return f"| {name} | {found.base:.2f} | {found.head:.2f} | {change} | {joined(found.why)} | {found.verdict} |"


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=5)
    parser.add_argument("--points", type=float, default=0.5)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    pictures, display = given.folder / "pictures", display_for()
    with display.step("drawing") as advance:
        classes = [(place, one.wnid) for place, one in enumerate(class_list())]
        write_classes(pictures, "val", given.per_class, classes, advance)
    weights = synthetic_weights(
        load_card("torchvision"), cache_folder(), log=given.folder / "weights.log", display=display
    )
    asked = {
        "data": str(pictures),
        "weights": str(weights.path),
        "only": "accuracy",
        "out": str(given.folder / "runs"),
    }
    side = gated_run_of(run(resolve(asked), display).folder)
    print("| head against base | base top-1 % | head | points | | verdict |\n|---|---:|---:|---:|---|---|")
    fine = True
    for name in side.rows:
        if name != BASE:
            report = gate(
                GatedPair(as_one(side, BASE, side), as_one(side, name, side)), Policy(), follow=None, say=lambda _: None
            )
            print(line(f"{name} against {BASE}", report), flush=True)
            fine &= report.verdict == "PASS"
    right = of(report, "top1").base or 0.0
    shim = forgetful(given.folder, "onnxruntime", given.points / right)
    config = resolve(
        {**asked, "backends": ("onnxruntime",), "environments": (f"base={sys.executable}", f"head={shim}")}
    )
    lossy = gate(sides_of(run(config, display).folder, None), Policy(), follow=None, say=lambda _: None)
    print(line(f"onnxruntime, about {given.points:g} points planted, against itself", lossy))
    sys.exit(not (fine and of(lossy, "top1").verdict == "FAIL"))


if __name__ == "__main__":
    main()
