"""The kit is red on each planted fault, and names it in words; it is green on a backend that keeps the contract."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.conformance.kit import Kit
from alexbench.harness.conformance.store import Store
from alexbench.harness.errors import WorkerError
from tests.end_to_end.planted_plugins import plant

ROOT = Path(__file__).parents[4]
FAULTS = {
    "MixesTheBatch": ("an_image_alone_has_the_logits_it_has_in_a_batch", "alone has other logits than in a batch"),
    "DropsOut": ("dropout_is_off", "is dropout on?"),
    "TakesMoreThreads": ("one_thread_is_one_thread", "2 threads computed, 1 was asked for"),
    "IgnoresPrecision": ("bf16_is_obeyed_or_refused", "bf16 was accepted, but fp32 ran"),
    "IgnoresDevice": ("an_unknown_device_is_refused", "abacus was accepted; refuse it"),
    "ReusesItsBuffer": ("logits_are_the_callers_to_keep", "wrote into the logits of the first: return a copy"),
    "LoadsOnce": ("load_may_come_again", "load() after close(): it raised RuntimeError: the device is in use"),
    "TakesAnyShape": ("pixels_of_another_shape_are_refused", "answered pixels that do not fit"),
    "HidesNaN": ("answers_that_are_not_finite_are_not_hidden", "weights with NaN and infinity gave"),
    "FillsMissingWeights": ("weights_that_do_not_fit_are_refused_by_name", "conv2.bias that is missing: nothing"),
    "ReturnsFloat64": ("every_kind_of_layer_is_computed", "the logits are float64, wanted float32"),
    "WritesIntoPixels": ("pixels_are_only_read", "wrote into its caller's pixels"),
    "MisstatesThreads": ("one_thread_is_one_thread", "effective() says 8 threads"),
    "ClosesOnce": ("close_may_come_twice_and_before_load", "close() raised RuntimeError: closed already"),
    "Prints": ("it_prints_nothing_to_standard_output", "it prints to standard output: 'inference done'"),
    "Bf16": ("bf16_is_obeyed_or_refused", "bf16 works now, and is declared as a gap: remove it from gaps"),
    "LayersOfAnother": ("every_layer_is_float64s", "layer conv2 is not float64's"),
    "ReversesItsStream": ("batches_are_not_mixed_up_however_often_they_come", "of the stream has other logits"),
}
"""Fault -> the check that is red, and its words."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("planted") / "found.json"
    script = Path(__file__).with_name("planted.py")
    ran = subprocess.run(
        [sys.executable, "-P", str(script), str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert out.exists(), ran.stderr[-2000:] + ran.stdout[-2000:]
    seen: dict[str, list[dict[str, Any]]] = json.loads(out.read_text(encoding="utf-8"))
    return seen


@pytest.mark.parametrize("fault", FAULTS)
def test_the_kit_names_the_fault(found: dict[str, list[dict[str, Any]]], fault: str) -> None:
    check, words = FAULTS[fault]
    red = {one["name"]: one["said"] for one in found[fault] if one["outcome"] == "failed"}
    assert words in red.get(check, f"{check} is not red: {red}")


def test_the_kit_is_green_on_what_keeps_the_contract(found: dict[str, list[dict[str, Any]]]) -> None:
    assert {one["name"]: one["said"] for one in found["Sound"] if one["outcome"] == "failed"} == {}
    assert len(found["Sound"]) >= 30
    assert all(one["promise"] and one["group"] for one in found["Sound"])


def test_every_stub_is_tried(found: dict[str, list[dict[str, Any]]]) -> None:
    assert set(found) == {"Sound", *FAULTS}


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("exits", r"^exits: its process ended with exit code 3"),
        ("hangs", r"^hangs: its process gave no answer within 4 s$"),
        ("unloadable", r"^unloadable: its process ended with exit code 1: ValueError: no such kernel$"),
    ],
)
def test_a_process_that_ends_or_hangs_is_named(
    plugin: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(plant(tmp_path / "plugins", [plugin])))
    with pytest.raises(WorkerError, match=said):
        Kit(plugin, tmp_path, Store(tmp_path, 1), silence_limit_s=4.0).seen("life")
