"""Tests in several processes, as ``nox -s tests`` runs them: what shares a fixture stays in one."""

import os
import re
import subprocess
import sys
from typing import Final

import pytest

from tests.support.sharing import APART, shared_by
from tests.support.tools import ROOT

TWO: Final = ("-n", "2", "--benchmark-disable", "-p", "no:cacheprovider", "-v")
FILES: Final = ("tests/unit/reports/text/test_wording.py", "tests/unit/reports/leaderboard/test_boards.py")
RAN: Final = re.compile(r"\[(gw\d)\].* PASSED (\S+?)::")


@pytest.mark.parametrize(
    ("nodeid", "shared"),
    [
        (
            "tests/unit/reports/leaderboard/test_boards.py::test_a[openvino]",
            "tests/unit/reports/leaderboard/test_boards.py",
        ),
        (
            "tests/conformance/test_backends.py::TestTorch::test_logits[bvlc-227-1]",
            "tests/conformance/test_backends.py::TestTorch",
        ),
        ("tests/conformance/test_artifacts.py::test_a[torch-plain.pt2]", "tests/conformance/ torch"),
        ("tests/conformance/test_yardstick.py::test_a[onnx]", "tests/conformance/test_yardstick.py"),
        ("tests/end_to_end/test_export.py::test_a[onnx]", "tests/end_to_end/test_export.py::test_a[onnx]"),
    ],
)
def test_what_shares_a_process(nodeid: str, shared: str) -> None:
    assert shared_by(nodeid) == shared


def test_what_is_taken_apart_is_there() -> None:
    assert [path for path in APART if not (ROOT / path).is_file()] == []


def test_a_file_stays_in_one_process() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *TWO, *FILES],
        cwd=ROOT,
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = set(RAN.findall(ran.stdout))
    assert sorted(file for _, file in found) == sorted(FILES), found
