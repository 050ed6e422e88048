"""A leaderboard's row as text: what the row is called."""

import pytest

from alexbench.reports.row_cells import name


@pytest.mark.parametrize(
    ("backend", "version", "said"),
    [
        ("onnxruntime", "1.31.1", "onnxruntime 1.31.1"),
        ("torch", "2.13.0+cpu", "torch 2.13.0"),
        ("openvino@head", "2026.4.1-22982-abc", "openvino@head 2026.4.1"),
        ("onnxruntime@1.31.1", "1.31.1", "onnxruntime@1.31.1"),
        ("onnxruntime@1.31.1", "1.30.0", "onnxruntime@1.31.1 1.30.0"),
    ],
)
def test_a_version_is_said_once(backend: str, version: str, said: str) -> None:
    assert name({"backend": backend, "version": version, "artifact": None}) == said


def test_a_row_that_never_ran_has_no_version() -> None:
    assert name({"backend": "torch", "version": None, "artifact": None}) == "torch"


def test_an_artifact_stands_beside_it() -> None:
    assert name({"backend": "torch", "version": "2.13.0", "artifact": "a.pt2"}) == "torch 2.13.0 (a.pt2)"
