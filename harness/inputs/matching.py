"""Images and weights belong together: synthetic with synthetic, or real with real."""

from collections.abc import Iterable

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.synthetic.recognise import is_drawn
from alexbench.harness.config import RunConfig
from alexbench.harness.errors import UsageError
from alexbench.harness.inputs.chosen_weights import ChosenWeights


def check_belonging(
    config: RunConfig, weights: ChosenWeights | None, artifacts: Iterable[str], dataset: Dataset
) -> bool:
    """Whether the images are the synthetic ones. ``artifacts``: those files of the run with synthetic weights.

    What the flags alone say is refused with them (:func:`alexbench.harness.config.resolve`).

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
    if drawn and weights is not None and not weights.synthetic:
        raise UsageError(
            f"--data {config.data}: these images are SYNTHETIC and no trained weights know them; name other images"
        )
    return drawn
