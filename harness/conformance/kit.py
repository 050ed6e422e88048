"""What the checks of one backend run on: workers with a network loaded, and what a process of its own saw.

Each (backend, network) is loaded once. Checks that load what they like share a spare worker.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.conformance.cases import Case, network_pixels
from alexbench.harness.conformance.driving import Asks, busy_threads, load, open_pictures, predict
from alexbench.harness.conformance.store import Store
from alexbench.harness.contract import Backend, Effective, Options
from alexbench.harness.errors import WorkerError
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.worker.client import WorkerProcess, telling
from alexbench.harness.worker.protocol import loading

THREADS: Final = min(2, usable_cores())
SILENCE_LIMIT_S: Final = 300.0
Seen = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A worker with a case loaded, ``THREADS`` wide, and its images open.

    ``pixels``: all images of the case, in the backend's layout.
    """

    case: Case
    worker: Asks
    effective: Effective
    folder: Path
    pixels: NDArray[np.float32]

    def predict(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Logits, in one call."""
        return predict(self.worker, pixels, self.folder)


@dataclass(slots=True)
class Spare:
    """A worker in which checks load what they like, one thread wide (a runtime may take one thread count a process)."""

    name: str
    backend: type[Backend]
    worker: Asks
    folder: Path
    store: Store
    _last: tuple[Case, Options, loading.Loaded] | None = None

    def load(self, case: Case, **options: Any) -> loading.Loaded:
        """Load ``case``, unless it is what was loaded last; the worker's answer."""
        given = Options(**{"threads": 1, **options})
        if self._last is None or self._last[:2] != (case, given):
            self._last = None
            answer = load(self.worker, self.name, case, self.store.weights(case), given)
            self._last = case, given, answer
        return self._last[2]

    def load_with_pictures(self, case: Case, **options: Any) -> loading.Loaded:
        """The same, with the case's images open."""
        answer = self.load(case, **options)
        open_pictures(self.worker, case, self.folder)
        return answer

    def predict(self, case: Case, count: int) -> NDArray[Any]:
        """Logits of the case's first images."""
        return predict(self.worker, network_pixels(case, self.backend.input_layout, count), self.folder)


class Kit:
    """One backend and its workers; ``silence_limit_s``: after so long without an answer, a worker is ended."""

    count_threads_s: float = 1.0

    def __init__(
        self, name: str, folder: Path, store: Store, *, threads: int = THREADS, silence_limit_s: float = SILENCE_LIMIT_S
    ) -> None:
        self.name, self.folder, self.store, self.threads = name, folder, store, threads
        self._silence_limit_s = silence_limit_s
        self._loaded: Loaded | None = None
        self._spare: Spare | None = None
        self._seen: dict[str, Seen] = {}

    @cached_property
    def backend(self) -> type[Backend]:
        """The backend's class."""
        return backend_class(self.name)

    def loaded(self, case: Case) -> Loaded:
        """A worker that has loaded ``case``; it replaces the worker of another case."""
        if self._loaded is None or self._loaded.case != case:
            self._end_loaded()
            worker = self.start(f"loaded-{case}")
            options = Options(threads=self.threads)
            answer = load(worker, self.name, case, self.store.weights(case), options)
            open_pictures(worker, case, self.folder)
            pixels = network_pixels(case, self.backend.input_layout)
            self._loaded = Loaded(case, worker, answer.effective, self.folder, pixels)
        return self._loaded

    @property
    def spare(self) -> Spare:
        """A worker in which a check may load what it likes, or be refused."""
        if self._spare is None:
            self._spare = Spare(self.name, self.backend, self.start("spare"), self.folder, self.store)
        return self._spare

    def start(self, what: str, **options: Any) -> Asks:
        """A fresh worker."""
        return WorkerProcess(self.name, log=self.folder / f"{what}.log", **options)

    def busy_threads(self, worker: Asks, wanted: int) -> int:
        """The threads that compute, counted from outside."""
        return busy_threads(worker, wanted, seconds=self.count_threads_s)

    def seen(self, script: str) -> Seen:
        """What a script of this package saw of the backend, in a process of its own; it runs once.

        Raises:
            WorkerError: the process failed, or did not end by itself.
        """
        if script not in self._seen:
            self._seen[script] = self.drive(script)
        return self._seen[script]

    def drive(self, script: str) -> Seen:
        """See :meth:`seen`."""
        out = self.folder / script / "seen.json"
        out.parent.mkdir()
        asked = [sys.executable, "-m", f"alexbench.harness.conformance.{script}", self.name, str(out)]
        try:
            ran = subprocess.run(
                asked,
                env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._silence_limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            doing = "did not end although everything was closed" if out.exists() else "gave no answer"
            raise WorkerError(f"{self.name}: its process {doing} within {self._silence_limit_s:g} s") from None
        if ran.returncode != 0 or not out.exists():
            last = (ran.stderr.strip().splitlines() or [""])[-1][:300]
            raise WorkerError(f"{self.name}: its process ended with exit code {ran.returncode}: {last}")
        return {**json.loads(out.read_text(encoding="utf-8")), "printed": ran.stdout[:200]}

    def close(self) -> None:
        """End the workers."""
        self._end_loaded()
        if self._spare is not None:
            self._spare.worker.close()
            self._spare = None

    def _end_loaded(self) -> None:
        if self._loaded is not None:
            self._loaded.worker.close()
            self._loaded = None

    def limit_silence(self) -> Any:
        """A context in which a silent worker is ended after the kit's own limit."""
        return telling(lambda _: None, limit_s=self._silence_limit_s)
