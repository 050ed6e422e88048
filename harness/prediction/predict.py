"""Top-5 of images, on any card and runtime: ``alexbench predict``, and ``load_model`` for Python.

The runtime works in a process of its own, so that asking TensorFlow leaves nothing of TensorFlow behind.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import availability, backend_class, backend_names
from alexbench.datasets.classes import BACKGROUND_NAME, CLASS_COUNT, class_list, class_name
from alexbench.datasets.layouts.model_classes import ModelClasses, read_model_classes
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display, PlainDisplay
from alexbench.harness.contract import Precision
from alexbench.harness.errors import BackendUnavailableError, DataError, UsageError, unknown_name
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.input_files import IMAGE_BYTES_AT_MOST, read_stream
from alexbench.harness.inputs import gathering as run_inputs
from alexbench.harness.inputs.chosen_weights import choose_weights
from alexbench.harness.inputs.early_checks import check_early
from alexbench.harness.inputs.model_files import (
    Outputs,
    artifact_of,
    check_named_files,
    label_offset,
    look_into,
    outputs_of,
)
from alexbench.harness.inputs.model_formats import refuse_other_formats
from alexbench.harness.judge.top_k import log_softmax, top_k
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import DEFAULT_CARD, Card, load_card
from alexbench.harness.models.network import Layout
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.running.starting import check_has_file, check_holds, options_of
from alexbench.harness.systems import ModelFile, System, labels
from alexbench.harness.trust import confined_to, convention_of, require_trust
from alexbench.harness.worker.client import WorkerProcess, telling
from alexbench.harness.worker.protocol.loading import Load, LoadArtifact, OpenPixels
from alexbench.harness.worker.protocol.scoring import WriteLogits

TOP: Final = 5
BATCH: Final = 32
SYNTHETIC_WARNING: Final = (
    "SYNTHETIC weights: they know drawn images only, and these answers mean nothing for real ones"
)

Picture = str | os.PathLike[str] | bytes
"""An image's file, or the bytes of one: JPEG, PNG, BMP or WebP, gray or colour, with or without transparency."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One of the best classes of an image.

    ``index``: ImageNet's 0..999 with its ``wnid``, or a place in the user's list; -1 for background. ``probability``
    0..1.
    """

    index: int
    wnid: str
    label: str
    probability: float


class LoadedModel:
    """A model on one runtime, in a process of its own. A context manager; ``close`` ends the process.

    ``synthetic``: the weights are synthetic, and the answers mean nothing for real images.
    """

    def __init__(
        self,
        card: Card,
        system: System,
        *,
        weights: str | None,
        weights_layout: Layout | None,
        weights_key: str | None,
        display: Display,
        classes: ModelClasses | None = None,
    ) -> None:
        backend, artifact, options = system.backend, system.artifact, options_of(system)
        self.card, self.backend = card, backend
        self.synthetic = artifact is None and weights is None
        self._fed, self._scores, self._batch = card.preprocessing, "logits", BATCH
        self._outputs, self._classes = card.labels, classes
        self._on_exit = ExitStack()
        with ExitStack() as on_error:
            folder = Path(on_error.enter_context(tempfile.TemporaryDirectory(prefix="alexbench-")))
            log = folder / f"{backend}.log"
            cache = run_inputs.writable(cache_folder())
            load: Load | LoadArtifact
            if artifact is None:
                chosen = choose_weights(
                    card,
                    weights,
                    cache,
                    log=cache / "inputs.log",
                    display=display,
                    data_format=weights_layout,
                    key=weights_key,
                )
                self.synthetic = chosen.synthetic
                load = Load(backend, card.network, card.preprocessing.crop, chosen.path, options)
            else:
                any_number = Outputs(card.labels, any_number=True)
                asked = artifact_of(artifact, card, any_number if classes is None else outputs_of(card, classes))
                seen = look_into(backend, asked, options, card, log)
                check_holds(system, artifact.path, seen.facts)
                self._outputs = seen.facts.outputs
                asked = replace(asked, outputs=self._outputs)
                self._fed, self._scores = seen.preprocessing, seen.facts.scores
                self.synthetic = is_synthetic(Path(artifact.path))
                if seen.facts.batch_dependence is not None:
                    self._batch = 1  # otherwise an image's answer would depend on the rest of its batch
                load = LoadArtifact(backend, asked, seen.facts, options)
            self._worker = on_error.enter_context(
                WorkerProcess(backend, log=log, writable=confined_to(artifact, folder))
            )
            self.effective: dict[str, Any] = asdict(self._worker.ask(load).effective)
            self._folder = folder
            self._on_exit = on_error.pop_all()

    def predict(self, pictures: Picture | Sequence[Picture], *, top: int = TOP) -> list[list[Guess]]:
        """The ``top`` best classes of each image, best first.

        Raises:
            DataError: an image cannot be decoded; the message names it.
        """
        several: list[Any] = [pictures] if isinstance(pictures, str | os.PathLike | bytes) else list(pictures)
        for one in several:
            if not isinstance(one, str | os.PathLike | bytes):
                raise UsageError(
                    f"{type(one).__name__} is not an image: give a file's path or its bytes (pixels: predict_prepared)"
                )
        if not several:
            return []
        return self.predict_prepared(prepared(several, self.card), top=top)

    def predict_prepared(self, pixels: NDArray[np.uint8], *, top: int = TOP) -> list[list[Guess]]:
        """The same for prepared pixels (N, crop, crop, 3) uint8 RGB."""
        side = self.card.preprocessing.crop
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (side, side, 3) or not len(pixels):
            raise UsageError(f"pixels {pixels.dtype} {pixels.shape}: wanted uint8 (N, {side}, {side}, 3), N at least 1")
        if not 1 <= top <= max(self._outputs, TOP):
            raise UsageError(f"top = {top}: give 1 to {self._outputs}")
        if not self._folder.exists():
            raise UsageError("the model was closed; load it again")
        source, out = self._folder / "pixels.npy", self._folder / "logits.npy"
        np.save(source, pixels)
        self._worker.ask(OpenPixels(source, self._fed))
        self._worker.ask(WriteLogits(tuple(range(len(pixels))), self._batch, out))
        scores = np.load(out).astype(np.float64)
        chances = scores if self._scores == "probabilities" else np.exp(log_softmax(scores))
        outputs, _ = top_k(scores, top)
        return [
            [self._guess(int(output), float(row[output])) for output in best]
            for best, row in zip(outputs, chances, strict=True)
        ]

    def close(self) -> None:
        """End the process."""
        self._on_exit.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _guess(self, output: int, probability: float) -> Guess:
        classes = self._classes
        own = classes is not None and not classes.are_imagenets
        count = len(classes.names) if classes is not None else CLASS_COUNT
        index = output - label_offset(self._outputs, count, classes)
        if classes is None and self._outputs not in (CLASS_COUNT, CLASS_COUNT + 1):
            return Guess(output, "", f"output {output}", probability)  # nobody says what it means
        if not 0 <= index < count:
            return Guess(-1, "", BACKGROUND_NAME, probability)
        if own and classes is not None:
            return Guess(index, "", classes.names[index], probability)
        return Guess(index, class_list()[index].wnid, class_name(index), probability)


def load_model(
    card: str = DEFAULT_CARD,
    *,
    backend: str,
    weights: str | None = None,
    weights_layout: Layout | None = None,
    weights_key: str | None = None,
    artifact: str | None = None,
    trusted: bool = False,
    artifact_input: str | None = None,
    output_name: str | None = None,
    labels: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
    display: Display | None = None,
) -> LoadedModel:
    """A card's model on a runtime: ``load_model("torchvision", backend="openvino", weights="alexnet.pth")``.

    ``card``: a name (``alexbench models``) or a .toml file. ``weights``: a file, or ``published`` for the fetched one;
    without any, synthetic ones. ``weights_key``: which model of a file that holds several. ``artifact``: a file of the
    runtime's own format to run instead; ``trusted``: it may run as a program (docs/reference/security.md);
    ``artifact_input``: what its input takes, as ``--artifact-input`` says it, where its graph does not show that;
    ``output_name``: which of its outputs has the scores; ``labels``: the file that names its own classes.
    ``threads``: default, the cores this process may use. Close it, or use it as a context manager.

    Raises:
        AlexBenchError: an error that the user can fix; the message has the fix.
    """
    if artifact is not None and weights is not None:
        raise UsageError("artifact and weights: a file in the runtime's own format includes weights; give one of them")
    if weights_layout is not None and weights is None:
        raise UsageError("weights_layout says how weights are read; give weights too")
    if weights_key is not None and weights is None:
        raise UsageError("weights_key says which model of weights is read; give weights too")
    if artifact_input is not None and artifact is None:
        raise UsageError("artifact_input says what an artifact takes; give artifact too")
    if (output_name is not None or labels is not None) and artifact is None:
        raise UsageError("output_name and labels are about an artifact's outputs; give artifact too")
    stated = None if artifact_input is None else convention_of(artifact_input)
    file = None if artifact is None else ModelFile(str(artifact), "", stated, output_name, trusted)
    return open_model(
        card,
        System(backend, threads or usable_cores(), precision, device=device, artifact=file),
        weights=weights,
        weights_layout=weights_layout,
        weights_key=weights_key,
        display=display or PlainDisplay(),
        classes=_classes_in(labels),
    )


def open_model(
    card: str,
    system: System,
    *,
    weights: str | None,
    weights_layout: Layout | None,
    weights_key: str | None,
    display: Display,
    classes: ModelClasses | None = None,
) -> LoadedModel:
    """The same as :func:`load_model`, of a system."""
    if system.backend not in backend_names():
        raise unknown_name("backend", system.backend, backend_names())
    check_has_file(system)
    problem, file = availability(system.backend).problem, system.artifact
    if problem is not None:
        raise BackendUnavailableError(problem)
    if file is not None:
        check_named_files(file)
        refuse_other_formats(system.backend, Path(file.path))
        require_trust(backend_class(system.backend), Path(file.path), trusted=file.trusted)
    return LoadedModel(
        load_card(str(card)),
        system,
        weights=weights,
        weights_layout=weights_layout,
        weights_key=weights_key,
        display=display,
        classes=classes,
    )


def _classes_in(labels: str | None) -> ModelClasses | None:
    """What a file names for ``--labels``.

    Raises:
        UsageError: it holds labels of images.
        DataError: it cannot be read or understood.
    """
    found = None if labels is None else read_model_classes(Path(labels))
    if labels is not None and found is None:
        raise UsageError(
            f"--labels {labels}: labels of images; predict takes the names of the model's classes, one a line, in the"
            " order of its outputs"
        )
    return found


def prepared(pictures: Sequence[Picture], card: Card) -> NDArray[np.uint8]:
    """Images as the card prepares them, (N, crop, crop, 3) uint8 RGB.

    Raises:
        DataError: one that cannot be decoded.
    """
    return np.stack([prepare_picture(one, card.preprocessing) for one in pictures])


def read_images(names: Sequence[str]) -> dict[str, Picture]:
    """The command's arguments as images; ``-`` is standard input.

    Raises:
        UsageError: an argument twice, or a terminal as standard input.
    """
    if len(set(names)) < len(names):
        raise UsageError(f"{next(one for one in names if names.count(one) > 1)} is named twice")
    pictures: dict[str, Picture] = {}
    for name in names:
        if name == "-" and sys.stdin.isatty():
            raise UsageError("- reads an image from standard input: alexbench predict - < cat.jpg")
        pictures[name] = _from_stdin() if name == "-" else name
    return pictures


def _from_stdin() -> bytes:
    return read_stream(sys.stdin.buffer, "standard input", DataError, most=IMAGE_BYTES_AT_MOST)


def predict(
    names: Sequence[str],
    *,
    config: RunConfig,
    display: Display,
    own_classes: str | None = None,
) -> dict[str, dict[str, list[Guess]]]:
    """Image -> label of a system -> its best classes, from one after the other on the same prepared pixels.

    ``own_classes``: the file that names the classes of the files' outputs.

    Raises:
        AlexBenchError: an error that the user can fix; the message has the fix.
    """
    classes = _classes_in(own_classes)
    check_early(config)
    chosen = config.named or tuple(one for one in config.systems if _is_installed(one.backend))
    if not chosen:
        raise BackendUnavailableError("no runtime is installed: pip install 'alexbench[all]', or one of its extras")
    if config.weights is not None and all(one.artifact is not None for one in chosen):
        raise UsageError("--weights: every runtime named runs a file of its own (--artifact); leave one of them out")
    if classes is not None and any(one.artifact is None for one in chosen):
        raise UsageError(
            f"--labels {classes.path} names the classes of a file of your own; name it with --artifact BACKEND=FILE,"
            " and no other --backend"
        )
    pictures = read_images(names)
    pixels = prepared(list(pictures.values()), load_card(config.model))
    answers: dict[str, dict[str, list[Guess]]] = {name: {} for name in pictures}
    warned: set[ModelFile | None] = set()
    for label, system in zip(labels(chosen), chosen, strict=True):
        file = system.artifact
        chosen_weights = (config.weights, config.weights_layout, config.weights_key) if file is None else (None,) * 3
        weights, layout, key = chosen_weights
        with (
            telling(display.say),
            open_model(
                config.model,
                system,
                weights=weights,
                weights_layout=layout,
                weights_key=key,
                display=display,
                classes=classes,
            ) as model,
        ):
            if model.synthetic and file not in warned:
                display.say(
                    f"{SYNTHETIC_WARNING}: --weights FILE" if file is None else f"{file.path}: {SYNTHETIC_WARNING}"
                )
                warned.add(file)
            for name, guesses in zip(pictures, model.predict_prepared(pixels), strict=True):
                answers[name][label] = guesses
    return answers


def _is_installed(name: str) -> bool:
    return availability(name).available
