"""Checks of what every backend promises: correct answers, options obeyed or refused, and a clean life."""

import importlib.metadata
import re
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import REFERENCE
from alexbench.harness.conformance import life
from alexbench.harness.conformance.cases import PICTURES, Case
from alexbench.harness.conformance.kit import Kit
from alexbench.harness.conformance.marks import KitTests, may_refuse, on_first_case
from alexbench.harness.contract import Evidence, Precision
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.models.network import Dropout
from alexbench.harness.worker.protocol.lifecycle import ListDevices

FP32: Final = TOLERANCES["fp32"]
LOOKED_AT_ALONE: Final = (0, 5, PICTURES - 1)
REDUCED_AT_MOST_DB: Final = 80.0
"""Eight or eleven bits of mantissa show: an error as small as this is fp32's."""


def assert_parity(found: NDArray[np.float32], expected: NDArray[np.float64], *, where: str = "") -> None:
    """The logits are float64's within what fp32 may deviate."""
    assert found.dtype == np.float32, f"the logits are {found.dtype}, wanted float32"
    assert found.shape == expected.shape, f"the logits have shape {found.shape}, wanted {expected.shape}"
    seen = deviation(found, expected)
    assert seen.max_abs_over_sigma <= FP32.max_abs_over_sigma, (
        f"the logits{where} are off by {seen.max_abs_over_sigma:.2g} standard deviations from float64's;"
        f" fp32 is within {FP32.max_abs_over_sigma:g}"
    )
    assert seen.sqnr_db >= FP32.sqnr_db, f"the logits{where} have {seen.sqnr_db:.0f} dB, fp32 has {FP32.sqnr_db:g}"


class ParityTests(KitTests):
    """Correct answers."""

    group = "parity"

    def test_logits_are_those_of_float64(self, kit: Kit, case: Case, batch: int) -> None:
        """The logits are float64's at batch 1, 3 and 32."""
        loaded = kit.loaded(case)
        expected = kit.store.reference_logits(case)[:batch]
        assert_parity(loaded.predict(loaded.pixels[:batch]), expected, where=f" of {case} at batch {batch}")

    def test_an_image_alone_has_the_logits_it_has_in_a_batch(self, kit: Kit, case: Case) -> None:
        """An image's logits do not depend on the rest of its batch."""
        loaded = kit.loaded(case)
        pixels, sigma = loaded.pixels, float(kit.store.reference_logits(case).std())
        together = loaded.predict(pixels)
        for picture in LOOKED_AT_ALONE:
            off = np.abs(loaded.predict(pixels[picture : picture + 1])[0] - together[picture]).max() / sigma
            assert off <= FP32.max_abs_over_sigma, (
                f"image {picture} alone has other logits than in a batch of {len(pixels)}: off by {off:.2g} standard"
                " deviations"
            )

    def test_the_same_pixels_twice_give_the_same_logits(self, kit: Kit, case: Case) -> None:
        """The same pixels give the same bits, whatever came between."""
        loaded = kit.loaded(case)
        pixels = loaded.pixels[:3]
        first = loaded.predict(pixels)
        loaded.predict(loaded.pixels[3:5])
        assert np.array_equal(loaded.predict(pixels), first), "the same pixels gave other logits the second time"

    def test_dropout_is_off(self, kit: Kit, case: Case) -> None:
        """Dropout is off: on, it would zero half of the inputs of a layer, others in every call."""
        assert any(isinstance(layer, Dropout) for layer in case.description.layers)
        loaded = kit.loaded(case)
        calls = [loaded.predict(loaded.pixels[:1]) for _ in range(3)]
        assert all(np.array_equal(call, calls[0]) for call in calls), (
            "three calls gave different logits: is dropout on?"
        )
        assert_parity(calls[0], kit.store.reference_logits(case)[:1])

    def test_logits_are_those_of_float64_at_another_input_size(self, kit: Kit, elsewhere: Case) -> None:
        """The logits are float64's at other input sizes, where pooling windows hang over the edge or overlap."""
        kit.spare.load(elsewhere)
        expected = kit.store.reference_logits(elsewhere, 3)
        assert_parity(kit.spare.predict(elsewhere, 3), expected, where=f" of {elsewhere}")


