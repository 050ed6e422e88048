"""What really ran: said by a backend, carried by its worker and kept in the record as it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Evidence = Literal["reported", "measured", "declared", "requested"]


class Known(NamedTuple):
    """A value of what really ran, and how it is known.

    ``reported`` by the runtime, ``measured`` by us, ``declared`` in the user's file, or only ``requested``: set, and
    nothing to read back.
    """

    value: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Effective:
    """What really ran, read back where the runtime lets itself be asked.

    ``provider`` is the runtime's own word for what computes (an execution provider, a plugin, a library);
    ``precision`` what convolutions and products work in, ``stored`` the type of the weights (None: nobody says, or the
    record is older); ``streams`` the number of inferences it may work on at once; ``settings`` whatever else qualifies
    a number. ``applied``: each setting that the user or a profile named -> the value that took effect.
    """

    runtime: str
    version: str
    device: Known
    provider: Known
    precision: Known
    threads: Known
    streams: Known
    settings: Mapping[str, str] = field(default_factory=dict)
    stored: Known | None = None
    applied: Mapping[str, Known] = field(default_factory=dict)
