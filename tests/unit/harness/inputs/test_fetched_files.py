"""What is in the cache, put there by hand or damaged: verified before it is used."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.harness.errors import UsageError, WeightsError
from alexbench.harness.inputs.fetching import (
    fetch,
    fetched_weights,
    local_state,
    local_states,
    place_of,
    take,
)
from alexbench.harness.models.card import load_card
from tests.support.http_server import Asked, cut, good, serving
from tests.unit.harness.inputs.fetches import (
    CONTENT,
    OTHER,
    QUICK,
    Heard,
    card,
    digest,
    fetched,
    partial,
    place,
    refused,
)

pytestmark = pytest.mark.usefixtures("cache")


LIMIT_S = 60


def test_a_file_that_is_there_needs_no_lock() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        fetched(mine)
    for lock in place(mine).parent.glob("*.lock"):
        lock.unlink()
    assert fetch(mine, Heard(), offline=True) == place(mine)
    assert list(place(mine).parent.glob("*.lock")) == []


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_offline_makes_no_connection_and_says_what_to_put_where(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "variable":
        monkeypatch.setenv("ALEXBENCH_OFFLINE", "1")
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        said = refused(mine, offline=by == "flag")
        assert f"put it at {place(mine)}" in said
        assert server.url in said
        place(mine).write_bytes(CONTENT)
        assert local_states(mine) == "present, not verified yet"
        assert fetch(mine, Heard(), offline=by == "flag") == place(mine)
        assert local_states(mine) == "fetched, verified"
        assert server.asked == []


def test_offline_a_wrong_file_is_put_aside_and_a_whole_partial_one_used() -> None:
    mine = card("http://127.0.0.1:9/weights.bin")
    partial(mine, b"some")
    place(mine).write_bytes(OTHER)
    heard = Heard()
    with pytest.raises(WeightsError, match="offline"):
        fetch(mine, heard, offline=True)
    assert digest(OTHER) in heard.lines[0]
    assert digest(CONTENT) in heard.lines[0]
    assert place(mine).with_name("weights.bin.wrong").read_bytes() == OTHER
    partial(mine, CONTENT)
    assert fetch(mine, Heard(), offline=True).read_bytes() == CONTENT


def test_a_file_that_was_damaged_in_the_cache_is_fetched_anew() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        fetched(mine)
        place(mine).write_bytes(OTHER)
        assert local_states(mine) == "present, not verified yet"
        with pytest.raises(WeightsError, match=f"{digest(OTHER)}, published {digest(CONTENT)}.*fetch it again"):
            fetched_weights(mine)
        fetched(mine)
        assert fetched_weights(mine) == place(mine)


def test_two_at_once_share_one_fetch() -> None:
    begun = threading.Event()

    def slow(asked: Asked) -> None:
        begun.set()
        time.sleep(0.2)
        good(CONTENT)(asked)

    with serving(slow) as server:
        mine, heard = card(server.url), [Heard(), Heard()]
        first = threading.Thread(target=fetch, args=(mine, heard[0]))
        first.start()
        assert begun.wait(LIMIT_S)
        assert fetch(mine, heard[1]) == place(mine)
        first.join()
        assert len(server.asked) == 1
    assert heard[1].lines == [
        "waiting for another alexbench that fetches weights.bin",
        "weights.bin already exists: verified: SHA-256",
    ]


def test_an_interrupted_fetch_is_gone_on_with_another_day() -> None:
    with serving(cut(CONTENT, 100_000), good(CONTENT)) as server:
        mine = card(server.url)
        with pytest.raises(KeyboardInterrupt):
            fetch(mine, Heard(interrupt=True), patience=QUICK)
        assert 0 < partial(mine).stat().st_size <= 100_000
        there = partial(mine).stat().st_size
        assert local_state(mine, mine.weights[0]) == "partial 0 of 0 MB"
        fetched(mine)
        assert server.asked[1]["Range"] == f"bytes={there}-"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_one_line() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        partial(mine).parent.mkdir(parents=True)
        partial(mine).symlink_to("/dev/full")
        with pytest.raises(
            UsageError, match=r"No space left on device; what was fetched is kept: free space, or name"
        ) as error:
            fetch(mine, Heard(), patience=QUICK)
    assert "ALEXBENCH_CACHE" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cache_that_cannot_be_written_is_one_line(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(UsageError, match="ALEXBENCH_CACHE"):
        fetch(card("http://127.0.0.1:9/weights.bin"), Heard(), patience=QUICK)


def test_what_has_no_checksum_is_used_and_said_to_be_unverified() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url, sha256=None, size=None)
        heard = fetched(mine)
        assert local_states(mine) == "fetched, no checksum is published"
    assert heard.lines == [
        f"weights.bin is not verified, as no checksum is published; its SHA-256 is {digest(CONTENT)}"
    ]


def test_a_listing_speaks_of_each_file() -> None:
    mine = card()
    second = replace(mine.weights[0], file="second.bin", size=None)
    mine = replace(mine, weights=(replace(mine.weights[0], size=244_408_911), second))
    partial(mine, b"\0" * 12_345_678)
    place_of(mine, second).with_name("second.bin.partial").write_bytes(b"\0" * 2_000_000)
    assert local_states(mine) == "partial 12 of 244 MB; second.bin partial 2 MB"


def test_the_file_to_fetch_is_chosen_by_name() -> None:
    with serving(good(CONTENT)) as server:
        mine = card()
        mine = replace(mine, weights=(*mine.weights, replace(mine.weights[0], file="second.bin", urls=(server.url,))))
        assert fetch(mine, Heard(), file="second.bin").name == "second.bin"
        assert fetched_weights(mine) == place_of(mine, mine.weights[1])
        with pytest.raises(UsageError, match=r"unknown file 'third.bin'; known: second.bin, weights.bin"):
            fetch(mine, Heard(), file="third.bin")
    with pytest.raises(UsageError, match="card tfcnn: no weights are published"):
        fetch(load_card("tfcnn"), Heard())


def test_a_file_downloaded_by_hand_is_taken_whatever_its_name(tmp_path: Path) -> None:
    mine, by_hand = card(), tmp_path / "weights (1).bin"
    by_hand.write_bytes(CONTENT)
    assert take(mine, by_hand, Heard()) == place(mine)
    assert (by_hand.read_bytes(), place(mine).read_bytes()) == (CONTENT, CONTENT)
    assert local_states(mine) == "fetched, verified"
    assert take(mine, place(mine), Heard()) == place(mine)


@pytest.mark.parametrize("name", ["weights.bin", "other.bin"])
def test_a_wrong_file_by_hand_is_refused_with_both_digests(tmp_path: Path, name: str) -> None:
    mine, by_hand = card(), tmp_path / name
    by_hand.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=f"{digest(OTHER)}, published {digest(CONTENT)}"):
        take(mine, by_hand, Heard())
    assert (local_states(mine), by_hand.read_bytes()) == ("-", OTHER)


def test_a_file_by_hand_that_is_missing_or_cannot_be_verified_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        take(card(), tmp_path / "gone.bin", Heard())
    (tmp_path / "there.bin").write_bytes(OTHER)
    with pytest.raises(WeightsError, match="publishes no checksum"):
        take(card(sha256=None), tmp_path / "there.bin", Heard())


def alexbench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alexbench.harness", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_the_command_prints_the_place_and_its_error_is_one_line(tmp_path: Path) -> None:
    text = (Path(__file__).parents[4] / "harness" / "models" / "cards" / "modelhub.toml").read_text(encoding="utf-8")
    text = text[: text.index("[[weights]]")].replace('"modelhub"', '"own"')
    path = tmp_path / "own.toml"
    with serving(good(CONTENT)) as server:
        source = f'file = "weights.bin"\nformat = "pth"\nurls = ["{server.url}"]\nsha256 = "{digest(CONTENT)}"\n'
        path.write_text(f"{text}[[weights]]\n{source}", encoding="utf-8")
        own = load_card(str(path))
        assert alexbench("models", "fetch", path, "--offline").returncode == 2
        done = alexbench("models", "fetch", path)
        assert (done.returncode, done.stdout) == (0, f"{place(own)}\n")
        assert "weights.bin is verified: SHA-256" in done.stderr.splitlines()
        place(own).write_bytes(OTHER)
        (tmp_path / "by hand").write_bytes(OTHER)
        done = alexbench("models", "fetch", path, "--weights", tmp_path / "by hand")
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith("alexbench: ")
        assert digest(OTHER) in line
        assert digest(CONTENT) in line
        assert alexbench("models", "fetch", path, "--weights", "x", "--file", "y").returncode == 2
