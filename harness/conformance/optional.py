"""Checks of what a backend may offer, for those that declare it: inner layers, profiles, forks, files."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.capabilities import (
    Exports,
    GivesActivations,
    OpensExports,
    Preloads,
    ProfilesLayers,
    RunsArtifacts,
    TakesSettings,
)
from alexbench.harness.chosen_settings import settings_of
from alexbench.harness.conformance.cases import TINY, Case, network_pixels, preprocessing
from alexbench.harness.conformance.driving import Asks, load, open_pictures, predict, write_activations
from alexbench.harness.conformance.kit import Kit
from alexbench.harness.conformance.marks import KitTests, may_refuse, needs, on_first_case
from alexbench.harness.conformance.required import FP32, assert_parity
from alexbench.harness.conformance.store import WATCHED, Store
from alexbench.harness.contract import Artifact, Options, Precision
from alexbench.harness.errors import UnsupportedOptionError, UsageError
from alexbench.harness.judge.layer_errors import bounds, layer_error, scales
from alexbench.harness.models.network import LRN, Conv, Linear, output_shapes
from alexbench.harness.records.layer_records import LayerError, first_off
from alexbench.harness.worker import forking
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import InspectArtifact, LoadArtifact
from alexbench.harness.worker.protocol.timing import ProfileLayers

Layers = Mapping[str, NDArray[np.float64]]

FLOAT64_BITS: Final = 30
"""An error of fewer bits than this is a runtime's; float64's own code would have none."""
REPEATS: Final = 3
MOST_OF_NO_LAYER: Final = 0.4
"""The most that reorders and copies may be of the sum; they were at most 6 % (OpenVINO, `bvlc`, batch 8)."""
CHILDREN: Final = 2


def names(case: Case) -> list[str]:
    """Every layer's."""
    return [layer.name for layer in case.description.layers]


def layer_errors(store: Store, case: Case, found: Layers, precision: Precision = "fp32") -> list[LayerError]:
    """How far each layer's output is from float64's, in the network's order."""
    expected, scale, bound = store.activations(case), scales(case.description), bounds(case.description, precision)
    return [
        layer_error(name, found[name], expected[name], sigma=float(expected[scale[name]].std()), bound=bound[name])
        for name in names(case)
    ]


def _assert_none_off(errors: list[LayerError]) -> None:
    off = first_off(errors)
    assert off is None, f"layer {off.layer if off else ''} is not float64's: {off}"


class ActivationTests(KitTests):
    """Inner layers."""

    group = "activations"

    @needs(GivesActivations)
    def test_every_layer_is_float64s(self, kit: Kit, case: Case) -> None:
        """The output of every layer is float64's, in canonical order."""
        loaded = kit.loaded(case)
        found = write_activations(loaded.worker, names(case), WATCHED, kit.folder / f"layers-{case}")
        shapes = output_shapes(case.description)
        assert {name: array.shape for name, array in found.items()} == {n: (WATCHED, *shapes[n]) for n in shapes}
        errors = layer_errors(kit.store, case, found)
        _assert_none_off(errors)
        assert all(error.bits < FLOAT64_BITS for error in errors), "the layers are float64's own, not the runtime's"

    @needs(GivesActivations)
    def test_looking_changes_nothing(self, kit: Kit, case: Case) -> None:
        """Reading inner layers changes no answer, and the last layer is the answer."""
        loaded = kit.loaded(case)
        before = loaded.predict(loaded.pixels[:WATCHED])
        last = names(case)[-1]
        logits = write_activations(loaded.worker, [last], WATCHED, kit.folder / "last")[last]
        assert np.array_equal(loaded.predict(loaded.pixels[:WATCHED]), before), "predict() gave other logits afterwards"
        off = np.abs(logits - before).max() / float(logits.std())
        assert off <= FP32.max_abs_over_sigma, f"the last layer is off by {off:.2g} deviations from predict()"

    @needs(GivesActivations)
    @on_first_case
    def test_layers_come_alone_and_in_the_order_asked_for(self, kit: Kit, case: Case) -> None:
        """Only the layers that were asked for come."""
        few = [names(case)[-2], "conv1", "flatten"]
        folder = kit.folder / "few"
        found = write_activations(kit.loaded(case).worker, few, WATCHED, folder)
        assert sorted(file.stem for file in folder.iterdir()) == sorted(few), "other layers came than were asked for"
        for name in few:
            wanted = kit.store.activations(case)[name]
            assert np.abs(found[name] - wanted).max() < 1e-3 * wanted.std(), f"layer {name} came in another's place"

    @needs(GivesActivations)
    @on_first_case
    def test_a_name_that_is_no_layer_is_refused(self, kit: Kit, case: Case) -> None:
        """A name that is not a layer is refused."""
        said = ""
        try:
            write_activations(kit.loaded(case).worker, ["conv1", "conv9"], WATCHED, kit.folder / "none")
        except UsageError as refusal:
            said = str(refusal)
        assert "conv9" in said, (
            f"conv9 is not a layer; activations() does not refuse it by name: {said or 'no UsageError'}"
        )

    @needs(GivesActivations)
    def test_every_layer_is_float64s_at_another_input_size(self, kit: Kit, elsewhere: Case) -> None:
        """The output of every layer is float64's at other input sizes."""
        kit.spare.load_with_pictures(elsewhere)
        found = write_activations(kit.spare.worker, names(elsewhere), WATCHED, kit.folder / f"layers-{elsewhere}")
        _assert_none_off(layer_errors(kit.store, elsewhere, found))

    @needs(GivesActivations)
    @may_refuse("bf16")
    @on_first_case
    def test_layers_in_bf16_keep_to_bf16s_bounds_and_not_to_fp32s(self, kit: Kit, case: Case) -> None:
        """In bf16 the layers are within bf16's bounds, and not within fp32's."""
        kit.spare.load_with_pictures(case, precision="bf16")
        found = write_activations(kit.spare.worker, names(case), WATCHED, kit.folder / "bf16")
        _assert_none_off(layer_errors(kit.store, case, found, "bf16"))
        seen = first_off(layer_errors(kit.store, case, found))
        assert seen is not None, "bf16 was asked for, and the layers are fp32's"


