"""What ``alexbench run`` was asked to do, as data: every flag, and the same keys in a TOML file."""

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_type_hints

import platformdirs

from alexbench.datasets.layouts.layout_table import LAYOUT_NAMES
from alexbench.harness.capabilities import RANGE_METHODS, QuantizationOptions, RangeMethod
from alexbench.harness.chosen_systems import AXES, SystemTable, chosen_systems
from alexbench.harness.errors import UsageError, known_words, unknown_name
from alexbench.harness.files.decoding import AnySize, DecodeError, decode_value
from alexbench.harness.files.input_files import expanded
from alexbench.harness.files.plain_text import is_utf8, short
from alexbench.harness.files.toml_file import read_toml
from alexbench.harness.measure.rigor import FULL_ROWS, RIGORS, Rigor, RigorName
from alexbench.harness.models.card import DEFAULT_CARD
from alexbench.harness.models.network import Layout
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.systems import ModelFile, System
from alexbench.harness.systems import labels as labels_of

Only = Literal["accuracy", "performance"]
Asked = Literal["SingleStream", "MultiStream", "Server", "Offline"]

OnBadImage = Literal["fail", "skip"]

ONLY: Final[tuple[Only, ...]] = ("accuracy", "performance")
ON_BAD_IMAGE: Final[tuple[OnBadImage, ...]] = ("fail", "skip")
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "only": ONLY,
    "layout": LAYOUT_NAMES,
    "on_bad_image": ON_BAD_IMAGE,
    "weights_layout": ("NCHW", "NHWC"),
    "rigor": tuple(RIGORS),
    "range_method": RANGE_METHODS,
}
SCENARIOS: Final[tuple[Asked, ...]] = ("SingleStream", "MultiStream", "Server", "Offline")
"""MLPerf's words. SingleStream is always measured; Offline and those of LoadGen where rigor or the user asks."""
_LISTS: Final = {
    "backend": "backends",
    "artifact": "artifacts",
    "artifact_input": "artifact_inputs",
    "trust": "trusted",
    "scenario": "scenarios",
    "python": "pythons",
    "environment": "environments",
    "system": "systems",
    **{axis: axis for axis in AXES},
}
"""Flag that may be repeated -> the name of its values."""
_ONE: Final[dict[str, Any]] = {"threads": int, "system": (str, dict)}
"""Such a flag -> what a file may give instead of a list; a string for the others."""
_BOUNDS: Final = {
    "batch_size": (1, 2**16),
    "limit": (1, 10**9),
    "calibration_images": (1, 10**6),
    "seed": (0, 2**63 - 1),
}
"""Least and most: more no machine, no data set and no column of a table holds."""
_LONGEST_MS: Final = 1e9
_UNITS: Final = {"m": 60.0, "h": 3600.0}
_MEASURES: Final = (
    (
        "budget",
        re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smh]?)", re.ASCII),
        1.0,
        864_000.0,
        "give 1s to 240h, as in 90s or 2m",
    ),
    ("resolution", re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(%?)", re.ASCII), 0.1, 100.0, "give 0.1% to 100%, as in 2%"),
)
"""Flag, what it looks like, the least and most of it, and what to give."""
_SHARD: Final = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)
PUBLISHED: Final = "published"
"""What --weights is given for the file that ``alexbench models fetch`` has fetched."""
DEFAULT_BATCH_SIZE: Final = 32
DEFAULT_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``of``."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The resolved configuration; it goes into the record.

    ``all_backends``: none was named, so that one which is not installed is a row that says so. ``exact``: the labels of
    the systems that were named one by one, which must work. ``base``: the label of the row that the others are compared
    with, None for the default. ``pythons``: backend -> interpreter; ``environments``: label -> interpreter.
    """

    systems: tuple[System, ...]
    all_backends: bool = False
    exact: tuple[str, ...] = ()
    base: str | None = None
    model: str = DEFAULT_CARD
    weights: str | None = None
    weights_layout: Layout | None = None
    weights_key: str | None = None
    data: str | None = None
    layout: str | None = None
    labels: str | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    limit: int | None = None
    seed: AnySize = DEFAULT_SEED
    shard: Shard | None = None
    on_bad_image: OnBadImage = "fail"
    only: Only | None = None
    rigor: RigorName = "smoke"
    budget: float | None = None
    resolution: float | None = None
    calibration: str | None = None
    calibration_images: int | None = None
    calibrate_on_scored: bool = False
    per_tensor: bool = False
    reduce_range: bool = False
    range_method: RangeMethod = "minmax"
    scenarios: tuple[Asked, ...] = ()
    latency_bound: float | None = None
    pythons: dict[str, str] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    out: str = "runs"

    def __post_init__(self) -> None:
        if not self.systems:
            raise ValueError("systems names none")
        for one in self.systems:
            if one.environment is not None and one.environment not in self.environments:
                raise ValueError(f"environments has no {one.environment}")
        labels_of(self.systems)

    @property
    def by_label(self) -> dict[str, System]:
        """The systems by the names of their rows, in order."""
        return dict(zip(labels_of(self.systems), self.systems, strict=True))

    def with_base(self) -> Self:
        """The same; its base is one of its rows.

        Raises:
            UsageError: it is not.
        """
        if self.base is not None and self.base not in self.by_label:
            raise UsageError(f"--base {self.base} names no row; {known_words(self.base, self.by_label)}")
        return self

    @property
    def named(self) -> tuple[System, ...]:
        """The systems that the user named, by a backend, a file or an interpreter; none: whatever is installed."""
        if not self.all_backends:
            return self.systems
        return tuple(one for one in self.systems if one.artifact is not None or one.backend in self.pythons)

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """The user's own files, each once."""
        return tuple({one.artifact.path: one.artifact for one in self.systems if one.artifact is not None}.values())

    @property
    def threads(self) -> int:
        """The most that any system computes with; what is nobody's (the reference, the machine probe) has as many."""
        return max(one.threads for one in self.systems)

    def interpreter_of(self, system: System) -> str | None:
        """What a system runs on; None for the command's own interpreter."""
        if system.environment is not None:
            return self.environments[system.environment]
        return self.pythons.get(system.backend)

    @property
    def quantization(self) -> QuantizationOptions:
        """How systems of precision int8 are quantized."""
        return QuantizationOptions(
            per_channel=not self.per_tensor, reduce_range=self.reduce_range, method=self.range_method
        )

    @property
    def quantized(self) -> tuple[System, ...]:
        """The systems that are quantized here: of precision int8, without a file of the user's."""
        return tuple(one for one in self.systems if one.precision == "int8" and one.artifact is None)

    @property
    def level(self) -> Rigor:
        """``rigor`` with all that it means."""
        return RIGORS[self.rigor]

    def timing_s(self, spent_s: float) -> float:
        """Seconds that timing may take, where loading and answers took ``spent_s``: ``budget``, or the level's.

        Fewer rows than FULL_ROWS take their share of the level's. Its whole time holds for the synthetic images, as
        many as it asks for; answers on others take theirs.
        """
        if self.budget is not None:
            return self.budget
        budget = self.level.budget_s * min(1.0, len(self.systems) / FULL_ROWS)
        return budget if self.data else min(budget, self.level.whole_s - spent_s)

    @property
    def target(self) -> float:
        """What is to be told apart, as a share: ``resolution`` (percent), or the level's."""
        return self.level.target if self.resolution is None else self.resolution / 100

    @property
    def offline(self) -> bool:
        """Whether many batches at once are measured too, in each runtime's own way."""
        return self.level.offline or "Offline" in self.scenarios

    @property
    def generated(self) -> tuple[Asked, ...]:
        """The scenarios that LoadGen drives."""
        always: tuple[Asked, ...] = ("SingleStream", "Offline") if self.level.loadgen else ()
        queued: tuple[Asked, ...] = ("MultiStream", "Server")
        return tuple(one for one in SCENARIOS if one in always or (one in queued and one in self.scenarios))

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Of the windows of images/s, ascending; always with the configured one, and never 1 twice."""
        return tuple(sorted({*self.level.sweep, self.batch_size}))

    @property
    def needs_weights(self) -> bool:
        """Whether any row is built from weights, or the user named some to hold artifacts against."""
        return self.weights is not None or any(one.artifact is None for one in self.systems)

    @property
    def accuracy(self) -> bool:
        """Whether accuracy is measured."""
        return self.only != "performance"

    @property
    def performance(self) -> bool:
        """Whether speed is measured."""
        return self.only != "accuracy"


_FIELDS: Final = get_type_hints(RunConfig, include_extras=True)
_KINDS: Final[dict[str, Any]] = {
    **{key: kind for key, kind in _FIELDS.items() if key not in {*_LISTS.values(), "all_backends", "exact"}},
    **dict.fromkeys(_BOUNDS, AnySize),
    **dict.fromkeys(_LISTS, Annotated[tuple[str, ...], "a name or a list of names"]),
    "threads": Annotated[tuple[AnySize, ...], "a whole number or a list of them"],
    "system": tuple[SystemTable | str, ...],
    "shard": str | None,
    "budget": Annotated[float | str, "seconds, or a string as in '2m'"],
    "resolution": Annotated[float | str, "percent, or a string as in '2%'"],
    "latency_bound": Annotated[float, "milliseconds"],
}
"""Key of a configuration file -> what its value may be: what the field holds, or what `resolve` reads further."""
CONFIG_KEYS: Final = tuple(_KINDS)
"""The keys of a configuration file: the flags' long names."""
_FORMER: Final = {name: flag for flag, name in _LISTS.items() if name != flag}
"""Key as records of schema 5 and older have it -> key of a configuration file."""


