"""``alexbench doctor``: examine the function, search for the reading that answers best, and say what that means."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.dataset import VALIDATION_COUNT, Sample
from alexbench.datasets.fingerprint import of_validation_set
from alexbench.harness.comparison.rows_of_runs import RowOfRun, open_run, row_of, split
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.diagnosis.diagnosis import is_leaning, is_proven, verdict
from alexbench.harness.diagnosis.examination import Examination, examine, worthless
from alexbench.harness.diagnosis.levels import known_contracts, same_arithmetic
from alexbench.harness.diagnosis.quantized import CALIBRATION, examine_quantized
from alexbench.harness.diagnosis.quantized import IMAGES as QUANTIZED_IMAGES
from alexbench.harness.diagnosis.search import Search
from alexbench.harness.errors import DataError, TooFewImagesError, UnsupportedOptionError, UsageError, WorkerError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.scratch import scratch
from alexbench.harness.inputs.chosen_weights import choose_weights
from alexbench.harness.inputs.early_checks import check_early
from alexbench.harness.inputs.gathering import pictures_of, writable
from alexbench.harness.inputs.images import Pictures, prepare_pictures
from alexbench.harness.inputs.interpreters import check_interpreter
from alexbench.harness.inputs.matching import check_belonging, refuse_own_classes
from alexbench.harness.judge.evidence import KINDS, paired_difference
from alexbench.harness.judge.paired_tests import more_right, paired_test
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.probing.chosen_system import another_runtime, system_of
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.probing.reading import Reading, changes, without
from alexbench.harness.probing.trials import LEAST_IMAGES, Trials
from alexbench.harness.quantization.calibration import calibration_pictures
from alexbench.harness.records.diagnosis_records import Alternative, Change, Diagnosis, Expected, Finding
from alexbench.harness.records.quantization_records import QuantizedFile
from alexbench.reports.text.quantization_words import quantization_changes

FAILED: Final = "make this model run first: alexbench run reports the same error"
NEEDS_CALIBRATION: Final = (
    "whether the calibration images were read as the card says, where that costs little: only with those images"
    " (--calibration)"
)
NEEDS_WEIGHTS_FOR_SCALES: Final = (
    "whether a weight scale per channel would keep more accuracy: only with the weights that the file was made from"
    " (--weights)"
)
NEEDS_WEIGHTS: Final = (
    "the order of fc6's columns, groups, LRN and pooling: only with the weights that the file was made from (--weights)"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    ``expected``: what top-1 should be, percent. ``reference``: a run's row (RUN:ROW) that it should be as good as.
    ``calibration``: the images that an int8 file was calibrated with.
    """

    config: RunConfig
    expected: float | None = None
    reference: str | None = None
    calibration: str | None = None


def _check(question: Question) -> None:
    if question.expected is not None and not 0 <= question.expected <= 100:
        raise UsageError(f"--expected {question.expected:g}: wanted top-1 in percent, 0 to 100")
    if question.expected is not None and 0 < question.expected < 1:
        raise UsageError(f"--expected {question.expected:g}: wanted percent; {100 * question.expected:g}?")
    if question.expected is not None and question.reference is not None:
        raise UsageError("--expected and --reference both say what should be reached; give one of them")


