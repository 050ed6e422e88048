"""What a gate asks: built-in rules, and a TOML file that changes them.

other_machine = "refuse"          # or "accuracy": on another machine gate what does not depend on it

[latency_p50_ms]
tolerance = 8                     # percent; of top1 and top5: points
required = false                  # advisory: shown, and not the gate's verdict

[backend.tensorflow.latency_p50_ms]
tolerance = 15
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from alexbench.backends.registry import backend_names
from alexbench.harness.app.toml_file import read_toml
from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.gate_records import Direction, Mode, Rule

OtherMachine = Literal["refuse", "accuracy"]

LEAST_TOLERANCE: Final = 0.01
"""Percent, of time."""
PAIRED_TOLERANCE: Final = 5.0
ANCHORED_TOLERANCE: Final = 10.0
"""Percent, of time, where none is named: what base and head of the same rounds can carry, and those of two runs."""
TIMED: Final = ("latency_p50_ms", "images_per_second")
ANSWERED: Final = ("top1", "top5")


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule as asked for. ``tolerance`` and ``mode`` None: as the two sides allow. ``named``: by a policy's file."""

    metric: str
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
    Asked("top1", "higher-is-better", 0.1, "exact"),
    Asked("top5", "higher-is-better", 0.1, "exact"),
    Asked("parity", "higher-is-better", 0.0, "exact"),
    Asked("macs", "two-sided", 0.0, "exact"),
    Asked("parameters", "two-sided", 0.0, "exact"),
    Asked("latency_p50_ms", "lower-is-better"),
    Asked("images_per_second", "higher-is-better"),
    Asked("peak_rss_mib", "lower-is-better", 20.0, "value", required=False),
    Asked("load_s", "lower-is-better", 30.0, "value", required=False),
)
METRICS: Final = tuple(one.metric for one in _DEFAULTS)
_MODES: Final[dict[str, tuple[Mode, ...]]] = {
    **dict.fromkeys(ANSWERED, ("exact", "interval")),
    **dict.fromkeys(("parity", "macs", "parameters"), ("exact",)),
    **dict.fromkeys(TIMED, ("paired", "anchored")),
    **dict.fromkeys(("peak_rss_mib", "load_s"), ("value",)),
}
_LARGEST: Final = 1000.0
"""Percent: what may be eleven times as much is not gated."""
_KEYS: Final = ("tolerance", "direction", "mode", "required")


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of a gate. ``named``: what it is called in reports. ``of_backend``: rules of some backends alone.

    ``wanted``: the backends with a required metric in a table of their own.
    """

    named: str = "built-in"
    other_machine: OtherMachine = "refuse"
    rules: dict[str, Asked] = field(default_factory=lambda: {one.metric: one for one in _DEFAULTS})
    of_backend: dict[str, dict[str, Asked]] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()

    def asked(self, metric: str, backend: str = "") -> Asked:
        """What is asked of a metric of a backend."""
        return self.of_backend.get(backend, {}).get(metric) or self.rules[metric]


def read_policy(path: Path | None) -> Policy:
    """The built-in rules, and what a TOML file changes of them.

    Raises:
        UsageError: the file is missing, no TOML, or has what makes no sense; the message names the key and the mend.
    """
    if path is None:
        return Policy()
    data = read_toml(path, "--policy")
    policy = Policy(named=path.name)
    other = data.pop("other_machine", policy.other_machine)
    if other not in get_args(OtherMachine):
        raise UsageError(f"--policy {path}: other_machine = {other!r}, wanted {' or '.join(get_args(OtherMachine))}")
    of_backend = data.pop("backend", {})
    if not isinstance(of_backend, dict):
        raise UsageError(f"--policy {path}: backend = {of_backend!r}, wanted tables such as [backend.torch.top1]")
    rules = _changed(path, "", policy.rules, data)
    by_backend: dict[str, dict[str, Asked]] = {}
    wanted = []
    for name, changes in of_backend.items():
        if name not in backend_names():
            raise unknown_name(f"backend in --policy {path}:", name, backend_names())
        if not isinstance(changes, dict):
            raise UsageError(f"--policy {path}: backend.{name} = {changes!r}, wanted tables of metrics")
        by_backend[name] = _changed(path, f"backend.{name}.", rules, changes)
        if any(by_backend[name][metric].required for metric in changes):
            wanted.append(name)
    return replace(policy, other_machine=other, rules=rules, of_backend=by_backend, wanted=tuple(wanted))


def _changed(path: Path, before: str, rules: dict[str, Asked], changes: dict[str, Any]) -> dict[str, Asked]:
    changed = dict(rules)
    for metric, given in changes.items():
        where = f"--policy {path}: {before}{metric}"
        if metric not in rules:
            raise UsageError(f"{where} is no metric; known: {', '.join(rules)}")
        if not isinstance(given, dict):
            raise UsageError(f"{where} = {given!r}, wanted a table with {', '.join(_KEYS)}")
        if before and metric in ("macs", "parameters"):
            raise UsageError(f"{where} is of the network, the same for all backends; name it outside [backend.*]")
        changed[metric] = _one(where, rules[metric], given)
    return changed


def _one(where: str, rule: Asked, given: dict[str, Any]) -> Asked:
    for key, value in given.items():
        if key not in _KEYS:
            raise UsageError(f"{where}: unknown key {key!r}; known: {', '.join(_KEYS)}")
        if key == "tolerance":
            rule = replace(rule, tolerance=_tolerance(where, rule, value))
        elif key == "required":
            if not isinstance(value, bool):
                raise UsageError(f"{where}: required = {value!r}, wanted true or false")
            rule = replace(rule, required=value)
        elif key == "direction":
            own = _own_direction(rule.metric)
            known = [own] if rule.metric == "parity" else list(dict.fromkeys((own, "two-sided")))
            if value not in known:
                raise UsageError(f"{where}: direction = {value!r}, wanted {' or '.join(known)}")
            rule = replace(rule, direction=value)
        else:
            if value not in _MODES[rule.metric]:
                raise UsageError(f"{where}: mode = {value!r}, wanted {' or '.join(_MODES[rule.metric])}")
            rule = replace(rule, mode=value)
    return replace(rule, named=True)


def _own_direction(metric: str) -> Direction:
    return next(one.direction for one in _DEFAULTS if one.metric == metric)


def _tolerance(where: str, rule: Asked, value: object) -> float:
    is_nan = isinstance(value, float) and math.isnan(value)  # of a huge int isnan overflows
    if isinstance(value, bool) or not isinstance(value, (int, float)) or is_nan:
        raise UsageError(f"{where}: tolerance = {_cut(value)}, wanted a number")
    unit = "points" if rule.metric in ANSWERED else "percent"
    if rule.metric not in (*ANSWERED, *TIMED, "peak_rss_mib", "load_s"):
        raise UsageError(f"{where} has no tolerance: it holds or it does not")
    if not abs(value) <= _LARGEST:
        largest = f"give {_LARGEST:,.0f} at most, or required = false"
        raise UsageError(f"{where}: tolerance = {_cut(value)}: {largest}")
    if value < 0:
        raise UsageError(f"{where}: tolerance = {value:g}: give {unit} of 0 or more; direction says which way is worse")
    if rule.metric in TIMED and value < LEAST_TOLERANCE:
        least = f"give {LEAST_TOLERANCE:g} percent or more"
        raise UsageError(f"{where}: tolerance = {value:g}: no two measurements of time are equal; {least}")
    if value >= 100 and rule.metric == "images_per_second":
        raise UsageError(f"{where}: tolerance = {value:g}: a rate that may fall so far may stop; give less than 100")
    if value > 100 and rule.metric in ANSWERED:
        raise UsageError(f"{where}: tolerance = {value:g}: give points of accuracy, 100 at most")
    return float(value)


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:20]}..."
