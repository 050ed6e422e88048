"""How far healthy layers are from float64, and how small a wrong weight is still traced to its layer.

    python tests/studies/layer_errors.py RUN [--planted BACKEND]

RUN is a finished run of the synthetic default under any card. Printed: each layer's largest error over sigma on every
runtime, fp32 and, where it runs, bf16, and the worst in units of u x sqrt(products): what HEALTHY in
harness/judge/layer_errors.py is. With --planted: one weight of each layer with weights off by so many deviations of
that layer's weights, three weights that have something to weigh, and how many of the three were traced to layer and
channel.
"""

import argparse
import sys
from dataclasses import replace
from itertools import islice
from math import sqrt
from pathlib import Path

import numpy as np

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.comparison.divergence import IMAGES, compare_layers
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.contract import PRECISIONS, Model, Options
from alexbench.harness.judge.layer_errors import UNIT_ROUNDOFF, bounds, layer_error, products, scales
from alexbench.harness.models.network import Conv, Linear
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.weights import map_weights
from alexbench.harness.records.layer_records import first_off
from alexbench.harness.records.record_files import read_run
from alexbench.harness.running.reopening import open_again
from alexbench.reports.divergence.tables import layers_markdown

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.support.off_by_weight import off_by, seeds_that_show

DEVIATIONS = (10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4)
WEIGHTS = 3


def healthy(folder: Path) -> None:
    """The tables."""
    record, display = read_run(folder), PlainDisplay()
    for precision in PRECISIONS:
        asked = replace(record, configuration={**record.configuration, "precision": precision})
        found = compare_layers(folder, asked, display=display)
        counts = products(open_again(folder, record, display).run_inputs.network)
        print(layers_markdown(found))
        for row in found.rows:
            units = {
                one.layer: one.max_abs_over_sigma / UNIT_ROUNDOFF[precision] / sqrt(counts[one.layer])
                for one in row.layers
            }
            if units:
                worst = max(units, key=lambda layer: units[layer])
                print(f"{row.name}, {precision}: {min(units.values()):.1f} to {units[worst]:.1f} ({worst})")


def planted(folder: Path, name: str) -> None:
    """The smallest weight that is traced."""
    run = open_again(folder, read_run(folder), PlainDisplay())
    network, card = run.run_inputs.network, run.run_inputs.card
    assert run.run_inputs.weights is not None
    weights, options = map_weights(run.run_inputs.weights), Options(run.config.threads)
    pixels = np.load(run.run_inputs.prepared.path, mmap_mode="r")[:IMAGES]
    layers, backend = [layer.name for layer in network.layers], backend_class(name)()
    reference = ReferenceBackend()
    reference.load(Model(network, weights), options)
    truth = reference.activations(network_input(pixels, card.preprocessing, "NCHW"), layers)
    inputs = network_input(pixels, card.preprocessing, backend.input_layout)
    scale, bound = scales(network), bounds(network, "fp32")
    print(f"| {network.name} on {name} | " + " | ".join(f"{by:g}" for by in DEVIATIONS) + " |")
    print("|---|" + "---:|" * len(DEVIATIONS))
    for layer in (one.name for one in network.layers if isinstance(one, Conv | Linear)):
        cells = []
        for by in DEVIATIONS:
            traced = 0
            for seed, channel in islice(seeds_that_show(network, layer, truth), WEIGHTS):
                backend.load(Model(network, off_by(weights, layer, by, seed)), options)
                found = backend.activations(inputs, layers)
                first = first_off(
                    [
                        layer_error(one, found[one], truth[one], sigma=float(truth[scale[one]].std()), bound=bound[one])
                        for one in layers
                    ]
                )
                if first is not None and first.layer == layer:
                    traced += [one for one, _ in first.worst] == [channel]
                elif first is not None:
                    print(f"{layer} off by {by:g}: {first.layer} was named", file=sys.stderr)
            cells.append(f"{traced}")
        print(f"| {layer} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--planted", metavar="BACKEND")
    given = parser.parse_args()
    if given.planted:
        planted(given.run, given.planted)
    else:
        healthy(given.run)


if __name__ == "__main__":
    main()
