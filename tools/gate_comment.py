"""Put a gate's Markdown on its pull request, in one comment that is replaced each time (gate-comment.yml).

    GITHUB_TOKEN=... python tools/gate_comment.py

Runs on the base repository's own code, with a token that may comment, after a run on a pull request's code, which may
be anybody's. So nothing that came from there is believed: the pull request is the open one whose head is the commit
that the run was of, as GitHub says; of the artifact one file is read, as text of limited size that begins with the
marker; nobody is mentioned, and no image, link or HTML of it is shown, except the tags that fold a section. Standard
library only.
"""

import io
import json
import os
import re
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

MARKER: Final = "<!-- alexbench-gate -->"
"""First line of the Markdown, and of the comment; as in reports/gate/output.py."""
ARTIFACT: Final = "gate-comment"
FILE: Final = "gate.md"
AUTHOR: Final = "github-actions[bot]"
LARGEST_BYTES: Final = 256 * 1024
"""The limit for the artifact, and for the file in it: four times a comment."""
LARGEST_COMMENT: Final = 60_000
"""Characters; GitHub takes 65,536."""
PAGE: Final = 100
LIMIT_S: Final = 60
CUT: Final = "\n\n_Cut here; the whole is in the run's artifact._"
NO_WIDTH: Final = "\u200b"
LIVE: Final = re.compile(
    r"[@<]|&(?!#36;)|!(?=\[)|\](?=[(\[:])|:(?=//)|(?<![a-z0-9])(?:www|mailto|xmpp)(?=[.:])|#(?=\d)|(?<![a-z0-9])GH(?=-\d)"
    r"|`(?=``)|~(?=~~)",
    re.IGNORECASE,
)
"""Behind which Markdown, or GitHub, makes more of a text than a text."""
FOLD: Final = re.compile(rf"^<{NO_WIDTH}(details>|/details>|summary>[\w ,:;.()%-]*<{NO_WIDTH}/summary>)$", re.MULTILINE)
"""A line that folds a part of the text, alone on it: the only HTML that is shown."""
UNSEEN: Final = re.compile("[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""What turns text around, or has no shape."""

Call = Callable[[str, str, Any], bytes]
"""Method, path behind the API's address, and what is sent (None: nothing) -> the answer's body."""


class ArtifactError(Exception):
    """What came is not what a gate writes; said in one line."""


def caller(address: str, token: str) -> Call:
    """GitHub's API. The token is for it alone: an artifact's address leads to another host, which is not sent it."""

    def call(method: str, path: str, sent: Any) -> bytes:
        body = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(address + path, data=body, method=method)  # noqa: S310 - GITHUB_API_URL
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        request.add_unredirected_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:  # noqa: S310
            return bytes(answer.read())

    return call


def artifact_id(listed: Sequence[Mapping[str, Any]]) -> int | None:
    """The artifact with the Markdown, of those of a run; None where there is none: nothing was gated.

    Raises:
        ArtifactError: it is too large.
    """
    found = [one for one in listed if one["name"] == ARTIFACT and not one["expired"]]
    if not found:
        return None
    if found[-1]["size_in_bytes"] > LARGEST_BYTES:
        raise ArtifactError(f"artifact {ARTIFACT}: {found[-1]['size_in_bytes']:,} bytes, {LARGEST_BYTES:,} at most")
    return int(found[-1]["id"])


def pull_request(run: Mapping[str, Any], opened: Sequence[Mapping[str, Any]]) -> int | None:
    """The open pull request whose head is the commit that ``run`` was of; None where it has moved on, or is closed."""
    for one in opened:
        head = one["head"]
        if head["sha"] == run["head_sha"] and (head["repo"] or {}).get("id") == run["head_repository"]["id"]:
            return int(one["number"])
    return None


def text_of(archive: bytes) -> str:
    """The Markdown in the artifact. No file is unpacked: one is read, up to the limit.

    Raises:
        ArtifactError: it is not there, too large, no text, or no gate's.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files, files.open(FILE) as file:
            content = file.read(LARGEST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError) as error:
        raise ArtifactError(f"artifact {ARTIFACT}: no {FILE} can be read in it ({error})") from error
    if len(content) > LARGEST_BYTES:
        raise ArtifactError(f"{FILE}: more than {LARGEST_BYTES:,} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{FILE} is not UTF-8") from error
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text.replace("\r\n", "\n")):
        raise ArtifactError(f"{FILE} is not plain text")
    if text.partition("\n")[0].strip() != MARKER:
        raise ArtifactError(f"{FILE} does not begin with {MARKER}")
    return text


def comment(text: str, run: Mapping[str, Any]) -> str:
    """The comment: the marker, the text made harmless and not too long, and where it is from."""
    body = text.replace("\r\n", "\n").removeprefix(MARKER).strip()
    # A character without width keeps it from being HTML, a mention, an image, an address, a diagram or an issue.
    body = LIVE.sub(lambda found: found[0] + NO_WIDTH, UNSEEN.sub("", body))
    body = FOLD.sub(lambda found: found[0].replace(NO_WIDTH, ""), body)
    body = body.replace("$", "&#36;")  # a formula is read before any escape
    if len(body) > LARGEST_COMMENT:
        body = body[:LARGEST_COMMENT].rpartition("\n")[0] + CUT
    origin = f"_Of commit {run['head_sha'][:12]}, by [this run]({run['html_url']}) of the pull request's own code._"
    return f"{MARKER}\n\n{origin}\n\n{body}\n"


def put(call: Call, repository: str, number: int, body: str) -> str:
    """Replace our comment on a pull request, or write it; what was done."""
    page = 1
    while True:
        listed = json.loads(
            call("GET", f"/repos/{repository}/issues/{number}/comments?per_page={PAGE}&page={page}", None)
        )
        for one in listed:
            if (one["user"] or {}).get("login") == AUTHOR and one["body"].startswith(MARKER):
                call("PATCH", f"/repos/{repository}/issues/comments/{int(one['id'])}", {"body": body})
                return f"#{number}: replaced comment {one['id']}"
        if len(listed) < PAGE:
            call("POST", f"/repos/{repository}/issues/{number}/comments", {"body": body})
            return f"#{number}: commented"
        page += 1


def carry_over(call: Call, repository: str, run: Mapping[str, Any]) -> str:
    """All of it, for the run that a workflow_run event is about; what was done.

    Raises:
        ArtifactError: the artifact is not what a gate writes.
    """
    if run["head_repository"] is None:
        return "the fork is gone: no comment"
    path = f"/repos/{repository}/actions/runs/{int(run['id'])}/artifacts?per_page={PAGE}&name={ARTIFACT}"
    found = artifact_id(json.loads(call("GET", path, None))["artifacts"])
    if found is None:
        return "nothing was gated: no comment"
    head = f"{run['head_repository']['owner']['login']}:{run['head_branch']}"
    query = urlencode({"state": "open", "head": head, "per_page": PAGE}, quote_via=quote)
    number = pull_request(run, json.loads(call("GET", f"/repos/{repository}/pulls?{query}", None)))
    if number is None:
        return f"no open pull request has {run['head_sha']} as its head: no comment"
    text = text_of(call("GET", f"/repos/{repository}/actions/artifacts/{found}/zip", None))
    return put(call, repository, number, comment(text, run))


def main(variables: Mapping[str, str]) -> int:
    """Comment on the event's pull request, with the token of the job."""
    event = json.loads(Path(variables["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    call = caller(variables["GITHUB_API_URL"], variables["GITHUB_TOKEN"])
    try:
        print(carry_over(call, variables["GITHUB_REPOSITORY"], event["workflow_run"]))
    except (ArtifactError, urllib.error.URLError, TimeoutError, json.JSONDecodeError) as error:
        print("::error title=gate comment::" + " ".join(str(error).replace("%", "%25").split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
