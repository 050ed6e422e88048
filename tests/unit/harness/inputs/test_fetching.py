"""Fetching, from local servers that stall, truncate, lie and change their minds: what is kept is the published file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.inputs.fetching import (
    fetch,
    local_states,
)
from tests.support.http_server import Asked, cut, good, serving, stalling, whole
from tests.unit.harness.inputs.fetches import (
    CONTENT,
    HASTY,
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
def test_a_note_next_to_a_part_that_says_nothing_is_none(note: str) -> None:
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