def resolve(values: Mapping[str, Any]) -> RunConfig:
    """Check flag values (None: not given) and fill in what this machine decides.

    Raises:
        UsageError: a value makes no sense; the message names the flag and the mend.
    """
    given = {key: value for key, value in values.items() if value is not None and value != ()}
    for key, known in _CHOICES.items():
        if key in given and given[key] not in known:
            raise unknown_name(f"--{key.replace('_', '-')}", given[key], known)
    _check_numbers(given)
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
    """Where speed is measured, as many of the synthetic pictures as the level of rigor has time for."""
    if config.data is None and config.limit is None and config.performance:
        return replace(config, limit=config.level.pictures)
    return config


def _check_numbers(given: Mapping[str, Any]) -> None:
    for key, (least, most) in _BOUNDS.items():
        value = given.get(key)
        if value is None or least <= value <= most:
            continue
        mend = f"give {least} or more" if value < least else f"give {most:,} or less"
        raise UsageError(f"--{key.replace('_', '-')} {short(value)}: {mend}")


def _check_data_flags(given: dict[str, Any]) -> None:
    if given.get("only") == "accuracy" and "seed" in given and "limit" not in given:
        raise UsageError(f"--seed {given['seed']} is of the draw of --limit; name --limit N too")
    if given.get("data") is None:
        for key in ("layout", "labels"):
            if key in given:
                raise UsageError(f"--{key} says how --data is read; name --data PATH too")
    if "shard" in given:
        given["shard"] = shard_of(given["shard"])


