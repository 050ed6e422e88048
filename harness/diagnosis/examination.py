"""Before labels: what the model's outputs are, whether they repeat, whether they are those of its function."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.judge.error_causes import Cause
from alexbench.harness.judge.outputs import agreement_db
from alexbench.harness.judge.parity import DECIBELS_A_BIT, computed_as, deviation
from alexbench.harness.models.network import get_network
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.probing.functions import CLEARLY_DB, MISTAKES, SAME_DB, alone, together
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.probing.trials import Trials
from alexbench.harness.records.diagnosis_records import Change
from alexbench.harness.records.precisions import Arithmetic
from alexbench.harness.records.run_records import Parity
from alexbench.harness.running.accuracy import parity_images, parity_of
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import ComputeVariants, FindCause
from alexbench.reports.text.reason_words import arithmetic_words

LOOKED_AT: Final = 64
HELD: Final = 4
"""Images compared with float64 with known mistakes (0.04 to 0.15 s each): a mistake shows in every output."""
EXPLAINED: Final = 8
"""Images for finding the cause of an error, by computing the reference up to ten times."""
REPEATS_DB: Final = 60.0
"""Two passes over one batch agree better than this in every runtime; with dropout on they reach 0."""

DROPOUT: Final = Change(
    "dropout",
    "the same images give other answers every time: dropout, or another random layer, is on",
    "put the model into inference mode before it is exported or run (model.eval(), training=False, training_mode=0)",
)
TWICE: Final = Change(
    "softmax",
    "softmax is applied twice: no output is more than e = 2.72 times another",
    "take one softmax out of the model; the order of the classes is right, the probabilities are not",
)
NOT_LOGITS: Final = Change(
    "softmax",
    "what is given out as logits are probabilities: softmax is applied already",
    "use an artifact whose graph ends in softmax, or take the softmax out of the model",
)
FULL_PRECISION: Final = "ask for fp32 where the model was exported or is run, or for what it is: --precision bf16"
NOT_THE_SAME: Final = "it is not the same function as these weights in float64"
_OF_BITS: Final = {8: ("bf16",), 11: ("fp16", "tf32")}
LAYERS: Final = "alexbench compare RUN --layers names the first layer that is off, where it was built from the weights"


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found without labels.

    ``findings``: mistakes of the runtime or the file. ``parity``: as a run of it alone judges it. ``held_db``: signal
    to noise (dB) against float64 with the findings built in. Both None where weights are not known.
    """

    findings: tuple[Change, ...]
    held_db: float | None = None
    parity: Parity | None = None


def examine(under_test: ModelUnderTest, trials: Trials, folder: Path, known: Sequence[Change] = ()) -> Examination:
    """Examine the outputs of the first images without changes; compare them with float64 on a run's parity images.

    ``known``: faults that explain an error, found before.
    """
    count = min(LOOKED_AT, len(trials))
    pixels = trials.pixels(under_test.given.fed, len(trials))
    outputs = under_test.outputs(under_test.given, pixels, range(count))
    again = under_test.outputs(under_test.given, pixels, range(count))
    trials.look_for_symptoms(outputs, pixels, 0)
    if trials.symptom is not None:
        return Examination((worthless(trials.symptom),))
    under_test.learn_kind(outputs)
    findings = list(known)
    if under_test.kind == "probabilities of probabilities":
        findings.append(TWICE)
    elif under_test.kind == "probabilities" and under_test.said_scores == "logits":
        findings.append(NOT_LOGITS)
    random = deviation(again, outputs.astype(np.float64)).sqnr_db < REPEATS_DB
    if random:
        findings.append(DROPOUT)
    if random or under_test.weights is None:
        return Examination(tuple(findings))
    with _Reference(under_test, folder) as reference:
        return reference.hold(trials, pixels, findings, explained=bool(known))


def worthless(symptom: str) -> Change:
    """The finding that nothing can be scored, and why."""
    return Change("symptom", symptom, "make the outputs usable first: until then nothing can be scored")


