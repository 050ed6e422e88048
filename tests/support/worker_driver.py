"""A worker whose backend misbehaves as told: run as a script by a :func:`shim`, in the place of an interpreter.

``alexbench.harness.worker_process`` serves as always; only its backend is another, and for some behaviours a constant.
"""

import ctypes
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements
from alexbench.harness.files import lines
from alexbench.harness.models.network import Layout
from alexbench.harness.worker import forking

OUTPUTS: Final = 1000
IMPORTED: Final = "now imported"
IN_PREDICT: Final = "now in predict"
LAST_WORDS: Final = "odd: the licence has expired"
SAID: Final = {
    "print": "odd: from print",
    "stderr": "odd: from sys.stderr",
    "descriptor": "odd: from descriptor 1",
    "C": "odd: from C's puts",
    "child": "odd: from a child process",
    "protocol-like": '{"id":1,"ok":{"load_s":-1}}',
}


def logits_of(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """What :class:`Odd` answers, (N, OUTPUTS): each image's own, no two alike."""
    scale = pixels.astype(np.float64).mean(axis=(1, 2, 3))[:, None]
    return np.sin(scale * (1 + np.arange(OUTPUTS))).astype(np.float32)


def _plain() -> None:
    pass


def _chatty() -> None:
    print(SAID["print"])
    print(SAID["protocol-like"], flush=True)
    print(SAID["stderr"], file=sys.stderr)
    os.write(1, f"{SAID['descriptor']}\n".encode())
    libc = ctypes.CDLL(None)
    libc.puts(SAID["C"].encode())
    libc.fflush(None)
    os.system(f"echo {shlex.quote(SAID['child'])}")
    assert sys.stdin.read() == ""  # nothing of the requests is to be had there


def _busy() -> NoReturn:
    print(IN_PREDICT, flush=True)
    matrix = np.ones((256, 256), np.float32)
    while True:
        matrix = matrix @ matrix * 0


def _exits() -> NoReturn:
    print(LAST_WORDS, file=sys.stderr, flush=True)
    os._exit(7)


def _raises() -> NoReturn:
    raise RuntimeError("kernel\n  refused")


BEHAVIOURS: Final[dict[str, Callable[[], None]]] = {
    "plain": _plain,
    "not finite": _plain,
    "chatty": _chatty,
    "busy": _busy,
    "exits": _exits,
    "raises": _raises,
    "import fails": _plain,
}


class Odd(Backend):
    """Checks nothing, computes :func:`logits_of`, and before that does what it was told."""

    name: ClassVar[str] = "odd"
    requires: ClassVar[Requirements] = Requirements()
    input_layout: ClassVar[Layout] = "NCHW"
    behaviour: ClassVar[str] = "plain"

    @classmethod
    def preload(cls) -> None:
        """Report the import; some behaviours depend on it."""
        print(IMPORTED, flush=True)
        match cls.behaviour:
            case "import fails":
                raise ImportError(LAST_WORDS)
            case "import exits":
                _exits()
            case "import hangs":
                time.sleep(600)

    def load(self, model: Model, options: Options) -> None:
        """Nothing to load."""

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Misbehave, then answer."""
        BEHAVIOURS[self.behaviour]()
        logits = logits_of(pixels)
        if self.behaviour == "not finite":
            logits[-1, 0] = np.nan
        return logits

    def effective(self) -> Effective:
        """A made-up answer."""
        known = Known("1", "requested")
        return Effective("odd", "1.0", Known("cpu", "reported"), known, Known("fp32", "requested"), known, known, {})

    def close(self) -> None:
        """Nothing to release."""


def shim(behaviour: str, folder: Path, *, forwards: bool = False) -> str:
    """An executable in ``folder`` to give :class:`WorkerProcess` as its interpreter; ``forwards``: it can fork."""
    from tests.support.shims import executable

    path = folder / f"python-{behaviour.replace(' ', '-')}{'-forwards' if forwards else ''}"
    return executable(path, __file__, behaviour, forwards=forwards)


def main() -> None:
    """The script."""
    behaviour = sys.argv[1]
    match behaviour:
        case "does not start":
            sys.exit(LAST_WORDS)
        case "no protocol":
            print("Welcome to this computer!", flush=True)
            time.sleep(60)
        case "newer protocol":
            lines.PROTOCOL_SCHEMA = 99  # type: ignore[misc]
        case _:
            Odd.behaviour = behaviour
    worker.backend_class = forking.backend_class = lambda name: Odd  # type: ignore[attr-defined]
    worker.main()


if __name__ == "__main__":
    main()