def diagnose(question: Question, display: Display) -> Diagnosis:
    """Examine one model on one runtime.

    Raises:
        AlexBenchError: something that the message says how to fix.
    """
    config = question.config
    _check(question)
    reference = None if question.reference is None else _reference(question.reference)
    started = time.monotonic()
    check_early(config)
    system = system_of(config)
    card, cache = load_card(config.model), writable(cache_folder())
    backend, artifact, python = system.backend, system.artifact, config.interpreter_of(system)
    log = cache / "inputs.log"
    check_interpreter(system, python, log)
    weights = None
    if artifact is None or config.weights is not None:
        weights = choose_weights(
            card,
            config.weights,
            cache,
            log=log,
            display=display,
            data_format=config.weights_layout,
            key=config.weights_key,
        )
    pictures = pictures_of(config, cache, log, display)
    refuse_own_classes(config, pictures.dataset, "doctor")
    marked = [artifact.path] if artifact is not None and is_synthetic(Path(artifact.path)) else []
    drawn = check_belonging(config, weights, marked, pictures.whole)
    if len(pictures.dataset) < LEAST_IMAGES:
        count = len(pictures.dataset)
        raise TooFewImagesError(f"images: {count} cannot tell one reading from another; give {LEAST_IMAGES} or more")
    if reference is not None:
        _right(reference, pictures.dataset.samples)  # refused before minutes are spent
    with ExitStack() as on_exit:
        folder = on_exit.enter_context(scratch(cache, "doctor"))
        path = None if weights is None else weights.path
        under_test = on_exit.enter_context(ModelUnderTest(card, system, weights=path, python=python, folder=folder))
        trials = Trials(pictures.dataset, under_test, folder)
        about = _About(
            model=card.name,
            backend=backend,
            data=pictures.dataset.describe(),
            images=len(trials),
            synthetic=drawn or bool(marked) or (weights is not None and weights.synthetic),
            not_examined=(NEEDS_WEIGHTS,) if path is None else (),
            started=started,
        )
        try:
            about = about.with_ranges(*_quantized(question.calibration, under_test, trials, folder, cache, display))
            wrong = about.wrong
            with display.step(f"{backend}: its outputs, without labels"):
                found = examine(under_test, trials, folder, wrong)
                hits = None if trials.symptom else trials.hits(trials.given, len(trials))
        except WorkerError as error:  # in a run, a row in error
            return about.unscored(Change("failure", str(error), FAILED), trials)
        if trials.symptom is not None or hits is None:
            return about.unscored(worthless(trials.symptom or ""), trials, wrong)
        for finding in found.findings:
            display.say(f"  {finding.found}")
        healthy = _function_as_meant(config, under_test, found)
        seen = trials
        if healthy is not None:
            # Faults of the images are searched with the function that the weights are meant for.
            display.say(f"  from here on: {healthy}, built from the weights")
            native = replace(system, backend=healthy, artifact=None)
            under_test = on_exit.enter_context(ModelUnderTest(card, native, weights=path, python=None, folder=folder))
            trials = Trials(pictures.dataset, under_test, folder)
        search = Search(trials, under_test, lambda line: display.say(f"  {line}"), under_test.given)
        # By wrong ranges, images that are read wrongly may look better.
        confirmed, leanings = _confirmed(search, display) if healthy is not None or not wrong else ([], [])
        accuracy = paired_test("top1", hits, trials.hits(search.at, len(trials)), population=_population(pictures))
        findings = (*(Finding(change, None) for change in found.findings), *confirmed)
        expected = _expected(question, card, pictures, reference, seen, hits)
        return about.diagnosis(
            trials.inferences + (seen.inferences if seen is not trials else 0),
            verdict=verdict(expected, findings, accuracy),
            findings=findings,
            leanings=tuple(leanings),
            accuracy=accuracy,
            expected=expected,
            alternatives=tuple(_alternatives(search)),
            held_db=found.held_db,
            parity=found.parity,
            card=_card_of(search.at) if confirmed else None,
        )


@dataclass(frozen=True, slots=True)
class _About:
    """What every answer to a question has. ``started``: by time.monotonic, s."""

    model: str
    backend: str
    data: str
    images: int
    synthetic: bool
    not_examined: tuple[str, ...]
    started: float
    quantized: QuantizedFile | None = None

    def with_ranges(self, quantized: QuantizedFile | None, unread: tuple[str, ...]) -> "_About":
        """With what an int8 file's ranges say, and what could not be looked into."""
        return replace(self, quantized=quantized, not_examined=(*self.not_examined, *unread))

    @property
    def wrong(self) -> tuple[Change, ...]:
        """What is wrong with an int8 file."""
        return () if self.quantized is None else tuple(quantization_changes(self.quantized))

    def diagnosis(self, inferences: int, **answer: Any) -> Diagnosis:
        """The answer as a whole."""
        said = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "started"}
        return Diagnosis(**said, **answer, inferences=inferences, seconds=time.monotonic() - self.started)

    def unscored(self, change: Change, trials: Trials, known: Sequence[Change] = ()) -> Diagnosis:
        """The answer to a model by which nothing can be scored. ``known``: what explains it."""
        findings = tuple(Finding(one, None) for one in known or (change,))
        nothing: dict[str, Any] = dict.fromkeys(("accuracy", "expected", "held_db", "parity", "card"))
        nothing |= {"leanings": (), "alternatives": ()}
        return self.diagnosis(trials.inferences, verdict=verdict(None, findings, None), findings=findings, **nothing)


def _confirmed(search: Search, display: Display) -> tuple[list[Finding], list[Finding]]:
    """Search, and :func:`confirm`."""
    with display.step(f"{search.under_test.backend}: {len(search.trials)} images, read in every known way"):
        search.run()
        return confirm(search, len(search.trials))


def _quantized(
    calibration: str | None, under_test: ModelUnderTest, trials: Trials, folder: Path, cache: Path, display: Display
) -> tuple[QuantizedFile | None, tuple[str, ...]]:
    """What an int8 file's ranges say, None for another file; and what could not be looked into."""
    if not under_test.is_static_int8:
        if calibration is not None:
            raise UsageError("--calibration needs an int8 file with fixed activation ranges (--artifact)")
        return None, ()
    fed, count = under_test.given.fed, min(QUANTIZED_IMAGES, len(trials))
    prepared = None if calibration is None else _calibration(calibration, fed, folder, cache, display)
    with display.step(f"{under_test.backend}: its activation ranges"):
        try:
            found = examine_quantized(under_test, trials.pixels(fed, count), count, folder, prepared)
        except UnsupportedOptionError as error:
            return None, (f"calibration, kernels and weights' scales of the int8 file: {error}",)
    unknown = [NEEDS_CALIBRATION] if found.fault is None and not found.confirmed else []
    unknown += [NEEDS_WEIGHTS_FOR_SCALES] if found.one_scale and found.weights_db is None else []
    return found, tuple(unknown)


