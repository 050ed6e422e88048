"""What torch would execute in a torch.export file is found before torch opens it."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from alexbench.backends.torch_.pt2_check import code_in, pickles_of_tensors_only

FORCE, FORCE_NOT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


def archive(folder: Path, members: dict[str, Any]) -> Path:
    path = folder / "file.pt2"
    with zipfile.ZipFile(path, "w") as out:
        for name, data in members.items():
            out.writestr(name, data if isinstance(data, str) else json.dumps(data))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "s77",
        "Symbol('s77', positive=True, integer=True)",
        "2*Symbol('s0', integer=True) + 1",
        "FloorDiv(s0, 4) <= Max(1, s1)",
        "-1",
        "L['x'].size()[0] >= 2 and not L['x'].size()[0] == 5",
    ],
)
def test_sizes_and_guards_are_arithmetic(tmp_path: Path, text: str) -> None:
    assert (
        code_in(archive(tmp_path, {"a/models/model.json": {"x": [{"expr_str": text}], "guards_code": [text]}})) is None
    )


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "open('x', 'w')",
        "exec('1')",
        "S('open(1)')",
        "Symbol('a').__class__",
        "().__class__.__bases__[0]",
        "s0.size.__globals__",
        "[x for x in (1,)]",
        "(lambda: 1)()",
        "Symbol(open('x', 'w'))",
        "f'{open(1)}'",
        "(x := 1)",
        "import os",
        "",
    ],
)
@pytest.mark.parametrize("key", ["expr_str", "guards_code"])
def test_anything_else_is_code(tmp_path: Path, key: str, text: str) -> None:
    value = text if key == "expr_str" else ["s0 > 1", text]
    found = code_in(archive(tmp_path, {"a/models/model.json": {"deep": {"down": [{key: value}]}}}))
    assert found == f"{text!r} in a/models/model.json"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("a/data/aotinductor/model/x.so", "a compiled library"),
        ("a/data/constants/custom_obj_0", "a pickled object"),
        ("a/data/constants/opaque_obj_0", "a pickled object"),
    ],
)
def test_libraries_and_objects_are_code(tmp_path: Path, member: str, said: str) -> None:
    assert code_in(archive(tmp_path, {member: "x"})) == f"{said} ({member})"


def test_the_environment_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCE_NOT, "1")
    monkeypatch.delenv(FORCE, raising=False)
    with pickles_of_tensors_only():
        assert os.environ[FORCE] == "1"
        assert FORCE_NOT not in os.environ
    assert os.environ[FORCE_NOT] == "1"
    assert FORCE not in os.environ
