"""What a record that was read must hold beyond its types, so that no report of it ends in an accident."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from alexbench.harness.files.decoding import decode, decode_value
from alexbench.harness.files.plain_text import encodable, short
from alexbench.harness.records.paired_records import PairedTest
from alexbench.harness.records.run_records import Accuracy, RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Latency, Performance, Throughput

_DEEPEST: Final = 40
"""Levels of lists and tables: a record has 6."""
_LARGEST: Final = 2**63 - 1
_SEEDS: Final = ("configuration.seed", "data.subset_seed")
"""Only repeated, and once taken of any size."""
_PATHS: Final = frozenset(
    {"model", "weights", "data", "labels", "out", "artifacts", "pythons", "environments", "systems"}
)
"""Keys of the configuration that name files, whose bytes need not be UTF-8."""
_YEARS: Final = range(2000, 2200)
_Table = dict[str, object]
_CONFIGURATION: Final[_Table] = {"batch_size": int, "rigor": str}
_ENVIRONMENT: Final[_Table] = {"packages": _Table, "variables": _Table, "git": _Table | str, "python": str}
_MACHINE: Final[_Table] = {"logical_cores": int, "usable_cores": int, "memory_mib": float, "gpus": list[object]}
"""Key -> type, of what is read."""


def plain(data: Any, where: str = "", level: int = 0) -> Any:
    """What JSON held, with numbers that fit everywhere and text that UTF-8 can encode; files keep their names.

    Raises:
        ValueError: a number is too large or not finite, or there are too many levels; it says where.
    """
    if level > _DEEPEST:
        raise ValueError(f"{where[:60]}... has more than {_DEEPEST} levels")
    if isinstance(data, str):
        return encodable(data)
    if isinstance(data, dict):
        prefix = f"{where}." if where else ""
        return {
            encodable(key): value
            if where == "configuration" and key in _PATHS
            else plain(value, prefix + key, level + 1)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [plain(value, f"{where}[{place}]", level + 1) for place, value in enumerate(data)]
    large = isinstance(data, int | float) and not -_LARGEST <= data <= _LARGEST and where not in _SEEDS
    if large:
        raise ValueError(f"{where} = {short(data)}, wanted a number of 64 bits at most")
    return data


def check(record: RunRecord) -> None:
    """That its values can be meant.

    Raises:
        ValueError: one cannot; it says which.
    """
    _check_kinds(record)
    for problem in _problems(record):
        raise ValueError(problem)


def _check_kinds(record: RunRecord) -> None:
    """Bounds of data without a fixed form."""
    others = decode(dict[str, _Table], record.environment.get("backends") or {}, "environment.backends")
    for where, found, kinds in (
        ("configuration", record.configuration, _CONFIGURATION),
        ("machine", record.machine, _MACHINE),
        ("environment", record.environment, _ENVIRONMENT),
        *((f"environment.backends.{name}", one, _ENVIRONMENT) for name, one in others.items()),
    ):
        for key, kind in kinds.items():
            if found.get(key) is not None:
                decode_value(kind, found[key], f"{where}.{key}")


def _problems(record: RunRecord) -> Iterator[str]:
    for name, value in (("started", record.started), ("finished", record.finished)):
        if value is not None and not _is_time(value):
            yield f"{name} = {short(value)}, wanted a time in ISO 8601"
    batch = record.configuration.get("batch_size")
    if batch is not None and not batch >= 1:
        yield f"configuration.batch_size = {batch}, wanted 1 or more"
    yield from _below("model", record.model, {"macs": 0, "parameters": 0})
    yield from _below("data", record.data, {"images": 0, "available_images": 0, "classes": 0})
    part = record.data.part
    if part is not None and not (1 <= part.number <= part.of and 0 <= part.first < part.last <= part.total):
        yield f"data.part is {part.number} of {part.of}, {part.first} to {part.last} of {part.total}"
    yield from _names(record)
    for place, row in enumerate(record.systems):
        yield from (f"systems[{place}].{problem}" for problem in _row(row))
    if record.reference is not None:
        least = {"images": 0, "top1_correct": 0, "top5_correct": 0, "sigma": 0, "flips_examined": 0}
        yield from _below("reference", record.reference, least)
    for place, pair in enumerate(record.pairs):
        for test in (pair.top1, pair.top5):
            yield from (f"pairs[{place}].{test.metric}.{problem}" for problem in _test(test))
    ceiling = record.ceiling
    if ceiling is not None:
        for key, found in (("kernels", ceiling.kernels), ("streams", ceiling.streams)):
            if not found or not all(value > 0 for value in found.values()):
                yield f"ceiling.{key} holds no rates above 0"


def _names(record: RunRecord) -> Iterator[str]:
    names = [row.name for row in record.systems]
    if len(set(names)) < len(names):
        yield "two of its rows have one name"
    if names and record.base is not None and record.base not in names:
        yield f"base = {short(record.base)} is not one of its rows"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).year in _YEARS
    except (ValueError, OverflowError):
        return False


def _below(where: str, found: Any, least: dict[str, int]) -> Iterator[str]:
    """Fields that are less than they can be; None is as well."""
    for key, limit in least.items():
        value = getattr(found, key)
        if value is not None and not value >= limit:
            yield f"{where}.{key} = {value}, wanted {limit} or more"


def _not_above_0(where: str, found: Any, keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        value = getattr(found, key)
        if value is not None and not value > 0:
            yield f"{where}.{key} = {value}, wanted more than 0"


def _row(row: SystemRecord) -> Iterator[str]:
    if not row.name:
        yield "name is empty"
    yield from _below("system", row.system, {"threads": 1})
    if row.accuracy is not None:
        yield from _accuracy(row.accuracy)
    if row.parity is not None:
        yield from _below("parity", row.parity, {"images": 0, "flips": 0, "unexplained_flips": 0})
    if row.performance is not None:
        yield from _performance(row.performance)
    yield from _below("", row, {"load_s": 0, "first_inference_ms": 0, "peak_rss_mib": 0, "rss_mib": 0})


def _accuracy(found: Accuracy) -> Iterator[str]:
    if not 0 <= found.top1_correct <= found.top5_correct <= found.images:
        yield f"accuracy counts {found.top1_correct} and {found.top5_correct} right of {found.images}"
    yield from _not_above_0("accuracy", found, ("seconds",))


def _performance(speed: Performance) -> Iterator[str]:
    """Times and rates are above 0."""
    checks: list[tuple[str, Any, Callable[[str, Any], Iterator[str]]]] = [
        ("latency", speed.latency, _latency),
        ("resident", speed.resident, _latency),
        ("throughput", speed.throughput, _throughput),
        ("offline", speed.offline, _throughput),
        *((f"sweep[{place}]", one, _throughput) for place, one in enumerate(speed.sweep)),
    ]
    for where, found, problems in checks:
        if found is not None:
            yield from problems(f"performance.{where}", found)
    for name, value in speed.layers_ms.items():
        if not value >= 0:
            yield f"performance.layers_ms.{name} = {value}, wanted 0 or more"


def _latency(where: str, found: Latency) -> Iterator[str]:
    yield from _not_above_0(where, found, ("p50_ms", "low_ms", "high_ms", "p90_ms", "p95_ms", "p99_ms"))
    yield from _below(where, found, {"blocks": 1, "samples": 1, "processes": 1})


def _throughput(where: str, found: Throughput) -> Iterator[str]:
    yield from _not_above_0(where, found, ("images_per_second",))
    yield from _below(where, found, {"batch_size": 1, "windows": 1, "processes": 1})


def _test(found: PairedTest) -> Iterator[str]:
    counts = (found.base_correct, found.other_correct, found.lost, found.gained)
    if found.images < 1 or not all(0 <= one <= found.images for one in counts):
        yield f"counts {', '.join(map(str, counts))} of {found.images} images"
