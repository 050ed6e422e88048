"""Downloads one file over HTTP or HTTPS into a partial file, which any later attempt resumes.

``checksums`` verifies the file. docs/decisions/0009-fetching.md has the reasons for requests over a download library.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from random import SystemRandom
from typing import Final

import requests
import urllib3

from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST, read_note

_CHUNK: Final = 1 << 20
_PROGRESS_BYTES: Final = 1 << 20
"""An attempt that received this much does not count as failed, so a connection that breaks every minute still
succeeds."""
_SLOWEST_BYTES_PER_S: Final = 1024
_TRANSIENT: Final = {408, 425, 429, 500, 502, 503, 504}
_REQUEST: Final = {"Accept-Encoding": "identity", "User-Agent": "alexbench"}


@dataclass(frozen=True, slots=True)
class Patience:
    """``attempts``: per URL. Waits between them double from ``wait_s``. ``stall_s`` without a byte is a failure."""

    attempts: int = 4
    connect_s: float = 15.0
    stall_s: float = 30.0
    wait_s: float = 1.0
    longest_wait_s: float = 30.0


class TransferError(Exception):
    """The download failed. The message says why, in a few words."""


class _TransientError(TransferError):
    """A failure worth another attempt, after ``wait_s`` if the server named a time."""

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class _State:
    """The source of a partial file, and the server's version of it."""

    url: str
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A download of ``url`` into ``partial``.

    ``size``: the file's bytes, if known. ``glue``: the whole file will be checked against a digest, so bytes of two
    servers may be combined. ``on_bytes(done, total)`` and ``on_retry(sentence)`` tell the user.
    """

    url: str
    partial: Path
    size: int | None
    glue: bool
    on_bytes: Callable[[int, int | None], None]
    on_retry: Callable[[str], None]

    @property
    def state(self) -> Path:
        """Next to the partial file: its source, and the version of the file."""
        return self.partial.with_name(f"{self.partial.name}.json")

    @property
    def there(self) -> int:
        """Bytes already fetched."""
        return self.partial.stat().st_size if self.partial.exists() else 0

    def discard(self) -> None:
        """Start again from byte 0."""
        self.partial.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)


def download(transfer: Transfer, patience: Patience) -> bool:
    """Fetch the file. Returns whether it was combined from several responses.

    Raises:
        TransferError: it failed after all attempts. The partial file stays.
        OSError: the partial file could not be written.
    """
    glued, failed = transfer.there > 0, 0
    with requests.Session() as session:
        for attempt in count(1):
            before = transfer.there
            try:
                _attempt(session, transfer, patience)
            except _TransientError as error:
                failed = 1 if transfer.there - before >= _PROGRESS_BYTES else failed + 1
                if failed >= patience.attempts:
                    raise TransferError(f"{error}, in the last of {attempt} attempts") from error
                wait_s = _wait(patience, failed, error.wait_s)
                transfer.on_retry(f"{error}; trying again in {wait_s:.1f} s ({failed} of {patience.attempts} failed)")
                time.sleep(wait_s)
            else:
                return glued or (attempt > 1 and before > 0)
    raise AssertionError("unreachable")


def _attempt(session: requests.Session, transfer: Transfer, patience: Patience) -> None:
    if transfer.size is not None and transfer.there > transfer.size:
        transfer.discard()
    if transfer.size is not None and transfer.there == transfer.size:
        return
    known = read_note(_State, transfer.state)
    headers = {**_REQUEST, **_range(transfer, known)}
    timeout = (patience.connect_s, patience.stall_s)
    try:
        response = session.get(transfer.url, headers=headers, stream=True, timeout=timeout)
    except requests.RequestException as error:
        raise _in_words(error, patience) from error
    with response:
        offset, total = _answer(response, transfer, known, asked="Range" in headers)
        if offset == total:
            return
        if transfer.size is not None and total is not None and total > transfer.size:
            raise TransferError(f"it has {total:,} bytes there, published are {transfer.size:,}")
        if total is not None and total > WEIGHTS_BYTES_AT_MOST:
            raise TransferError(
                f"it has {total:,} bytes there, more than the {WEIGHTS_BYTES_AT_MOST:,} of any weights file"
            )
        state = _State(transfer.url, response.headers.get("ETag"), response.headers.get("Last-Modified"))
        transfer.state.write_text(json.dumps(asdict(state)), encoding="utf-8")
        _receive(response, transfer, patience, offset, total)


def _range(transfer: Transfer, known: _State | None) -> dict[str, str]:
    """The headers that request the rest; none if the rest might belong to another file."""
    if not transfer.there:
        return {}
    asked = {"Range": f"bytes={transfer.there}-"}
    if known is not None and known.url == transfer.url:
        etag = known.etag
        # A weak ETag cannot be used: it guarantees the same meaning, not the same bytes (RFC 9110, 13.1.5).
        validator = etag if etag and not etag.startswith("W/") else known.last_modified
        if validator:
            return {**asked, "If-Range": validator}
    return asked if transfer.glue else {}


def _answer(
    response: requests.Response, transfer: Transfer, known: _State | None, *, asked: bool
) -> tuple[int, int | None]:
    """The first byte of the body, and the file's total bytes if known."""
    status = response.status_code
    length = response.headers.get("Content-Length", "")
    if status == HTTPStatus.OK:
        return 0, int(length) if length.isdecimal() else None
    if status == HTTPStatus.PARTIAL_CONTENT and asked:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        etag = response.headers.get("ETag")
        changed = known is not None and known.url == transfer.url and etag != known.etag
        total = int(found[2]) if found is not None and found[2] != "*" else None
        if found is None or int(found[1]) != transfer.there or changed:
            transfer.discard()
            raise _TransientError(
                "the file has changed there" if changed else "it sent a different part than requested"
            )
        return transfer.there, total
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and asked:
        if response.headers.get("Content-Range") == f"bytes */{transfer.there}":
            return transfer.there, transfer.there
        transfer.discard()
        raise _TransientError("it has less than was fetched before")
    said = f"HTTP {status} {response.reason or ''}".strip()
    if status in _TRANSIENT:
        after = response.headers.get("Retry-After", "")
        raise _TransientError(said, wait_s=float(after) if after.isdecimal() else None)
    raise TransferError(said)


