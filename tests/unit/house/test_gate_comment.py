"""tools/gate_comment.py believes nothing of what a pull request's run hands it."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.tools import tool

commenting = tool("gate_comment")
SHA = "a" * 40
RUN = {
    "id": 7,
    "head_sha": SHA,
    "head_branch": "bump & more",
    "head_repository": {"id": 55, "owner": {"login": "someone"}},
    "html_url": "https://github.com/owner/alexbench/actions/runs/7",
}
OPENED = [
    {"number": 3, "head": {"sha": "b" * 40, "repo": {"id": 55}}},
    {"number": 4, "head": {"sha": SHA, "repo": {"id": 66}}},
    {"number": 6, "head": {"sha": SHA, "repo": None}},
    {"number": 5, "head": {"sha": SHA, "repo": {"id": 55}}},
]
TEXT = f"{commenting.MARKER}\n\n# AlexBench gate: PASS\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


def archive(content: bytes = TEXT.encode(), name: str = commenting.FILE) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(name, content)
    return made.getvalue()


class GitHub:
    """GitHub's answers, by method and path; what was asked is kept."""

    def __init__(self, *, artifact: bytes = b"", comments: list[dict[str, Any]] | None = None, size: int = 900) -> None:
        self.artifact, self.size = artifact or archive(), size
        self.comments = comments or []
        self.asked: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, path: str, sent: Any) -> bytes:
        self.asked.append((method, path, sent))
        if path.endswith("/zip"):
            return self.artifact
        if "/artifacts?" in path:
            found = {"name": commenting.ARTIFACT, "id": 11, "expired": False, "size_in_bytes": self.size}
            return json.dumps({"artifacts": [found] if self.size else []}).encode()
        if "/pulls?" in path:
            return json.dumps(OPENED).encode()
        page = int(path.rpartition("&page=")[2]) if method == "GET" else 1
        return json.dumps(self.comments[(page - 1) * 100 : page * 100]).encode()

    @property
    def written(self) -> list[tuple[str, str, Any]]:
        return [one for one in self.asked if one[0] != "GET"]


def of_others(number: int) -> dict[str, Any]:
    """A comment by somebody who knows the marker."""
    return {"id": number, "user": {"login": "someone"}, "body": TEXT}


def test_a_first_result_is_a_comment_and_a_later_one_replaces_it() -> None:
    github = GitHub(comments=[of_others(1)])
    assert commenting.carry_over(github, "owner/alexbench", RUN) == "#5: commented"
    ((method, path, sent),) = github.written
    assert (method, path) == ("POST", "/repos/owner/alexbench/issues/5/comments")
    assert sent["body"].startswith(f"{commenting.MARKER}\n\n_Of commit ")
    assert "\n\n# AlexBench gate: PASS\n" in sent["body"]
    assert RUN["html_url"] in sent["body"]

    ours = {"id": 1999, "user": {"login": commenting.AUTHOR}, "body": sent["body"]}
    github = GitHub(comments=[*map(of_others, range(120)), ours])
    assert commenting.carry_over(github, "owner/alexbench", RUN) == "#5: replaced comment 1999"
    assert [one[:2] for one in github.written] == [("PATCH", "/repos/owner/alexbench/issues/comments/1999")]


def test_the_pull_request_is_the_open_one_of_that_repository_at_that_commit() -> None:
    assert commenting.pull_request(RUN, OPENED) == 5
    assert commenting.pull_request(RUN | {"head_sha": "c" * 40}, OPENED) is None
    github = GitHub()
    commenting.carry_over(github, "owner/alexbench", RUN)
    assert "/repos/owner/alexbench/pulls?state=open&head=someone%3Abump%20%26%20more&per_page=100" in {
        path for _, path, _ in github.asked
    }


def test_where_nothing_was_gated_or_nobody_is_there_nothing_is_written() -> None:
    github = GitHub(size=0)
    assert commenting.carry_over(github, "owner/alexbench", RUN) == "nothing was gated: no comment"
    assert "the fork is gone" in commenting.carry_over(github, "owner/alexbench", RUN | {"head_repository": None})
    moved_on = commenting.carry_over(GitHub(), "owner/alexbench", RUN | {"head_sha": "c" * 40})
    assert moved_on == f"no open pull request has {'c' * 40} as its head: no comment"
    assert github.written == []