class OptionTests(KitTests):
    """Options obeyed or refused."""

    group = "options"

    @on_first_case
    def test_the_thread_count_takes_effect(self, kit: Kit, case: Case) -> None:
        """As many threads compute as were asked for, counted from outside."""
        loaded = kit.loaded(case)
        counted = kit.busy_threads(loaded.worker, kit.threads)
        assert counted == kit.threads, f"{counted} threads computed, {kit.threads} were asked for"
        assert loaded.effective.threads.value == str(kit.threads), (
            f"effective() says {loaded.effective.threads.value} threads, {kit.threads} were asked for"
        )

    @on_first_case
    def test_one_thread_is_one_thread(self, kit: Kit, case: Case) -> None:
        """One thread is one thread, counted from outside."""
        answer = kit.spare.load_with_pictures(case)
        counted = kit.busy_threads(kit.spare.worker, 1)
        assert counted == 1, f"{counted} threads computed, 1 was asked for"
        assert answer.effective.threads.value == "1", f"effective() says {answer.effective.threads.value} threads"

    @on_first_case
    def test_an_unknown_device_is_refused(self, kit: Kit, case: Case) -> None:
        """A device that does not exist is refused by name."""
        self.check_refusal(self._refused(kit, case, device="abacus"), "abacus")

    @on_first_case
    def test_an_absent_device_is_refused(self, kit: Kit, case: Case) -> None:
        """A GPU is refused where there is none."""
        present = kit.spare.worker.ask(ListDevices(kit.name)).devices
        assert "cpu" in present, f"devices() names {', '.join(present) or 'nothing'}, and no cpu"
        if all(name.partition(":")[0] == "cpu" for name in present):
            for device in ("cuda", "gpu"):
                self.check_refusal(self._refused(kit, case, device=device), device)

    @may_refuse("bf16")
    @on_first_case
    def test_bf16_is_obeyed_or_refused(self, kit: Kit, case: Case) -> None:
        """bf16 computes in bf16, within its tolerance, or is refused."""
        self._reduced(kit, case, "bf16")

    @may_refuse("fp16")
    @on_first_case
    def test_fp16_is_obeyed_or_refused(self, kit: Kit, case: Case) -> None:
        """fp16 computes in fp16, within its tolerance, or is refused."""
        self._reduced(kit, case, "fp16")

    @on_first_case
    def test_the_version_is_the_installed_one(self, kit: Kit, case: Case) -> None:
        """The version that it reports is the installed one."""
        found = kit.backend.probe().versions
        installed = {importlib.metadata.version(distribution).partition("+")[0] for distribution in found}
        said = kit.loaded(case).effective.version
        reported = re.match(r"[0-9.]*[0-9]", said)
        assert reported is not None, f"effective() has no version: {said!r}"
        fits = any(one == reported[0] or reported[0].startswith(f"{one}.") for one in installed)
        assert fits or not installed, f"effective() says version {said}, installed is {', '.join(sorted(installed))}"

    @on_first_case
    def test_fp32_on_the_cpu_is_what_ran(self, kit: Kit, case: Case) -> None:
        """What ran is what was asked for: fp32 on the CPU."""
        ran = kit.loaded(case).effective
        assert ran.device.value == "cpu", f"effective() says device {ran.device.value}, cpu was asked for"
        assert ran.precision.value == "fp32", f"effective() says {ran.precision.value}, fp32 was asked for"
        assert ran.runtime, "effective() names no runtime"

    @on_first_case
    def test_every_effective_value_says_how_it_is_known(self, kit: Kit, case: Case) -> None:
        """Each value of effective() says how it is known."""
        ran = kit.loaded(case).effective
        for name in ("device", "provider", "precision", "threads", "streams"):
            known = getattr(ran, name)
            assert known.value, f"effective().{name} is empty"
            assert known.evidence in get_args(Evidence), f"effective().{name} is known by {known.evidence!r}"
        assert all(isinstance(value, str) for value in ran.settings.values()), "effective().settings are not all text"

    def _reduced(self, kit: Kit, case: Case, precision: Precision) -> None:
        """Really computed in it, for its rounding shows; still the network, within what it may deviate."""
        try:
            answer = kit.spare.load(case, precision=precision)
        except AlexBenchError as refusal:
            self.check_refusal(refusal, precision)
            raise
        said = answer.effective.precision.value
        assert said == precision, f"{precision} was accepted, and effective() says {said}: refuse it"
        seen = deviation(kit.spare.predict(case, 8), kit.store.reference_logits(case)[:8])
        coarse = seen.sqnr_db < REDUCED_AT_MOST_DB and seen.max_abs_over_sigma > FP32.max_abs_over_sigma
        assert coarse, f"{precision} was accepted, but fp32 ran: {seen.sqnr_db:.0f} dB; refuse it"
        least = TOLERANCES[precision].sqnr_db
        assert seen.within(TOLERANCES[precision]), f"{precision} has {seen.sqnr_db:.0f} dB; wanted {least:g} or more"

    def _refused(self, kit: Kit, case: Case, **options: Any) -> AlexBenchError:
        try:
            kit.spare.load(case, **options)
        except AlexBenchError as error:
            return error
        raise AssertionError(f"{', '.join(options.values())} was accepted; refuse it with UnsupportedOptionError")


