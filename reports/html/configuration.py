"""The configuration as the page shows it: a flag that was not given has the default that took effect."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from alexbench.harness.records.run_records import RunRecord

DEFAULTS: Final[Mapping[str, Callable[[RunRecord], str]]] = {
    "backends": lambda _: "all",
    "base": lambda _: "torch in fp32, else the first that ran",
    "budget": lambda record: f"by rigor {record.configuration.get('rigor', 'smoke')}",
    "calibration": lambda record: "the synthetic training split" if record.data.synthetic else "drawn from the data",
    "calibration_images": lambda _: "100; 500 where they are drawn from the data",
    "data": lambda record: "synthetic" if record.data.synthetic else record.data.name,
    "labels": lambda _: "the data set's own",
    "latency_bound": lambda _: "none",
    "layout": lambda _: "detected",
    "limit": lambda _: "all images",
    "only": lambda _: "accuracy and performance",
    "resolution": lambda record: f"by rigor {record.configuration.get('rigor', 'smoke')}",
    "shard": lambda _: "not split",
    "silence_limit": lambda _: "ALEXBENCH_SILENCE_S, else 600 s",
    "weights": lambda record: "synthetic" if record.model.synthetic else record.model.weights,
    "weights_key": lambda _: "detected",
    "weights_layout": lambda _: "detected",
}
"""Flag -> what applies where nobody gave it. A flag without an entry does nothing then."""


def configuration(record: RunRecord) -> dict[str, Any]:
    """Every flag with its value, or "default: " and what that was."""
    return {key: _shown(record, key, value) for key, value in record.configuration.items()}


def _shown(record: RunRecord, key: str, value: Any) -> Any:
    if value is not None and value not in ([], {}, ()):
        return value
    default = DEFAULTS.get(key)
    return f"default: {'none' if default is None else default(record)}"
