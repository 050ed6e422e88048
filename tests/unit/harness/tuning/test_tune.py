"""From profile tuned to rows: reused or searched again, one row or two, and what a run says they gain."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import UnsupportedOptionError, UsageError
from alexbench.harness.records.speed_records import Difference, Gain
from alexbench.harness.records.tuning_records import MadeFor, Tuning
from alexbench.harness.resolving import resolve
from alexbench.harness.running.chosen_rows import rows_of
from alexbench.harness.systems import System
from alexbench.harness.tuning import tune
from alexbench.harness.tuning.profile_files import profile_path, read_profile, write_profile
from alexbench.harness.tuning.search import DefaultFailedError
from alexbench.harness.tuning.tune import confirm, with_tuned
from tests.support.records import effective, ok_row, run_record
from tests.support.tunings import STATIC, STREAMS, tuning

BOTH = {"backends": ("openvino",), "profile": ("default", "tuned"), "threads": (2,)}
PLAIN = System("openvino", 2)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[MadeFor]:
    """What was searched, in a cache of its own; no search takes time, and each finds one setting for each measure."""
    asked: list[MadeFor] = []

    def search(_: System, about: MadeFor, *__: Any) -> Tuning:
        asked.append(about)
        return tuning(made_for=about)

    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(tune, "search", search)
    monkeypatch.setattr(tune, "check_options", lambda *_: None)
    monkeypatch.setattr(
        tune, "gather", lambda *_, **__: SimpleNamespace(model=SimpleNamespace(weights_digest="w" * 64))
    )
    return asked


def tuned(given: dict[str, Any] = BOTH, *, again: bool = False) -> RunConfig:
    return with_tuned(resolve(given), PlainDisplay(), again=again)


def test_without_profile_tuned_nothing_is_searched(searched: list[MadeFor]) -> None:
    config = resolve({"backends": ("openvino",)})
    assert with_tuned(config, PlainDisplay()) is config
    assert not searched


def test_each_measure_has_its_row_where_they_want_different_settings(searched: list[MadeFor]) -> None:
    config = tuned()
    assert [*config.by_label] == ["openvino", "openvino tuned", "openvino tuned-latency"]
    assert [one.settings for one in config.systems] == [(), STREAMS, STATIC]
    assert len(searched) == 1
    assert {config.tuning_of(one) is not None for one in config.systems[1:]} == {True}
    assert [row.tuning is None for row in rows_of(config)] == [True, False, False]


def test_one_row_does_where_one_choice_is_best_by_both(
    searched: list[MadeFor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "search", lambda _, about, *__: tuning(made_for=about, latency=STREAMS))
    assert [*tuned().by_label] == ["openvino", "openvino tuned"]
    assert not searched


@pytest.mark.parametrize(
    ("rate", "latency", "profile", "named"),
    [
        (STREAMS, (), ("default", "tuned"), ["openvino", "openvino tuned"]),
        ((), STREAMS, ("default", "tuned"), ["openvino", "openvino tuned-latency"]),
        ((), (), ("default", "tuned"), ["openvino", "openvino tuned"]),
        (STREAMS, (), ("tuned",), ["openvino tuned", "openvino tuned-latency"]),
    ],
)
def test_the_row_as_shipped_serves_a_goal_for_which_nothing_is_faster(
    rate: Any, latency: Any, profile: tuple[str, ...], named: list[str],
    searched: list[MadeFor], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(tune, "search", lambda _, about, *__: tuning(made_for=about, rate=rate, latency=latency))
    assert [*tuned(BOTH | {"profile": profile}).by_label] == named
    assert not searched


def test_a_profile_is_reused_until_it_is_asked_for_again(searched: list[MadeFor]) -> None:
    first = tuned()
    assert tuned() == first
    assert len(searched) == 1
    tuned(again=True)
    assert len(searched) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [({"machine": "x"}, "another machine"), ({"version": "openvino 1"}, "another version of the runtime")],
)
def test_a_profile_of_another_machine_or_version_is_named_and_made_again(
    change: dict[str, str], said: str, searched: list[MadeFor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned()
    path = profile_path(tmp_path, searched[0])
    kept = read_profile(path)
    assert kept is not None
    write_profile(path, replace(kept, made_for=replace(kept.made_for, **change)))
    tuned()
    assert len(searched) == 2
    error = capsys.readouterr().err
    assert f"was made for {said}; tuning again" in error
    assert str(path) in error
    assert read_profile(path) == kept


def test_a_damaged_profile_is_made_again(searched: list[MadeFor], tmp_path: Path) -> None:
    tuned()
    profile_path(tmp_path, searched[0]).write_text("[[", encoding="utf-8")
    tuned()
    assert len(searched) == 2


@pytest.mark.parametrize(
    "given",
    [{"threads": (1,)}, {"batch_size": 8}, {"precision": ("bf16",)}, {"model": "bvlc"}],
)
def test_other_threads_batch_precision_or_model_are_searched_by_themselves(
    given: dict[str, Any], searched: list[MadeFor]
) -> None:
    tuned()
    tuned(BOTH | given)
    assert len(searched) == 2


def test_the_base_and_rows_that_must_work_keep_their_names(searched: list[MadeFor]) -> None:
    given = {"systems": ("torch", "openvino profile=tuned"), "base": "openvino"}
    config = tuned(given)
    assert searched
    assert config.base == "openvino tuned"
    assert config.exact == ("torch", "openvino tuned", "openvino tuned-latency")


def test_a_runtime_that_does_not_run_as_shipped_is_left_to_the_run(
    searched: list[MadeFor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Tuning:
        raise DefaultFailedError("openvino: it crashed")

    monkeypatch.setattr(tune, "search", fail)
    config = tuned()
    assert [one.settings for one in config.systems] == [(), ()]
    assert config.tunings[0].reason is not None
    assert config.tunings[0].reason.code == "candidate_failed"
    assert not searched


def test_what_cannot_run_is_refused_before_anything_is_searched(
    searched: list[MadeFor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise UnsupportedOptionError("onnxruntime: asked for bf16")

    monkeypatch.setattr(tune, "check_options", refuse)
    with pytest.raises(UnsupportedOptionError):
        tuned()
    assert not searched


def test_settings_are_of_the_cpu(searched: list[MadeFor]) -> None:
    config = tuned(BOTH | {"device": ("gpu",)})
    assert [one.reason and one.reason.code for one in config.tunings] == ["cpu_only"]
    assert not searched


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"profile": ("fast",)}, "unknown --profile 'fast'"),
        ({"profile": ("tuned",), "settings": ("openvino.NUM_STREAMS=1",)}, "leave one of them out"),
        ({"systems": ("openvino profile=tuned set.NUM_STREAMS=1",)}, "leave one of them out"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve({"backends": ("openvino",)} | given if "systems" not in given else given)


def test_a_run_never_takes_a_profile_for_the_runtime_as_shipped() -> None:
    with pytest.raises(UsageError, match="no settings were searched"):
        rows_of(resolve(BOTH))


def test_what_a_run_measured_is_written_into_the_profile(searched: list[MadeFor], tmp_path: Path) -> None:
    config = tuned()
    ran = effective(threads=("2", "measured"))
    rows = [
        ok_row(label, system=one, effective=ran, tuning=config.tuning_of(one)) for label, one in config.by_label.items()
    ]
    differences = (
        Difference("images/s", "openvino", "openvino tuned", 1.25, 1.2, 1.3, apart=True),
        Difference("latency", "openvino tuned-latency", "openvino", 0.8, 0.5, 2.0, apart=False),
    )
    path = profile_path(tmp_path, searched[0])
    written = confirm(replace(run_record(*rows), differences=differences))
    kept = read_profile(path)
    assert [*written] == [path]
    assert kept is not None
    gains = {one.goal: one.gain for one in kept.winners}
    assert gains == {"images/s": Gain(1.25, 1.2, 1.3, apart=True), "latency": Gain(1.25, 0.5, 2.0, apart=False)}
    older = replace(run_record(*rows), systems=tuple(replace(row, tuning=tuning(made="2020")) for row in rows))
    assert confirm(older) == {}
