"""The command as a person starts it: a process of its own, from elsewhere, on images whose answers are known.

Half of the images lie in the class that float64 gives them, a quarter in float64's third, a quarter in its last: so a
run has half right at top-1 and three quarters at top-5, whatever runtime it is.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from alexbench.backends.reference import ReferenceBackend
from alexbench.datasets.classes import class_list
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.contract import Model, Options
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import write_weights
from tests.support.in_process import Ended, alexbench
from tests.support.made_once import made_once

SEED: Final = 20121204
SIZES: Final = ((500, 375), (375, 500), (320, 256), (256, 256), (300, 700))
PICTURES: Final = 16
COPIES: Final = 6
MANY: Final = COPIES * PICTURES
LIMIT_S: Final = 480
FEW_PARITY_IMAGES: Final = "from alexbench.harness.running import accuracy; accuracy.PARITY_IMAGES = 8"
"""Float64 takes longest on the copies; eight of them say as much."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the runs of a session are given. ``ranking``: image's path in ``pictures`` -> float64's best 1000."""

    pictures: Path
    weights: Path
    cache: Path
    labels: dict[str, int]
    ranking: dict[str, list[int]]
    top1: int
    top5: int


@dataclass(slots=True)
class Started:
    """A command that still runs: ``lines`` are those of its standard error so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def until(self, start: str) -> None:
        """Read standard error until a line starts so."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith(start):
                return
        raise AssertionError(f"no line starts with {start!r}: {''.join(self.lines)}")

    def end(self) -> Ended:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=LIMIT_S)
        return Ended(self.process.returncode, out, "".join(self.lines) + err)

    def descendants(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.process.pid).children(recursive=True)