class LifeTests(KitTests):
    """A clean life: load, predict, close and load again."""

    group = "life"

    def test_close_may_come_twice_and_before_load(self, kit: Kit) -> None:
        """close() may come twice, and before load()."""
        seen = kit.seen("life")
        for one in (*seen["close_before_load"], *seen["close"], seen["last_close"]):
            assert one["raised"] is None, f"close() raised {one['raised']}: {one['message']}"

    def test_predict_and_effective_need_a_network(self, kit: Kit) -> None:
        """predict() and effective() raise an error before load() and after close()."""
        seen = kit.seen("life")
        for what in ("predict_before_load", "predict_after_close", "effective_before_load", "effective_after_close"):
            assert seen[what]["raised"] is not None, f"{what.replace('_', '() ', 1).replace('_', ' ')}() raised nothing"

    def test_weights_that_do_not_fit_are_refused_by_name(self, kit: Kit) -> None:
        """Weights that are missing, extra, misshapen or not float32 are refused by name."""
        named = {"missing": "conv2.bias", "extra": "fc9.weight", "misshapen": "fc6.weight", "float64": "conv1.weight"}
        for what, array in named.items():
            seen = kit.seen("life")["defects"][what]
            assert seen["raised"] == "WeightsError", (
                f"{array} that is {what}: {seen['raised'] or 'nothing'} was raised, wanted WeightsError (check_weights)"
            )
            assert array in seen["message"], f"the refusal of {array} that is {what} does not name it"

    def test_pixels_of_another_shape_are_refused(self, kit: Kit) -> None:
        """Pixels of another shape are refused."""
        for what, seen in kit.seen("life")["shapes"].items():
            assert seen["raised"], f"predict() answered pixels that do not fit ({what}); refuse them with DataError"

    def test_pixels_of_another_type_are_refused_or_answered_correctly(self, kit: Kit) -> None:
        """Pixels of another type, or none, are refused or answered correctly."""
        for what, seen in kit.seen("life")["types"].items():
            assert seen["raised"] or seen["same"], f"predict() answered {what} wrongly; refuse it with DataError"

    def test_a_refusal_leaves_the_backend_well(self, kit: Kit) -> None:
        """A refusal changes nothing."""
        seen = kit.seen("life")["well_after_refusals"]
        assert seen["same"], f"after it refused pixels, predict() {_became(seen)}"

    def test_logits_are_the_callers_to_keep(self, kit: Kit) -> None:
        """Logits are the caller's: a later call writes nothing into them, and reads nothing that the caller wrote."""
        seen = kit.seen("life")
        assert seen["kept_its_first_result"], "a second predict() wrote into the logits of the first: return a copy"
        assert seen["unmoved_by_its_caller"], "what the caller wrote into the logits changed the next answer"

    def test_pixels_are_only_read(self, kit: Kit) -> None:
        """Pixels are only read, and may be read-only."""
        seen = kit.seen("life")
        assert seen["pixels_untouched"], "predict() wrote into its caller's pixels"
        assert seen["read_only_pixels"]["same"], f"on read-only pixels, predict() {_became(seen['read_only_pixels'])}"

    def test_every_kind_of_layer_is_computed(self, kit: Kit) -> None:
        """Every kind of layer is computed, in shapes that are not square."""
        seen = kit.seen("life")
        wanted = "float64" if kit.name == REFERENCE else "float32"
        assert seen["logits"]["shape"] == [life.BATCH, life.TINY.outputs], f"logits of shape {seen['logits']['shape']}"
        assert seen["logits"]["dtype"] == wanted, f"the logits are {seen['logits']['dtype']}, wanted {wanted}"
        off = seen["deviation"]["max_abs_over_sigma"]
        assert off <= FP32.max_abs_over_sigma, f"the logits of {life.TINY.name} are off by {off:.2g} deviations"
        assert seen["deviation"]["sqnr_db"] >= FP32.sqnr_db, f"{seen['deviation']['sqnr_db']:.0f} dB"

    def test_load_may_come_again(self, kit: Kit) -> None:
        """load() may come again, after close() and without it."""
        seen = kit.seen("life")
        assert seen["loads_again"]["same"], f"load() after close(): it {_became(seen['loads_again'])}"
        assert seen["loads_over"]["same"], f"load() a second time: it {_became(seen['loads_over'])}"

    def test_answers_that_are_not_finite_are_not_hidden(self, kit: Kit) -> None:
        """Infinity and NaN reach the caller, who reports them."""
        wanted = ["finite"] * life.TINY.outputs
        for place, value in life.NOT_FINITE.items():
            wanted[place] = "nan" if np.isnan(value) else "inf"
        found = kit.seen("life")["not_finite"]
        assert found == wanted, f"weights with NaN and infinity gave {', '.join(found)}; wanted {', '.join(wanted)}"


