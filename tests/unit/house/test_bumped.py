"""tools/bumped.py says which runtimes a change of constraints.txt bumps, in the words of ``nox -s ab``."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import ROOT, tool

bumped = tool("bumped")
BASE = "# exact\nnumpy==2.4.6\nonnxruntime-gpu==1.30.0\nopenvino==2026.4.0\ntensorflow==2.21.0\ntorch==2.13.0\n"


def test_what_has_another_version_is_named_on_both_sides() -> None:
    head = BASE.replace("gpu==1.30.0", "gpu==1.31.1")
    assert bumped.bumped(BASE, head) == [("onnxruntime-gpu==1.30.0", "onnxruntime-gpu==1.31.1")]


def test_going_back_is_a_bump_too_and_other_packages_are_none() -> None:
    head = BASE.replace("openvino==2026.4.0", "openvino==2026.3.1").replace("numpy==2.4.6", "numpy==2.4.7")
    assert bumped.bumped(BASE, head) == [("openvino==2026.4.0", "openvino==2026.3.1")]
    assert bumped.bumped(BASE, BASE + "\n# a comment\n") == []


def test_two_distributions_of_one_runtime_are_the_same_runtime() -> None:
    head = BASE.replace("onnxruntime-gpu==1.30.0", "onnxruntime==1.30.0  # no GPU")
    assert bumped.bumped(BASE, head) == [("onnxruntime-gpu==1.30.0", "onnxruntime==1.30.0")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("torch>=2.6", "not an exact version"),
        ("torch==2.13.0; echo", "not an exact version"),
        ("torch==$(id)", "not an exact version"),
        ("torch @ https://example.org/torch.whl", "not an exact version"),
        ("torch", "not an exact version"),
        ("Torch==2.13.0\ntorch==2.12.0", "twice"),
    ],
)
def test_what_is_no_exact_version_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bumped.pinned(line)


def test_local_versions_are_versions() -> None:
    assert bumped.pinned("torch==2.13.0+cpu") == {"torch": "torch==2.13.0+cpu"}


def printed(tmp_path: Path, base: str, head: str) -> subprocess.CompletedProcess[str]:
    for name, text in (("base.txt", base), ("head.txt", head)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    words = [sys.executable, str(ROOT / "tools" / "bumped.py"), "base.txt", "head.txt"]
    return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


def test_several_are_joined_by_commas_in_the_same_order(tmp_path: Path) -> None:
    head = BASE.replace("gpu==1.30.0", "gpu==1.31.1").replace("openvino==2026.4.0", "openvino==2026.4.1")
    done = printed(tmp_path, BASE, head)
    assert done.stdout == ("onnxruntime-gpu==1.30.0,openvino==2026.4.0 onnxruntime-gpu==1.31.1,openvino==2026.4.1\n")
    assert done.returncode == 0


def test_nothing_is_printed_where_nothing_can_be_compared(tmp_path: Path) -> None:
    done = printed(tmp_path, BASE, BASE.replace("torch==2.13.0\n", ""))
    assert (done.returncode, done.stdout) == (0, "")
    assert "torch is in only one of the two files" in done.stderr


def test_a_damaged_file_is_one_line_that_names_it(tmp_path: Path) -> None:
    done = printed(tmp_path, BASE, "torch~=2.6\n")
    assert done.returncode == 1
    assert done.stderr == "head.txt: 'torch~=2.6' is not an exact version\n"


def test_this_projects_own_constraints_pin_the_four_runtimes() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert bumped.pinned(text).keys() == {"onnxruntime", "openvino", "tensorflow", "torch"}
