"""``compare --layers``: a weight off in one runtime's worker is traced to its layer, from the run's folder alone."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alexbench.harness.models.network import get_network
from tests.end_to_end.conftest import Command, Ended, Ground, only_run
from tests.support.off_by_weight import interpreter

PLANTED = "conv3"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of a healthy row and one with a weight off, on images of its own. ``off``: the latter's interpreter."""

    folder: Path
    pictures: Path
    off: Path


@pytest.fixture(scope="module")
def ran(command: Command, ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("planted")
    pictures = folder / "pictures"
    shutil.copytree(ground.pictures, pictures)
    off = interpreter(folder, "openvino", PLANTED, 10.0, 1)
    data = ["--data", pictures, "--weights", ground.weights, "--only", "accuracy", "--limit", "12"]
    rows = ["--backend", "onnxruntime", "--backend", "openvino", "--python", f"openvino={off}"]
    ended = command("run", *data, *rows, "--out", folder / "runs")
    assert ended.code in (0, 1), ended.err
    yield Ran(only_run(folder / "runs"), pictures, Path(off))
    shutil.rmtree(folder)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and the time it was written."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def looked(command: Command, ran: Ran) -> Ended:
    """The command's answer, and the run's folder as it was before."""
    before = contents(ran.folder)
    ended = command("compare", ran.folder, "--layers", "--images", "3", "--json", "--trust", ran.off)
    assert contents(ran.folder) == before, "a run's files do not change"
    return ended


def test_the_row_with_the_weight_off_leaves_float64_at_that_layer(looked: Ended) -> None:
    assert looked.code == 1, looked.err
    (compared,) = json.loads(looked.out)["layers"]
    rows = {row["name"]: row for row in compared["rows"]}
    assert rows["openvino"]["first"] == PLANTED
    assert rows["openvino"]["where"].startswith("in 1 of 384 channels: ")
    assert rows["onnxruntime"]["first"] is None
    assert all(row["error"] is None and row["looking_within"] for row in rows.values())
    assert compared["exit_code"] == 1


def test_every_layer_has_its_figures_on_so_many_images(looked: Ended, ran: Ran) -> None:
    (compared,) = json.loads(looked.out)["layers"]
    names = [layer.name for layer in get_network("owt").layers]
    for row in compared["rows"]:
        assert [layer["layer"] for layer in row["layers"]] == names
    assert len(compared["images"]) == 3
    assert all((ran.pictures / name).is_file() for name in compared["images"])


def test_a_diverging_layer_is_in_a_table_and_a_sentence(command: Command, ran: Ran, tmp_path: Path) -> None:
    ended = command(
        "compare", ran.folder, "--layers", "--images", "1", "--out", tmp_path / "compared.md", "--trust", ran.off
    )
    assert ended.code == 1, ended.err
    for text in (ended.out, (tmp_path / "compared.md").read_text(encoding="utf-8")):
        assert f"openvino leaves float64 at {PLANTED}: " in text
        assert "onnxruntime: all 22 layers are within fp32 rounding" in text
        assert " FIRST" in text
        assert "Compared on 1 image (" in text


def test_what_is_kept_is_one_file_more_and_in_the_report(command: Command, ran: Ran) -> None:
    before = contents(ran.folder)
    ended = command("compare", ran.folder, "--layers", "--images", "1", "--keep", "--trust", ran.off)
    assert ended.code == 1, ended.err
    kept = ran.folder / "layers.json"
    assert f"wrote {kept}; alexbench report {ran.folder} shows it" in ended.out.splitlines()
    after = contents(ran.folder)
    assert after.pop(kept.name)
    assert after == before
    assert command("report", ran.folder).code == 0
    page = (ran.folder / "report.html").read_text(encoding="utf-8")
    table = page.partition("max abs error over sigma")[2].partition("</table>")[0]
    rows = re.findall(r"<t[hd][^>]*>(\w+)</t[hd]>\s*<td[^>]*>(\w+)</td>", table)
    assert {name for name, _ in rows} == {"onnxruntime", "openvino"}
    assert [layer for name, layer in rows if name == "openvino"] == [layer.name for layer in get_network("owt").layers]


def test_an_image_that_is_no_longer_the_same_is_refused_in_a_line(command: Command, ran: Ran) -> None:
    """Last of all: the run cannot be opened again afterwards."""
    for picture in sorted(ran.pictures.rglob("*.JPEG")):
        picture.write_bytes(picture.read_bytes() + b"\0")
    ended = command("compare", ran.folder, "--layers")
    assert ended.code == 2
    assert ended.last_line.endswith(f"add --trust {ran.off}")
    ended = command("compare", ran.folder, "--layers", "--trust", ran.off)
    assert ended.code == 2
    assert ended.last_line.startswith(f"alexbench: {ran.folder}: the images are not those of the run (")
