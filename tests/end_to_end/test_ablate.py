"""``alexbench ablate`` as a person starts it, on images of which half have the class that float64 gives them."""

import csv
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.end_to_end.conftest import PICTURES, Command, Ground

IMAGES = 2 * PICTURES
FILES = ["ablation.csv", "ablation.md", "ablation.png", "ablation.svg"]


@pytest.fixture(scope="module")
def twice(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Each image twice: ablate takes 32 or more."""
    folder = tmp_path_factory.mktemp("twice")
    for path in ground.labels:
        (folder / path).parent.mkdir(exist_ok=True)
        for name in (path, f"{path}.again.JPEG"):
            shutil.copyfile(ground.pictures / path, folder / name)
    return replace(ground, pictures=folder)


def asked(ground: Ground, *more: str | Path) -> tuple[str | Path, ...]:
    return ("ablate", "--data", ground.pictures, "--weights", ground.weights, "--backend", "openvino", *more)


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if path.name.startswith("ablate-")]


def test_it_says_what_each_choice_costs_writes_four_files_and_the_same_ones_again(
    command: Command, twice: Ground, tmp_path: Path
) -> None:
    flags = ("--vary", "crop", "--vary", "channels")
    ended = command(*asked(twice, *flags, "--out", tmp_path / "first"))
    assert ended.code == 0, ended.err
    assert "8 combinations (4 of crop, 2 of channels" in ended.err
    assert "x 32 images: 256 inferences, about" in ended.err
    assert "Each choice alone, compared with the card's own" in ended.out
    assert "50.0" in ended.out
    assert "SYNTHETIC" not in ended.out
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert sorted(first) == FILES
    rows = list(csv.DictReader(first["ablation.csv"].decode().splitlines()))
    assert len(rows) == 8
    own = next(row for row in rows if row["own"] == "yes")
    assert (own["top1"], own["points"], own["images"]) == ("50", "0", str(IMAGES))
    # These weights were never trained, so no choice need cost points; but answers are others under each.
    assert len({row["evidence_nats"] for row in rows}) == 8
    assert own["evidence_nats"] == "0"
    assert any(int(row["lost"]) for row in rows)
    with Image.open(tmp_path / "first" / "ablation.png") as picture:
        assert picture.format == "PNG"

    again = command(*asked(twice, *flags, "--out", tmp_path / "again", "--json"))
    assert again.code == 0, again.err
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == first
    answer = json.loads(again.out)
    assert answer["images"] == IMAGES
    assert len(answer["cells"]) == 8
    assert not answer["synthetic"]
    assert leftovers(twice.cache) == []


def test_wrong_flags_are_one_line_that_names_the_fix(command: Command, twice: Ground, tmp_path: Path) -> None:
    for flags, code, said in (
        (("--vary", "colour"), 2, "unknown axis (--vary) 'colour'; known: antialias, channels"),
        (("--limit", "31"), 3, "--limit 31: 31 images are too few to show what a choice costs; give at least 32"),
        (("--backend", "torch"), 2, "openvino and torch are named"),
        (("--out", twice.weights), 2, "is a file, not a folder"),
    ):
        ended = command(*asked(twice, *flags))
        assert (ended.code, ended.out) == (code, ""), ended.err
        assert said in ended.last_line
        assert "Traceback" not in ended.err


def test_a_data_set_of_too_few_images_is_inconclusive(command: Command, ground: Ground, tmp_path: Path) -> None:
    for number, (path, label) in enumerate(sorted(ground.labels.items())):
        if number < 5:
            (tmp_path / str(label)).mkdir(exist_ok=True)
            (tmp_path / str(label) / Path(path).name).write_bytes((ground.pictures / path).read_bytes())
    ended = command("ablate", "--data", tmp_path, "--weights", ground.weights, "--backend", "openvino")
    assert ended.code == 3
    assert "5 images are too few" in ended.last_line


def test_an_interrupt_leaves_nothing_behind(command: Command, twice: Ground, tmp_path: Path) -> None:
    with command.started(*asked(twice, "--out", tmp_path / "out")) as started:
        started.until("openvino: 32 images under 112 combinations")
        started.process.send_signal(signal.SIGINT)
        ended = started.end()
    assert ended.code == 130
    assert ended.last_line == "alexbench: interrupted"
    assert leftovers(twice.cache) == []
    assert list((tmp_path / "out").iterdir()) == []
