"""What a search for settings found: the candidates with their figures, what won, and on what machine."""

from dataclasses import dataclass
from typing import Literal

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Gain, Measure

Settings = tuple[tuple[str, str], ...]
TriedStatus = Literal["measured", "left_out", "failed", "wrong"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval over the processes of a search."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate; without ``settings``, the runtime as shipped.

    ``left_out``: not tried here; ``failed``: it did not load, crashed or hung; ``wrong``: its scores are not those of
    the default settings; each with its ``reason``. ``stages``: in how many of the search it was measured, 0 for none.
    """

    settings: Settings
    status: TriedStatus
    reason: Reason | None = None
    stages: int = 0
    p50_ms: Figure | None = None
    images_per_second: Figure | None = None


@dataclass(frozen=True, slots=True)
class MadeFor:
    """What a search is of: it is made again where any of these changes. ``machine``: a digest of the machine's key.

    ``model``: digest of the weights or of the user's file; ``version`` of the runtime.
    """

    backend: str
    version: str
    machine: str
    model: str
    card: str
    precision: str
    threads: int
    batch_size: int


@dataclass(frozen=True, slots=True)
class Winner:
    """What is fastest by one measure. ``gain``: None before it was measured in fresh processes."""

    goal: Measure
    settings: Settings
    gain: Gain | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """One search of a backend. ``cost_s``: how long it took; ``made``: when, UTC.

    ``rows``: the keys of the systems of a run that have its settings. ``reason``: why nothing was searched.
    """

    made_for: MadeFor
    made: str
    cost_s: float
    winners: tuple[Winner, ...]
    tried: tuple[Tried, ...]
    rows: tuple[str, ...] = ()
    reason: Reason | None = None