class ProfileTests(KitTests):
    """Layer profiles."""

    group = "profiles"

    @needs(ProfilesLayers)
    @on_first_case
    def test_every_layer_with_weights_has_a_time(self, kit: Kit, case: Case) -> None:
        """Every layer with weights has a time, and the rest is less than 40 %."""
        for batch in (1, 8):
            assert_plausible(profiled(kit.loaded(case).worker, batch), case)

    @needs(ProfilesLayers)
    def test_normalisation_is_seen(self, kit: Kit, case: Case) -> None:
        """Normalisation has a time: under another layer's name it would spoil that layer's share."""
        normalising = [layer.name for layer in case.description.layers if isinstance(layer, LRN)]
        layers = profiled(kit.loaded(case).worker, 8) if normalising else {}
        assert all(layers[name] > 0 for name in normalising), f"{', '.join(normalising)} have no time"

    @needs(ProfilesLayers)
    @on_first_case
    def test_profiling_changes_nothing(self, kit: Kit, case: Case) -> None:
        """Profiling changes no answer."""
        loaded = kit.loaded(case)
        before = loaded.predict(loaded.pixels[:8])
        profiled(loaded.worker, 8)
        assert np.array_equal(loaded.predict(loaded.pixels[:8]), before), "predict() gave other logits afterwards"

    @needs(ProfilesLayers)
    @may_refuse("bf16")
    @on_first_case
    def test_bf16_is_profiled_as_it_runs(self, kit: Kit, case: Case) -> None:
        """A network in bf16 has a profile too."""
        kit.spare.load_with_pictures(case, precision="bf16")
        assert_plausible(profiled(kit.spare.worker, 1), case)


def profiled(worker: Any, batch: int) -> dict[str, float]:
    """Milliseconds of each layer."""
    layers: dict[str, float] | None = worker.ask(ProfileLayers(batch, REPEATS)).layers
    assert layers is not None, "it declares layer profiles, but gave none"
    return layers


def assert_plausible(layers: dict[str, float], case: Case) -> None:
    """All layers with weights have a time, nothing else than layers has one, and most of the time is theirs."""
    network = case.description
    weighted = {layer.name for layer in network.layers if isinstance(layer, Conv | Linear)}
    missing = weighted - {name for name, time in layers.items() if time > 0}
    assert not missing, f"the profile has no time for {', '.join(sorted(missing))}"
    unknown = set(layers) - {layer.name for layer in network.layers} - {""}
    assert not unknown, f"the profile has {', '.join(sorted(unknown))}, not layers of {network.name}"
    assert min(layers.values()) >= 0, "the profile has a time below 0"
    share = layers.get("", 0.0) / sum(layers.values())
    assert share < MOST_OF_NO_LAYER, f"{share:.0%} of the profile's time belongs to no layer"


