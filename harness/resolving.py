"""Flags of ``alexbench run``, or the same keys of a file, checked and made into a :class:`RunConfig`."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from alexbench.datasets.layouts.layout_table import LAYOUT_NAMES
from alexbench.harness.capabilities import FEWEST_CALIBRATION_IMAGES, RANGE_METHODS
from alexbench.harness.chosen_systems import chosen_systems
from alexbench.harness.config import ON_BAD_IMAGE, ONLY, PUBLISHED, SCENARIOS, RunConfig, Shard
from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.files.input_files import expanded
from alexbench.harness.files.plain_text import short
from alexbench.harness.measure.rigor import RIGORS
from alexbench.harness.models.synthetic_label import is_synthetic

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "only": ONLY,
    "layout": LAYOUT_NAMES,
    "on_bad_image": ON_BAD_IMAGE,
    "weights_layout": ("NCHW", "NHWC"),
    "rigor": tuple(RIGORS),
    "range_method": RANGE_METHODS,
}
BOUNDS: Final = {
    "batch_size": (1, 2**16),
    "limit": (1, 10**9),
    "calibration_images": (FEWEST_CALIBRATION_IMAGES, 10**6),
    "seed": (0, 2**63 - 1),
}
"""Least and most: more no machine, no data set and no column of a table holds."""
_LONGEST_MS: Final = 1e9
_UNITS: Final = {"m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smh]?)", re.ASCII)
_MEASURES: Final = (
    ("budget", _DURATION, 1.0, 864_000.0, "give 1s to 240h, as in 90s or 2m"),
    ("silence_limit", _DURATION, 1.0, 86_400.0, "give 1s to 24h, as in 90s or 2m"),
    ("resolution", re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(%?)", re.ASCII), 0.1, 100.0, "give 0.1% to 100%, as in 2%"),
)
"""Flag, what it looks like, the least and most of it, and what to give."""
_SHARD: Final = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)
_FIELDS: Final = frozenset(item.name for item in fields(RunConfig))


def resolve(values: Mapping[str, Any]) -> RunConfig:
    """Check flag values (None: not given) and fill in what this machine decides.

    Raises:
        UsageError: a value is invalid; the message names the flag and the fix.
    """
    given = {key: value for key, value in values.items() if value is not None and value != ()}
    for key, known in _CHOICES.items():
        if key in given and given[key] not in known:
            raise unknown_name(f"--{key.replace('_', '-')}", given[key], known)
    check_numbers(given)
    _read_measures(given)
    _check_data_flags(given)
    _check_load_flags(given)
    if given.get("out") == "":
        raise UsageError("--out is empty; name a folder")
    if "weights_layout" in given and given.get("weights") is None:
        raise UsageError("--weights-layout says how --weights is read; name --weights FILE too")
    if "weights_key" in given and given.get("weights") is None:
        raise UsageError("--weights-key says which model of --weights is read; name --weights FILE too")
    _make_absolute(given)
    chosen = chosen_systems(given)
    of_systems = {item.name: getattr(chosen, item.name) for item in fields(chosen)}
    config = RunConfig(**{key: value for key, value in given.items() if key in _FIELDS} | of_systems)
    config = _with_pictures(config.with_base())
    _check_calibration_flags(config, given)
    _check_pair(config)
    return config


def _with_pictures(config: RunConfig) -> RunConfig:
    """Where speed is measured, as many of the synthetic images as the level of rigor has time for."""
    if config.data is None and config.limit is None and config.performance:
        return replace(config, limit=config.level.pictures)
    return config


def check_numbers(given: Mapping[str, Any]) -> None:
    """Raise a UsageError that names the first flag whose number is not within its bounds."""
    for key, (least, most) in BOUNDS.items():
        value = given.get(key)
        if value is None or least <= value <= most:
            continue
        fix = f"give {least} or more" if value < least else f"give {most:,} or less"
        raise UsageError(f"--{key.replace('_', '-')} {short(value)}: {fix}")


def _check_data_flags(given: dict[str, Any]) -> None:
    if given.get("only") == "accuracy" and "seed" in given and "limit" not in given:
        raise UsageError(f"--seed {given['seed']} has no effect without --limit; add --limit N")
    if given.get("data") is None:
        for key in ("layout", "labels"):
            if key in given:
                raise UsageError(f"--{key} says how --data is read; name --data PATH too")
    if "shard" in given:
        given["shard"] = shard_of(given["shard"])


def shard_of(text: str) -> Shard:
    """``2/3`` as a shard.

    Raises:
        UsageError: it is not one.
    """
    found = _SHARD.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {text}: wanted PART/PARTS, counted from 1, as in 1/4")
    return Shard(int(found[1]), int(found[2]))


def _check_load_flags(given: dict[str, Any]) -> None:
    if given.get("only") == "accuracy":
        flags = ("rigor", "--rigor"), ("budget", "--budget"), ("resolution", "--resolution")
        for key, flag in (*flags, ("scenarios", "--scenario"), ("latency_bound", "--latency-bound")):
            if key in given:
                raise UsageError(f"{flag} has no effect with --only accuracy (no timing); leave one of them out")
    if "scenarios" in given:
        given["scenarios"] = tuple(_scenario(name) for name in given["scenarios"])
    bound = given.get("latency_bound")
    if bound is None:
        return
    if not 0 < bound <= _LONGEST_MS:
        said = f"{bound:g}" if isinstance(bound, float) else short(bound)
        raise UsageError(f"--latency-bound {said}: give milliseconds above 0, {_LONGEST_MS:g} at most")
    if not {"Server", "MultiStream"} & set(given.get("scenarios", ())):
        raise UsageError("--latency-bound bounds a load; add --scenario Server or --scenario MultiStream")


def _scenario(name: str) -> str:
    """MLPerf's spelling of a scenario, however its letters are written."""
    found = {one.lower(): one for one in SCENARIOS}.get(name.lower())
    if found is None:
        raise unknown_name("--scenario", name, SCENARIOS)
    return found


