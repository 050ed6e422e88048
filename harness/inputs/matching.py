"""Images and weights belong together: synthetic with synthetic, or real with real."""

from collections.abc import Iterable

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.synthetic.recognise import is_drawn
from alexbench.harness.config import RunConfig
from alexbench.harness.errors import UsageError
from alexbench.harness.inputs.chosen_weights import ChosenWeights
from alexbench.harness.models.card import Card


def check_belonging(
    config: RunConfig, weights: ChosenWeights | None, artifacts: Iterable[str], dataset: Dataset
) -> bool:
    """Whether the images are the synthetic ones. ``artifacts``: those files of the run with synthetic weights.

    What the flags alone say is refused with them (:func:`alexbench.harness.resolving.resolve`).

    Raises:
        UsageError: accuracy is asked for, of weights that know nothing of these images.
    """
    drawn = config.data is None or is_drawn(dataset)
    if not config.accuracy:
        return drawn
    unknown = [f"--artifact {file}" for file in artifacts]
    if weights is not None and weights.synthetic:
        unknown.insert(0, f"--weights {weights.source}")
    if unknown and not drawn:
        raise UsageError(
            f"{unknown[0]}: these weights are SYNTHETIC and know nothing of real images; name a file of trained ones,"
            " or leave --data out"
        )
    trained = weights is not None and weights.trained is not None and weights.trained.synthetic
    if drawn and weights is not None and not weights.synthetic and not trained:
        raise UsageError(
            f"--data {config.data}: these images are SYNTHETIC and no trained weights know them; name other images"
        )
    return drawn


def check_own_classes(config: RunConfig, count: int, card: Card) -> None:
    """Nothing of the card's network is run or compared where the images have ``count`` classes of the user's own.

    Raises:
        UsageError: a row is built from the card's network, or weights of it are named.
    """
    native = next((name for name, one in config.by_label.items() if one.artifact is None), None)
    if native is not None:
        raise UsageError(
            f"--labels {config.labels}: {count} classes, and {native} runs the network of card {card.name}, which has"
            f" {card.labels:,} outputs; run your own file with --artifact {native.split()[0]}=FILE, and name no other"
            " --backend"
        )
    if config.weights is not None:
        raise UsageError(
            f"--weights {config.weights}: weights of card {card.name} have {card.labels:,} outputs, and {config.labels}"
            f" names {count} classes; leave --weights out"
        )


def refuse_own_classes(config: RunConfig, dataset: Dataset, command: str) -> None:
    """What a ``command`` does takes the card's own classes.

    Raises:
        UsageError: the images have others.
    """
    if dataset.class_names:
        raise UsageError(
            f"--labels {config.labels}: {len(dataset.class_names)} classes of your own; {command} examines networks"
            " with ImageNet's 1,000; run and predict take others"
        )