def _check_calibration_flags(config: RunConfig, given: Mapping[str, Any]) -> None:
    """Raises: UsageError: a flag of int8 that no system of the run needs."""
    flags = ("calibration", "calibration_images", "calibrate_on_scored", "per_tensor", "reduce_range", "range_method")
    for key in flags:
        if given.get(key) and not config.quantized:
            raise UsageError(f"--{key.replace('_', '-')} is of --precision int8; name that too, or leave it out")


def shard_of(text: str) -> Shard:
    """``2/3`` as a shard.

    Raises:
        UsageError: it is not one.
    """
    found = _SHARD.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {text}: wanted PART/PARTS, counted from 1, as in 1/4")
    return Shard(int(found[1]), int(found[2]))


def _check_load_flags(given: Mapping[str, Any]) -> None:
    if given.get("only") == "accuracy":
        flags = ("rigor", "--rigor"), ("budget", "--budget"), ("resolution", "--resolution")
        for key, flag in (*flags, ("scenarios", "--scenario"), ("latency_bound", "--latency-bound")):
            if key in given:
                raise UsageError(f"{flag} is of speed, which --only accuracy leaves out; leave one of them out")
    for name in given.get("scenarios", ()):
        if name not in SCENARIOS:
            raise unknown_name("--scenario", name, SCENARIOS)
    bound = given.get("latency_bound")
    if bound is None:
        return
    if not 0 < bound <= _LONGEST_MS:
        said = f"{bound:g}" if isinstance(bound, float) else short(bound)
        raise UsageError(f"--latency-bound {said}: give milliseconds above 0, {_LONGEST_MS:g} at most")
    if not {"Server", "MultiStream"} & set(given.get("scenarios", ())):
        raise UsageError("--latency-bound is of a scenario: add --scenario Server or --scenario MultiStream")


