"""What ``alexbench run`` was asked to do, as data: every flag, and the same keys in a TOML file."""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints

import platformdirs

from alexbench.backends.registry import REFERENCE, backend_names
from alexbench.datasets.dataset import LAYOUTS, DatasetLayout
from alexbench.harness.app.toml_file import read_toml
from alexbench.harness.app.trust import UserFile, stated_inputs, untrusted
from alexbench.harness.contract import PRECISIONS, Layout, Precision
from alexbench.harness.decoding import AnySize, DecodeError, decode_value
from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.input_files import expanded
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import RIGORS, Rigor, RigorName
from alexbench.harness.models.card import DEFAULT_CARD
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.plain_text import is_utf8, short
from alexbench.harness.records import backend_of, environment_of

Only = Literal["accuracy", "performance"]
Asked = Literal["SingleStream", "MultiStream", "Server", "Offline"]

OnBadImage = Literal["fail", "skip"]

ONLY: Final[tuple[Only, ...]] = ("accuracy", "performance")
ON_BAD_IMAGE: Final[tuple[OnBadImage, ...]] = ("fail", "skip")
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "precision": PRECISIONS,
    "only": ONLY,
    "layout": LAYOUTS,
    "on_bad_image": ON_BAD_IMAGE,
    "weights_layout": ("NCHW", "NHWC"),
    "rigor": tuple(RIGORS),
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
}
"""Flag that may be repeated -> field."""
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*", re.ASCII)
"""Of an environment: it is in rows' names and in files'."""
_BOUNDS: Final = {
    "threads": (1, 2**15),
    "batch_size": (1, 2**16),
    "limit": (1, 10**9),
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
class RunConfig:
    """The resolved configuration; it goes into the record. ``backends`` None: all that are available."""

    threads: int
    model: str = DEFAULT_CARD
    weights: str | None = None
    weights_layout: Layout | None = None
    weights_key: str | None = None
    artifacts: tuple[str, ...] = ()
    artifact_inputs: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    data: str | None = None
    layout: DatasetLayout | None = None
    labels: str | None = None
    backends: tuple[str, ...] | None = None
    device: str = "cpu"
    precision: Precision = "fp32"
    batch_size: int = DEFAULT_BATCH_SIZE
    limit: int | None = None
    seed: AnySize = DEFAULT_SEED
    shard: str | None = None
    on_bad_image: OnBadImage = "fail"
    only: Only | None = None
    rigor: RigorName = "smoke"
    budget: float | None = None
    resolution: float | None = None
    scenarios: tuple[Asked, ...] = ()
    latency_bound: float | None = None
    pythons: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    out: str = "runs"

    @property
    def artifact_files(self) -> dict[str, str]:
        """``artifacts`` as backend -> file."""
        return _pairs(self.artifacts)

    def artifact(self, backend: str) -> UserFile | None:
        """The user's own file that ``backend`` runs, None where it builds the network from weights."""
        file = self.artifact_files.get(backend)
        if file is None:
            return None
        stated = stated_inputs(self.artifact_inputs, [backend]).get(backend)
        return UserFile(file, trusted=not untrusted([file], self.trusted), convention=stated)

    @property
    def interpreters(self) -> dict[str, str]:
        """``pythons`` as backend -> interpreter."""
        return _pairs(self.pythons)

    @property
    def labelled(self) -> dict[str, str]:
        """``environments`` as label -> interpreter."""
        return _pairs(self.environments)

    def row_names(self, backends: Iterable[str]) -> list[str]:
        """A row for each backend, or for each in each environment."""
        labels = [f"@{label}" for label in self.labelled] or [""]
        return [f"{name}{label}" for name in backends for label in labels]

    def interpreter_of(self, row: str) -> str | None:
        """What a row runs on; None for the command's own interpreter."""
        return self.labelled.get(environment_of(row)) or self.interpreters.get(backend_of(row))

    @property
    def level(self) -> Rigor:
        """``rigor`` with all that it means."""
        return RIGORS[self.rigor]

    def timing_s(self, spent_s: float) -> float:
        """Seconds that timing may take, where loading and answers took ``spent_s``: ``budget``, or the level's.

        The level's whole time holds for the synthetic pictures, as many as it asks for; answers on others take theirs.
        """
        if self.budget is not None:
            return self.budget
        return self.level.budget_s if self.data else min(self.level.budget_s, self.level.whole_s - spent_s)

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
        native = self.backends is None or any(name not in self.artifact_files for name in self.backends)
        return native or self.weights is not None

    @property
    def part(self) -> tuple[int, int] | None:
        """``shard`` as (number from 1, of)."""
        if self.shard is None:
            return None
        number, of = self.shard.split("/")
        return int(number), int(of)

    @property
    def accuracy(self) -> bool:
        """Whether accuracy is measured."""
        return self.only != "performance"

    @property
    def performance(self) -> bool:
        """Whether speed is measured."""
        return self.only != "accuracy"


_KEYS: Final = {name: flag for flag, name in _LISTS.items()}
CONFIG_KEYS: Final = tuple(_KEYS.get(item.name, item.name) for item in fields(RunConfig))
"""The keys of a configuration file: the flags' long names."""
_KINDS: Final[dict[str, Any]] = {
    **get_type_hints(RunConfig, include_extras=True),
    **dict.fromkeys(_BOUNDS, AnySize),
    **dict.fromkeys(_LISTS, Annotated[tuple[str, ...], "a name or a list of names"]),
    "budget": Annotated[float | str, "seconds, or a string as in '2m'"],
    "resolution": Annotated[float | str, "percent, or a string as in '2%'"],
    "latency_bound": Annotated[float, "milliseconds"],
}
"""Key -> what its value may be in a file: what the field holds, or what is read further and bounded by `resolve`."""


def resolve(values: Mapping[str, Any]) -> RunConfig:
    """Check flag values (None: not given) and fill in what this machine decides.

    Raises:
        UsageError: a value makes no sense; the message names the flag and the mend.
    """
    given = {key: value for key, value in values.items() if value is not None and value != ()}
    for key, known in _CHOICES.items():
        if key in given and given[key] not in known:
            raise unknown_name(f"--{key.replace('_', '-')}", given[key], known)
    cores = usable_cores()
    given.setdefault("threads", cores)
    _check_numbers(given)
    _read_measures(given)
    if given["threads"] > cores:
        raise UsageError(f"--threads {given['threads']}: this process may use {cores} cores; give {cores} or fewer")
    _check_data_flags(given)
    _check_load_flags(given)
    if given.get("out") == "":
        raise UsageError("--out is empty; name a folder")
    _check_artifacts(given)
    _check_pythons(given)
    _check_environments(given)
    _make_absolute(given)
    config = _with_pictures(RunConfig(**given))
    for name in config.backends or ():
        if name == REFERENCE:
            raise UsageError("backend 'reference' is the truth that the others are held against; it runs in every run")
        if name not in backend_names():
            raise unknown_name("backend", name, backend_names())
    if config.backends is not None and len(set(config.backends)) < len(config.backends):
        raise UsageError(f"--backend names one twice: {', '.join(config.backends)}")
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


def _check_data_flags(given: Mapping[str, Any]) -> None:
    if given.get("only") == "accuracy" and "seed" in given and "limit" not in given:
        raise UsageError(f"--seed {given['seed']} is of the draw of --limit; name --limit N too")
    if given.get("data") is None:
        for key in ("layout", "labels"):
            if key in given:
                raise UsageError(f"--{key} says how --data is read; name --data PATH too")
    shard = given.get("shard")
    if shard is not None:
        found = _SHARD.fullmatch(shard)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f"--shard {shard}: wanted PART/PARTS, counted from 1, as in 1/4")


