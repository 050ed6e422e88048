"""A child process that makes training pixels for its parent; see :mod:`alexbench.datasets.augmentation.feeding`."""

import contextlib
import sys

from alexbench.datasets.augmentation.feeding import serve

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin, sys.stdout)
