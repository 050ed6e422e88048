"""A system is a value with a key and a label; flags multiply into systems, and --system names one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness import chosen_systems
from alexbench.harness.config import Shard
from alexbench.harness.config_file import read_config
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.records.record_files import read_run
from alexbench.harness.resolving import resolve
from alexbench.harness.running.folder import file_of
from alexbench.harness.running.resume import configuration_of
from alexbench.harness.systems import InputConvention, ModelFile, System, canonical_device, labels

BOTH = ("openvino", "torch")
FILE = ModelFile("/m/a.onnx", sha256="5e" * 32)
CORES = usable_cores()
FIXTURES = Path(__file__).parents[2] / "fixtures"


def named(**given: Any) -> list[str]:
    return list(resolve(given).by_label)


def refused(**given: Any) -> str:
    with pytest.raises(UsageError) as error:
        resolve(given)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    return str(error.value)


def test_the_key_holds_all_that_a_system_is_and_the_files_digest_instead_of_its_path() -> None:
    one = System(
        "openvino", 2, "bf16", settings=(("HINT", "LATENCY"),), device="GPU", environment="head", artifact=FILE
    )
    for part in ("openvino", "bf16", "threads=2", "device=gpu:0", "HINT=LATENCY", "head", FILE.sha256):
        assert part in one.key
    assert FILE.path not in one.key
    assert replace(one, artifact=replace(FILE, path="/elsewhere.onnx")).key == one.key
    changed = (
        replace(one, backend="torch"),
        replace(one, threads=1),
        replace(one, precision="fp32"),
        replace(one, profile="tuned"),
        replace(one, settings=()),
        replace(one, device="cpu"),
        replace(one, environment=None),
        replace(one, artifact=None),
        replace(one, artifact=replace(FILE, sha256="00" * 32)),
        replace(one, artifact=replace(FILE, output="fc8")),
        replace(one, artifact=replace(FILE, convention=InputConvention("0..1"))),
    )
    assert len({one.key, *(other.key for other in changed)}) == 1 + len(changed)


def test_a_device_has_one_name_however_it_is_written() -> None:
    ours = {"CPU": "cpu", "cpu:0": "cpu", "cuda": "cuda:0", "CUDA:00": "cuda:0", "GPU.1": "gpu:1", "gpu": "gpu:0"}
    assert {given: canonical_device(given) for given in ours} == ours
    for other in ("xpu", "NPU", "cpu:1", "cuda:x", "gpu 0", ""):
        assert canonical_device(other) == other
    assert System("torch", 1, device="cuda").key == System("torch", 1, device="CUDA:0").key
    assert [one.device for one in resolve({"backends": BOTH, "device": ("Cpu", "GPU.0")}).systems] == [
        "cpu",
        "gpu:0",
    ] * 2
    (one,) = resolve({"systems": ("tensorflow device=cuda:1",)}).systems
    assert one.device == "gpu:1", "TensorFlow's own name"


@pytest.mark.parametrize(
    "given",
    [
        {"backends": ("torch",), "device": ("cuda", "cuda:0")},
        {"backends": ("torch",), "device": ("cpu", "CPU")},
        {"systems": ("openvino device=GPU.0", "openvino device=gpu")},
        {"systems": ("tensorflow device=cuda", "tensorflow device=gpu:0")},
        {"backends": ("openvino",), "device": ("gpu",), "systems": ("openvino device=GPU:0",)},
    ],
)
def test_a_device_that_is_written_in_two_ways_is_the_same_system_twice(given: dict[str, Any]) -> None:
    assert "the same system twice" in refused(**given)


def test_a_label_says_only_what_the_others_of_its_backend_do_not_share() -> None:
    native = System("onnxruntime", 1)
    assert labels([native, System("torch", 2, "bf16")]) == ("onnxruntime", "torch")
    assert labels([native, replace(native, precision="bf16")]) == ("onnxruntime", "onnxruntime bf16")
    assert labels([native, replace(native, threads=2)]) == ("onnxruntime 1 thread", "onnxruntime 2 threads")
    assert labels([native, replace(native, artifact=FILE)]) == ("onnxruntime", "onnxruntime a.onnx")
    both = labels([replace(native, environment="base"), replace(native, environment="head", precision="bf16")])
    assert both == ("onnxruntime@base", "onnxruntime@head bf16")


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    files = [System("torch", 1, artifact=ModelFile(f"/{folder}/a.pt2")) for folder in ("x", "y")]
    assert len(set(labels(files))) == 2


def test_a_file_that_is_read_in_two_ways_is_two_rows() -> None:
    rows = [
        System("torch", 1, artifact=ModelFile("/a.pt2", convention=stated))
        for stated in (None, InputConvention("0..1"))
    ]
    assert labels(rows) == ("torch a.pt2", "torch a.pt2 input=0..1")


def test_two_that_are_the_same_have_no_labels() -> None:
    with pytest.raises(ValueError, match="two systems are the same"):
        labels([System("torch", 1), System("torch", 1)])


def test_every_label_has_a_files_name_of_its_own() -> None:
    assert file_of("onnxruntime@head") == "onnxruntime@head"  # as older runs have it
    assert file_of("openvino bf16") == "openvino_bf16"
    hard = [
        "torch a b.pt2",
        "torch a_b.pt2",
        "torch a/b.pt2",
        "torch a\\b.pt2",
        f"torch {'x' * 300}",
        f"torch {'x' * 301}",
    ]
    names = {file_of(label) for label in hard}
    assert len(names) == len(hard)
    assert all(len(name) < 100 and not set(name) & set(" /\\=:*?") for name in names)


def test_flags_multiply() -> None:
    assert named(backends=BOTH, precision=("fp32", "bf16")) == ["openvino", "openvino bf16", "torch", "torch bf16"]
    assert len(named(backends=BOTH, precision=("fp32", "bf16"), device=("cpu", "GPU"))) == 8
    environments = ("base=/a/python", "head=/b/python")
    assert len(named(backends=BOTH, environments=environments, precision=("fp32", "bf16"))) == 8
    assert named(artifacts=("torch=/a.pt2", "torch=/b.pt2")) == ["torch a.pt2", "torch b.pt2"]


def test_one_value_is_the_value_of_every_row() -> None:
    config = resolve({"backends": BOTH, "precision": "bf16", "threads": 1})
    assert config.systems == tuple(System(name, 1, "bf16") for name in BOTH)


def test_a_system_is_named_by_itself_and_says_all_that_is_no_default() -> None:
    config = resolve(
        {"systems": ("onnxruntime", "onnxruntime artifact=/a.onnx threads=1 artifact_input=0..255,bgr output_name=fc8")}
    )
    file = ModelFile("/a.onnx", convention=InputConvention("0..255", "BGR"), output="fc8")
    assert config.systems == (System("onnxruntime", CORES), System("onnxruntime", 1, artifact=file))
    short = "onnxruntime artifact=/a.onnx threads=1 input=0..255,bgr output=fc8"
    assert resolve({"systems": ("onnxruntime", short)}).systems == config.systems
    assert config.exact == tuple(config.by_label)
    assert not config.all_backends


def test_a_path_with_spaces_is_quoted_as_in_a_shell() -> None:
    (one,) = resolve({"systems": ("torch artifact='/my files/a.pt2'",)}).systems
    assert one.artifact == ModelFile("/my files/a.pt2")


def test_systems_and_flags_are_rows_of_one_run() -> None:
    config = resolve({"backends": ("openvino",), "systems": ("torch precision=bf16",)})
    assert [one.backend for one in config.systems] == ["openvino", "torch"]
    assert config.exact == ("torch",)
    beside = {"systems": ("onnxruntime",), "artifacts": ("onnxruntime=/a.onnx",)}
    assert named(**beside) == ["onnxruntime a.onnx", "onnxruntime"]


def test_a_table_in_a_file_is_a_system(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[[system]]\nbackend = "torch"\nprecision = "bf16"\n[[system]]\nbackend = "torch"\nthreads = 1\n')
    assert resolve(read_config(path)).systems == (System("torch", CORES, "bf16"), System("torch", 1))
    path.write_text('system = "torch precision=bf16"\n')
    assert resolve(read_config(path)).systems == (System("torch", CORES, "bf16"),)


@pytest.mark.parametrize("schema", [1, 2, 3, 4, 5])
def test_a_run_of_an_older_schema_is_gone_on_with_as_the_same_rows(
    schema: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen_systems, "usable_cores", lambda: 64)  # the fixtures' machine had two
    folder = FIXTURES / f"schema-{schema}"
    record = read_run(folder)
    config = configuration_of(record, folder)
    assert config.by_label == {row.name: row.system for row in record.systems}
    assert config.batch_size == 32


def test_flags_of_an_older_record_are_systems() -> None:
    record = read_run(FIXTURES / "schema-5")
    old = {
        "backends": ["torch"],
        "artifacts": ["torch=/a.onnx"],
        "threads": 1,
        "precision": "bf16",
        "shard": "2/3",
        "environments": ["head=/usr/bin/env"],
        "trusted": ["/a.onnx"],
        "out": "runs",
    }
    programs = ("/a.onnx", "/usr/bin/env")
    config = configuration_of(replace(record, configuration=old), Path("run"), trusted=programs)
    file = ModelFile("/a.onnx", trusted=True)
    assert config.systems == (System("torch", 1, "bf16", environment="head", artifact=file),)
    assert (config.shard, config.environments) == (Shard(2, 3), {"head": "/usr/bin/env"})


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"systems": []}, "is damaged: configuration: systems names none"),
        ({"systems": [{"backend": "torch"}]}, "key 'systems[0].threads' is missing"),
        ({"systems": 2 * [{"backend": "torch", "threads": 1}]}, "two systems are the same"),
        ({"systems": [{"backend": "torch", "threads": 1, "environment": "a"}]}, "environments has no a"),
        ({"backends": 5, "threads": 1}, "configuration.backends = 5, wanted a list"),
        ({"backends": ["tensorrt"], "threads": 1}, "unknown backend 'tensorrt'"),
        ({"shard": "9/3", "threads": 1}, "--shard 9/3: wanted PART/PARTS"),
    ],
)
def test_a_damaged_configuration_is_one_line(configuration: dict[str, Any], said: str) -> None:
    record = replace(read_run(FIXTURES / "schema-5"), configuration=configuration)
    with pytest.raises((RecordError, UsageError)) as error:
        configuration_of(record, Path("run"))
    assert said in str(error.value)
    assert str(error.value).startswith("run")


def test_a_base_is_one_of_the_rows() -> None:
    assert resolve({"backends": BOTH, "base": "openvino"}).base == "openvino"
    assert refused(backends=BOTH, base="tensorflow") == "--base tensorflow names no row; known: openvino, torch"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openvino tread=1", "unknown key 'tread'; did you mean 'threads'? Known: backend, precision"),
        ("openvino precison=bf16", "did you mean 'precision'?"),
        ("openvino precision=BF16", "did you mean 'bf16'?"),
        ("openvion", "did you mean 'openvino'?"),
        ("openvino threads=two", "threads = 'two', wanted a whole number"),
        ("openvino threads=0", "--system 'openvino threads=0': threads 0: give 1 or more"),
        ("openvino threads=-1", "--system 'openvino threads=-1': threads -1: give 1 or more"),
        (f"openvino threads={CORES + 1}", f"give {CORES} or fewer"),
        (f"openvino threads={'9' * 400}", "wanted a whole number"),
        ("openvino precision=int4", "unknown precision 'int4'; known: bf16, fp16, fp32, int8"),
        ("openvino profile=fast", "unknown profile 'fast'; known: default, tuned"),
        ("tensorrt", "unknown backend 'tensorrt'; known: litert, onnxruntime, opencv, openvino"),
        ("reference", "every run computes"),
        ("", "key 'backend' is missing"),
        ("openvino bf16", "wanted key=value, not 'bf16'"),
        ("openvino threads=", "wanted key=value, not 'threads='"),
        ("openvino threads=1 threads=2", "threads is named twice"),
        ("openvino 'threads=1", "a quote is not closed"),
        ("openvino precision=bf16\\", "it ends with a backslash"),
        ("openvino environment=head", "name --environment head=INTERPRETER too"),
        ("openvino artifact_input=0..1", "artifact_input is about a model file; add artifact=FILE"),
        ("openvino output=y", "output is about a model file; add artifact=FILE"),
        ("openvino artifact=a.xml output=y output-name=z", "output_name and output are one key; give one of them"),
        ("torch trust=true", "trust is about a model file; add artifact=FILE"),
        ("openvino artifact=a.xml artifact_input=0..2", "wanted SCALE or SCALE,ORDER"),
    ],
)
def test_a_system_that_makes_no_sense_is_one_line(text: str, said: str) -> None:
    assert said in refused(systems=(text,))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"backends": ("torch",), "systems": ("torch",)}, "the same system twice: torch precision=fp32"),
        ({"backends": ("torch", "torch")}, "the same system twice: torch precision=fp32"),
        ({"backends": ("torch",), "precision": ("fp32", "fp32")}, "the same system twice: torch precision=fp32"),
        ({"precision": ("fp32", "int4")}, "unknown --precision 'int4'; known: bf16, fp16, fp32, int8"),
        ({"profile": ("fast",)}, "unknown --profile 'fast'; known: default, tuned"),
        ({"threads": (1, CORES + 1)}, f"--threads {CORES + 1}: this process may use"),
        (
            {"systems": ("torch",), "precision": ("bf16",)},
            "--precision multiplies with --backend; write precision=... in",
        ),
        ({"systems": ("torch",), "environments": ("a=/p",)}, "no --system has environment=a"),
        ({"systems": ("torch",), "pythons": ("openvino=/p",)}, "openvino is not among the backends named"),
        ({"systems": ("torch",), "artifact_inputs": ("0..1",)}, "name --artifact BACKEND=FILE too"),
        ({"systems": ("torch",), "trusted": ("/a.pt2",)}, "--trust /a.pt2: no --artifact names this file"),
    ],
)
def test_what_would_come_to_nothing_or_twice_is_refused(given: dict[str, Any], said: str) -> None:
    assert said in refused(**given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[system]]\nbackend = "torch"\ntread = 1\n',
            "unknown key 'system[0].tread'; did you mean 'threads'?",
        ),
        ('[[system]]\nprecision = "bf16"\n', "key 'system[0].backend' is missing"),
        ('[[system]]\nbackend = "torch"\nthreads = "1"\n', "system[0].threads = '1', wanted a whole number"),
        ("system = 5\n", "system = 5, wanted a list"),
        ('threads = "1"\n', "wanted a whole number or a list of them"),
        ("precision = [1]\n", "wanted a name or a list of names"),
    ],
)
def test_a_file_that_makes_no_sense_names_the_key(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_config(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
