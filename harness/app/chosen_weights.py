"""The weights of a card that the user chose: a file of theirs, or the synthetic ones."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.app import synthetic
from alexbench.harness.app.progress import Display
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.errors import WeightsError
from alexbench.harness.models.card import Card
from alexbench.harness.models.weights import map_weights, weights_digest


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """Canonical weights in the cache, whole: the file that workers map, and its digest. ``source``: what was named."""

    path: Path
    digest: str
    source: str | None

    @property
    def synthetic(self) -> bool:
        """Whether nobody trained them."""
        return self.source is None


def choose_weights(card: Card, source: str | None, cache: Path, *, log: Path, display: Display) -> ChosenWeights:
    """Convert the file ``source``, or make the card's synthetic weights where it is None.

    Raises:
        WeightsError: the file cannot be read or does not fit; or what the cache held was damaged, and is removed now.
    """
    if source is None:
        made = synthetic.synthetic_weights(card, cache, log=log, display=display)
        chosen = ChosenWeights(made.path, made.digest, None)
    else:
        with WorkerProcess("convert", log=log) as worker, display.step(f"reading weights {source}"):
            answer = worker.ask(
                "convert",
                source=str(Path(source).absolute()),
                network=card.network,
                input_size=card.preprocessing.crop,
                folder=str(cache / synthetic.WEIGHTS_FOLDER),
            )
        chosen = ChosenWeights(Path(answer["path"]), answer["digest"], source)
    if weights_digest(map_weights(chosen.path)) != chosen.digest:
        chosen.path.unlink()
        raise WeightsError(f"{chosen.path} was damaged in the cache and has been removed; run again")
    return chosen
