"""What is tried of a system, and why a candidate is left out."""

from pathlib import Path

import pytest

from alexbench.backends.registry import backend_names
from alexbench.harness.capabilities import FEWER, MOST_CANDIDATES
from alexbench.harness.chosen_settings import check_settings, settings_of
from alexbench.harness.measure.machine import usable_physical_cores
from alexbench.harness.systems import ModelFile, System
from alexbench.harness.tuning import candidates
from alexbench.harness.tuning.candidates import candidates_of, fewer_threads, has_compiler


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight hyperthreads on four cores, and a compiler."""
    monkeypatch.setattr(candidates, "usable_physical_cores", lambda: 4)
    monkeypatch.setattr(candidates, "usable_cores", lambda: 8)
    monkeypatch.setattr(candidates, "has_compiler", lambda: True)


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("name", [name for name in backend_names() if settings_of(name)])
def test_each_backend_has_a_few_and_each_is_a_setting_that_it_takes(name: str) -> None:
    system = System(name, 8)
    found = candidates_of(system)
    assert 1 <= len(found) <= MOST_CANDIDATES
    assert {one.status for one in found} == {"measured"}
    assert len({one.settings for one in found}) == len(found)
    for one in found:
        assert check_settings(system, dict(one.settings), said="") == one.settings
    assert any(value == "4" for one in found for _, value in one.settings)  # one thread a core


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize(("threads", "fewer"), [(8, 4), (5, 4), (4, 2), (2, None), (1, None)])
def test_fewer_threads_are_one_a_core_or_half_of_many(threads: int, fewer: int | None) -> None:
    assert fewer_threads(threads) == fewer


@pytest.mark.usefixtures("cores")
def test_a_thread_for_each_core_leaves_fewer_threads_out() -> None:
    left = [one for one in candidates_of(System("onnxruntime", 2)) if one.status == "left_out"]
    assert [(one.settings, one.reason and one.reason.code) for one in left] == [
        ((("intra_op_num_threads", FEWER),), "no_fewer_threads")
    ]


def test_without_a_compiler_the_candidate_gives_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "has_compiler", lambda: False)
    left = {one.settings: one.reason for one in candidates_of(System("torch", 2)) if one.status == "left_out"}
    reason = left[(("compile", "default"),)]
    assert reason is not None
    assert (reason.code, reason.text) == ("needs", "a C++ compiler")


def test_a_compiler_is_the_named_one_or_a_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    assert has_compiler({"clang++": "/usr/bin/clang++"}.get)
    assert not has_compiler({}.get)
    monkeypatch.setenv("CXX", "mine")
    assert not has_compiler({"g++": "/usr/bin/g++"}.get)
    assert has_compiler({"mine": "/opt/mine"}.get)


@pytest.mark.parametrize("system", [System("torch", 2, artifact=ModelFile("/m.pt2")), System("torch", 2, "int8")])
def test_what_is_of_networks_is_not_tried_on_a_file(system: System) -> None:
    left = [one.reason.code for one in candidates_of(system) if one.reason is not None]
    assert left.count("networks_only") >= 1


def test_hyperthreads_of_one_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexbench.harness.measure.machine.affinity", lambda: [0, 1, 2, 3])
    for core, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n", encoding="utf-8")
    assert usable_physical_cores(tmp_path) == 2
    assert usable_physical_cores(tmp_path / "nothing") is None
