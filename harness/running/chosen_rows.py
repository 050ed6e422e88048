"""The rows of a run before anything is prepared: what is installed, in which environment, and what can run there."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexbench.backends.registry import availability, backend_class
from alexbench.harness.config import RunConfig
from alexbench.harness.errors import BackendUnavailableError, PluginError, UnsupportedOptionError, UsageError
from alexbench.harness.inputs.interpreters import backends_in, environments
from alexbench.harness.quantization.files import check_quantizes
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import check_refused, options_of
from alexbench.harness.systems import DEFAULT_PROFILE
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import CheckOptions


def with_backends(config: RunConfig) -> RunConfig:
    """All environments must have the same backends; if none are named, those of the first."""
    if not config.all_backends or not config.environments:
        return config
    there = backends_in(*next(iter(config.environments.items())))
    systems = tuple(one for one in config.systems if one.backend in there)
    return replace(config, systems=systems, all_backends=False).with_base()


def rows_of(config: RunConfig) -> list[Row]:
    """A row for each system; the runtime of one that was asked for by name must be installed."""
    rows = []
    for name, system in config.by_label.items():
        row = Row(name, system, python=config.interpreter_of(system), tuning=config.tuning_of(system))
        if system.profile != DEFAULT_PROFILE and row.tuning is None:
            raise UsageError(f"{name}: no settings were searched for it; use alexbench run, or alexbench tune")
        if row.python is not None:  # what is installed there, a worker there is asked
            rows.append(row)
            continue
        found = availability(row.backend)
        if found.broken:
            row.fail(PluginError(found.problem))
        elif found.problem is not None:
            if not config.all_backends:
                raise BackendUnavailableError(found.problem)
            row.missing, row.error = True, found.problem
        rows.append(row)
    if all(row.missing for row in rows):
        raise BackendUnavailableError("no runtime is installed: pip install 'alexbench[all]', or one of its extras")
    return rows


def check_options(rows: list[Row], config: RunConfig, logs: Path) -> None:
    """Refuse options before minutes of preparing: each backend tries those that are not defaults on a tiny network.

    In workers of their own, so that a row's load time has its import in it.
    """
    for row in rows:
        # What a search found was read back there, and is again when the row loads.
        default = row.tuning is not None or not row.system.settings
        if row.absent or ((row.system.device, row.system.precision) == ("cpu", "fp32") and default):
            continue
        if row.system in config.quantized:
            _check_int8(row, config)
            continue
        with WorkerProcess(row.name, log=logs / "options.log", python=row.interpreter) as worker:
            try:
                worker.ask(CheckOptions(row.backend, options_of(row.system)))
            except UnsupportedOptionError as error:
                row.refuse(error)
    check_refused(rows, config)


def _check_int8(row: Row, config: RunConfig) -> None:
    """Whether its backend can write an int8 file here."""
    try:
        check_quantizes(row.backend, config.quantization)
    except UnsupportedOptionError as error:
        row.refuse(error)


def other_environments(rows: list[Row], logs: Path) -> dict[str, dict[str, Any]]:
    """What is installed for the rows that have an interpreter of their own."""
    others = [(row.name, row.system, row.python) for row in rows if row.python is not None]
    wanted = {row.backend: distributions_of(row.backend) for row in rows}
    return environments(others, wanted, logs / "interpreters.log")


def distributions_of(backend: str) -> tuple[str, ...]:
    """The packages that it needs, whichever of them are there; none of a plugin that is broken."""
    with suppress(PluginError):
        return tuple(name for group in backend_class(backend).requires.groups for name in group)
    return ()
