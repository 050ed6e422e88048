"""The resolved configuration: flags checked, and what this machine decides filled in."""

from pathlib import Path
from typing import Any, Final

import pytest

from alexbench.backends.registry import default_backends
from alexbench.harness import cli
from alexbench.harness.capabilities import QuantizationOptions
from alexbench.harness.config import Shard
from alexbench.harness.config_file import CONFIG_KEYS, read_config
from alexbench.harness.errors import UsageError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.plain_text import short
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import HIGH, RIGORS, SMOKE
from alexbench.harness.resolving import resolve
from alexbench.harness.systems import InputConvention, ModelFile, System


def test_without_flags_all_cores_all_backends_and_both_measurements() -> None:
    config = resolve({})
    assert config.systems == tuple(System(name, usable_cores()) for name in default_backends())
    assert (config.model, config.batch_size, config.limit) == ("torchvision", 32, 500)
    assert config.all_backends
    assert config.named == ()
    assert config.accuracy
    assert config.performance


def test_a_flag_that_was_not_given_is_the_default() -> None:
    assert resolve({"threads": None, "backends": (), "limit": None}) == resolve({})


@pytest.mark.parametrize(("only", "accuracy", "performance"), [("accuracy", True, False), ("performance", False, True)])
def test_only_leaves_the_other_out(only: str, *, accuracy: bool, performance: bool) -> None:
    config = resolve({"only": only})
    assert (config.accuracy, config.performance) == (accuracy, performance)


def test_speed_alone_needs_no_matching_images_and_weights() -> None:
    assert resolve({"only": "performance", "data": "pictures"}).data == str(Path("pictures").absolute())
    assert resolve({"only": "performance", "weights": "w.pth"}).weights == str(Path("w.pth").absolute())


def test_paths_are_as_they_are_from_anywhere_and_names_stay_names() -> None:
    config = resolve({"data": "~/val", "weights": "published", "model": "bvlc", "labels": "val.txt"})
    assert config.data == str(Path.home() / "val")
    assert config.labels == str(Path("val.txt").absolute())
    assert (config.weights, config.model) == ("published", "bvlc")
    assert resolve({"model": "mine.toml"}).model == str(Path("mine.toml").absolute())


def test_every_flag_of_run_has_its_key_and_every_key_its_flag() -> None:
    flags = {
        option.removeprefix("--").replace("-", "_")
        for parameter in cli.run.params
        for option in parameter.opts
        if option.startswith("--") and option not in ("--config", "--details", "--help", "--resume")
    }
    assert flags == set(CONFIG_KEYS)


