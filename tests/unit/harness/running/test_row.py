"""A backend's row while the run goes on: alive, in error, or never there."""

import pytest

from alexbench.harness.errors import UnsupportedOptionError, WorkerError
from alexbench.harness.running.row import Row
from alexbench.harness.systems import System
from tests.support.records import accuracy


class Worker:
    killed = False

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (WorkerError("worker a was killed by SIGKILL"), "worker a was killed by SIGKILL", 1),
        (UnsupportedOptionError("a: no cuda; cpu would have run"), "a: no cuda; cpu would have run", 2),
        (ValueError("shapes"), "ValueError: shapes", 1),
    ],
)
def test_an_error_ends_the_worker_and_is_said(error: Exception, said: str, code: int) -> None:
    worker = Worker()
    row = Row("a", System("a", 1), worker=worker, accuracy=accuracy())  # type: ignore[arg-type]
    assert row.alive
    row.fail(error)
    assert not row.alive
    assert worker.killed
    assert row.error_code == code
    record = row.record()
    assert (record.status, record.error) == ("error", said)
    assert record.accuracy == accuracy()  # what was measured before is kept


def test_what_is_not_installed_is_missing_and_not_alive() -> None:
    row = Row("torch", System("torch", 1), missing=True, error="torch is not installed: pip install 'alexbench[torch]'")
    assert not row.alive
    assert row.record().status == "missing"