@pytest.mark.parametrize(
    ("artifact", "said"),
    [
        (b"no zip", "can be read"),
        (archive(name="../gate.md"), "can be read"),
        (archive(b"x" * (commenting.LARGEST_BYTES + 1)), "more than"),
        (archive(TEXT.encode("utf-16")), "not UTF-8"),
        (archive(TEXT.encode() + b"\x1b[31m"), "not plain text"),
        (archive(b"Buy this\n" + TEXT.encode()), "does not begin with"),
    ],
)
def test_what_no_gate_writes_is_refused(artifact: bytes, said: str) -> None:
    github = GitHub(artifact=artifact)
    with pytest.raises(commenting.ArtifactError, match=said):
        commenting.carry_over(github, "owner/alexbench", RUN)
    assert github.written == []


def test_a_large_artifact_is_not_even_fetched() -> None:
    github = GitHub(size=commenting.LARGEST_BYTES + 1)
    with pytest.raises(commenting.ArtifactError, match="bytes"):
        commenting.carry_over(github, "owner/alexbench", RUN)
    assert not any(path.endswith("/zip") for _, path, _ in github.asked)


def test_nobody_is_mentioned_and_nothing_but_text_is_shown() -> None:
    text = TEXT + "@everyone ![x](https://example.org/x.png) <img src=x> <!-- alexbench-gate -->\n"
    body = commenting.comment(text, RUN)
    assert "@everyone" not in body
    assert "![" not in body
    assert body.count("<!--") == 1  # the marker's own
    assert "<img" not in body


def test_a_section_stays_folded_and_nothing_else_is_html() -> None:
    folded = "<details>\n<summary>Passed, or not made</summary>\n\n| check |\n\n</details>\n"
    body = commenting.comment(TEXT + folded, RUN)
    assert folded.strip() in body
    for live in ("<details open>", "x <details>", "<summary><img src=x></summary>", "<summary>x</summary> <b>"):
        assert live not in commenting.comment(f"{TEXT}{live}\n", RUN)


@pytest.mark.parametrize(
    "live",
    [
        "[here](https://example.org)",
        "[here][1]",
        "[1]: https://example.org",
        "HTTPS://example.org",
        "www.example.org",
        "WWW.example.org",
        "mailto:a.b",
        "a#12",
        "gh-12",
        "_www.example.org_",
        "_GH-12_",
        "<b>",
        "&lt;",
        "```mermaid",
        "~~~",
    ],
)
def test_no_text_of_a_fork_is_more_than_a_text(live: str) -> None:
    body = commenting.comment(f"{TEXT}see {live}.\n", RUN)
    assert live not in body
    assert live in body.replace(commenting.NO_WIDTH, "")


def test_a_long_text_is_cut_at_a_line_and_reports_it() -> None:
    body = commenting.comment(TEXT + "a line of it\n" * 20_000, RUN)
    assert len(body) < 65_536
    assert "a line of it" + commenting.CUT in body


class Redirecting(BaseHTTPRequestHandler):
    """Sends each request on to another host's name, and notes who was shown the token."""

    shown: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.shown.append((self.path, self.headers["Authorization"]))
        if self.path == "/zip":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/blob")
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"content")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_token_is_for_github_and_not_for_where_it_redirects_to(address: str) -> None:
    Redirecting.shown.clear()
    assert commenting.caller(address, "secret")("GET", "/zip", None) == b"content"
    assert Redirecting.shown == [("/zip", "Bearer secret"), ("/blob", None)]


def test_a_refusal_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"workflow_run": RUN}), encoding="utf-8")
    variables = {
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_API_URL": "",
        "GITHUB_TOKEN": "",
        "GITHUB_REPOSITORY": "owner/alexbench",
    }
    monkeypatch.setattr(commenting, "caller", lambda *_: GitHub(artifact=b"no zip"))
    assert commenting.main(variables) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("::error title=gate comment::artifact gate-comment: no gate.md")
    assert printed.count("\n") == 1
    monkeypatch.setattr(commenting, "caller", lambda *_: GitHub())
    assert commenting.main(variables) == 0
