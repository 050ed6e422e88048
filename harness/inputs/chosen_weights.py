"""The weights of a card that the user chose: a file of theirs, the published one, or the synthetic ones."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.config import PUBLISHED
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import AlexBenchError, UsageError, WeightsError
from alexbench.harness.inputs import synthetic
from alexbench.harness.models.card import Card
from alexbench.harness.models.checksums import check_users_file
from alexbench.harness.models.network import Layout
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.models.weights import map_weights, weights_digest
from alexbench.harness.records.run_records import TrainedHere
from alexbench.harness.records.training_run import read_training_run
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import ConvertWeights


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """Canonical weights in the cache, whole: the file that workers map, and its digest.

    ``source``: what was named, None for the synthetic ones. ``verified``: how the file is known to be whole, in words;
    empty where nothing published speaks of it and its format has no checksum of its own. ``assumed``: what had to be
    taken for granted while reading it, in words. ``synthetic``: nobody trained them, whatever file they are from.
    ``unwrapped``: what was around the arrays in the file, and from what they were cast, in words.
    ``trained``: what ``alexbench train`` says of them.
    """

    path: Path
    digest: str
    source: str | None
    verified: str = ""
    assumed: str = ""
    synthetic: bool = False
    unwrapped: str = ""
    trained: TrainedHere | None = None


def choose_weights(
    card: Card,
    source: str | None,
    cache: Path,
    *,
    log: Path,
    display: Display,
    data_format: Layout | None = None,
    key: str | None = None,
) -> ChosenWeights:
    """Verify and convert the file ``source``, or make the card's synthetic weights where it is None.

    ``data_format``: that in which a TensorFlow checkpoint was trained, which decides the order of fc6's rows. ``key``:
    which of the file's models. What the cache holds of them is made anew where it is damaged.

    Raises:
        WeightsError: the file is not the published one whose name it bears, cannot be read or does not fit.
    """

    def make() -> ChosenWeights:
        if source is None:
            made = synthetic.synthetic_weights(card, cache, log=log, display=display)
            return ChosenWeights(made.path, made.digest, None, synthetic=True)
        return _converted(card, source, cache, log, display, data_format, key)

    chosen = make()
    if not _is_whole(chosen):
        display.say(f"{chosen.path} is damaged; making it again")
        chosen.path.unlink()
        chosen = make()
        if not _is_whole(chosen):
            raise WeightsError(
                f"{chosen.path} cannot be read back; check the disk, or name another with ALEXBENCH_CACHE"
            )
    if chosen.unwrapped:
        display.say(f"{source}: {chosen.unwrapped}")
    return chosen


def _is_whole(chosen: ChosenWeights) -> bool:
    """Whether the cache's file has what its name says."""
    try:
        return weights_digest(map_weights(chosen.path)) == chosen.digest
    except WeightsError:
        return False


def _converted(
    card: Card, source: str, cache: Path, log: Path, display: Display, data_format: Layout | None, key: str | None
) -> ChosenWeights:
    file = _published(card) if source == PUBLISHED else Path(source).absolute()
    verified = check_users_file(file, card)
    with WorkerProcess("convert", log=log) as worker, display.step(f"reading weights {source}"):
        folder = cache / synthetic.WEIGHTS_FOLDER
        made = worker.ask(ConvertWeights(file, card.network, card.preprocessing.crop, folder, data_format, key))
    return ChosenWeights(
        made.path,
        made.digest,
        source,
        verified or made.checked,
        made.assumed,
        synthetic=is_synthetic(file) or is_synthetic(made.path),
        unwrapped=made.unwrapped,
        trained=_trained_here(file, made.digest),
    )


def _trained_here(file: Path, digest: str) -> TrainedHere | None:
    """What ``alexbench train`` says of its weights, in the record next to them; None for all others."""
    try:
        run = read_training_run(file.parent)
    except AlexBenchError:
        return None
    if run.weights_digest != digest:
        return None
    return TrainedHere(file.parent.name, run.step / run.steps_per_epoch, run.classes, run.synthetic)


def _published(card: Card) -> Path:
    from alexbench.harness.inputs.fetching import fetched_weights

    found = fetched_weights(card)
    if found is None:
        raise UsageError(
            f"--weights published: the weights of {card.name} are not here; alexbench models fetch {card.name}, or name"
            " a file"
        )
    return found
