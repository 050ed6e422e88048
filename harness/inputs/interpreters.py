"""Other environments' interpreters: is one there, does it know alexbench, and the backend that it is to run?"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import alexbench.harness
from alexbench.backends.registry import default_backends
from alexbench.harness.errors import BackendUnavailableError, UsageError, WorkerDiedError, WorkerError
from alexbench.harness.systems import System
from alexbench.harness.worker.client import START_LIMIT_S, WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import Probe, ReadEnvironment


def environments(
    rows: Iterable[tuple[str, System, str]], distributions: Mapping[str, tuple[str, ...]], log: Path
) -> dict[str, dict[str, Any]]:
    """Row -> the environment of its interpreter: versions and variables, as a worker there sees them.

    ``rows``: label, system and interpreter; each interpreter is asked once about each backend. ``distributions``: which
    packages of a backend count.

    Raises:
        UsageError: an interpreter does not start, has no alexbench or another one.
        BackendUnavailableError: it lacks the runtime.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    others = {}
    for name, system, python in rows:
        backend = system.backend
        if (backend, python) not in found:
            found[backend, python] = _environment(backend, system.environment, python, distributions[backend], log)
        others[name] = found[backend, python]
    return others


def check_interpreter(system: System, python: str | None, log: Path) -> None:
    """The same of the one system that is to run; nothing where it runs on this interpreter.

    Raises:
        UsageError: its interpreter does not start, has no alexbench or another one.
        BackendUnavailableError: it lacks the runtime.
    """
    if python is not None:
        _environment(system.backend, system.environment, python, (), log)


def backends_in(label: str, python: str) -> list[str]:
    """The backends whose runtime is installed for an interpreter, in order.

    Raises:
        UsageError: it does not start, has no alexbench or another one, or no runtime at all.
    """
    given = f"environment {label} ({python})"
    with TemporaryDirectory() as folder, _worker(given, label, python, Path(folder) / "log") as worker:
        found = [name for name in default_backends() if worker.ask(Probe(name)).problem is None]
    if not found:
        raise BackendUnavailableError(f"{given} has no runtime: {python} -m pip install 'alexbench[all]'")
    return found


def _environment(
    backend: str, label: str | None, python: str, distributions: tuple[str, ...], log: Path
) -> dict[str, Any]:
    given = f"environment {label} ({python})" if label else f"--python {backend}={python}"
    with _worker(given, backend, python, log) as worker:
        problem = worker.ask(Probe(backend)).problem
        if problem is not None:
            raise BackendUnavailableError(f"{given}: {problem} (in that environment)")
        return {"interpreter": python, **asdict(worker.ask(ReadEnvironment(distributions)))}


@contextmanager
def _worker(given: str, name: str, python: str, log: Path) -> Iterator[WorkerProcess]:
    """A worker on ``python``. If there is none, the error names what the user gave."""
    before = log.stat().st_size if log.exists() else 0
    try:
        with WorkerProcess(name, log=log, python=python) as worker:
            yield worker
    except WorkerError as error:
        said = log.read_bytes()[before:].decode("utf-8", errors="replace") if log.exists() else ""
        if "No module named" in said and "alexbench" in said:
            fix = f"{python} -m pip install alexbench=={alexbench.harness.__version__}, or the same checkout"
            raise UsageError(f"{given}: alexbench is not installed there; {fix}") from error
        if isinstance(error, WorkerDiedError) and not _is_python(python):
            raise UsageError(f"{given}: not a Python interpreter; name one, as in /opt/other/bin/python") from error
        # The log is in a folder that is not kept: what matters of it is in the message.
        raise UsageError(f"{given}: {error.message}") from error


def _is_python(program: str) -> bool:
    """Whether a program that starts runs a line of Python."""
    asked = [program, "-c", "print(6 * 7)"]
    try:
        ran = subprocess.run(asked, input=b"", capture_output=True, timeout=START_LIMIT_S, check=False)
    except subprocess.SubprocessError:
        return False
    return ran.stdout.strip() == b"42"