def test_a_file_gives_every_key(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        'model = "bvlc"\nweights = "w.pth"\nweights_layout = "NHWC"\nweights_key = "model"\nartifact = "torch=m.pt2"\n'
        'artifact_input = "0..255,bgr"\noutput_name = "y"\nsilence_limit = "90s"\ntrust = ["m.pt2"]\n'
        'data = "d"\nlayout = "tar"\nlabels = "l"\nbackend = "torch"\n'
        'device = "cpu"\nprecision = "bf16"\n'
        'threads = 1\nbatch_size = 4\nlimit = 10\nseed = 2\nshard = "2/3"\nonly = "performance"\nout = "o"\n'
        'on_bad_image = "skip"\nrigor = "high"\nscenario = ["Server", "Offline"]\nlatency_bound = 40\n'
        'python = "torch=/opt/python"\nenvironment = []\nbudget = "2m"\nresolution = 1.5\n'
        'calibration = "train"\ncalibration_images = 64\ncalibrate_on_scored = true\n'
        'per_tensor = true\nreduce_range = true\nrange_method = "entropy"\n'
        'profile = "default"\nset = "torch.set_num_threads=1"\nbase = "torch m.pt2 bf16 set_num_threads=1"\n'
        '[[system]]\nbackend = "torch"\nthreads = 1\nprecision = "int8"\n',
        encoding="utf-8",
    )
    values = read_config(path)
    config = resolve(values)
    assert len(values) == len(CONFIG_KEYS)
    assert values["backends"] == ("torch",)
    assert values["artifacts"] == ("torch=m.pt2",)
    assert config.pythons == {"torch": "/opt/python"}
    assert (config.rigor, config.generated, config.latency_bound) == ("high", ("Server",), 40)
    assert (config.timing_s(0), config.target) == (120, 0.015)
    assert config.offline
    assert config.batch_sizes == (4, 8, 32)
    assert (config.calibration, config.calibration_images) == (str(Path("train").absolute()), 64)
    assert config.calibrate_on_scored
    assert config.quantization == QuantizationOptions(per_channel=False, reduce_range=True, method="entropy")
    file = ModelFile(
        str(Path("m.pt2").absolute()), trusted=True, convention=InputConvention("0..255", "BGR"), output="y"
    )
    assert config.by_label == {
        "torch m.pt2 bf16 set_num_threads=1": System(
            "torch", 1, "bf16", settings=(("set_num_threads", "1"),), artifact=file
        ),
        "torch int8": System("torch", 1, "int8"),
    }
    assert config.exact == ("torch int8",)
    assert (config.model, config.limit, config.batch_size) == ("bvlc", 10, 4)
    assert (config.layout, config.shard, config.on_bad_image) == ("tar", Shard(2, 3), "skip")


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1/0", "1", "a/b", "1/3/5", "-1/3", " 1/3"])
def test_a_shard_is_a_part_of_parts(shard: str) -> None:
    with pytest.raises(UsageError, match=r"wanted PART/PARTS, counted from 1"):
        resolve({"shard": shard})


@pytest.mark.parametrize("flag", ["layout", "labels"])
def test_how_data_is_read_makes_no_sense_without_data(flag: str) -> None:
    with pytest.raises(UsageError, match=f"--{flag} says how --data is read; name --data"):
        resolve({flag: "tar"})


def test_what_becomes_of_bad_images_is_fail_or_skip() -> None:
    with pytest.raises(UsageError, match=r"unknown --on-bad-image 'ignore'; known: fail, skip"):
        resolve({"on_bad_image": "ignore"})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("colour", r"known: .*backend.*threads"),
        ("tread", r"did you mean 'threads'\? Known: .*backend"),
        ("Batchsize", r"did you mean 'batch_size'\?"),
        ("precisions", r"did you mean 'precision'\?"),
    ],
)
def test_an_unknown_key_lists_the_known_or_names_the_one_that_was_meant(tmp_path: Path, key: str, said: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"{key} = 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"unknown key '{key}'; {said}"):
        read_config(path)


@pytest.mark.parametrize(
    ("key", "now"),
    [("backends", "backend"), ("artifacts", "artifact"), ("trusted", "trust"), ("batch-size", "batch_size")],
)
def test_a_key_that_has_another_name_now_is_told_it(key: str, now: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"{key} = 1\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_config(path)
    assert str(refused.value) == f"--config {path}: unknown key {key!r}; it is called {now}"


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("ALEXBENCH_CACHE", "")
    assert cache_folder().name == "alexbench"


def test_artifacts_alone_are_the_rows_of_the_run() -> None:
    config = resolve({"artifacts": ("torch=m.pt2", "openvino=m.xml")})
    assert [one.backend for one in config.systems] == ["torch", "openvino"]
    assert not config.needs_weights


def test_artifacts_next_to_weights_are_compared_with_them() -> None:
    config = resolve({"artifacts": ("torch=m.pt2",), "weights": "w.pth", "data": "d"})
    assert config.all_backends
    assert [one.backend for one in config.named] == ["torch"]
    assert config.needs_weights


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"artifacts": ("model.onnx",)}, "--artifact model.onnx: wanted BACKEND=FILE"),
        ({"artifacts": ("torch=",)}, "--artifact torch=: wanted BACKEND=FILE"),
        ({"artifacts": ("tensorrt=m",)}, "unknown backend 'tensorrt'; known: litert, onnxruntime, opencv, openvino"),
        ({"artifacts": ("torch=/a", "torch=/a")}, "the same system twice: torch precision=fp32"),
        ({"artifacts": ("torch=a",), "backends": ("openvino",)}, "torch is not among the backends named"),
        ({"weights_layout": "NHWC"}, "--weights-layout says how --weights is read"),
        ({"weights_key": "model_ema"}, "--weights-key says which model of --weights is read"),
    ],
)
def test_an_artifact_that_makes_no_sense_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        resolve(values)
    assert said in str(refused.value)