def _receive(
    response: requests.Response, transfer: Transfer, patience: Patience, offset: int, total: int | None
) -> None:
    expected = total if total is not None else transfer.size
    done = at_mark = offset
    mark = time.monotonic()
    with transfer.partial.open("ab" if offset else "wb") as out:
        while True:
            try:
                # read1 returns what has arrived; read would wait for a whole chunk.
                chunk = response.raw.read1(_CHUNK, decode_content=False)
            except urllib3.exceptions.ReadTimeoutError as error:
                raise _TransientError(f"no byte for {patience.stall_s:g} s, after {_share(done, expected)}") from error
            except urllib3.exceptions.HTTPError as error:
                raise _TransientError(f"the connection broke after {_share(done, expected)}") from error
            if not chunk:
                break
            out.write(chunk)
            done += len(chunk)
            if transfer.size is not None and done > transfer.size:
                out.close()
                transfer.discard()
                raise TransferError(f"it sends more than the {transfer.size:,} bytes that are published")
            if done > WEIGHTS_BYTES_AT_MOST:
                out.close()
                transfer.discard()
                raise TransferError(f"it sends more than {WEIGHTS_BYTES_AT_MOST:,} bytes, which no weights file has")
            transfer.on_bytes(done, expected)
            now = time.monotonic()
            if now - mark > patience.stall_s:
                if done - at_mark < _SLOWEST_BYTES_PER_S * (now - mark):
                    raise _TransientError(f"{done - at_mark:,} bytes in {now - mark:.0f} s are too slow")
                mark, at_mark = now, done
    if expected is not None and done < expected:
        raise _TransientError(f"it ended after {_share(done, expected)}")


def _wait(patience: Patience, failed: int, asked_s: float | None) -> float:
    """Doubles, with jitter, so that clients that failed together do not retry together."""
    longest = patience.longest_wait_s
    if asked_s is not None:
        return min(asked_s, longest)
    return min(patience.wait_s * 2.0 ** (failed - 1), longest) * SystemRandom().uniform(0.75, 1.25)


def _in_words(error: requests.RequestException, patience: Patience) -> TransferError:
    """Names the failure: the errors of requests wrap urllib3's in three layers."""
    if isinstance(error, requests.exceptions.SSLError):
        return TransferError(f"its TLS certificate was not accepted ({_innermost(error)})")
    if isinstance(error, requests.exceptions.ProxyError):
        return _TransientError(f"the proxy did not answer ({_innermost(error)})")
    if isinstance(error, requests.ConnectTimeout):
        return _TransientError(f"no connection within {patience.connect_s:g} s")
    if isinstance(error, requests.Timeout):
        return _TransientError(f"no answer within {patience.stall_s:g} s")
    if isinstance(error, requests.ConnectionError):
        return _TransientError(f"no connection ({_innermost(error)})")
    return TransferError(" ".join(str(error).split()))


def _innermost(error: BaseException) -> str:
    """The system's message at the end of the chain of causes."""
    deepest: BaseException = error
    while (cause := deepest.__cause__ or deepest.__context__) is not None:
        deepest = cause
    words = deepest.strerror if isinstance(deepest, OSError) and deepest.strerror else str(deepest)
    return " ".join(words.split()) or type(deepest).__name__


def _share(done: int, total: int | None) -> str:
    return f"{done:,} bytes" if total is None else f"{done:,} of {total:,} bytes"