@dataclass(frozen=True, slots=True)
class Command:
    """The command, from ``folder`` and with a cache of the session's own."""

    folder: Path
    cache: Path
    before: str | None = None
    """Python that is run in the command's own process before it begins, for what cannot be had otherwise."""

    def __call__(self, *arguments: str | Path, cache: Path | None = None) -> Ended:
        """Run to the end; in this process, which has imported everything, unless ``before`` needs one of its own."""
        if self.before is not None:
            return self.apart(*arguments, cache=cache)
        return alexbench(*arguments, folder=self.folder, cache=cache or self.cache)

    def apart(self, *arguments: str | Path, cache: Path | None = None) -> Ended:
        """The console script in a process of its own, to the end."""
        with self.started(*arguments, cache=cache) as started:
            return started.end()

    @contextmanager
    def started(self, *arguments: str | Path, cache: Path | None = None) -> Iterator[Started]:
        """Run in a process group of its own; nothing of it is left afterwards."""
        script = shutil.which("alexbench", path=sysconfig.get_path("scripts"))
        assert script is not None, "the console script is not installed"
        started = [script]
        if self.before is not None:
            started = [sys.executable, "-P", "-c", f"{self.before}\nfrom alexbench.harness.cli import main\nmain()"]
        process = subprocess.Popen(
            [*started, *map(str, arguments)],
            cwd=self.folder,
            env={**_environment(), "ALEXBENCH_CACHE": str(cache or self.cache)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield Started(process)
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    """Ours, without what would have the command write into the summary of the CI job that runs these tests."""
    return {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            one.kill()
        process.wait()
    pipes: Sequence[IO[str] | None] = (process.stdout, process.stderr)
    for pipe in pipes:
        if pipe is not None:
            pipe.close()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    made = made_once(tmp_path_factory, "ground", _make_ground)
    ranking: dict[str, list[int]] = json.loads((made / "ranking.json").read_text(encoding="utf-8"))
    wnids = [one.wnid for one in class_list()]
    labels = {path: wnids.index(Path(path).parent.name) for path in ranking}
    (weights,) = (made / "given").glob("*.safetensors")
    cache = tmp_path_factory.mktemp("cache")
    return Ground(made / "pictures", weights, cache, labels, ranking, top1=PICTURES // 2, top5=3 * PICTURES // 4)


def _make_ground(folder: Path) -> None:
    """The weights in ``given``, the images in class folders of ``pictures``, and ``ranking.json``."""
    card = load_card("torchvision")
    arrays = seeded_weights(card.build_network().parameter_shapes, SEED)
    write_weights(arrays, folder / "given")
    by_path: dict[str, list[int]] = {}
    wnids = [one.wnid for one in class_list()]
    for number, (drawn, order) in enumerate(sorted(_draw_and_rank(folder / "drawn", card, arrays).items())):
        path = f"{wnids[order[(0, 0, 2, 999)[number % 4]]]}/{drawn}"
        (folder / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "drawn" / drawn).rename(folder / "pictures" / path)
        by_path[path] = order
    (folder / "ranking.json").write_text(json.dumps(by_path), encoding="utf-8")


def _draw_and_rank(folder: Path, card: Card, arrays: dict[str, NDArray[np.float32]]) -> dict[str, list[int]]:
    """JPEG files of coarse coloured blocks under noise, and float64's order of classes for each."""
    folder.mkdir()
    random = np.random.Generator(np.random.PCG64(SEED))
    for number in range(PICTURES):
        width, height = SIZES[number % len(SIZES)]
        blocks = random.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        large = np.asarray(Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST), dtype=np.int16)
        noisy = np.clip(large + random.integers(-40, 40, large.shape), 0, 255).astype(np.uint8)
        image = Image.fromarray(noisy)
        if number % 7 == 0:
            image = image.convert("L")
        image.save(folder / f"{number:03}.JPEG", quality=90)
    files = sorted(folder.iterdir())
    pixels = np.stack([prepare_picture(file, card.preprocessing) for file in files])
    reference = ReferenceBackend()
    reference.load(Model(card.build_network(), arrays), Options(threads=1))
    ranking: dict[str, list[int]] = {}
    for first in range(0, len(files), 8):
        logits = reference.predict(network_input(pixels[first : first + 8], card.preprocessing, reference.input_layout))
        for file, row in zip(files[first : first + 8], logits, strict=True):
            ranking[file.name] = [int(one) for one in np.argsort(-row, kind="stable")]
    reference.close()
    return ranking


@pytest.fixture(scope="session")
def command(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Command:
    return Command(tmp_path_factory.mktemp("elsewhere"), ground.cache)


@pytest.fixture(scope="session")
def answered(command: Command, ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two runtimes, accuracy only, to be read and copied."""

    def make(folder: Path) -> None:
        rows = ("--backend", "torch", "--backend", "openvino", "--only", "accuracy")
        ended = command("run", "--data", ground.pictures, "--weights", ground.weights, *rows, "--out", folder)
        assert ended.code == 0, ended.err

    return only_run(made_once(tmp_path_factory, "answered", make))


@pytest.fixture(scope="module")
def few_parity_images() -> Iterator[None]:
    """For commands in this process what FEW_PARITY_IMAGES is for those in their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alexbench.harness.running.accuracy.PARITY_IMAGES", 8)
        yield


@pytest.fixture(scope="session")
def many(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images COPIES times over, in class-index folders: long enough to be disturbed."""
    folder = tmp_path_factory.mktemp("many")
    for path, label in ground.labels.items():
        inside = folder / str(label)
        inside.mkdir(exist_ok=True)
        for copy in range(COPIES):
            shutil.copyfile(ground.pictures / path, inside / f"{copy}-{Path(path).name}")
    return folder


def unless(given: Sequence[str | Path], more: Sequence[str | Path]) -> list[str | Path]:
    """Flags and their values, in pairs, but those that ``more`` gives: a flag of one value is given once."""
    pairs = zip(given[::2], given[1::2], strict=True)
    return [part for pair in pairs if pair[0] not in more for part in pair]


def only_run(out: Path) -> Path:
    """The one run's folder in ``out``."""
    folders = list(out.iterdir())
    assert len(folders) == 1, folders
    return folders[0]


def record_of(folder: Path) -> dict[str, Any]:
    """``run.json`` as plain data."""
    data: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return data
