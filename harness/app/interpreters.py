"""Other environments' interpreters: is one there, does it know alexbench, and the backend that it is to run?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import alexbench.harness
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.errors import BackendUnavailableError, UsageError, WorkerError


def environments(
    interpreters: Mapping[str, str], distributions: Mapping[str, tuple[str, ...]], log: Path
) -> dict[str, dict[str, Any]]:
    """Backend -> the environment of its interpreter: versions and variables, as a worker there sees them.

    Raises:
        UsageError: an interpreter does not start, has no alexbench or another one.
        BackendUnavailableError: it lacks the runtime.
    """
    return {name: _environment(name, python, distributions[name], log) for name, python in interpreters.items()}


def _environment(name: str, python: str, distributions: tuple[str, ...], log: Path) -> dict[str, Any]:
    given, version = f"--python {name}={python}", alexbench.harness.__version__
    before = log.stat().st_size if log.exists() else 0
    try:
        with WorkerProcess(name, log=log, python=python) as worker:
            problem = worker.ask("probe", backend=name)["problem"]
            if problem is not None:
                raise BackendUnavailableError(f"{given}: {problem} (in that environment)")
            return {"interpreter": python, **worker.ask("environment", distributions=list(distributions))}
    except WorkerError as error:
        said = log.read_bytes()[before:].decode("utf-8", errors="replace") if log.exists() else ""
        if "No module named" in said and "alexbench" in said:
            mend = f"{python} -m pip install alexbench=={version}, or the same checkout"
            raise UsageError(f"{given}: alexbench is not installed there; {mend}") from error
        # The log is in a run's folder that is not kept: what matters of it is in the message.
        raise UsageError(f"{given}: {str(error).partition('; log: ')[0]}") from error
