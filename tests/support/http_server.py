"""A local HTTP server that behaves as badly as a test asks, and remembers what it was asked."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Asked(BaseHTTPRequestHandler):
    """A request: answer it with :meth:`send`, or write to ``wfile`` whatever a bad server writes."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self.close_connection = True
        script = self.server.script
        with script.lock:
            script.asked.append({name.title(): value for name, value in self.headers.items()} | {"path": self.path})
            behave = script.behaviours.pop(0) if len(script.behaviours) > 1 else script.behaviours[0]
        behave(self)

    def send(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        """An answer; ``length``: what it says of its length, -1 for nothing. Header names have _ for -."""
        self.send_response(status)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is its own."""


Behaviour = Callable[[Asked], None]


@dataclass
class Script:
    """One behaviour a request, the last of them for ever; ``asked``: the headers of each request, and its path."""

    behaviours: list[Behaviour]
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    released: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: what stalls waits for it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    script: Script

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def serving(*behaviours: Behaviour) -> Iterator[Script]:
    """A server on a free port of the loopback."""
    script = Script(list(behaviours))
    server = _Server(("127.0.0.1", 0), Asked)
    server.script = script
    script.url = f"http://127.0.0.1:{server.server_address[1]}/weights.bin"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def good(content: bytes, *, etag: str | None = '"one"') -> Behaviour:
    """A server as it should be: Range and If-Range obeyed."""

    def behave(asked: Asked) -> None:
        headers = {} if etag is None else {"ETag": etag}
        found = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("Range", ""))
        if found is None or asked.headers.get("If-Range", etag) != etag:
            asked.send(200, content, **headers)
            return
        start = int(found[1])
        if start >= len(content):
            asked.send(416, Content_Range=f"bytes */{len(content)}")
            return
        where = f"bytes {start}-{len(content) - 1}/{len(content)}"
        asked.send(206, content[start:], Content_Range=where, **headers)

    return behave


def status(code: int, **headers: str) -> Behaviour:
    """An answer without the file."""
    return lambda asked: asked.send(code, b"<html>sorry</html>", **headers)


def whole(content: bytes, *, etag: str | None = None) -> Behaviour:
    """A server that knows no Range."""
    return lambda asked: asked.send(200, content, **({} if etag is None else {"ETag": etag}))


def cut(content: bytes, after: int, *, etag: str | None = '"one"') -> Behaviour:
    """It hangs up in the middle."""
    headers = {} if etag is None else {"ETag": etag}
    return lambda asked: asked.send(200, content[:after], length=len(content), **headers)


def stalling(content: bytes, after: int) -> Behaviour:
    """It sends a part and then nothing, the connection open."""

    def behave(asked: Asked) -> None:
        asked.send(200, content[:after], length=len(content), ETag='"one"')
        asked.server.script.released.wait()

    return behave
