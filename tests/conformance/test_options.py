"""Options are obeyed or refused, never ignored; and what a backend says of itself is what ran."""

import importlib.metadata
import re
from dataclasses import dataclass
from typing import Final, get_args

import pytest

from alexbench.harness.contract import Evidence
from alexbench.harness.errors import AlexBenchError, UnsupportedOptionError
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.worker.protocol.lifecycle import ListDevices
from tests.conformance.conftest import PUBLISHED, THREADS, Loaded, Spare, Store
from tests.support.models import network_pixels
from tests.support.workers import busy_threads, open_pictures, predict

OWT: Final = PUBLISHED[0]


@dataclass(frozen=True, slots=True)
class Gap:
    """What a backend does not do, and its error."""

    error: type[AlexBenchError]
    message: str


# A gap that closes fails its test until its line is removed; a backend without a line here has no gaps.
KNOWN_GAPS: Final = {
    ("onnxruntime", "bf16"): Gap(UnsupportedOptionError, "fp32 would have run; use --precision fp32"),
    ("tensorflow", "bf16"): Gap(UnsupportedOptionError, "fp32 would have run; use --precision fp32"),
}


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_the_thread_count_takes_effect(loaded: Loaded) -> None:
    """Counted from outside: the threads of the worker that were on a core."""
    assert busy_threads(loaded.worker, THREADS) == THREADS
    assert loaded.effective.threads.value == str(THREADS)


def test_one_thread_is_one_thread(spare: Spare, store: Store) -> None:
    answer = spare.load(OWT, store.weights(OWT))
    open_pictures(spare.worker, OWT, spare.folder)
    assert busy_threads(spare.worker, 1) == 1
    assert answer.effective.threads.value == "1"


def test_two_threads_were_asked_for() -> None:
    """Else the first test proves less than it says."""
    if usable_cores() < 2:
        pytest.skip("this machine lets us use one core")
    assert THREADS == 2


def test_an_unknown_device_is_refused_and_the_known_ones_named(spare: Spare, store: Store) -> None:
    with pytest.raises(UnsupportedOptionError, match=r"(?si)abacus.*known: .*\bcpu\b"):
        spare.load(OWT, store.weights(OWT), device="abacus")


@pytest.mark.parametrize("device", ["cuda", "gpu"])
def test_an_absent_device_is_refused_with_what_would_have_run(spare: Spare, store: Store, device: str) -> None:
    present = spare.worker.ask(ListDevices(spare.name)).devices
    assert "cpu" in present
    if any(name.partition(":")[0] != "cpu" for name in present):
        pytest.skip(f"{spare.name} finds {', '.join(present)} here")
    with pytest.raises(UnsupportedOptionError) as refused:
        spare.load(OWT, store.weights(OWT), device=device)
    said = str(refused.value)
    assert said.startswith(f"{spare.name}: ")
    assert device in said
    if "unknown device" in said:  # this runtime has no device of that name, wherever it runs
        assert re.search(r"(?i)known: .*\bcpu\b", said)
    else:
        assert "would have run" in said
        assert "--device cpu" in said


def test_every_backend_refuses_one_accelerator_by_a_name_it_knows(spare: Spare, store: Store) -> None:
    """The runtime knows ``cuda`` or ``gpu``: if both were unknown, the test above would test nothing."""
    unknown = []
    for device in ("cuda:63", "gpu:63"):
        with pytest.raises(UnsupportedOptionError) as refused:
            spare.load(OWT, store.weights(OWT), device=device)
        unknown.append("unknown device" in str(refused.value))
    assert not all(unknown)


def test_bf16_is_obeyed_or_refused(spare: Spare, store: Store) -> None:
    gap = KNOWN_GAPS.get((spare.name, "bf16"))
    if gap is not None:
        with pytest.raises(gap.error, match=re.escape(gap.message)):
            spare.load(OWT, store.weights(OWT), precision="bf16")
        return
    answer = spare.load(OWT, store.weights(OWT), precision="bf16")
    assert answer.effective.precision.value == "bf16"
    logits = predict(spare.worker, network_pixels(OWT, spare.backend.input_layout, 8), spare.folder)
    seen = deviation(logits, store.reference_logits(OWT)[:8])
    # Really bf16: eight bits of mantissa show. Still the network: within what bf16 may deviate.
    assert seen.sqnr_db < 80.0, seen
    assert seen.max_abs_over_sigma > TOLERANCES["fp32"].max_abs_over_sigma, seen
    assert seen.within(TOLERANCES["bf16"]), seen


def test_every_known_gap_is_of_a_registered_backend() -> None:
    from alexbench.backends.registry import backend_names

    assert {name for name, _ in KNOWN_GAPS} <= set(backend_names())


def test_the_version_is_the_installed_one(loaded: Loaded) -> None:
    """A build's local label (``+cpu``) is the runtime's own business."""
    installed = {
        importlib.metadata.version(distribution).partition("+")[0] for distribution in loaded.backend.probe().versions
    }
    reported = re.match(r"[0-9.]*[0-9]", loaded.effective.version)
    assert reported is not None
    assert any(version == reported[0] or reported[0].startswith(f"{version}.") for version in installed), installed


def test_fp32_on_the_cpu_is_what_ran(loaded: Loaded) -> None:
    assert loaded.effective.device.value == "cpu"
    assert loaded.effective.precision.value == "fp32"
    assert loaded.effective.runtime


def test_every_effective_value_says_how_it_is_known(loaded: Loaded) -> None:
    ran = loaded.effective
    for known in (ran.device, ran.provider, ran.precision, ran.threads, ran.streams):
        assert known.value
        assert known.evidence in get_args(Evidence)
    assert all(isinstance(value, str) for value in ran.settings.values())
