"""The prepared set: prepared once, whole or not at all, and the same however it came about."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import psutil
import pytest
from PIL import Image

from alexbench.datasets import prepared as prepared_module
from alexbench.datasets._preparing import Picture, _Child
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.folder import open_folder
from alexbench.datasets.prepared import PreparedSet, prepare
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import CardError, DataError, UsageError
from alexbench.harness.models.preprocessing import Preprocessing

CARD = Preprocessing(
    name="small",
    exif=False,
    resize="shorter-side",
    resize_to=40,
    interpolation="pillow-bilinear",
    crop=32,
    crop_rounding="round",
    channels="RGB",
    divide_by=255.0,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)
MANY = 96  # enough for child processes

# A user's script, without the guard for __main__, and with something at the top that a child must not do again.
SCRIPT = """
import sys, time
from pathlib import Path
from alexbench.datasets.folder import open_folder
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

result = prepare(open_folder(sys.argv[1]), card, Path(sys.argv[2]), workers=2, on_progress=wait_for_line)
print(result.digest, result.from_cache, flush=True)
"""


def draw(root: Path, count: int) -> Path:
    for place in range(count):
        folder = root / f"{place % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(place).randint(0, 256, (48, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{place:03}.png")
    return root


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("drawn") / "set", MANY)


@pytest.fixture
def few(tmp_path: Path) -> Dataset:
    return open_folder(draw(tmp_path / "few", 7))


@pytest.fixture
def many(drawn: Path, tmp_path: Path) -> Dataset:
    return open_folder(shutil.copytree(drawn, tmp_path / "many"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def left_in(cache: Path) -> list[str]:
    """What lies in the cache folder but the lock."""
    return sorted(file.suffix for file in cache.iterdir() if file.suffix != ".lock") if cache.exists() else []


def no_opening(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a picture was opened")


def test_the_pixels_are_those_of_each_picture_in_order(few: Dataset, cache: Path) -> None:
    result = prepare(few, CARD, cache)
    assert result.pixels.shape == (7, 32, 32, 3)
    assert result.pixels.dtype == np.uint8
    assert result.labels.tolist() == [0, 0, 1, 1, 2, 3, 4]
    for place, sample in enumerate(few.samples):
        assert np.array_equal(result.pixels[place], prepare_picture(few.file(sample), CARD))
    assert not result.from_cache


def test_the_pixels_are_a_read_only_map_of_a_plain_npy_file(few: Dataset, cache: Path) -> None:
    result = prepare(few, CARD, cache)
    assert isinstance(result.pixels, np.memmap)
    assert not result.pixels.flags.writeable
    assert result.path.parent == cache
    assert np.array_equal(np.load(result.path), result.pixels)


def test_the_digests_are_what_anyone_can_compute(few: Dataset, cache: Path) -> None:
    result = prepare(few, CARD, cache)
    assert result.digest == hashlib.sha256(result.pixels.tobytes()).hexdigest()
    files = [hashlib.sha256(few.file(sample).read_bytes()).digest() for sample in few.samples]
    assert result.source_digest == hashlib.sha256(b"".join(files)).hexdigest()
    facts = json.loads(result.path.with_suffix(".json").read_text())
    assert facts["digest"] == result.digest
    assert facts["source_digest"] == result.source_digest
    assert facts["manifest_digest"] == result.manifest_digest
    assert facts["geometry_key"] == CARD.geometry_key()
    assert facts["count"] == 7


def test_processes_prepare_the_same_as_one_alone(many: Dataset, cache: Path, tmp_path: Path) -> None:
    alone = prepare(many, CARD, cache, workers=1)
    together = prepare(many, CARD, tmp_path / "other", workers=3)
    assert (together.digest, together.source_digest) == (alone.digest, alone.source_digest)
    together.verify()


def test_progress_counts_up_to_the_whole(many: Dataset, cache: Path) -> None:
    said: list[tuple[int, int]] = []
    prepare(many, CARD, cache, workers=2, on_progress=lambda done, total: said.append((done, total)))
    assert said[-1] == (MANY, MANY)
    assert [done for done, _ in said] == sorted({done for done, _ in said})
    assert len(said) > 2


# The cache.


def test_a_hit_reads_no_picture(few: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(few, CARD, cache)
    for sample in few.samples:  # other bytes, but name, size and time as before
        file, status = few.file(sample), few.file(sample).stat()
        file.write_bytes(bytes(status.st_size))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    monkeypatch.setattr(prepared_module, "prepare_into", no_opening)
    second = prepare(few, CARD, cache)
    assert second.from_cache
    assert (second.digest, second.source_digest) == (first.digest, first.source_digest)
    assert np.array_equal(second.pixels, first.pixels)


def test_a_hit_needs_no_right_to_write(few: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(few, CARD, cache)
    monkeypatch.setattr(prepared_module, "FileLock", no_opening)
    assert prepare(few, CARD, cache).from_cache


def test_arithmetic_and_name_of_a_card_do_not_matter(few: Dataset, cache: Path) -> None:
    prepare(few, CARD, cache)
    assert prepare(few, replace(CARD, name="other", channels="BGR", mean=(0.0, 0.0, 0.0)), cache).from_cache


@pytest.mark.parametrize(
    "change", [{"crop": 30}, {"resize": "squash"}, {"interpolation": "bilinear-tf1"}, {"exif": True}]
)
def test_another_geometry_is_another_set(few: Dataset, cache: Path, change: dict[str, object]) -> None:
    prepare(few, CARD, cache)
    assert not prepare(few, replace(CARD, **change), cache).from_cache  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["CODE_VERSION", "pillow_version"])
def test_other_code_or_another_decoder_is_another_set(
    few: Dataset, cache: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(few, CARD, cache)
    monkeypatch.setattr(prepared_module, name, "another")
    assert not prepare(few, CARD, cache).from_cache


def test_a_changed_picture_changes_the_digests(few: Dataset, cache: Path) -> None:
    before = prepare(few, CARD, cache)
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(few.file(few.samples[3]))
    after = prepare(few, CARD, cache)
    assert not after.from_cache
    assert after.digest != before.digest
    assert after.source_digest != before.source_digest
    assert after.manifest_digest != before.manifest_digest


def test_a_picture_with_another_time_is_read_again(few: Dataset, cache: Path) -> None:
    first = prepare(few, CARD, cache)
    file = few.file(few.samples[3])
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 10**9))
    second = prepare(few, CARD, cache)
    assert not second.from_cache
    assert second.source_digest == first.source_digest


def test_a_copy_elsewhere_is_not_taken_for_the_same(few: Dataset, cache: Path, tmp_path: Path) -> None:
    first = prepare(few, CARD, cache)
    copy = open_folder(shutil.copytree(few.root, tmp_path / "copy"))  # keeps the times
    second = prepare(copy, CARD, cache)
    assert not second.from_cache
    assert (second.digest, second.manifest_digest) == (first.digest, first.manifest_digest)


def test_a_subset_is_a_set_of_its_own(few: Dataset, cache: Path) -> None:
    whole = prepare(few, CARD, cache)
    part = few.subset(3, seed=1)
    places = [few.samples.index(sample) for sample in part.samples]
    assert np.array_equal(prepare(part, CARD, cache).pixels, whole.pixels[places])


@pytest.mark.parametrize("damage", ["json gone", "json broken", "npy gone", "npy short", "npy of another shape"])
def test_a_damaged_cache_is_written_anew(few: Dataset, cache: Path, damage: str) -> None:
    first = prepare(few, CARD, cache)
    digest, path, sidecar = first.digest, first.path, first.path.with_suffix(".json")
    del first
    if damage == "json gone":
        sidecar.unlink()
    elif damage == "json broken":
        sidecar.write_text('{"schema_version": 1')
    elif damage == "npy gone":
        path.unlink()
    elif damage == "npy short":
        path.write_bytes(path.read_bytes()[:500])
    else:
        np.save(path, np.zeros((6, 32, 32, 3), np.uint8))
    second = prepare(few, CARD, cache)
    assert not second.from_cache
    assert second.digest == digest
    second.verify()


def test_verify_finds_a_changed_pixel(few: Dataset, cache: Path) -> None:
    result = prepare(few, CARD, cache)
    result.verify()
    pixels = np.load(result.path, mmap_mode="r+")
    pixels[5, 7, 7, 1] ^= 1
    pixels.flush()
    with pytest.raises(DataError, match="not the pixels that were prepared"):
        result.verify()


# Errors: one line, and nothing left behind.


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_unusable_picture_is_named_and_nothing_is_left(many: Dataset, cache: Path, workers: int) -> None:
    for place in (90, 31, 60):
        many.file(many.samples[place]).write_bytes(b"no picture")
    with pytest.raises(DataError, match="not a JPEG") as refused:
        prepare(many, CARD, cache, workers=workers)
    assert str(refused.value).startswith(str(many.file(many.samples[31])))
    assert left_in(cache) == []


def test_a_card_that_does_not_fit_is_said_to_be_one_also_by_a_child(many: Dataset, cache: Path) -> None:
    with pytest.raises(CardError, match="does not fit"):
        prepare(many, replace(CARD, crop=50), cache, workers=2)
    assert left_in(cache) == []


def test_a_picture_that_is_gone_is_named(few: Dataset, cache: Path) -> None:
    few.file(few.samples[2]).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        prepare(few, CARD, cache)


def test_a_picture_that_changes_meanwhile_is_named(few: Dataset, cache: Path) -> None:
    last = few.file(few.samples[-1])

    def change(done: int, total: int) -> None:
        assert done < total
        last.write_bytes(last.read_bytes() + b"more")

    with pytest.raises(DataError, match="changed while the set was being prepared"):
        prepare(few, CARD, cache, on_progress=change)
    assert left_in(cache) == []


def test_a_full_disk_is_refused_before_the_work(few: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(few.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    monkeypatch.setattr(prepared_module, "prepare_into", no_opening)
    with pytest.raises(DataError, match=r"needs 0.02 GiB and 0.00 GiB are free; free some, use another cache folder"):
        prepare(few, CARD, cache)
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_written_is_named(few: Dataset, cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(DataError, match=r"cache: cannot be written .*; use another cache folder"):
        prepare(few, CARD, cache)


def test_no_picture_and_no_worker_are_refused(few: Dataset, cache: Path) -> None:
    with pytest.raises(DataError, match="no picture to prepare"):
        prepare(replace(few, samples=()), CARD, cache)
    with pytest.raises(UsageError, match="0 workers"):
        prepare(few, CARD, cache, workers=0)


def test_a_child_that_is_killed_is_an_error_of_ours(few: Dataset, tmp_path: Path) -> None:
    child = _Child(tmp_path / "target.npy", few.root, CARD)
    try:
        child._process.kill()
        with pytest.raises(DataError, match=r"was killed \(signal 9\), perhaps for want of memory; free some"):
            child.prepare(0, [Picture(few.samples[0].path, 1)])
    finally:
        child.end()


# Several processes.


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
    assert result == f"{prepare(many, CARD, cache).digest} False"


def test_two_runs_at_once_share_one_labour(many: Dataset, cache: Path, script: Script) -> None:
    first = script.start(many.root, cache, "wait")
    at_work(first)
    second = script.start(many.root, cache)
    assert second.stdout is not None
    assert second.stdout.readline() == "top\n"  # it now comes to the lock, which the first one holds
    out_first, _ = first.communicate("\n", timeout=60)
    out_second, _ = second.communicate(timeout=60)
    digest = prepare(many, CARD, cache).digest
    assert out_first.splitlines()[-1] == f"{digest} False"
    assert out_second.splitlines() == [f"{digest} True"]
    assert left_in(cache) == [".json", ".npy"]


def test_ctrl_c_leaves_no_file_and_no_process(many: Dataset, cache: Path, script: Script) -> None:
    process = script.start(many.root, cache, "wait")
    children = at_work(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
    _, err = process.communicate(timeout=60)
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert err.count("Traceback") == 1  # the children say nothing of their own
    assert not any(lives(child) for child in children)
    assert left_in(cache) == []


def test_a_killed_run_leaves_no_process_and_does_not_hinder_the_next(
    many: Dataset, cache: Path, script: Script
) -> None:
    process = script.start(many.root, cache, "wait")
    children = at_work(process)
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 30
    while any(lives(child) for child in children) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(lives(child) for child in children)
    assert left_in(cache) == [".tmp"]
    result: PreparedSet = prepare(many, CARD, cache)
    assert not result.from_cache
    assert left_in(cache) == [".json", ".npy"]
    result.verify()


def test_a_child_imports_no_runtime() -> None:
    script = """
import sys, alexbench.datasets._preparing
print(sorted({"torch", "tensorflow", "onnxruntime", "onnx", "openvino", "keras", "pandas", "click"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
