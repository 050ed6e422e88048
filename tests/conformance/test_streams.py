"""Every runtime's own way of many batches at once: the loop's logits, in their order, in the threads asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pytest

from alexbench.harness.capabilities import Streams
from alexbench.harness.contract import Evidence
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.worker.protocol.timing import (
    CountStreamThreads,
    OpenStream,
    TimeResident,
    TimeStream,
    WriteStreamLogits,
)
from tests.conformance.conftest import PUBLISHED, THREADS, Loaded, Spare, Store, class_or_skip
from tests.conformance.test_options import KNOWN_GAPS
from tests.support.models import PICTURES, network_pixels
from tests.support.workers import open_pictures

OWT: Final = PUBLISHED[0]
FP32: Final = TOLERANCES["fp32"]
BATCHES: Final = 5
BATCH: Final = 4
SCRIPT: Final = Path(__file__).parents[1] / "conformance" / "streaming_script.py"
LIMIT_S: Final = 300
Seen = dict[str, Any]


def streamed(loaded: Loaded | Spare, batches: np.ndarray) -> np.ndarray:
    """Logits (batches, N, outputs) through the stream that is open, by way of two files."""
    inputs, out = loaded.folder / "batches.npy", loaded.folder / "streamed.npy"
    np.save(inputs, batches)
    loaded.worker.ask(WriteStreamLogits(inputs, out))
    found: np.ndarray = np.load(out)
    return found


@pytest.fixture(scope="session")
def loaded_owt(loaded: Loaded) -> Loaded:
    """The worker with a stream open as well as what it had loaded; of those that come after, each opens one anew."""
    if not issubclass(loaded.backend, Streams):
        pytest.skip(f"{loaded.name} has no streams")
    opened = loaded.worker.ask(OpenStream(BATCH))
    assert opened.streams is not None
    assert int(opened.streams.value) >= 1
    assert opened.streams.evidence in get_args(Evidence)
    assert opened.how
    return loaded


def different_batches(loaded: Loaded) -> np.ndarray:
    """BATCHES batches of which no two have an image in one place."""
    assert BATCHES * BATCH <= PICTURES
    whole = loaded.pixels[: BATCHES * BATCH]
    return whole.reshape(BATCHES, BATCH, *whole.shape[1:])


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_the_stream_gives_the_loops_logits_in_their_order(loaded_owt: Loaded) -> None:
    batches = different_batches(loaded_owt)
    loop = np.stack([loaded_owt.predict(one) for one in batches])
    found = streamed(loaded_owt, batches)
    assert found.dtype == np.float32
    assert found.shape == loop.shape
    for one, wanted in zip(found, loop, strict=True):
        assert np.abs(one - wanted).max() <= FP32.max_abs_over_sigma * loop.std()


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_batches_are_not_mixed_up_however_often_they_come(loaded_owt: Loaded, store: Store) -> None:
    """Each of 15 batches is compared with float64's logits of its own images, which tell the images apart."""
    batches, rounds = different_batches(loaded_owt), 3
    order = np.random.Generator(np.random.PCG64(11)).permutation(np.tile(np.arange(BATCHES), rounds))
    expected = store.reference_logits(OWT)[: BATCHES * BATCH].reshape(BATCHES, BATCH, -1)
    found = streamed(loaded_owt, batches[order])
    for place, number in enumerate(order):
        assert deviation(found[place], expected[number]).within(FP32), (place, number)


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_a_stream_keeps_to_the_threads_asked_for(loaded_owt: Loaded) -> None:
    """Never more; on a crowded machine a thread is at times not let run, and then it is asked again."""
    counted = 0
    for _ in range(3):
        counted = loaded_owt.worker.ask(CountStreamThreads(8, 8)).busy_threads
        assert counted <= THREADS
        if counted == THREADS:
            break
    assert counted == THREADS


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_the_loop_is_what_it_was_next_to_a_stream_and_after_another(loaded_owt: Loaded) -> None:
    """Opening a stream closes the one before."""
    pixels = loaded_owt.pixels[:BATCH]
    beside = loaded_owt.predict(pixels)
    streamed(loaded_owt, pixels[None])
    assert np.array_equal(loaded_owt.predict(pixels), beside)
    loaded_owt.worker.ask(OpenStream(BATCH))
    assert np.array_equal(loaded_owt.predict(pixels), beside)


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_a_stream_is_timed_as_a_whole(loaded_owt: Loaded) -> None:
    timed = loaded_owt.worker.ask(TimeStream(BATCH, 3))
    assert len(timed.ns) == 1
    assert timed.ns[0] > 0


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_on_the_host_nothing_is_resident(loaded: Loaded) -> None:
    assert loaded.effective.device.value == "cpu"
    assert loaded.worker.ask(TimeResident(1, 0.01)).timed is None