def _check_load_flags(given: Mapping[str, Any]) -> None:
    if given.get("only") == "accuracy":
        flags = ("rigor", "--rigor"), ("budget", "--budget"), ("resolution", "--resolution")
        for key, flag in (*flags, ("scenarios", "--scenario"), ("latency_bound", "--latency-bound")):
            if key in given:
                raise UsageError(f"{flag} is of speed, which --only accuracy leaves out; leave one of them out")
    for name in given.get("scenarios", ()):
        if name not in SCENARIOS:
            raise unknown_name("scenario", name, SCENARIOS)
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


def _pairs(named: Iterable[str]) -> dict[str, str]:
    """BACKEND=FILE as backend -> file."""
    return {name: file for name, _, file in (one.partition("=") for one in named)}


def _check_pairs(flag: str, named: Iterable[str], *, wanted: str) -> dict[str, str]:
    """Backend -> file, where each names a backend that there is, once, and something for it."""
    files: dict[str, str] = {}
    for one in named:
        name, equals, file = one.partition("=")
        if not equals or not file:
            raise UsageError(f"{flag} {one}: wanted {wanted}")
        if name == REFERENCE or name not in backend_names():
            raise unknown_name("backend", name, backend_names())
        if name in files:
            raise UsageError(f"{flag} names {name} twice: {files[name]} and {file}")
        files[name] = file
    return files