def test_smoke_is_the_default_and_measures_one_batch_size() -> None:
    config = resolve({"batch_size": 16})
    assert (config.rigor, config.batch_sizes, config.offline, config.generated) == ("smoke", (16,), False, ())


def test_mlperf_is_load_generated_whatever_the_scenarios() -> None:
    assert resolve({"rigor": "mlperf"}).generated == ("SingleStream", "Offline")
    every = resolve({"rigor": "mlperf", "scenarios": ("MultiStream", "Server")})
    assert every.generated == ("SingleStream", "MultiStream", "Server", "Offline")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rigor": "sloppy"}, "unknown --rigor 'sloppy'; known: high, mlperf, smoke, standard"),
        (
            {"scenarios": ("Sever",)},
            "unknown --scenario 'Sever'; did you mean 'Server'? Known: MultiStream, ",
        ),
        ({"rigor": "high", "only": "accuracy"}, "--rigor has no effect with --only accuracy (no timing)"),
        ({"scenarios": ("Offline",), "only": "accuracy"}, "--scenario has no effect with --only accuracy (no timing)"),
        ({"budget": "2m", "only": "accuracy"}, "--budget has no effect with --only accuracy (no timing)"),
        ({"resolution": "2%", "only": "accuracy"}, "--resolution has no effect with --only accuracy (no timing)"),
        ({"latency_bound": 20.0}, "--latency-bound bounds a load; add --scenario Server or"),
        ({"latency_bound": 0.0, "scenarios": ("Server",)}, "--latency-bound 0: give milliseconds above 0"),
        ({"latency_bound": float("inf"), "scenarios": ("Server",)}, "--latency-bound inf: give milliseconds above 0"),
        ({"pythons": ("torch",)}, "--python torch: wanted BACKEND=INTERPRETER"),
        ({"pythons": ("touch=/p",)}, "unknown backend 'touch'; did you mean 'torch'? Known: "),
        ({"pythons": ("torch=/p", "torch=/q")}, "--python names torch twice: /p and /q"),
        ({"pythons": ("torch=/p",), "backends": ("openvino",)}, "torch is not among the backends named"),
    ],
)
def test_what_makes_no_sense_about_timing_is_one_line(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        resolve(values)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_interpreter_is_taken_by_the_name_it_was_given(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to("/usr/bin/env")
    assert resolve({"pythons": (f"torch={link}",)}).pythons == {"torch": str(link)}


def test_environments_make_a_row_of_each_backend_in_each() -> None:
    config = resolve({"environments": ("base=/a/python", "head=/b/python"), "backends": ("torch", "openvino")})
    assert list(config.by_label) == ["torch@base", "torch@head", "openvino@base", "openvino@head"]
    assert config.interpreter_of(config.by_label["torch@head"]) == "/b/python"
    assert list(resolve({"backends": ("torch",)}).by_label) == ["torch"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"environments": ("head",)}, "wanted LABEL=INTERPRETER"),
        ({"environments": ("a b=/x",)}, "labels are letters"),
        ({"environments": ("a@b=/x",)}, "labels are letters"),
        ({"environments": ("a=",)}, "wanted LABEL=INTERPRETER"),
        ({"environments": ("a=/x", "a=/y")}, "names a twice: /x and /y"),
        ({"environments": ("a=/x",), "pythons": ("torch=/y",)}, "--environment and --python both name interpreters"),
    ],
)
def test_an_environment_without_a_label_of_its_own_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve(given)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        *(("90", 90), ("90s", 90), (" 90s ", 90), ("1", 1)),
        *(("2m", 120), ("1.5m", 90), ("1h", 3600), ("240h", 864_000)),
        *((90, 90), (1.15 * 60, 1.15 * 60), (1e2, 100)),
    ],
)
def test_a_budget_is_seconds_minutes_or_hours(given: str | float, seconds: float) -> None:
    assert resolve({"budget": given}).timing_s(1000) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("given", "share"), [("2", 0.02), ("2%", 0.02), ("0.5 %", 0.005), (2, 0.02), (1 / 3, 1 / 300), ("100%", 1)]
)
def test_a_resolution_is_percent(given: str | float, share: float) -> None:
    assert resolve({"resolution": given}).target == pytest.approx(share)