def test_a_stream_in_bf16_is_in_bf16(spare: Spare, store: Store) -> None:
    if not issubclass(spare.backend, Streams) or (spare.name, "bf16") in KNOWN_GAPS:
        pytest.skip(f"{spare.name} has no stream in bf16")
    spare.load(OWT, store.weights(OWT), precision="bf16")
    open_pictures(spare.worker, OWT, spare.folder)
    spare.worker.ask(OpenStream(BATCH))
    batches = network_pixels(OWT, spare.backend.input_layout, 2 * BATCH)
    seen = deviation(
        np.concatenate(streamed(spare, batches.reshape(2, BATCH, *batches.shape[1:]))),
        store.reference_logits(OWT)[: 2 * BATCH],
    )
    assert seen.max_abs_over_sigma > FP32.max_abs_over_sigma, seen
    assert seen.within(TOLERANCES["bf16"]), seen


# What only a caller in the same process can do.


@pytest.fixture(scope="module")
def seen(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What the script saw of the backend's stream."""
    if not issubclass(class_or_skip(runtime), Streams):
        pytest.skip(f"{runtime} has no streams")
    out = tmp_path_factory.mktemp("streaming") / f"{runtime}.json"
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), runtime, str(out)],
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


@pytest.mark.parametrize("when", ["through", "again", "after_an_error", "without_load"])
def test_batches_of_any_size_come_back_in_their_places(seen: Seen, when: str) -> None:
    """In one run and in the next, backwards, after a run that failed, and by a backend that loaded nothing itself."""
    assert seen[when]["max_abs_over_sigma"] <= FP32.max_abs_over_sigma
    assert seen[when]["dtypes"] == ["float32"]


def test_no_batches_are_no_logits(seen: Seen) -> None:
    assert seen["nothing"] == []


def test_logits_are_the_callers_and_pixels_are_only_read(seen: Seen) -> None:
    assert seen["kept_its_first_results"]
    assert seen["read_only"]


def test_what_one_batch_raises_is_raised_by_the_run(seen: Seen, runtime: str) -> None:
    assert seen["misshapen"]["raised"] == "DataError"
    assert runtime in seen["misshapen"]["message"]


def test_the_loop_and_its_settings_are_what_they_were(seen: Seen) -> None:
    """Bit for bit, while the stream is there and when it is gone; the threads reported among the settings."""
    assert seen["effective_beside"]
    assert seen["beside"]
    assert seen["effective_after"]
    assert seen["after"]


def test_close_may_come_twice_and_run_no_more(seen: Seen, runtime: str) -> None:
    assert [one["raised"] for one in seen["close"]] == [None, None]
    assert seen["run_after_close"]["raised"] == "UsageError"
    assert f"{runtime}: run() on a closed stream" in seen["run_after_close"]["message"]


def test_a_stream_refuses_what_load_refuses(seen: Seen, runtime: str) -> None:
    gap = KNOWN_GAPS.get((runtime, "bf16"))
    assert seen["bf16"]["raised"] == (None if gap is None else gap.error.__name__)
    assert seen["unknown_device"]["raised"] == "UnsupportedOptionError"
    assert "abacus" in seen["unknown_device"]["message"]


def test_resident_needs_a_network_and_is_none_on_the_host(seen: Seen) -> None:
    if "resident_is_none" not in seen:
        pytest.skip("keeps nothing on a device")
    assert seen["resident_is_none"]
    assert seen["resident_before_load"]["ours"], seen["resident_before_load"]
    assert "load" in seen["resident_before_load"]["message"]
