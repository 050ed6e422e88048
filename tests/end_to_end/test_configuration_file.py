"""A run asked for by a configuration file: accuracy only, on a drawn part of the images."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import MANY, Command, Ended, Ground, only_run, record_of


@pytest.fixture(scope="module")
def part(ground: Ground, command: Command, many: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """Accuracy only, on a drawn part of class-index folders, asked for by a configuration file."""
    out = tmp_path_factory.mktemp("part")
    config = out.with_suffix(".toml")
    config.write_text(
        f'data = "{many}"\nweights = "{ground.weights}"\nbackend = ["onnxruntime", "openvino"]\nonly = "accuracy"\n'
        f'limit = 60\nseed = 3\nbatch_size = 7\nthreads = 1\nout = "{out}"\n',
        encoding="utf-8",
    )
    ended = command("run", "--config", config, "--limit", "30")
    assert ended.code == 0, ended.err
    return ended, only_run(out)


def test_a_configuration_file_is_obeyed_and_a_flag_goes_before_it(part: tuple[Ended, Path], many: Path) -> None:
    record = record_of(part[1])
    configuration: dict[str, Any] = record["configuration"]
    assert configuration["limit"] == 30  # the flag's, not the file's 60
    assert (configuration["seed"], configuration["batch_size"]) == (3, 7)
    assert {one["threads"] for one in configuration["systems"]} == {1}
    assert configuration["data"] == str(many)
    assert {entry["effective"]["threads"][0] for entry in record["systems"]} == {"1"}


def test_a_drawn_part_reports_it_and_is_evenly_drawn(part: tuple[Ended, Path], many: Path) -> None:
    data = record_of(part[1])["data"]
    assert (data["images"], data["available_images"], data["subset_seed"]) == (30, MANY, 3)
    frame = pd.read_parquet(part[1] / "predictions.parquet")
    assert len(frame) == 2 * 30
    assert all((many / sample).is_file() for sample in frame["sample"])
    for label, count in frame[frame["backend"] == "openvino"]["label"].value_counts().items():
        share = 30 * len(list((many / str(label)).iterdir())) / MANY
        assert share - 1 < count < share + 1


def test_accuracy_alone_measures_no_speed(part: tuple[Ended, Path]) -> None:
    ended, folder = part
    assert not (folder / "timings.parquet").exists()
    record = read_run(folder)
    assert all(entry.performance is None and entry.accuracy is not None for entry in record.systems)
    assert len({entry.accuracy.top1_correct for entry in record.systems if entry.accuracy}) == 1
    assert "FPS" not in ended.out