class _Reference:
    """the model under test's outputs against float64: a run's judgement, and what explains it where that is no."""

    def __init__(self, under_test: ModelUnderTest, folder: Path) -> None:
        self._under_test, self._folder, self._inputs = under_test, folder, folder / "held-inputs.npy"
        self._card = under_test.card
        self._network = get_network(self._card.network, input_size=self._card.preprocessing.crop)
        self._worker = WorkerProcess("reference", log=folder / "reference.log")
        self._pixels: NDArray[np.float32] = np.empty(0, dtype=np.float32)

    def __enter__(self) -> Self:
        self._worker.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.__exit__(kind, error, trace)

    def hold(self, trials: Trials, pixels: Path, findings: list[Change], *, explained: bool) -> Examination:
        """The parity on a run's images; the mistakes that explain it where it fails, or what else does."""
        under_test = self._under_test
        shown = trials.places[parity_images(np.ones(len(trials), dtype=np.bool_))]
        found = under_test.outputs(under_test.given, pixels, shown.tolist())
        # What the card says, not what is fed to a file that normalises its input itself.
        seen = np.load(pixels, mmap_mode="r")[shown]
        self._pixels = network_input(np.asarray(seen), self._card.preprocessing, "NCHW")
        self._give(len(found), found)
        truth = self._variants([()])[0]
        parity = parity_of(under_test.row(found), truth)
        plain = agreement_db(found, truth, under_test.kind)
        if parity.passed or explained:
            return Examination(tuple(findings), plain, parity)
        made, held = self._mistakes(found, plain)
        known = [_as_change(place) for place in made]
        if not (known or findings) or held < self._enough(parity):
            known.append(self._rest(found, made, held))
        return Examination((*findings, *known), held, parity)

    def _enough(self, parity: Parity) -> float:
        """The agreement (dB) from which on nothing is left to explain; a second softmax leaves too little to say."""
        return SAME_DB if self._under_test.kind == "probabilities of probabilities" else parity.tolerance_sqnr_db

    def _mistakes(self, found: NDArray[np.float32], plain: float) -> tuple[tuple[int, ...], float]:
        """The one or two MISTAKES that explain the outputs best and how well (dB), none where none does."""
        outputs = self._give(HELD, found)
        for made in (alone(self._network)[1:], together(self._network)):
            held = [agreement_db(outputs, truth, self._under_test.kind) for truth in self._variants(made)]
            best = int(np.argmax(held))
            if held[best] >= max(SAME_DB, plain + CLEARLY_DB):
                return made[best], held[best]
            if plain >= SAME_DB:  # what is that near has no two of them
                break
        return (), plain

    def _rest(self, found: NDArray[np.float32], made: tuple[int, ...], held: float) -> Change:
        """What the error is that is left with ``made`` built in."""
        if held < SAME_DB:
            return _unlike(held)
        outputs = self._folder / "held-outputs.npy"
        np.save(outputs, self._give(EXPLAINED, found))
        asked = FindCause(*self._model, self._inputs, outputs=outputs, kind=self._under_test.kind, made=made)
        return by_cause(self._worker.ask(asked), held, self._under_test.precision)

    def _give(self, count: int, found: NDArray[np.float32]) -> NDArray[np.float32]:
        """Let the reference see this many images; returns the outputs found for them."""
        chosen = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).astype(np.int64))
        np.save(self._inputs, self._pixels[chosen])
        return found[chosen]

    def _variants(self, made: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        """Float64 logits (lists, N, outputs) of what it was given last, with each list of MISTAKES made."""
        out = self._folder / "held.npy"
        self._worker.ask(ComputeVariants(*self._model, self._inputs, out=out, made=tuple(made)))
        found: NDArray[np.float64] = np.load(out)
        return found

    @property
    def _model(self) -> tuple[str, int, Path]:
        """The network, its input's size and its weights, as requests name them."""
        assert self._under_test.weights is not None
        return self._card.network, self._card.preprocessing.crop, self._under_test.weights


def _as_change(place: int) -> Change:
    one = MISTAKES[place]
    return Change(one.factor, one.found, one.fix)


def by_cause(cause: Cause, held: float, precision: str) -> Change:
    """The finding for an error of ``held`` dB of what says that it computes in ``precision``."""
    if cause.layer is not None:
        return Change(
            "weights",
            f"{NOT_THE_SAME}: {cause.layer}'s weights are {cause.scale:.6g} times those given, which explains all of"
            f" the error ({held:.0f} dB)",
            f"divide {cause.layer}.weight by {cause.scale:.6g} where the model was made, or name the weights that it"
            " was made from",
        )
    if cause.is_rounding:
        bits: Arithmetic = "8 bits" if cause.bits == 8 else "11 bits"
        does = "its weights were rounded to" if cause.rounded == "weights" else "it computes in"
        says = "as it says, and is further off than that allows"
        if precision not in _OF_BITS[cause.bits]:
            says = f"and {precision} is what it says"
        return Change(
            "precision",
            f"{does} {arithmetic_words(bits)}, {says}: rounding to them makes the same errors"
            f" (correlation {cause.correlation:.2f})",
            FULL_PRECISION,
        )
    loud = computed_as(held / DECIBELS_A_BIT)
    if loud not in ("8 bits", "11 bits"):
        return Change(
            "function", f"{NOT_THE_SAME} ({held:.0f} dB), and rounding that is known does not do that", LAYERS
        )
    return Change(
        "function",
        f"{NOT_THE_SAME}: it is off as loudly as {arithmetic_words(loud)} would be ({held:.0f} dB), but not as rounding"
        f" to them is (correlation {cause.correlation:.2f}); slightly wrong weights would look like this",
        LAYERS,
    )


def _unlike(held: float) -> Change:
    return Change(
        "function",
        f"{NOT_THE_SAME}, nor a rounding of it ({held:.0f} dB), and none of the mistakes known here explains it",
        LAYERS,
    )
