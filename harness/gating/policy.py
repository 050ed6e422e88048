"""What a gate asks: built-in rules, and a TOML file that changes them.

other_machine = "refuse"          # times of another machine are INVALID; or "accuracy": they are not asked for

[latency_p50_ms]
tolerance = 8                     # percent; of top1 and top5: points
required = false                  # advisory: shown, and not the gate's verdict

[backend.tensorflow.latency_p50_ms]
tolerance = 15

[price.int8]                      # each int8 row of the head next to its own fp32 row
speed_up = 1.5                    # times its images/s, at least
points = 0.3                      # of top-1 lost, at most
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal

from alexbench.backends.registry import backend_names
from alexbench.harness.contract import PRECISIONS
from alexbench.harness.errors import UsageError, known_words
from alexbench.harness.files.decoding import DecodeError, decode, decode_value
from alexbench.harness.files.toml_file import read_toml
from alexbench.harness.records.gate_records import Direction, Mode, Rule

OtherMachine = Literal["refuse", "accuracy"]

LEAST_TOLERANCE: Final = 0.01
"""Percent, of time."""
PAIRED_TOLERANCE: Final = 5.0
ANCHORED_TOLERANCE: Final = 10.0
"""Percent, of time, where none is named: what base and head of the same rounds can carry, and those of two runs."""
Kind = Literal["size", "answers", "parity", "time", "value"]
_MODES: Final[dict[Kind, tuple[Mode, ...]]] = {
    "size": ("exact",),
    "answers": ("exact", "interval"),
    "parity": ("exact",),
    "time": ("paired", "anchored"),
    "value": ("value",),
}
"""What a metric is, and how that may be judged: ``size`` of the network, ``value`` of a row and without an interval."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule as asked for. ``tolerance`` and ``mode`` None: as the two sides allow. ``named``: by a policy's file."""

    metric: str
    kind: Kind
    direction: Direction
    tolerance: float | None = None
    mode: Mode | None = None
    required: bool = True
    named: bool = False

    def rule(self, mode: Mode) -> Rule:
        """With what the two sides decide."""
        default = PAIRED_TOLERANCE if mode == "paired" else ANCHORED_TOLERANCE
        return Rule(
            self.metric, default if self.tolerance is None else self.tolerance, self.direction, mode, self.required
        )


_DEFAULTS: Final = (
    Asked("top1", "answers", "higher-is-better", 0.1, "exact"),
    Asked("top5", "answers", "higher-is-better", 0.1, "exact"),
    Asked("parity", "parity", "higher-is-better", 0.0, "exact"),
    Asked("macs", "size", "two-sided", 0.0, "exact"),
    Asked("parameters", "size", "two-sided", 0.0, "exact"),
    Asked("latency_p50_ms", "time", "lower-is-better"),
    Asked("images_per_second", "time", "higher-is-better"),
    Asked("peak_rss_mib", "value", "lower-is-better", 20.0, "value", required=False),
    Asked("load_s", "value", "lower-is-better", 30.0, "value", required=False),
)
"""A new rule is a line here. By its name a size is a field of the record's model, a value is a leaderboard's column."""
METRICS: Final = tuple(one.metric for one in _DEFAULTS)


def metrics_of(kind: Kind) -> tuple[str, ...]:
    """The metrics that are of a kind."""
    return tuple(one.metric for one in _DEFAULTS if one.kind == kind)


_LARGEST: Final = 1000.0
"""Percent: what may be eleven times as much is not gated."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A metric's table in a policy's file; None: what was not named. Which directions there are, the metric decides."""

    tolerance: Annotated[float, "a number; give 1,000 at most, or required = false"] | None = None
    direction: Direction | None = None
    mode: Mode | None = None
    required: bool | None = None


