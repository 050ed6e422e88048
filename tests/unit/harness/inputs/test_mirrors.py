"""Servers that fail, mirrors, proxies and redirections: what is requested next and what the error reports."""

import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from alexbench.harness.inputs.fetching import (
    fetch,
    fetched_weights,
    local_states,
)
from alexbench.harness.models.download import Patience
from tests.support.http_server import Asked, cut, good, serving, status, whole
from tests.unit.harness.inputs.fetches import (
    CONTENT,
    OTHER,
    QUICK,
    Heard,
    card,
    digest,
    fetched,
    place,
    refused,
)

pytestmark = pytest.mark.usefixtures("cache")


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