def _read_measures(given: dict[str, Any]) -> None:
    """``budget`` (90, 90s, 2m, 1h) to seconds, ``resolution`` (2 or 2%) to percent; numbers are as they are."""
    for key, pattern, least, most, wanted in _MEASURES:
        value = given.get(key)
        if value is None:
            continue
        number = _number(value, pattern) if isinstance(value, str) else value
        if not least <= number <= most:
            raise UsageError(f"--{key.replace('_', '-')} {short(value)}: {wanted}")
        given[key] = float(number)


def _number(text: str, pattern: re.Pattern[str]) -> float:
    """What a flag of _MEASURES says, in seconds or percent; 0, which neither may be, where it is not one."""
    found = pattern.fullmatch(text.strip())
    return float(found[1]) * _UNITS.get(found[2], 1.0) if found else 0.0


def _check_calibration_flags(config: RunConfig, given: Mapping[str, Any]) -> None:
    """Raises: UsageError: a flag of int8 that no system of the run needs."""
    flags = ("calibration", "calibration_images", "calibrate_on_scored", "per_tensor", "reduce_range", "range_method")
    for key in flags:
        if given.get(key) and not config.quantized:
            raise UsageError(f"--{key.replace('_', '-')} is for --precision int8; name that too, or leave it out")


def _make_absolute(given: dict[str, Any]) -> None:
    """Paths as they are from anywhere: a run may be gone on with from another folder."""
    for key in ("data", "labels", "weights", "model", "calibration"):
        value = given.get(key)
        named = (key == "weights" and value == PUBLISHED) or (key == "model" and not str(value).endswith(".toml"))
        if value and not named:
            given[key] = str(expanded(value).absolute())


def _check_pair(config: RunConfig) -> None:
    """Images and weights belong together: synthetic with synthetic, or real with real."""
    speed_alone = "" if config.only == "accuracy" else ", or --only performance"
    own = (
        "; with classes of your own (--labels), name only files (--artifact)" if config.files and config.labels else ""
    )
    if config.accuracy and config.data is not None and config.weights is None and config.needs_weights:
        raise UsageError(
            "--data without --weights: the built-in weights are synthetic and know nothing of real images; "
            f"name --weights FILE{speed_alone}{own}"
        )
    if config.accuracy and config.weights is not None and config.data is None:
        if config.weights != PUBLISHED and is_synthetic(Path(config.weights)):
            return
        raise UsageError(
            "--weights without --data: the built-in images are synthetic and no trained weights know them; "
            f"name --data PATH too{speed_alone}"
        )