def _read_measures(given: dict[str, Any]) -> None:
    """``budget`` (90, 90s, 2m, 1h) to seconds, ``resolution`` (2 or 2%) to percent; numbers are as they are."""
    for key, pattern, least, most, wanted in _MEASURES:
        value = given.get(key)
        if value is None:
            continue
        number = _number(value, pattern) if isinstance(value, str) else value
        if not least <= number <= most:
            raise UsageError(f"--{key} {short(value)}: {wanted}")
        given[key] = float(number)


def _number(text: str, pattern: re.Pattern[str]) -> float:
    """What a flag of _MEASURES says, in seconds or percent; 0, which neither may be, where it is not one."""
    found = pattern.fullmatch(text.strip())
    return float(found[1]) * _UNITS.get(found[2], 1.0) if found else 0.0


def _make_absolute(given: dict[str, Any]) -> None:
    """Paths as they are from anywhere: a run may be gone on with from another folder."""
    for key in ("data", "labels", "weights", "model", "calibration"):
        value = given.get(key)
        named = (key == "weights" and value == PUBLISHED) or (key == "model" and not str(value).endswith(".toml"))
        if value and not named:
            given[key] = str(expanded(value).absolute())


def _check_pair(config: RunConfig) -> None:
    """Pictures and weights belong together: synthetic with synthetic, or real with real."""
    speed_alone = "" if config.only == "accuracy" else ", or --only performance"
    if config.accuracy and config.data is not None and config.weights is None and config.needs_weights:
        raise UsageError(
            "--data without --weights: the built-in weights are synthetic and know nothing of real pictures; "
            f"name --weights FILE{speed_alone}"
        )
    if config.accuracy and config.weights is not None and config.data is None:
        if config.weights != PUBLISHED and is_synthetic(Path(config.weights)):
            return
        raise UsageError(
            "--weights without --data: the built-in pictures are synthetic and no trained weights know them; "
            f"name --data PATH too{speed_alone}"
        )


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file's keys as flag values.

    Raises:
        UsageError: the file is missing, no TOML, or has an unknown key or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    for key, value in read_toml(path, "--config").items():
        if key not in CONFIG_KEYS:
            raise UsageError(f"--config {path}: unknown key {key!r}; {_known(key)}")
        alone = key in _LISTS and isinstance(value, _ONE.get(key, str)) and not isinstance(value, bool)
        given = [value] if alone else value
        try:
            values[_LISTS.get(key, key)] = decode_value(_KINDS[key], given, key)
        except DecodeError as error:
            raise UsageError(f"--config {path}: {error}") from error
    return values


def _known(key: str) -> str:
    """What to write in place of a key that is not known: its name, where it had another or is almost one."""
    name = _FORMER.get(key, key.replace("-", "_"))
    return f"it is called {name}" if name in CONFIG_KEYS else known_words(key, CONFIG_KEYS)


def cache_folder() -> Path:
    """Where generated and converted files are kept: ALEXBENCH_CACHE, or the platform's cache folder for us."""
    named = os.environ.get("ALEXBENCH_CACHE")
    if named and not is_utf8(named):
        raise UsageError(f"ALEXBENCH_CACHE {named}: this path is not UTF-8; name another folder")
    if named:
        return Path(named)
    with suppress(RuntimeError):
        usual = Path(platformdirs.user_cache_dir("alexbench", appauthor=False))
        if usual.parts[0] != "~":
            return usual
    # No HOME, and a user that the system does not know, as in a container.
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"alexbench-cache-{user}"
    if folder.exists() and folder.stat().st_uid != user:
        raise UsageError(f"HOME is not set, and {folder} is another user's; name a folder with ALEXBENCH_CACHE")
    return folder
