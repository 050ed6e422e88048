"""Write the fitted last layer of a card as package data.

    python tools/pack_classifier.py [CARD]

It draws and prepares the training images and fits the layer anew (2 minutes on two cores). Run it when the recipe of
the synthetic default changes, and remove the file of the recipe before.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.inputs.synthetic import fit_key, fitted_weights
from alexbench.harness.models.card import DEFAULT_CARD, load_card
from alexbench.harness.models.packaged_classifier import pack
from alexbench.harness.models.weights import map_weights

FOLDER = Path(__file__).parents[1] / "harness" / "models" / "classifiers"


def main() -> None:
    """Fit, pack, write."""
    card = load_card(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_CARD)
    with TemporaryDirectory() as folder:
        cache = Path(folder)
        made = fitted_weights(card, cache, log=cache / "log", display=PlainDisplay(sys.stderr))
        arrays = map_weights(made.path)
        packed = pack(arrays["fc8.weight"], arrays["fc8.bias"])
    path = FOLDER / f"{card.network}-{fit_key(card)}.xz"
    path.write_bytes(packed)
    print(f"{path}: {len(packed) / 1000:.0f} kB; weights {made.digest}")


if __name__ == "__main__":
    main()
