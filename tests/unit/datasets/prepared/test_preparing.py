"""Preparing in several processes: killed, interrupted, at once; nothing is lost and nothing runs on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest

from alexbench.datasets.dataset import Dataset, Sample
from alexbench.datasets.prepared import PreparedSet, building, prepare
from alexbench.datasets.prepared.preparing import Prepared, Work
from alexbench.datasets.preprocess import prepare_picture
from tests.unit.datasets.drawn_images import SMALL, file_of

# A user's script, without the guard for __main__, and with something at the top that a child must not do again.
SCRIPT = """
import sys, time
from pathlib import Path
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.prepared import prepare
from alexbench.harness.models.preprocessing import Preprocessing

print("top", flush=True)
card = Preprocessing("small", False, "shorter-side", 40, "pillow-bilinear", 32, "round", "RGB", 255.0,
                     (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))

def wait_for_line(done, total):
    if done == total or "wait" in sys.argv:
        print("progress", flush=True)
    if "wait" in sys.argv:
        sys.stdin.readline()
        sys.argv.remove("wait")

result = prepare(open_dataset(sys.argv[1]), card, Path(sys.argv[2]), workers=2, on_progress=wait_for_line)
print(result.digest, result.from_cache, flush=True)
"""


def left_in(cache: Path) -> list[str]:
    """What lies in the cache folder but the lock."""
    return sorted(file.suffix for file in cache.iterdir() if file.suffix != ".lock") if cache.exists() else []


@pytest.fixture
def script(tmp_path: Path) -> Iterator["Script"]:
    running = Script(tmp_path / "script.py")
    yield running
    running.end()


class Script:
    """Runs of the user's script, each in a process of its own."""

    def __init__(self, file: Path) -> None:
        file.write_text(SCRIPT)
        self._file = file
        self._started: list[subprocess.Popen[str]] = []

    def start(self, data: Path, cache: Path, *words: str) -> subprocess.Popen[str]:
        self._started.append(
            subprocess.Popen(
                [sys.executable, str(self._file), str(data), str(cache), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return self._started[-1]

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


def at_work(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Wait until the first chunk is done and the script waits in on_progress; its child processes."""
    assert process.stdout is not None
    assert process.stdout.readline() == "top\n"
    assert process.stdout.readline() == "progress\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 2
    return children


def lives(process: psutil.Process) -> bool:
    """An ended process whose new parent has not taken note of it (a container without an init) lives no more."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_script_without_a_main_guard_works_and_runs_once(many: Dataset, cache: Path, script: Script) -> None:
    out, err = script.start(many.root, cache).communicate(timeout=60)
    assert err == ""
    top, progress, result = out.splitlines()
    assert (top, progress) == ("top", "progress")
    assert result == f"{prepare(many, SMALL, cache).digest} False"


def test_two_runs_at_once_are_prepared_once(many: Dataset, cache: Path, script: Script) -> None:
    first = script.start(many.root, cache, "wait")
    at_work(first)
    second = script.start(many.root, cache)
    assert second.stdout is not None
    assert second.stdout.readline() == "top\n"  # it now comes to the lock, which the first one holds
    out_first, _ = first.communicate("\n", timeout=60)
    out_second, _ = second.communicate(timeout=60)
    digest = prepare(many, SMALL, cache).digest
    assert out_first.splitlines()[-1] == f"{digest} False"
    assert out_second.splitlines() == [f"{digest} True"]
    assert left_in(cache) == [".json", ".npy", ".npy"]


def test_ctrl_c_leaves_no_process_and_what_was_prepared(many: Dataset, cache: Path, script: Script) -> None:
    process = script.start(many.root, cache, "wait")
    children = at_work(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
    _, err = process.communicate(timeout=60)
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert err.count("Traceback") == 1  # the children say nothing of their own
    assert not any(lives(child) for child in children)
    assert left_in(cache) == [".part", ".part"]


def test_a_killed_run_leaves_no_process_and_the_next_goes_on_from_it(
    many: Dataset, cache: Path, script: Script, tmp_path: Path
) -> None:
    process = script.start(many.root, cache, "wait")
    children = at_work(process)
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 30
    while any(lives(child) for child in children) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(lives(child) for child in children)
    assert left_in(cache) == [".part", ".part"]

    said: list[tuple[int, int]] = []
    result: PreparedSet = prepare(many, SMALL, cache, on_progress=lambda done, total: said.append((done, total)))
    assert said[0][0] > len(many) // 8  # the first chunk of twelve images was there, and counted
    assert not result.from_cache
    assert left_in(cache) == [".json", ".npy", ".npy"]
    result.verify()
    other = prepare(many, SMALL, tmp_path / "other")
    assert (result.digest, result.source_digest) == (other.digest, other.source_digest)


@pytest.fixture
def half_done(many: Dataset, cache: Path) -> Path:
    """A build that was interrupted after some chunks; the file of its pixels."""

    def interrupt(done: int, total: int) -> None:
        if done >= total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(many, SMALL, cache, on_progress=interrupt)
    (pixels,) = cache.glob("*[0-9a-f].npy.part")
    return pixels


def test_only_what_is_missing_is_prepared_again(
    many: Dataset, cache: Path, half_done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    prepare_into = building.prepare_into

    def note(work: Work, pictures: Sequence[tuple[int, Sample]], *, workers: int) -> Iterator[list[Prepared]]:
        asked.extend(place for place, _ in pictures)
        return prepare_into(work, pictures, workers=workers)

    monkeypatch.setattr(building, "prepare_into", note)
    prepare(many, SMALL, cache)
    assert asked == list(range(asked[0], len(many)))
    assert 0 < asked[0] < len(many)


def test_pixels_that_a_power_failure_lost_are_prepared_again(many: Dataset, cache: Path, half_done: Path) -> None:
    pixels = np.load(half_done, mmap_mode="r+")
    pixels[3] = 0
    pixels[5, 0, 0, 0] ^= 1
    del pixels
    result = prepare(many, SMALL, cache)
    result.verify()
    assert np.array_equal(result.pixels[3], prepare_picture(file_of(many, 3), SMALL))


def test_an_image_that_changed_since_begins_a_new_set(many: Dataset, cache: Path, half_done: Path) -> None:
    file_of(many, 0).write_bytes(file_of(many, 1).read_bytes())
    result = prepare(many, SMALL, cache)
    assert half_done.exists()
    assert np.array_equal(result.pixels[0], prepare_picture(file_of(many, 1), SMALL))


def test_skipped_images_are_known_after_an_interruption(many: Dataset, cache: Path) -> None:
    file_of(many, 2).write_bytes(b"no picture")

    def interrupt(done: int, total: int) -> None:
        if done >= total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(many, SMALL, cache, on_bad_image="skip", on_progress=interrupt)
    assert [one.place for one in prepare(many, SMALL, cache, on_bad_image="skip").skipped] == [2]


@pytest.mark.parametrize("kind", ["json", "npy and json"])
def test_a_set_killed_in_its_last_steps_is_finished_without_work(many: Dataset, cache: Path, kind: str) -> None:
    result = prepare(many, SMALL, cache)
    path, digest = result.path, result.digest
    del result
    path.with_suffix(".json").unlink()
    if kind == "npy and json":
        path.with_suffix(".digests.npy").replace(f"{path.with_suffix('')}.digests.npy.part")
    again = prepare(many, SMALL, cache)
    assert again.digest == digest
    again.verify()


def test_a_child_imports_no_runtime() -> None:
    script = """
import sys, alexbench.datasets.prepared.__main__
print(sorted({"torch", "tensorflow", "onnxruntime", "onnx", "openvino", "keras", "pandas", "click"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