@dataclass(frozen=True, slots=True)
class PriceAsked:
    """A precision's table: the least speed-up over the fp32 row, the most points of top-1 lost; None: not asked."""

    speed_up: float | None = None
    points: float | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a gate. ``named``: what it is called in reports. ``of_backend``: rules of all systems of a backend.

    ``wanted``: the backends with a required metric in a table of their own. ``prices``: what is asked of a precision.
    """

    named: str = "built-in"
    other_machine: OtherMachine = "refuse"
    rules: dict[str, Asked] = field(default_factory=lambda: {one.metric: one for one in _DEFAULTS})
    of_backend: dict[str, dict[str, Asked]] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    prices: dict[str, PriceAsked] = field(default_factory=dict)

    def asked(self, metric: str, backend: str = "") -> Asked:
        """What is asked of a metric of a backend."""
        return self.of_backend.get(backend, {}).get(metric) or self.rules[metric]


def read_policy(path: Path | None) -> Policy:
    """The built-in rules, and what a TOML file changes of them.

    Raises:
        UsageError: the file is missing, not TOML, or invalid; the message names the key and the fix.
    """
    if path is None:
        return Policy()
    data, policy = read_toml(path, "--policy"), Policy(named=path.name)
    try:
        other = decode_value(OtherMachine, data.pop("other_machine", policy.other_machine), "other_machine")
        of_backend = decode(dict[str, dict[str, object]], data.pop("backend", {}), "backend")
        prices = _prices(data.pop("price", {}))
        rules = _changed("", policy.rules, data)
        for name in of_backend:
            if name not in backend_names():
                raise UsageError(f"--policy {path}: unknown backend {name!r}; {known_words(name, backend_names())}")
        by_backend = {name: _changed(f"backend.{name}.", rules, one) for name, one in of_backend.items()}
    except DecodeError as error:
        raise UsageError(f"--policy {path}: {error}") from error
    wanted = [name for name, own in by_backend.items() if any(own[metric].required for metric in of_backend[name])]
    return replace(policy, other_machine=other, rules=rules, of_backend=by_backend, wanted=tuple(wanted), prices=prices)


def _prices(given: object) -> dict[str, PriceAsked]:
    prices = decode(dict[str, PriceAsked], given, "price")
    lower = [name for name in PRECISIONS if name != "fp32"]
    for name, asked in prices.items():
        where = f"price.{name}"
        if name not in lower:
            raise DecodeError(f"{where} is not a precision below fp32; {known_words(name, lower)}")
        if asked.speed_up is None and asked.points is None:
            raise DecodeError(f"{where} asks for nothing; give speed_up, points or both")
        if asked.speed_up is not None and not 0 < asked.speed_up <= _LARGEST:
            raise DecodeError(f"{where}.speed_up = {asked.speed_up:g}: give a number above 0, as 1.5 for 1.5 times")
        if asked.points is not None and not 0 <= asked.points <= 100:
            raise DecodeError(f"{where}.points = {asked.points:g}: give points of accuracy, 0 to 100")
    return prices


def _changed(before: str, rules: Mapping[str, Asked], changes: Mapping[str, object]) -> dict[str, Asked]:
    """The rules with what tables of metrics change of them. ``before``: where in the file they are."""
    changed = dict(rules)
    for metric, given in changes.items():
        where = f"{before}{metric}"
        known = [*rules, "other_machine", "backend"]
        if before:
            known = [name for name, rule in rules.items() if rule.kind != "size"]
        if metric not in rules:
            raise DecodeError(f"unknown key {where!r}; {known_words(metric, known)}")
        if before and rules[metric].kind == "size":
            raise DecodeError(f"{where} is of the network, the same for all backends; name it outside [backend.*]")
        changed[metric] = _one(where, rules[metric], decode(_Change, given, where))
    return changed


def _one(where: str, rule: Asked, given: _Change) -> Asked:
    own = _own_direction(rule.metric)
    directions: list[Direction] = [own] if rule.kind == "parity" else list(dict.fromkeys((own, "two-sided")))
    if given.direction not in (None, *directions):
        raise DecodeError(f"{where}.direction = {given.direction!r}, wanted {' or '.join(directions)}")
    if given.mode not in (None, *_MODES[rule.kind]):
        raise DecodeError(f"{where}.mode = {given.mode!r}, wanted {' or '.join(_MODES[rule.kind])}")
    return replace(
        rule,
        tolerance=rule.tolerance if given.tolerance is None else _tolerance(where, rule, given.tolerance),
        direction=given.direction or rule.direction,
        mode=given.mode or rule.mode,
        required=rule.required if given.required is None else given.required,
        named=True,
    )


def _own_direction(metric: str) -> Direction:
    return next(one.direction for one in _DEFAULTS if one.metric == metric)


def _tolerance(where: str, rule: Asked, value: float) -> float:
    said = f"{where}.tolerance = {value:g}"
    if rule.kind in ("size", "parity"):
        raise DecodeError(f"{where} has no tolerance: it holds or it does not")
    if value > _LARGEST:
        raise DecodeError(f"{said}: give {_LARGEST:,.0f} at most, or required = false")
    if value < 0:
        unit = "points" if rule.kind == "answers" else "percent"
        raise DecodeError(f"{said}: give {unit} of 0 or more; direction says which way is worse")
    if rule.kind == "time" and value < LEAST_TOLERANCE:
        raise DecodeError(f"{said}: no two measurements of time are equal; give {LEAST_TOLERANCE:g} percent or more")
    if value >= 100 and rule.metric == "images_per_second":
        raise DecodeError(f"{said}: a rate that may fall so far may stop; give less than 100")
    if value > 100 and rule.kind == "answers":
        raise DecodeError(f"{said}: give points of accuracy, 100 at most")
    return value
