"""Which tests share a process where several run them (pytest-xdist): those that share what is slow to make."""

import re
from typing import Final

from xdist.scheduler.loadscope import LoadScopeScheduling

from alexbench.backends.registry import backend_names

CONFORMANCE: Final = "tests/conformance/"
APART: Final = (
    "tests/conformance/test_activations.py",
    "tests/end_to_end/test_disturbed.py",
    "tests/end_to_end/test_doctor.py",
    "tests/end_to_end/test_exits.py",
    "tests/end_to_end/test_export.py",
    "tests/end_to_end/test_full_size_weights.py",
    "tests/end_to_end/test_unmasked.py",
)
"""Files of minutes whose tests share nothing that is made once a process: each test is given to whoever is free."""


class Sharing(LoadScopeScheduling):
    """A file stays in one process, for its fixtures are made once a process.

    The conformance suite's files share what costs most, a runtime with a network loaded: there a runtime stays in one.
    ``--dist loadgroup`` would do, but names its groups in a way that pytest 9.2 no longer reads (xdist 3.8).
    """

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid)


def shared_by(nodeid: str) -> str:
    """What the test ``nodeid`` shares with others: one of xdist's scopes."""
    path, _, name = nodeid.partition("::")
    if path.startswith(CONFORMANCE):
        kind, colons, _ = name.partition("::")
        if colons:  # a class of the kit has its workers, and ends them
            return f"{path}::{kind}"
        for word in re.split(r"[\[\]-]", name):
            if word in backend_names():
                return f"{CONFORMANCE} {word}"
    return nodeid if path in APART else path
