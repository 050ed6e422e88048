"""What a confined process may no longer do, tried in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alexbench.harness.worker.confinement import Confined

TRIED = """
import json, os, socket, subprocess, sys
from pathlib import Path
from alexbench.harness.worker.confinement import confine

inside, outside = Path(sys.argv[1]), Path(sys.argv[2])
given_up = confine(inside)

def allowed(action):
    try:
        action()
    except OSError:
        return False
    return True

found = {
    "network": given_up.network,
    "writing": given_up.writing,
    "write inside": allowed(lambda: (inside / "file").write_text("x")),
    "read": allowed(lambda: (outside / "kept").read_text()),
    "write": allowed(lambda: (outside / "new").write_text("x")),
    "change": allowed(lambda: (outside / "kept").write_text("x")),
    "truncate": allowed(lambda: os.truncate(outside / "kept", 0)),
    "remove": allowed(lambda: (outside / "kept").unlink()),
    "make a folder": allowed(lambda: (outside / "folder").mkdir()),
    "link": allowed(lambda: (outside / "link").symlink_to(inside)),
    "by a child": subprocess.run(["touch", outside / "child"], stderr=subprocess.DEVNULL).returncode == 0,
    "null": allowed(lambda: Path("/dev/null").write_text("x")),
    "internet": allowed(lambda: socket.socket(socket.AF_INET).close()),
    "internet 6": allowed(lambda: socket.socket(socket.AF_INET6).close()),
    "local": allowed(lambda: socket.socket(socket.AF_UNIX).close()),
}
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")
def test_what_is_given_up_is_refused_and_the_rest_works(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "kept").write_text("kept")
    ended = subprocess.run(
        [sys.executable, "-c", TRIED, inside, outside], capture_output=True, text=True, timeout=60, check=True
    )
    found = json.loads(ended.stdout)
    for fine in ("write inside", "read", "null"):
        assert found[fine], fine
    for action in ("write", "change", "truncate", "remove", "make a folder", "link", "by a child"):
        assert found[action] != found["writing"], action
    for action in ("internet", "internet 6", "local"):
        assert found[action] != found["network"], action


def test_what_was_given_up_is_said() -> None:
    assert str(Confined(network=True, writing=True)) == "no network and no writing elsewhere"
    assert str(Confined(network=True, writing=False)) == "no network"
    assert str(Confined(network=False, writing=False)).startswith("not confined")
