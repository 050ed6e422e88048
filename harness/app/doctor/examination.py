"""Before labels: what the patient's outputs are, whether they repeat, whether they are those of its function."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.app.doctor.functions import MISTAKES, SAME_DB, alone, together
from alexbench.harness.app.doctor.patient import BATCH, Patient
from alexbench.harness.app.doctor.reading import Change
from alexbench.harness.app.doctor.trials import Trials
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.judge.outputs import agreement_db
from alexbench.harness.judge.parity import DECIBELS_A_BIT, as_claimed, computed_as, deviation
from alexbench.harness.judge.symptoms import Batch, symptom
from alexbench.harness.models.network import get_network
from alexbench.harness.models.preprocessing import network_input

LOOKED_AT: Final = 64
HELD: Final = 4
"""Pictures held against float64 (0.04 to 0.15 s each): one would do, for a mistake shows in every output."""
REPEATS_DB: Final = 60.0
"""Two passes over one batch agree better than this in every runtime; with dropout on they reach 0."""

DROPOUT: Final = Change(
    "dropout",
    "the same pictures give other answers every time: dropout, or another random layer, is on",
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
    "say so (an artifact whose graph ends in softmax), or take the softmax out of the model",
)
FULL_PRECISION: Final = "ask for fp32 where the model was exported or is run, or for what it is: --precision bf16"
UNKNOWN: Final = Change(
    "function",
    "it computes another function than its card and weights say, and none of the mistakes known here",
    "alexbench compare RUN --layers names the first layer that is off",
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found without labels.

    ``findings``: mistakes of the runtime or the file. ``held_db``: signal to noise (dB) against float64 with the
    findings built in, None where weights are not known.
    """

    findings: tuple[Change, ...]
    held_db: float | None


def examine(patient: Patient, trials: Trials, folder: Path) -> Examination:
    """Look at the outputs of the first pictures, as things stand."""
    count = min(LOOKED_AT, len(trials))
    pixels = trials.pixels(patient.given.fed, count)
    outputs = patient.outputs(patient.given, pixels, 0, count)
    again = patient.outputs(patient.given, pixels, 0, count)
    worthless = _symptom(outputs, pixels)
    if worthless is not None:
        return Examination((Change("symptom", worthless, "mend that first: nothing can be scored"),), None)
    patient.learn_kind(outputs)
    findings = []
    if patient.kind == "probabilities of probabilities":
        findings.append(TWICE)
    elif patient.kind == "probabilities" and patient.said_scores == "logits":
        findings.append(NOT_LOGITS)
    random = deviation(again, outputs.astype(np.float64)).sqnr_db < REPEATS_DB
    if random:
        findings.append(DROPOUT)
    if random or patient.weights is None:
        return Examination(tuple(findings), None)
    known, held = _hold(patient, trials, outputs[:HELD], folder)
    found_as = computed_as(held / DECIBELS_A_BIT)
    if patient.kind == "logits" and as_claimed(patient.precision, found_as) is False and found_as != "fp32":
        known.append(
            Change("precision", f"it computes in {found_as}, and {patient.precision} was asked for", FULL_PRECISION)
        )
    return Examination((*findings, *known), held)


def _symptom(outputs: NDArray[np.float32], pixels: Path) -> str | None:
    """The first thing that makes outputs worthless, None where nothing does."""
    shown = np.load(pixels, mmap_mode="r")
    before: Batch | None = None
    for first in range(0, len(outputs), BATCH):
        batch = Batch(
            first, np.asarray(shown[first : first + BATCH])[: len(outputs) - first], outputs[first : first + BATCH]
        )
        found = symptom(batch, before)
        if found is not None:
            return found
        before = batch
    return None


def _hold(patient: Patient, trials: Trials, outputs: NDArray[np.float32], folder: Path) -> tuple[list[Change], float]:
    """The mistakes that explain ``outputs`` and how well: none, one or two of MISTAKES, or that it is another."""
    assert patient.weights is not None
    card = patient.card
    shown = np.load(trials.pixels(patient.given.fed, len(outputs)), mmap_mode="r")[: len(outputs)]
    inputs, out = folder / "held-inputs.npy", folder / "held.npy"
    # What the card says, not what is fed to a file that normalises its input itself.
    np.save(inputs, network_input(np.asarray(shown), card.preprocessing, "NCHW"))
    network = get_network(card.network, input_size=card.preprocessing.crop)
    plain: float | None = None
    with WorkerProcess("reference", log=folder / "reference.log") as worker:
        for made in (alone(network)[:1], alone(network)[1:], together(network)):
            worker.ask(
                "variants",
                network=card.network,
                input_size=card.preprocessing.crop,
                weights=str(patient.weights),
                inputs=str(inputs),
                out=str(out),
                made=made,
            )
            held = [agreement_db(outputs, truth, patient.kind) for truth in np.load(out)]
            best = int(np.argmax(held))
            plain = held[0] if plain is None else plain
            if held[best] >= SAME_DB:
                return [_as_change(place) for place in made[best]], held[best]
    assert plain is not None
    return [UNKNOWN], plain


def _as_change(place: int) -> Change:
    one = MISTAKES[place]
    return Change(one.factor, one.found, one.mend)
