"""What an ablation varies, and what it makes of the answers: no runtime, answers are made up."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.ablation import ablate as ablation
from alexbench.harness.ablation import axes as ablation_axes
from alexbench.harness.ablation.ablate import ablate
from alexbench.harness.ablation.axes import grid_of
from alexbench.harness.ablation.result_files import folder_for, write_files
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import TooFewImagesError, UsageError, WorkerError
from alexbench.harness.judge.evidence import paired_difference
from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.probing.reading import Reading
from alexbench.harness.records.ablation_records import AXES, Axis, Choice
from alexbench.harness.resolving import resolve
from alexbench.reports.ablation.answer import answer
from alexbench.reports.ablation.map_cells import heat_map
from alexbench.reports.ablation.tables import ablation_json, csv_text, markdown, tables
from tests.support.ablations import IMAGES, ablation_of, answers_of, cost

CARD = load_card("torchvision").preprocessing


@pytest.mark.parametrize("name", card_names())
def test_every_cards_own_choice_is_its_preprocessing_to_the_last_field(name: str) -> None:
    given = load_card(name).preprocessing
    grid = grid_of(given, ())
    assert grid.fed(grid.own) == given
    real = grid.real()
    assert len(set(real.values())) == len(real), "two combinations are the same"
    assert {one.crop for one in real.values()} == {given.crop}
    assert all(one.resize == "tf-cnn" or one.resize_to >= one.crop for one in real.values())


def test_all_five_axes_of_torchvision_are_112_combinations_of_160() -> None:
    grid = grid_of(CARD, ())
    assert grid.varied == AXES
    assert (len(grid.real()), len(list(grid.all()))) == (112, 160)
    assert grid.own == Choice("libjpeg", "bilinear", "yes", "kept 256", "RGB")


def test_combinations_that_nobody_has_are_left_out() -> None:
    grid = grid_of(CARD, ("interpolation", "antialias"))
    real = {(choice.interpolation, choice.antialias): fed.interpolation for choice, fed in grid.real().items()}
    assert real == {
        ("nearest", "no"): "opencv-nearest",
        ("box", "yes"): "pillow-box",
        ("bilinear", "yes"): "pillow-bilinear",
        ("bilinear", "no"): "opencv-bilinear",
        ("bicubic", "yes"): "pillow-bicubic",
        ("bicubic", "no"): "opencv-bicubic",
        ("lanczos", "yes"): "pillow-lanczos",
    }


def test_axes_that_are_not_named_stay_as_the_card_has_them() -> None:
    fed = grid_of(CARD, ("decoder",)).real().values()
    assert [one.decode for one in fed] == ["libjpeg", "libjpeg-fast"]
    assert {replace(one, decode="libjpeg") for one in fed} == {CARD}


def test_another_channel_order_takes_the_mean_along_with_its_colour() -> None:
    grid = grid_of(CARD, ("channels",))
    swapped = grid.fed(grid.own.but("channels", "BGR"))
    assert swapped == replace(CARD, channels="BGR", mean=CARD.mean[::-1], std=CARD.std[::-1])


def test_the_cards_own_resizing_counts_as_its_library_defines_it() -> None:
    for name in ("scikit-image-bilinear", "tensorflow1-bilinear", "opencv-bilinear"):
        given = replace(CARD, interpolation=name)
        grid = grid_of(given, ())
        assert (grid.own.interpolation, grid.own.antialias) == ("bilinear", "no")
        assert grid.fed(grid.own) == given
        assert grid.fed(grid.own.but("crop", "kept 288")) == replace(given, resize_to=288)
    area = grid_of(replace(CARD, interpolation="opencv-area"), ())
    assert (area.own.interpolation, area.own.antialias) == ("box", "yes")
    hamming = grid_of(replace(CARD, interpolation="pillow-hamming"), ())
    assert "hamming" in hamming.levels["interpolation"]
    assert len(hamming.real()) == 128


@pytest.mark.parametrize(
    ("given", "crops"),
    [
        (CARD, ("kept 256", "squashed 256", "no crop 224", "kept 288")),
        (replace(CARD, resize="squash"), ("squashed 256", "kept 256", "no crop 224", "squashed 288")),
        (replace(CARD, resize="squash", resize_to=224), ("no crop 224", "kept 224", "squashed 288")),
        (replace(CARD, resize="tf-cnn", resize_to=224), ("kept x1.145", "squashed 256", "no crop 224", "kept 288")),
        (replace(CARD, resize_to=288), ("kept 288", "squashed 288", "no crop 224")),
    ],
)
def test_the_ways_to_the_input_size_are_the_cards_and_the_other_ones(
    given: Preprocessing, crops: tuple[str, ...]
) -> None:
    grid = grid_of(given, ("crop",))
    assert grid.levels["crop"] == crops
    assert grid.own.crop == crops[0]
    assert all(grid.words["crop", name] for name in crops)


def test_an_axis_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"unknown axis \(--vary\) 'colour'; known: antialias, channels, crop"):
        grid_of(CARD, ("crop", "colour"))
    with pytest.raises(UsageError, match="names an axis twice"):
        grid_of(CARD, ("crop", "crop"))


@pytest.mark.parametrize("limit", [1, 31])
def test_too_few_images_are_said_before_anything_is_made(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(TooFewImagesError, match=f"--limit {limit}: .* give at least 32") as refused:
        ablate(resolve({"threads": 1, "limit": limit}), (), PlainDisplay(io.StringIO()))
    assert refused.value.exit_code == 3
    assert not (tmp_path / "cache").exists()


class Numbered:
    """A data set of so many images, each of which is its number; and trials of it."""

    def __init__(self, numbers: range) -> None:
        self.numbers, self.name = numbers, "numbered"

    def __len__(self) -> int:
        return len(self.numbers)

    def shard(self, number: int, of: int, *, batch_size: int) -> "Numbered":
        assert of == -(-len(self) // batch_size)
        return Numbered(self.numbers[(number - 1) * batch_size : number * batch_size])

    def hits(self, reading: Reading, images: int) -> NDArray[np.bool_]:
        assert images == len(self)
        return np.array([one % 3 == 0 for one in self.numbers]) ^ (reading.fed.channels == "BGR")

    def evidence(self, reading: Reading, images: int) -> NDArray[np.float64]:
        return np.array(self.numbers, dtype=np.float64) * (2 if reading.fed.channels == "BGR" else 1)

    def pixels(self, fed: Preprocessing, images: int) -> Path:
        return Path("pixels.npy")


class Answering:
    """A model under test that answers ``outputs`` to all."""

    backend = "openvino"
    given = Reading(CARD)

    def __init__(self, outputs: NDArray[np.float32]) -> None:
        self._outputs, self.learnt = outputs, 0

    def outputs(self, reading: Reading, pixels: Path, images: Sequence[int]) -> NDArray[np.float32]:
        return self._outputs

    def learn_kind(self, outputs: NDArray[np.float32]) -> None:
        self.learnt += 1


@pytest.mark.parametrize("images", [64, 65, 150])
def test_images_are_answered_for_some_at_a_time_and_put_together_in_their_order(
    images: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "Trials", lambda part, under_test, scratch: part)
    under_test: Any = Answering(np.eye(4, dtype=np.float32))
    dataset: Any = Numbered(range(images))
    done: list[tuple[int, int]] = []
    said: list[str] = []
    grid = grid_of(CARD, ("channels",))
    found = ablation.collect(dataset, under_test, grid, tmp_path, lambda *counts: done.append(counts), said.append)
    rgb, bgr = found[grid.own], found[grid.own.but("channels", "BGR")]
    assert rgb.evidence.tolist() == list(range(images))
    assert bgr.evidence.tolist() == [2 * one for one in range(images)]
    assert (rgb.hits ^ bgr.hits).all()
    assert done[-1] == (2 * images, 2 * images)
    assert under_test.learnt == 1
    assert len(said) == (images > 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "word"), [(np.nan, "not finite"), (1.0, "same for every class")])
def test_outputs_that_say_nothing_are_refused_and_named(
    value: float, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "Trials", lambda part, under_test, scratch: part)
    under_test: Any = Answering(np.full((64, 4), value, dtype=np.float32))
    dataset: Any = Numbered(range(64))
    with pytest.raises(WorkerError, match=f"openvino: .*{word}.*alexbench doctor"):
        ablation.collect(dataset, under_test, grid_of(CARD, ("crop",)), tmp_path, lambda *_: None, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_level_alone_is_compared_with_the_own_one_image_by_image() -> None:
    grid = grid_of(CARD, ("crop", "channels"))
    right = cost(grid, {("channels", "BGR"): 80, ("crop", "no crop 224"): 6})
    found, answers = ablation_of(grid, right), answers_of(grid, right)
    alone = {(one.axis, one.level): one for one in found.effects}
    assert [one.own for one in found.effects] == [True, False, False, False, True, False]
    bgr = alone["channels", "BGR"].cell
    assert bgr is not None
    own, other = answers[grid.own], answers[bgr.choice]
    assert bgr.test == paired_test("top1", own.hits, other.hits)
    assert bgr.test.difference == -40.0
    assert bgr.evidence == paired_difference(other.evidence, own.evidence)
    crop = alone["crop", "no crop 224"].cell
    assert crop is not None
    assert (crop.test.difference, crop.test.lost, crop.test.gained) == (-3.0, 6, 0)
    assert found.inferences == IMAGES * 8


def test_an_interpolation_that_has_no_antialias_is_taken_without_and_reports_it() -> None:
    found = ablation_of(grid_of(CARD, ("interpolation", "antialias")), lambda _: 100)
    effects = {(one.axis, one.level): one for one in found.effects}
    nearest = effects["interpolation", "nearest"]
    assert nearest.along == "antialias no"
    assert nearest.cell is not None
    assert nearest.cell.choice.antialias == "no"
    assert effects["interpolation", "bicubic"].along == ""
    alone = ablation_of(grid_of(CARD, ("interpolation",)), lambda _: 100)
    assert next(one for one in alone.effects if one.level == "nearest").cell is None


def test_costs_that_add_up_are_no_interaction_and_one_that_does_not_is_named_first() -> None:
    grid = grid_of(CARD, ("decoder", "crop", "channels"))
    costs: dict[tuple[Axis, str], int] = {
        ("crop", "kept 288"): 20,
        ("channels", "BGR"): 30,
        ("decoder", "libjpeg-fast"): 2,
    }
    plain_sum = ablation_of(grid, cost(grid, costs))
    assert plain_sum.interactions == ()
    assert plain_sum.pairs == 7  # 1 x 3 + 1 x 1 + 3 x 1

    def right(choice: Choice) -> int:
        both = (choice.crop, choice.channels) == ("kept 288", "BGR")
        return cost(grid, costs)(choice) + (25 if both else 0)

    found = ablation_of(grid, right)
    assert [(one.first, one.second) for one in found.interactions] == [(("crop", "kept 288"), ("channels", "BGR"))]
    only = found.interactions[0]
    assert only.alone == (-10.0, -15.0)
    assert only.joint == -12.5
    assert only.extra.mean == 12.5
    assert only.extra.above


def test_costs_that_exceed_what_there_is_to_lose_are_counted_and_not_called_an_interaction() -> None:
    grid = grid_of(CARD, ("crop", "channels"))
    found = ablation_of(grid, lambda choice: 120 if choice == grid.own else 20)
    assert (found.pairs, found.exhausted) == (0, 3)
    assert found.interactions == ()
    assert "3 pairs of levels whose costs add up to more" in markdown(found, "x.svg")


def test_the_map_has_every_combination_in_its_place() -> None:
    grid = grid_of(CARD, ())
    found = ablation_of(grid, cost(grid, {("channels", "BGR"): 80, ("interpolation", "nearest"): 10}))
    drawn = heat_map(found)
    assert (len(drawn.rows), len(drawn.columns)) == (20, 8)
    assert drawn.row_heading == ("interpolation", "antialias", "decoder")
    values = {
        (row, column): value
        for row, line in zip(drawn.rows, drawn.values, strict=True)
        for column, value in zip(drawn.columns, line, strict=True)
    }
    assert values[("nearest", "no", "libjpeg"), ("BGR", "kept 288")] == -45.0
    assert values[("nearest", "yes", "libjpeg"), ("BGR", "kept 288")] is None
    assert sum(value is None for value in values.values()) == 160 - 112
    y, x = drawn.own
    assert (drawn.rows[y], drawn.columns[x]) == (("bilinear", "yes", "libjpeg"), ("RGB", "kept 256"))
    assert not drawn.clear[y][x]
    assert drawn.clear[y][4]
    assert drawn.lines[0].startswith("SYNTHETIC: 200 images of a set, on openvino 1.2.3")


@pytest.mark.parametrize("vary", [*((axis,) for axis in AXES), ("decoder", "channels")])
def test_few_axes_make_a_small_map_with_the_own_cell_in_it(vary: tuple[str, ...]) -> None:
    found = ablation_of(grid_of(CARD, vary), lambda _: 100)
    drawn = heat_map(found)
    y, x = drawn.own
    assert drawn.values[y][x] == 0.0
    assert len(drawn.rows) * len(drawn.columns) == np.prod([len(found.levels[axis]) for axis in AXES])
    assert [table.rows for table in tables(found)]


def test_synthetic_data_are_called_so_and_real_ones_are_not() -> None:
    grid = grid_of(CARD, ("crop",))
    for synthetic in (True, False):
        found = ablation_of(grid, lambda _: 100, synthetic=synthetic)
        assert ("SYNTHETIC" in markdown(found, "x.svg")) is synthetic
        assert any("SYNTHETIC" in line for line in heat_map(found).lines) is synthetic


def test_the_table_names_the_cards_own_level_and_gives_intervals() -> None:
    grid = grid_of(CARD, ("channels",))
    found = ablation_of(grid, cost(grid, {("channels", "BGR"): 80}))
    effects = next(tables(found))
    own, bgr = effects.rows
    assert own[:4] == ("channels", "RGB (card)", "60.0", "-")
    assert bgr[:3] == ("channels", "BGR", "20.0")
    assert bgr[3].startswith("-40.0 (-4")
    assert bgr[3].endswith(")*")
    assert bgr[4] == "<0.001"
    assert bgr[5].startswith("-0.4")


def test_csv_and_json_have_every_combination_whole() -> None:
    grid = grid_of(CARD, ("interpolation", "antialias", "channels"))
    found = ablation_of(grid, cost(grid, {("channels", "BGR"): 80}))
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert len(rows) == 14
    assert [row["interpolation"] for row in rows if row["own"] == "yes"] == ["bilinear"]
    lost = [row for row in rows if row["channels"] == "BGR"]
    assert {(row["points"], row["lost"], row["gained"], row["top1"]) for row in lost} == {("-40", "80", "0", "20")}
    whole = json.loads(ablation_json(found))
    assert whole.pop("answer") == answer(found)
    assert whole == json.loads(json.dumps(asdict(found)))
    assert len(whole["cells"]) == 14


def test_the_same_ablation_gives_the_same_files_and_leaves_no_others(tmp_path: Path) -> None:
    found = ablation_of(grid_of(CARD, ("crop", "channels")), lambda _: 100)
    first = {path.name: path.read_bytes() for path in write_files(folder_for(str(tmp_path / "a" / "b")), found)}
    again = {path.name: path.read_bytes() for path in write_files(folder_for(str(tmp_path / "c")), found)}
    assert sorted(first) == ["ablation.csv", "ablation.md", "ablation.png", "ablation.svg"]
    assert first == again
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == sorted(first)


def test_a_folder_that_cannot_be_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        folder_for(str(tmp_path / "file"))
    with pytest.raises(UsageError, match="--out is empty"):
        folder_for("")


@pytest.mark.parametrize("name", card_names())
def test_every_cards_own_choice_is_among_the_levels(name: str) -> None:
    given = load_card(name).preprocessing
    grid = grid_of(given, ())
    assert all(grid.own.of(axis) in grid.levels[axis] for axis in AXES)
    assert grid.fed(grid.own) == given


def test_bicubic_without_antialias_is_left_out_where_opencv_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grid_of(CARD, ())
    choice = Choice("libjpeg", "bicubic", "no", "kept 256", "RGB")
    assert grid.fed(choice) is not None
    monkeypatch.setattr(ablation_axes, "can_resize", lambda interpolation: interpolation != "opencv-bicubic")
    assert grid.fed(choice) is None
    assert choice not in grid.real()