def test_without_flags_a_budget_and_a_resolution_are_the_levels() -> None:
    for name, level in RIGORS.items():
        config = resolve({"rigor": name})
        assert (config.timing_s(0), config.target) == (level.budget_s, level.target)
        assert resolve({"rigor": name, "budget": "5s"}).target == level.target


def test_smoke_ends_within_its_whole_time_where_the_images_are_synthetic() -> None:
    assert resolve({}).timing_s(SMOKE.whole_s - 50) == 50
    assert resolve({"backends": ("torch", "openvino")}).timing_s(0) == SMOKE.budget_s / 2
    assert resolve({"data": "pictures", "only": "performance"}).timing_s(SMOKE.whole_s - 50) == SMOKE.budget_s
    assert resolve({"rigor": "high"}).timing_s(1000) == HIGH.budget_s


def test_smoke_takes_as_many_synthetic_images_as_it_has_time_for() -> None:
    assert resolve({}).limit == SMOKE.pictures
    assert resolve({"limit": 7}).limit == 7
    for given in ({"data": "pictures", "only": "performance"}, {"only": "accuracy"}, {"rigor": "standard"}):
        assert resolve(given).limit is None


NEITHER: Final = ("", " ", "soon", "-5", "0", "0.05", "nan", "inf", "1e3", "9" * 30, "٢", "2 %%", "1\n2", "1,5")
NO_NUMBER: Final = (0, -1, 10**400, float("nan"), float("inf"), -float("inf"))


@pytest.mark.parametrize("value", [*NEITHER, "2M", "5 min", "241h", "2%", *NO_NUMBER])
def test_what_is_no_budget_is_one_line_with_what_to_give(value: object) -> None:
    refused(f"--budget {short(value)}: give 1s to 240h, as in 90s or 2m", budget=value)


@pytest.mark.parametrize("value", [*NEITHER, "2s", "101%", "%", *NO_NUMBER])
def test_what_is_no_resolution_is_one_line_with_what_to_give(value: object) -> None:
    refused(f"--resolution {short(value)}: give 0.1% to 100%, as in 2%", resolution=value)


def refused(said: str, **given: object) -> None:
    with pytest.raises(UsageError) as error:
        resolve(given)
    assert str(error.value) == said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("budget = true", "budget = True, wanted seconds, or a string as in '2m'"),
        ("budget = [90]", "budget = [90], wanted seconds"),
        ("budget = 12:00:00", "wanted seconds"),
        ("resolution = {percent = 2}", "wanted percent, or a string as in '2%'"),
    ],
)
def test_a_budget_and_a_resolution_in_a_file_are_numbers_or_strings(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(UsageError) as error:
        read_config(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("asked", [("--budget", "soon"), ("--budget", ""), ("--resolution", "nan"), ("--resolution",)])
def test_a_flag_that_makes_no_sense_ends_with_2_and_one_line(
    asked: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["alexbench", "run", *asked])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("alexbench: ")
    assert asked[0] in line
