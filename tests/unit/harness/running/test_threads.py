"""Counted threads: as many as were asked for, or as few as a setting says."""

import pytest

from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.records.effective import Known
from alexbench.harness.running.row import Row
from alexbench.harness.running.threads import note_threads
from alexbench.harness.systems import System
from tests.support.records import effective

ONE = (("set_num_threads", "1"),)


@pytest.mark.parametrize(
    ("settings", "said", "busy", "fine"),
    [
        ((), "2", 2, True),
        ((), "2", 1, False),
        ((), "2", 3, False),
        (ONE, "1", 1, True),
        (ONE, "1", 2, True),
        (ONE, "1", 3, False),
        ((("compile", "default"),), "2", 1, False),
    ],
)
def test_threads_that_were_asked_for_are_busy(
    settings: tuple[tuple[str, str], ...], said: str, busy: int, *, fine: bool
) -> None:
    row = Row("torch", System("torch", 2, settings=settings), effective=effective(threads=Known(said, "reported")))
    if fine:
        note_threads(row, busy)
    else:
        with pytest.raises(UnsupportedOptionError, match="did not take effect"):
            note_threads(row, busy)
    assert row.effective is not None
    assert row.effective.threads == (str(busy), "measured")
