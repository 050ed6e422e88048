"""Fetching, from local servers that stall, truncate, lie and change their minds: what is kept is the published file."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.console.progress import Advance
from alexbench.harness.errors import UsageError, WeightsError
from alexbench.harness.inputs.fetching import (
    fetch,
    fetched_weights,
    local_state,
    local_states,
    place_of,
    take,
)
from alexbench.harness.models.card import Card, WeightsSource, load_card
from alexbench.harness.models.download import Patience
from tests.support.http_server import Asked, cut, good, serving, stalling, status, whole

CONTENT = np.random.default_rng(7).bytes(300_000)
OTHER = np.random.default_rng(8).bytes(300_000)
QUICK = Patience(attempts=3, connect_s=5, stall_s=5, wait_s=0.001, longest_wait_s=0.01)
HASTY = replace(QUICK, stall_s=0.2)
LIMIT_S = 60


@dataclass
class Heard:
    """What a user was told."""

    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    advances: list[tuple[int, int]] = field(default_factory=list)
    interrupt: bool = False

    def say(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        self.steps.append(title)

        def advance(done: int, total: int) -> None:
            self.advances.append((done, total))
            if self.interrupt:
                raise KeyboardInterrupt

        yield advance


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path / "cache"))
    for name in list(os.environ):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "alexbench_offline"):
            monkeypatch.delenv(name)
    return tmp_path / "cache"


def card(*urls: str, content: bytes = CONTENT, **changed: object) -> Card:
    """A card whose one file is ``content``."""
    source = WeightsSource(
        file="weights.bin", format="pth", urls=urls, size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    return replace(load_card("torchvision"), name="mine", weights=(replace(source, **changed),))  # type: ignore[arg-type]


def place(of: Card) -> Path:
    return place_of(of, of.weights[0])


def partial(of: Card, content: bytes | None = None) -> Path:
    """The partial file, made to hold ``content``."""
    path = place(of).with_name("weights.bin.partial")
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def fetched(of: Card, patience: Patience = QUICK) -> Heard:
    """Fetch, and find the published file."""
    heard = Heard()
    path = fetch(of, heard, patience=patience)
    assert path == place(of)
    assert path.read_bytes() == CONTENT
    assert not partial(of).exists()
    assert local_states(of).startswith("fetched")
    return heard


def refused(of: Card, patience: Patience = QUICK, **how: object) -> str:
    """The one line of a fetch that gave nothing."""
    with pytest.raises(WeightsError) as error:
        fetch(of, Heard(), patience=patience, **how)  # type: ignore[arg-type]
    assert not place(of).exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_gets_its_name_once_it_is_verified(cache: Path) -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        assert local_states(mine) == "-"
        heard = fetched(mine)
        assert heard.steps == ["fetching weights.bin from 127.0.0.1, MB"]
        assert heard.lines == ["weights.bin is verified: SHA-256"]
        assert local_states(mine) == "fetched, verified"
        assert place(mine) == cache / "downloads" / "mine" / "weights.bin"
        assert fetched(mine).lines == ["weights.bin already exists: verified: SHA-256"]
        assert len(server.asked) == 1
    assert {path.name for path in place(mine).parent.iterdir()} <= {
        "weights.bin",
        "weights.bin.lock",
        "weights.bin.verified",
    }


def test_progress_is_in_megabytes() -> None:
    content = np.random.default_rng(9).bytes(3_400_000)
    with serving(good(content)) as server:
        heard = Heard()
        fetch(card(server.url, content=content), heard, patience=QUICK)
    assert heard.advances[-1] == (3, 3)
    assert [done for done, _ in heard.advances] == sorted(done for done, _ in heard.advances)


def test_a_truncated_answer_is_gone_on_with() -> None:
    with serving(cut(CONTENT, 100_000), cut(CONTENT, 100_000), good(CONTENT)) as server:
        heard = fetched(card(server.url))
        assert "Range" not in server.asked[0]
        assert server.asked[2]["Range"] == "bytes=100000-"
        assert server.asked[2]["If-Range"] == '"one"'
    assert "the connection broke after 100,000 of 300,000 bytes; trying again" in heard.lines[0]


def test_a_server_that_stalls_is_left_and_gone_on_with() -> None:
    with serving(stalling(CONTENT, 100_000), good(CONTENT)) as server:
        heard = fetched(card(server.url), HASTY)
        assert server.asked[1]["Range"] == "bytes=100000-"
    assert "no byte for 0.2 s, after 100,000 of 300,000 bytes" in heard.lines[0]


def test_a_server_that_never_answers_is_left() -> None:
    with serving(lambda asked: asked.server.script.released.wait() and None) as server:
        assert "no answer within 0.2 s, in the last of 3 attempts" in refused(card(server.url), HASTY)


def test_a_server_that_trickles_is_left() -> None:
    def trickle(asked: Asked) -> None:
        asked.send(200, CONTENT[:1000], length=len(CONTENT))
        for byte in CONTENT[1000:1250]:
            if asked.server.script.released.wait(0.02):
                return
            asked.wfile.write(bytes([byte]))

    with serving(trickle, good(CONTENT)) as server:
        assert "too slow" in fetched(card(server.url), replace(HASTY, stall_s=0.5)).lines[0]


def test_a_length_that_is_too_short_gives_another_file_which_is_kept_aside() -> None:
    with serving(lambda asked: asked.send(200, CONTENT, length=1000)) as server:
        mine = card(server.url)
        said = refused(mine)
    assert "1,000 bytes, published 300,000" in said
    assert f"SHA-256 {digest(CONTENT[:1000])}, published {digest(CONTENT)}" in said
    aside = place(mine).with_name("weights.bin.wrong")
    assert aside.read_bytes() == CONTENT[:1000]
    assert f"kept as {aside} and not used" in said


def test_a_length_that_is_too_long_is_not_even_begun() -> None:
    with serving(lambda asked: asked.send(200, CONTENT, length=10**12)) as server:
        assert "it has 1,000,000,000,000 bytes there, published are 300,000" in refused(card(server.url))
        assert len(server.asked) == 1


def test_a_body_without_end_is_stopped() -> None:
    def endless(asked: Asked) -> None:
        asked.send(200, length=-1)
        for _ in range(50):
            asked.wfile.write(CONTENT)

    with serving(endless) as server:
        mine = card(server.url)
        assert "it sends more than the 300,000 bytes that are published" in refused(mine)
        assert not partial(mine).exists()


def test_a_body_without_length_that_ends_early_is_gone_on_with() -> None:
    with serving(lambda asked: asked.send(200, CONTENT[:999], length=-1, ETag='"one"'), good(CONTENT)) as server:
        fetched(card(server.url))
        assert server.asked[1]["Range"] == "bytes=999-"


def test_a_chunked_body_that_breaks_is_gone_on_with() -> None:
    def chunked(asked: Asked) -> None:
        asked.send(200, length=-1, Transfer_Encoding="chunked", ETag='"one"')
        asked.wfile.write(b"3e8\r\n" + CONTENT[:1000] + b"\r\n")

    with serving(chunked, good(CONTENT)) as server:
        fetched(card(server.url))
        assert server.asked[1]["Range"] == "bytes=1000-"


def test_a_server_that_ignores_range_is_read_from_the_beginning() -> None:
    with serving(cut(CONTENT, 1000), whole(CONTENT, etag='"one"')) as server:
        fetched(card(server.url))
        assert server.asked[1]["Range"] == "bytes=1000-"


def test_a_server_that_sends_another_part_than_was_asked_for_is_not_believed() -> None:
    def off_by_some(asked: Asked) -> None:
        asked.send(206, CONTENT[900:], Content_Range="bytes 900-299999/300000", ETag='"one"')

    with serving(cut(CONTENT, 1000), off_by_some, good(CONTENT)) as server:
        heard = fetched(card(server.url))
        assert "Range" not in server.asked[2]
    assert "a different part than requested" in heard.lines[1]


def test_a_file_that_changed_between_two_attempts_is_not_glued_together() -> None:
    with serving(cut(OTHER, 1000, etag='"one"'), good(CONTENT, etag='"two"')) as server:
        fetched(card(server.url))
        assert server.asked[1]["If-Range"] == '"one"'


def test_not_even_by_a_server_that_ignores_if_range() -> None:
    def glue(asked: Asked) -> None:
        asked.send(206, CONTENT[1000:], Content_Range="bytes 1000-299999/300000", ETag='"two"')

    with serving(cut(OTHER, 1000), glue, good(CONTENT, etag='"two"')) as server:
        heard = fetched(card(server.url))
        assert "Range" not in server.asked[2]
    assert "the file has changed there" in heard.lines[1]


def test_a_weak_etag_is_not_used_and_the_date_is() -> None:
    date = "Sat, 21 Nov 2026 06:00:00 GMT"

    def weak(asked: Asked) -> None:
        asked.send(200, CONTENT[:1000], length=len(CONTENT), ETag='W/"one"', Last_Modified=date)

    with serving(weak, whole(CONTENT)) as server:
        fetched(card(server.url))
        assert server.asked[1]["If-Range"] == date


def test_without_a_digest_nothing_is_glued_that_no_validator_vouches_for() -> None:
    with serving(cut(CONTENT, 1000, etag=None), good(CONTENT, etag=None)) as server:
        fetched(card(server.url, sha256=None, sha256_prefix=digest(CONTENT)[:8]))
        assert "Range" not in server.asked[1]


@pytest.mark.parametrize("note", ["", "[]", "[" * 9999, '{"url": 1}', '{"url": "", "etag": 3, "last_modified": null}'])
def test_a_note_beside_a_part_that_says_nothing_is_none(note: str) -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        beside = partial(mine, CONTENT[:1000])
        beside.with_name(f"{beside.name}.json").write_text(note, encoding="utf-8")
        fetched(mine)
        assert "If-Range" not in server.asked[0]


def test_416_for_a_file_that_is_whole_ends_it() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url, size=None)
        partial(mine, CONTENT)
        fetched(mine)
        assert [one["Range"] for one in server.asked] == ["bytes=300000-"]


def test_416_for_a_file_that_became_shorter_begins_anew() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url, size=None)
        partial(mine, CONTENT + b"more")
        heard = fetched(mine)
        assert "Range" not in server.asked[1]
    assert "it has less than was fetched before" in heard.lines[0]


def test_a_partial_file_that_is_too_long_begins_anew() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        partial(mine, CONTENT + b"more")
        fetched(mine)
        assert "Range" not in server.asked[0]


def test_a_partial_file_that_is_not_right_is_fetched_once_more_from_the_beginning() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        partial(mine, OTHER[:1000])
        heard = fetched(mine)
        assert [one.get("Range") for one in server.asked] == ["bytes=1000-", None]
    assert any("from the beginning" in line for line in heard.lines)


def test_500_twice_then_well() -> None:
    with serving(status(500), status(503), good(CONTENT)) as server:
        heard = fetched(card(server.url))
        assert len(server.asked) == 3
    assert "HTTP 500 Internal Server Error; trying again" in heard.lines[0]
    assert "(2 of 3 failed)" in heard.lines[1]


def test_500_for_ever_ends_with_what_it_said() -> None:
    with serving(status(500)) as server:
        assert "127.0.0.1: HTTP 500 Internal Server Error, in the last of 3 attempts" in refused(card(server.url))
        assert len(server.asked) == 3


def test_waits_double_and_what_the_server_asks_for_is_obeyed_within_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    patience = Patience(attempts=5, connect_s=5, stall_s=5, wait_s=1, longest_wait_s=30)
    with serving(
        status(500), status(500), status(429, Retry_After="7"), status(503, Retry_After="900"), good(CONTENT)
    ) as s:
        fetched(card(s.url), patience)
    assert 0.75 <= waits[0] <= 1.25
    assert 1.5 <= waits[1] <= 2.5
    assert waits[2:] == [7, 30]


def test_a_line_that_breaks_again_and_again_still_brings_the_file() -> None:
    content = np.random.default_rng(10).bytes(8 << 20)

    def breaking(asked: Asked) -> None:
        start = int(asked.headers.get("Range", "bytes=0-")[6:-1])
        part = content[start : start + (1 << 20) + 1]
        said = f"bytes {start}-{len(content) - 1}/{len(content)}"
        code = 206 if start else 200
        asked.send(code, part, length=len(content) - start, ETag='"one"', Content_Range=said)

    with serving(breaking) as server:
        fetch(card(server.url, content=content), Heard(), patience=replace(QUICK, attempts=2))
        assert len(server.asked) == 8


def test_mirrors_are_tried_in_order() -> None:
    with serving(status(404)) as first, serving(good(CONTENT)) as second, serving(good(CONTENT)) as third:
        fetched(card(first.url, second.url, third.url))
        assert [len(one.asked) for one in (first, second, third)] == [1, 1, 0]


def test_a_mirror_goes_on_where_another_broke() -> None:
    with serving(cut(CONTENT, 1000)) as first, serving(good(CONTENT, etag='"elsewhere"')) as second:
        fetched(card(first.url, second.url))
        assert second.asked[0]["Range"] == "bytes=1000-"
        assert "If-Range" not in second.asked[0]


def test_a_wrong_file_is_kept_aside_and_the_next_mirror_asked() -> None:
    with serving(whole(OTHER)) as first, serving(good(CONTENT)) as second:
        mine = card(first.url, second.url)
        fetched(mine)
    assert place(mine).with_name("weights.bin.wrong").read_bytes() == OTHER


def test_a_wrong_file_everywhere_is_refused_with_both_digests() -> None:
    with serving(whole(OTHER)) as server:
        mine = card(server.url)
        said = refused(mine)
        assert len(server.asked) == 1
    assert f"serves another file (SHA-256 {digest(OTHER)}, published {digest(CONTENT)})" in said
    assert place(mine).with_name("weights.bin.wrong").read_bytes() == OTHER
    assert local_states(mine) == "-"
    assert fetched_weights(mine) is None


def test_each_mirror_that_failed_is_said_with_its_reason() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 300000\n"
    heard = Heard()
    with serving(status(404)) as first, serving(whole(pointer)) as second, serving(good(CONTENT)) as third:
        fetch(card(first.url, second.url, third.url), heard, patience=QUICK)
    tried = [line for line in heard.lines if line.startswith("tried ")]
    assert [line.split()[1] for line in tried] == [f"{first.url}:", f"{second.url}:"]
    assert "HTTP 404" in tried[0]
    assert "it serves another file (a Git LFS pointer, not the file itself: " in tried[1]


def test_a_file_that_is_there_needs_no_lock() -> None:
    with serving(good(CONTENT)) as server:
        mine = card(server.url)
        fetched(mine)
    for lock in place(mine).parent.glob("*.lock"):
        lock.unlink()
    assert fetch(mine, Heard(), offline=True) == place(mine)
    assert list(place(mine).parent.glob("*.lock")) == []


def test_a_redirection_is_followed() -> None:
    with serving(good(CONTENT)) as server, serving(status(302, Location=server.url)) as first:
        fetched(card(first.url))
        assert (len(first.asked), len(server.asked)) == (1, 1)


def test_redirections_in_a_circle_are_refused() -> None:
    with serving(status(302, Location="/weights.bin")) as server:
        assert "redirects" in refused(card(server.url))


def test_a_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(good(CONTENT)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/weights.bin"))
        fetched(card("http://published.invalid/weights.bin"))
        assert [one["path"] for one in proxy.asked] == ["http://published.invalid/weights.bin"]


def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        said = refused(card(f"http://127.0.0.1:{taken.getsockname()[1]}/weights.bin"))
    assert "127.0.0.1: no connection (Connection refused), in the last of 3 attempts" in said
    assert "alexbench models fetch mine --weights FILE" in said


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
