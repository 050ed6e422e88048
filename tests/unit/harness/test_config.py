"""The resolved configuration: flags checked, and what this machine decides filled in."""

from dataclasses import fields
from pathlib import Path

import pytest

from alexbench.harness import cli
from alexbench.harness.app.config import CONFIG_KEYS, RunConfig, cache_folder, read_config, resolve
from alexbench.harness.errors import UsageError
from alexbench.harness.measure.process import usable_cores


def test_without_flags_all_cores_all_backends_and_both_measurements() -> None:
    config = resolve({})
    assert config == RunConfig(threads=usable_cores())
    assert (config.model, config.batch_size, config.device, config.precision) == ("torchvision", 32, "cpu", "fp32")
    assert config.backends is None
    assert config.accuracy
    assert config.performance


def test_a_flag_that_was_not_given_is_the_default() -> None:
    assert resolve({"threads": None, "backends": (), "limit": None}) == resolve({})


@pytest.mark.parametrize(("only", "accuracy", "performance"), [("accuracy", True, False), ("performance", False, True)])
def test_only_leaves_the_other_out(only: str, *, accuracy: bool, performance: bool) -> None:
    config = resolve({"only": only})
    assert (config.accuracy, config.performance) == (accuracy, performance)


def test_speed_alone_needs_no_matching_pictures_and_weights() -> None:
    assert resolve({"only": "performance", "data": "pictures"}).data == "pictures"
    assert resolve({"only": "performance", "weights": "w.pth"}).weights == "w.pth"


def test_every_flag_of_run_has_its_key_and_every_key_its_flag() -> None:
    flags = {
        option.removeprefix("--").replace("-", "_")
        for parameter in cli.run.params
        for option in parameter.opts
        if option.startswith("--") and option not in ("--config", "--help")
    }
    assert flags == set(CONFIG_KEYS)


def test_a_file_gives_every_key(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'model = "bvlc"\nweights = "w.pth"\ndata = "d"\nbackend = "torch"\ndevice = "cpu"\nprecision = "bf16"\n'
        'threads = 1\nbatch_size = 4\nlimit = 10\nseed = 2\nonly = "accuracy"\nout = "o"\n',
        encoding="utf-8",
    )
    values = read_config(path)
    assert set(values) == set(CONFIG_KEYS)
    assert values["backend"] == ["torch"]
    values["backends"] = tuple(values.pop("backend"))
    config = resolve(values)
    assert {item.name for item in fields(config)} == set(values)
    assert config.backends == ("torch",)
    assert (config.model, config.limit, config.batch_size) == ("bvlc", 10, 4)


def test_an_unknown_key_lists_the_known(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("tread = 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"unknown key 'tread'; known: .*threads.*backend"):
        read_config(path)


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("ALEXBENCH_CACHE", "")
    assert cache_folder().name == "alexbench"