def _check_pythons(given: Mapping[str, Any]) -> None:
    """Each names a backend of the run once, and an interpreter."""
    wanted = "BACKEND=INTERPRETER, as in torch=/opt/other/bin/python"
    for name, file in _check_pairs("--python", given.get("pythons", ()), wanted=wanted).items():
        if name not in given.get("backends", (name,)):
            raise UsageError(f"--python {name}={file}: {name} is not among the backends named; add --backend {name}")


def _check_environments(given: Mapping[str, Any]) -> None:
    """Each has a label of its own, and an interpreter."""
    seen: dict[str, str] = {}
    for one in given.get("environments", ()):
        label, _, file = one.partition("=")
        if not file or not _LABEL.fullmatch(label):
            raise UsageError(
                f"--environment {one}: wanted LABEL=INTERPRETER, as in head=/opt/other/bin/python; labels are letters,"
                " digits and ._+-"
            )
        if label in seen:
            raise UsageError(f"--environment names {label} twice: {seen[label]} and {file}")
        seen[label] = file
    if seen and given.get("pythons"):
        raise UsageError("--environment and --python both name interpreters; an environment runs every backend")


def _make_absolute(given: dict[str, Any]) -> None:
    """Paths as they are from anywhere: a run may be gone on with from another folder."""
    for key in ("data", "labels", "weights", "model"):
        value = given.get(key)
        named = (key == "weights" and value == PUBLISHED) or (key == "model" and not str(value).endswith(".toml"))
        if value and not named:
            given[key] = str(expanded(value).absolute())
    # Not resolved: an environment's interpreter is a link, and by its own name it knows where it belongs.
    given["trusted"] = tuple(str(expanded(file).absolute()) for file in given.get("trusted", ()))
    for key in ("artifacts", "pythons", "environments"):
        named_files = _pairs(given.get(key, ())).items()
        given[key] = tuple(f"{name}={expanded(file).absolute()}" for name, file in named_files)


def _expanded(file: str) -> str:
    return str(expanded(file))


def _check_artifacts(given: dict[str, Any]) -> None:
    """Each names a backend once, and a file; alone they are the rows of the run."""
    wanted = "BACKEND=FILE, as in onnxruntime=model.onnx"
    files = _check_pairs("--artifact", given.get("artifacts", ()), wanted=wanted)
    if files and given.get("weights") is None:
        given.setdefault("backends", tuple(files))
    left_out = [name for name in files if name not in given.get("backends", files)]
    if left_out:
        raise UsageError(f"--artifact {left_out[0]}=...: {left_out[0]} is not among the backends named; add --backend")
    stated_inputs(given.get("artifact_inputs", ()), files)
    unused = untrusted(map(_expanded, given.get("trusted", ())), map(_expanded, files.values()))
    if unused:
        raise UsageError(f"--trust {unused[0]}: no --artifact names this file")
    if "weights_layout" in given and given.get("weights") is None:
        raise UsageError("--weights-layout says how --weights is read; name --weights FILE too")
    if "weights_key" in given and given.get("weights") is None:
        raise UsageError("--weights-key says which model of --weights is read; name --weights FILE too")


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
            raise UsageError(f"--config {path}: unknown key {key!r}; known: {', '.join(CONFIG_KEYS)}")
        given = [value] if key in _LISTS and isinstance(value, str) else value
        try:
            values[_LISTS.get(key, key)] = decode_value(_KINDS[key], given, key)
        except DecodeError as error:
            raise UsageError(f"--config {path}: {error}") from error
    return values


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