class SettingTests(KitTests):
    """Settings of the runtime."""

    group = "settings"

    @needs(TakesSettings)
    @on_first_case
    def test_each_value_takes_effect_or_is_refused(self, kit: Kit, case: Case) -> None:
        """Each value of a setting takes effect, or is refused with what runs."""
        with contextlib.closing(kit.start("settings")) as worker:
            for setting in settings_of(kit.name):
                assert setting.proof, f"setting {setting.name} does not say how it is proved"
                for value in () if setting.name in self.slow_settings else setting.values or ("1",):
                    _try(kit, worker, case, setting.name, value)


def _try(kit: Kit, worker: Asks, case: Case, name: str, value: str) -> None:
    options = Options(1, settings=((name, value),))
    try:
        ran = load(worker, kit.name, case, kit.store.weights(case), options).effective
    except UnsupportedOptionError as refusal:
        said = str(refusal)
    else:
        found = ran.applied[name].value
        assert found == value, f"setting {name}={value} was accepted, and effective() says {found}"
        return
    assert f"{name}={value}" in said, f"the refusal of {name}={value} does not name it: {said}"


class PreloadTests(KitTests):
    """Imported once, forked for each load."""

    group = "preload"

    @needs(Preloads)
    @on_first_case
    def test_every_child_answers_as_a_process_of_its_own(self, kit: Kit, case: Case) -> None:
        """A runtime that was imported before a fork answers in every child as in a process of its own."""
        if not forking.AVAILABLE:
            return  # only on Linux does a child end with its server
        loaded = kit.loaded(case)
        wanted, pids = loaded.predict(loaded.pixels[:4]), set()
        log, options = kit.folder / "forked.log", Options(threads=kit.threads)
        with WorkerProcess(kit.name, log=log, forks=True, preload=kit.name) as forked:
            for _ in range(CHILDREN):
                forked.restart()
                pids.add(forked.pid)
                load(forked, kit.name, case, kit.store.weights(case), options)
                same = np.array_equal(predict(forked, loaded.pixels[:4], kit.folder), wanted)
                assert same, "a forked process gave other logits than a fresh one"
                open_pictures(forked, case, kit.folder)
                counted = kit.busy_threads(forked, kit.threads)
                assert counted == kit.threads, f"{counted} threads computed after a fork, {kit.threads} were asked for"
        assert len(pids) == CHILDREN, "a restart gave the same process"


class FileTests(KitTests):
    """Files that it writes and runs."""

    group = "files"

    @needs(Exports)
    def test_a_file_that_it_writes_is_the_network(self, kit: Kit) -> None:
        """Each format that it writes gives float64's logits, where it opens that format."""
        for form, seen in kit.seen("file_life")["exports"].items():
            assert not seen["raised"], f"writing {form} raised {seen['raised']}: {seen['message']}"
            assert seen["left"], f"writing {form} left no file of that name"
            off = seen["max_abs_over_sigma"]
            assert off is None or off <= FP32.max_abs_over_sigma, f"the {form} file is off by {off:.2g} deviations"

    @needs(OpensExports)
    def test_a_file_that_is_none_is_refused(self, kit: Kit) -> None:
        """A file that is not of the format raises an error."""
        for form, seen in kit.seen("file_life")["spoiled"].items():
            assert seen["raised"], f"a file of noise was opened as {form}"

    @needs(RunsArtifacts)
    def test_a_file_that_it_writes_runs_as_a_users_own(self, kit: Kit) -> None:
        """A file that it writes runs as a user's own, where it runs files of that kind."""
        endings = getattr(kit.backend, "artifact_suffixes", ())
        forms = {form.name: form.suffix or "/" for form in getattr(kit.backend, "export_formats", ())}
        written = kit.seen("file_life")["exports"] if forms else {}
        for form, seen in written.items():
            if seen["left"] and forms[form] in endings:
                found = run_file(kit, Path(seen["path"]))
                assert_parity(found, kit.store.reference_logits(TINY, len(found)), where=f" of its own {form} file")


def run_file(kit: Kit, path: Path) -> NDArray[np.float32]:
    """Logits of the network `tiny` in a file, run as a user's own."""
    shape = TINY.description.input_shape
    given, options = Artifact(path, shape, TINY.description.outputs, trusted=True), Options(threads=1)
    with contextlib.closing(kit.start("own-file")) as worker:
        facts = worker.ask(InspectArtifact(kit.name, given, options, preprocessing(TINY))).facts
        worker.ask(LoadArtifact(kit.name, given, facts, options))
        return predict(worker, network_pixels(TINY, facts.layout, 4), kit.folder)