def _calibration(path: str, fed: Preprocessing, folder: Path, cache: Path, display: Display) -> tuple[Path, int]:
    """The named images as an array in a file, and how many they are."""
    pictures = calibration_pictures(path, CALIBRATION, 1, display)
    prepared = prepare_pictures(pictures, fed, cache, display, on_bad_image="fail")
    out = folder / "calibration.npy"
    np.save(out, np.load(prepared.path, mmap_mode="r")[prepared.first : prepared.first + len(prepared)])
    return out, len(prepared)


def _function_as_meant(config: RunConfig, under_test: ModelUnderTest, found: Examination) -> str | None:
    """A runtime that computes what the weights are meant for, where the model does not; None to go on with it."""
    if not found.findings or under_test.weights is None:
        return None
    return another_runtime(config, under_test.system) if under_test.native else under_test.backend


def _population(pictures: Pictures) -> int | None:
    """The population of expected figures: the whole validation set if the images are from it, else unlimited."""
    return VALIDATION_COUNT if of_validation_set(pictures.whole) != "no" else None


def confirm(search: Search, images: int) -> tuple[list[Finding], list[Finding]]:
    """The changes that the images themselves decide, each undone alone; the others are undone for good.

    The second list has those that make labels likelier but are not shown to raise top-1.
    """
    given = search.under_test.given
    leanings: list[Finding] = []
    while True:
        made = list(changes(given, search.at))
        tried = len(search.tried) + len(made)  # the best of so many is better than some by chance
        found = [_found(search, given, change, images, tried) for change in made]
        unproven = [one for one in found if not is_proven(one)]
        if not unproven:
            return sorted(found, key=_mean, reverse=True), leanings
        weakest = min(unproven, key=_mean)
        if is_leaning(weakest):
            leanings.append(weakest)
        search.move(without(given, search.at, weakest.change))


def _mean(one: Finding) -> float:
    return 0.0 if one.worth is None else one.worth.mean


def _found(search: Search, given: Reading, change: Change, images: int, comparisons: int) -> Finding:
    """A change with its worth: all changes compared with all but this one."""
    back = without(given, search.at, change)
    top1 = paired_test("top1", search.trials.hits(back, images), search.trials.hits(search.at, images))
    worth = paired_difference(
        search.trials.evidence(search.at, images),
        search.trials.evidence(back, images),
        comparisons=KINDS * comparisons,
    )
    return Finding(change, worth, top1, comparisons)


def _alternatives(search: Search) -> Iterator[Alternative]:
    """Other readings tried from the end of the search, best first, without those that read every image alike."""
    count = len(search.tried)
    for reading, found in sorted(search.tried.items(), key=lambda item: -item[1].mean):
        if found.error > 0:
            wide = search.compare(reading, found.images, comparisons=KINDS * count)
            lost, gained = search.answers(reading, found.images)
            excluded = wide.below or more_right(gained, lost, comparisons=KINDS * count)
            yield Alternative(tuple(changes(search.at, reading)), wide, lost, gained, excluded)


def _card_of(reading: Reading) -> str | None:
    """The card that has this preprocessing."""
    for name, contract in known_contracts():
        geometry = replace(contract, channels="RGB", divide_by=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
        own = replace(reading.fed, channels="RGB", divide_by=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
        if geometry == own and same_arithmetic(contract, reading.fed):
            return name
    return None


def _reference(argument: str) -> RowOfRun:
    """The row that is as it should be: RUN:ROW, or the first of RUN."""
    folder, name = split(argument)
    run = open_run(folder)
    return row_of(run, name or run.rows[0])


def _expected(
    question: Question,
    card: Card,
    pictures: Pictures,
    reference: RowOfRun | None,
    trials: Trials,
    hits: NDArray[np.bool_],
) -> Expected | None:
    """What should be reached: a figure, a row's answers to the same images, or what is published for the card."""
    if question.expected is not None:
        return Expected(question.expected, "--expected", None)
    if reference is None:
        known = card.published if of_validation_set(pictures.whole) != "no" else ()
        return Expected(known[0].top1, f"published: {known[0].source}", None) if known else None
    theirs = _right(reference, trials.samples)
    return Expected(100 * float(theirs.mean()), reference.said, paired_test("top1", theirs, hits))


def _right(reference: RowOfRun, samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Whether the row's answer to each image is right.

    Raises:
        DataError: it has none for one of them.
    """
    right = dict(zip(reference.samples, (reference.top[:, 0] == reference.labels).tolist(), strict=True))
    missing = next((sample.name for sample in samples if sample.name not in right), None)
    if missing is not None:
        raise DataError(
            f"--reference {reference.said} did not answer for {missing}; take a run over these images"
            " (the same --data, --limit and --seed)"
        )
    return np.array([right[sample.name] for sample in samples])
