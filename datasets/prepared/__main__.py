"""A child process that prepares images for its parent; see :mod:`alexbench.datasets.prepared.preparing`."""

import contextlib
import sys

from alexbench.datasets.prepared.preparing import serve

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin, sys.stdout)
