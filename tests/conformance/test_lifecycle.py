"""What a backend promises its caller in one process: arrays that are the caller's, refusals that name what they refuse.

lifecycle_script.py drives the backend in a fresh process over a tiny network with every kind of layer; here is judged
what it saw. `reference` is held to it too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from alexbench.backends.registry import REFERENCE, backend_class
from alexbench.harness.judge.parity import TOLERANCES
from tests.conformance import lifecycle_script as lifecycle
from tests.conformance.conftest import RUNTIMES, class_or_skip

SCRIPT: Final = Path(lifecycle.__file__)
LIMIT_S: Final = 300
Seen = dict[str, Any]


@pytest.fixture(scope="module", params=[*RUNTIMES, REFERENCE])
def backend(request: pytest.FixtureRequest) -> str:
    """Every registered backend, `reference` too."""
    name: str = request.param
    class_or_skip(name)
    return name


@pytest.fixture(scope="module")
def seen(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What the script saw of the backend."""
    out = tmp_path_factory.mktemp("lifecycle") / f"{backend}.json"
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), backend, str(out)],
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: Seen = json.loads(out.read_text(encoding="utf-8"))
    return found


def test_close_may_come_twice_and_before_load(seen: Seen) -> None:
    assert [one["raised"] for one in seen["close_before_load"]] == [None, None]
    assert [one["raised"] for one in seen["close"]] == [None, None]


@pytest.mark.parametrize("when", ["predict_before_load", "predict_after_close"])
def test_predict_without_a_network_is_a_clear_error(seen: Seen, backend: str, when: str) -> None:
    assert seen[when]["ours"], seen[when]
    assert backend in seen[when]["message"]
    assert "load" in seen[when]["message"]


@pytest.mark.parametrize("when", ["effective_before_load", "effective_after_close"])
def test_effective_without_a_network_is_a_clear_error(seen: Seen, when: str) -> None:
    assert seen[when]["ours"], seen[when]
    assert "load" in seen[when]["message"]


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("missing", ["conv2.bias", "missing", "(12,)"]),
        ("extra", ["fc9.weight"]),
        ("misshapen", ["fc6.weight", "has shape (108, 16)", "wanted (16, 108)"]),
        ("float64", ["conv1.weight", "float64", "float32"]),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(seen: Seen, what: str, named: list[str]) -> None:
    refusal = seen["defects"][what]
    assert refusal["raised"] == "WeightsError"
    for part in named:
        assert part in refusal["message"]


def test_pixels_that_do_not_fit_are_refused_with_what_was_wanted(seen: Seen, backend: str) -> None:
    _, height, width = lifecycle.TINY.input_shape
    wanted = f"3, {height}, {width}" if backend_class(backend).input_layout == "NCHW" else f"{height}, {width}, 3"
    assert len(seen["pixels"]) == 7
    for what, refusal in seen["pixels"].items():
        assert refusal["raised"] == "DataError", what
        assert wanted in refusal["message"], what
        assert "float32" in refusal["message"], what


def test_a_refusal_leaves_the_backend_well(seen: Seen) -> None:
    assert seen["well_after_refusals"]


def test_logits_are_the_callers_to_keep(seen: Seen) -> None:
    """A later call does not write into them, and what the caller writes into them reaches no later call."""
    assert seen["kept_its_first_result"]
    assert seen["unmoved_by_its_caller"]


def test_pixels_are_only_read(seen: Seen) -> None:
    assert seen["pixels_untouched"]
    assert seen["read_only_pixels"]


def test_every_kind_of_layer_is_computed(seen: Seen, backend: str) -> None:
    assert seen["logits"]["shape"] == [lifecycle.BATCH, lifecycle.TINY.outputs]
    assert seen["logits"]["dtype"] == ("float64" if backend == REFERENCE else "float32")
    assert seen["deviation"]["max_abs_over_sigma"] <= TOLERANCES["fp32"].max_abs_over_sigma
    assert seen["deviation"]["sqnr_db"] >= TOLERANCES["fp32"].sqnr_db


def test_load_may_come_again(seen: Seen) -> None:
    assert seen["loads_again"]
    assert seen["loads_over"]
