"""Checks of backends with a way of their own for many batches at once: the loop's logits, in order, in its threads."""

from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.capabilities import KeepsOnDevice, Streams
from alexbench.harness.conformance.cases import Case, network_pixels
from alexbench.harness.conformance.kit import Kit, Loaded, Spare
from alexbench.harness.conformance.marks import KitTests, may_refuse, needs, on_first_case
from alexbench.harness.conformance.required import FP32
from alexbench.harness.contract import Evidence
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.worker.protocol.timing import (
    CountStreamThreads,
    OpenStream,
    TimeResident,
    TimeStream,
    WriteStreamLogits,
)

BATCHES: Final = 5
BATCH: Final = 4


def streamed(on: Loaded | Spare, batches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (batches, N, outputs) through the stream that is open, by way of two files."""
    inputs, out = on.folder / "batches.npy", on.folder / "streamed.npy"
    np.save(inputs, batches)
    on.worker.ask(WriteStreamLogits(inputs, out))
    found: NDArray[np.float32] = np.load(out)
    return found


def different_batches(loaded: Loaded) -> NDArray[np.float32]:
    """BATCHES batches of which no two have an image in one place."""
    whole = loaded.pixels[: BATCHES * BATCH]
    return whole.reshape(BATCHES, BATCH, *whole.shape[1:])


def opened(kit: Kit, case: Case) -> Loaded:
    """The worker with a stream open as well as what it has loaded."""
    loaded = kit.loaded(case)
    found = loaded.worker.ask(OpenStream(BATCH))
    assert found.streams is not None, "it declares streams, but opens none"
    assert int(found.streams.value) >= 1, f"it says {found.streams.value} streams"
    assert found.streams.evidence in get_args(Evidence), f"streams are known by {found.streams.evidence!r}"
    assert found.how, "the stream does not say how it works"
    return loaded


class StreamTests(KitTests):
    """Streams."""

    group = "streams"

    @needs(Streams)
    @on_first_case
    def test_the_stream_gives_the_loops_logits_in_their_order(self, kit: Kit, case: Case) -> None:
        """A stream gives the loop's logits, in their order."""
        loaded = opened(kit, case)
        batches = different_batches(loaded)
        loop = np.stack([loaded.predict(one) for one in batches])
        found = streamed(loaded, batches)
        assert found.dtype == np.float32, f"the stream's logits are {found.dtype}"
        assert found.shape == loop.shape, f"the stream's logits have shape {found.shape}, the loop's {loop.shape}"
        off = np.abs(found - loop).max() / loop.std()
        assert off <= FP32.max_abs_over_sigma, f"the stream's logits are off by {off:.2g} deviations from the loop's"

    @needs(Streams)
    @on_first_case
    def test_batches_are_not_mixed_up_however_often_they_come(self, kit: Kit, case: Case) -> None:
        """Batches of a stream are not mixed up: each of 15 has float64's logits of its own images."""
        loaded, rounds = opened(kit, case), 3
        batches = different_batches(loaded)
        order = np.random.Generator(np.random.PCG64(11)).permutation(np.tile(np.arange(BATCHES), rounds))
        expected = kit.store.reference_logits(case)[: BATCHES * BATCH].reshape(BATCHES, BATCH, -1)
        found = streamed(loaded, batches[order])
        for place, number in enumerate(order):
            assert deviation(found[place], expected[number]).within(FP32), (
                f"batch {place} of the stream has other logits"
            )

    @needs(Streams)
    @on_first_case
    def test_a_stream_keeps_to_the_threads_asked_for(self, kit: Kit, case: Case) -> None:
        """A stream computes with the threads asked for; a crowded machine may not let one run, which is asked again."""
        loaded, counted = opened(kit, case), 0
        for _ in range(3):
            counted = loaded.worker.ask(CountStreamThreads(8, 8)).busy_threads
            assert counted <= kit.threads, f"the stream computed with {counted} threads, {kit.threads} were asked for"
            if counted == kit.threads:
                break
        assert counted == kit.threads, f"the stream computed with {counted} threads, {kit.threads} were asked for"

    @needs(Streams)
    @on_first_case
    def test_the_loop_is_what_it_was_next_to_a_stream_and_after_another(self, kit: Kit, case: Case) -> None:
        """predict() gives the same bits while a stream is open and after another; opening one closes the one before."""
        loaded = opened(kit, case)
        pixels = loaded.pixels[:BATCH]
        before = loaded.predict(pixels)
        streamed(loaded, pixels[None])
        assert np.array_equal(loaded.predict(pixels), before), "after a stream ran, predict() gave other logits"
        loaded.worker.ask(OpenStream(BATCH))
        assert np.array_equal(loaded.predict(pixels), before), "after a second stream, predict() gave other logits"

    @needs(Streams)
    @on_first_case
    def test_a_stream_is_timed_as_a_whole(self, kit: Kit, case: Case) -> None:
        """A stream is timed as a whole."""
        timed = opened(kit, case).worker.ask(TimeStream(BATCH, 3))
        assert len(timed.ns) == 1
        assert timed.ns[0] > 0

    @needs(Streams)
    @may_refuse("bf16")
    @on_first_case
    def test_a_stream_in_bf16_is_in_bf16(self, kit: Kit, case: Case) -> None:
        """A stream in bf16 computes in bf16."""
        kit.spare.load_with_pictures(case, precision="bf16")
        kit.spare.worker.ask(OpenStream(BATCH))
        batches = network_pixels(case, kit.backend.input_layout, 2 * BATCH)
        seen = deviation(
            np.concatenate(streamed(kit.spare, batches.reshape(2, BATCH, *batches.shape[1:]))),
            kit.store.reference_logits(case)[: 2 * BATCH],
        )
        assert seen.max_abs_over_sigma > FP32.max_abs_over_sigma, "the stream was asked for bf16, and fp32 ran"
        assert seen.within(TOLERANCES["bf16"]), f"the stream has {seen.sqnr_db:.0f} dB in bf16"

    @needs(Streams)
    def test_batches_of_any_size_come_back_in_their_places(self, kit: Kit) -> None:
        """Batches of any size come back in their places: in one run, backwards, after an error, and without load()."""
        seen = kit.seen("stream_life")
        for when in ("through", "again", "after_an_error", "without_load"):
            off = seen[when]["max_abs_over_sigma"]
            assert off <= FP32.max_abs_over_sigma, f"a stream ({when}) is off by {off:.2g} deviations"
            assert seen[when]["dtypes"] == ["float32"], f"a stream's logits are {', '.join(seen[when]['dtypes'])}"
        assert seen["nothing"] == [], "a stream of no batches gave logits"

    @needs(Streams)
    def test_a_streams_logits_are_the_callers_and_pixels_are_only_read(self, kit: Kit) -> None:
        """A stream's logits are the caller's, and pixels are only read."""
        seen = kit.seen("stream_life")
        assert seen["kept_its_first_results"], "a second run wrote into the logits of the first"
        assert seen["read_only"]

    @needs(Streams)
    def test_what_one_batch_raises_is_raised_by_the_run(self, kit: Kit) -> None:
        """What one batch of a stream raises, the run raises."""
        assert kit.seen("stream_life")["misshapen"]["raised"], "a stream answered a batch that does not fit"

    @needs(Streams)
    def test_the_loop_and_its_settings_are_what_they_were(self, kit: Kit) -> None:
        """predict() and effective() are unchanged, while a stream is open and when it is gone."""
        seen = kit.seen("stream_life")
        for what in ("effective_beside", "effective_after"):
            assert seen[what], "effective() changed when a stream was opened"
        for what in ("beside", "after"):
            assert seen[what], "predict() gave other logits when a stream was opened"

    @needs(Streams)
    def test_a_stream_may_close_twice_and_runs_no_more(self, kit: Kit) -> None:
        """A stream may be closed twice, and runs no more then."""
        seen = kit.seen("stream_life")
        assert [one["raised"] for one in seen["close"]] == [None, None], f"close() raised: {seen['close']}"
        assert seen["run_after_close"]["raised"], "a closed stream gave logits"

    @needs(Streams)
    def test_a_stream_refuses_an_unknown_device(self, kit: Kit) -> None:
        """A stream refuses what load() refuses."""
        seen = kit.seen("stream_life")["unknown_device"]
        assert seen["raised"] == "UnsupportedOptionError", "a stream on an unknown device was not refused"
        assert "abacus" in seen["message"]


class OnDeviceTests(KitTests):
    """Memory of the device."""

    group = "device-memory"

    @needs(KeepsOnDevice)
    @on_first_case
    def test_on_the_host_nothing_is_resident(self, kit: Kit, case: Case) -> None:
        """On the CPU, no input is kept on a device."""
        assert kit.loaded(case).worker.ask(TimeResident(1, 0.01)).timed is None

    @needs(KeepsOnDevice)
    def test_resident_needs_a_network_and_is_none_on_the_host(self, kit: Kit) -> None:
        """resident() raises an error before load(), and returns None on the CPU."""
        seen = kit.seen("life")
        assert seen["resident_is_none"], "resident() returned something on the CPU"
        assert seen["resident_before_load"]["raised"], "resident() before load() raised nothing"
