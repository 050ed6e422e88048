"""Nothing that the user names is ignored: a flag that nothing would come of is refused, in one line and by name."""

import pytest

from alexbench.harness import cli
from alexbench.harness.diagnosis.doctor import system_of
from alexbench.harness.errors import UsageError
from alexbench.harness.prediction import predict
from alexbench.harness.resolving import resolve


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that ends with exit code 2."""
    monkeypatch.setattr("sys.argv", ["alexbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    assert printed.out == ""
    (line,) = printed.err.strip().splitlines()
    assert line.startswith("alexbench: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (("compare", "a", "b", "--images", "4"), "--images"),
        (("compare", "a", "b", "--images", "8"), "--images"),
        (("compare", "a", "b", "--keep"), "--keep"),
        (("compare", "a", "b", "--flips", "10", "--json"), "--flips"),
        (("compare", "a", "--different-weights"), "--different-weights"),
        (("history", "runs", "--last", "20", "--json"), "--last"),
        (("history", "runs", "--last", "3", "--csv"), "--last"),
        (("datasets", "show", "x", "--seed", "1"), "--seed"),
        (("datasets", "prepare", "x", "--seed", "1"), "--seed"),
        (("models", "--json", "show", "bvlc"), "--json"),
        (("run", "--only", "accuracy", "--seed", "1"), "--seed"),
    ],
)
def test_a_flag_that_nothing_would_come_of_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], flag: str
) -> None:
    assert flag in refused(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--data", ""),
        ("run", "--data="),
        ("history", ""),
        ("report", ""),
        ("gate", "run", "--baseline", ""),
        ("baseline", "save", "run", "--to", ""),
        ("predict", ""),
        ("merge", "a", "b", "--out="),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert "empty" in refused(monkeypatch, capsys, *arguments)


def test_weights_next_to_an_artifact_are_refused_where_nothing_is_built_from_them() -> None:
    with pytest.raises(UsageError, match=r"artifact and weights"):
        predict.load_model(backend="torch", artifact="net.onnx", weights="w.pth")
    with pytest.raises(UsageError, match=r"weights_layout"):
        predict.load_model(backend="torch", weights_layout="NHWC")
    with pytest.raises(UsageError, match=r"weights_key"):
        predict.load_model(backend="torch", weights_key="model")


def test_an_interpreter_names_the_runtime_that_doctor_looks_into() -> None:
    assert system_of(resolve({"pythons": ("torch=/opt/python",)})).backend == "torch"
    with pytest.raises(UsageError, match=r"openvino and torch are named"):
        system_of(resolve({"pythons": ("torch=/a", "openvino=/b")}))