class IsolationTests(KitTests):
    """Isolation: it prints nothing, does not exit, and does not hang."""

    group = "isolation"

    def test_its_process_ends_by_itself(self, kit: Kit) -> None:
        """A process that used and closed it ends by itself, with exit code 0."""
        assert kit.seen("life")

    def test_it_prints_nothing_to_standard_output(self, kit: Kit) -> None:
        """It prints nothing to standard output."""
        printed = kit.seen("life")["printed"]
        assert not printed, f"it prints to standard output: {printed.splitlines()[0]!r}"

    def test_constructing_it_imports_no_runtime(self, kit: Kit) -> None:
        """Importing and constructing it imports no runtime."""
        heavy = {"torch", "onnxruntime", "onnx", "openvino", "tensorflow", "cv2", "jax", "ai_edge_litert"}
        found = heavy & set(kit.seen("life")["imported_by_construction"])
        assert not found, f"importing it imports {', '.join(sorted(found))}: import the runtime in load()"

    def test_it_is_available_with_its_version(self, kit: Kit) -> None:
        """It is available, by package metadata alone."""
        there = kit.backend.probe()
        assert there.problem is None, there.problem
        named = {distribution for group in kit.backend.requires.groups for distribution in group}
        assert set(there.versions) <= named, f"probe() found {', '.join(set(there.versions) - named)}, not required"
        assert all(version[:1].isdigit() for version in there.versions.values()), f"versions: {dict(there.versions)}"


def _became(seen: dict[str, Any]) -> str:
    return f"raised {seen['raised']}: {seen['message']}" if seen["raised"] else "gave other logits"
