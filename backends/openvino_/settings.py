"""OpenVINO's settings: what a user may name, and what a compiled model says of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from alexbench.harness.capabilities import FEWER, Candidate
from alexbench.harness.contract import Known, Options, Setting

if TYPE_CHECKING:
    import openvino

STREAMS: Final = "NUM_STREAMS"
THREADS: Final = "INFERENCE_NUM_THREADS"
RESHAPE: Final = "reshape"
_YES_NO: Final = ("YES", "NO")
_PROPERTY: Final = "the compiled model's property"

SETTINGS: Final = (
    Setting("PERFORMANCE_HINT", ("LATENCY", "THROUGHPUT"), _PROPERTY),
    Setting(STREAMS, proof=_PROPERTY),
    Setting(THREADS, proof=_PROPERTY),
    Setting("ENABLE_CPU_PINNING", _YES_NO, _PROPERTY),
    Setting("ENABLE_HYPER_THREADING", _YES_NO, _PROPERTY),
    Setting("SCHEDULING_CORE_TYPE", ("ANY_CORE", "PCORE_ONLY", "ECORE_ONLY"), _PROPERTY),
    Setting("CPU_DENORMALS_OPTIMIZATION", _YES_NO, _PROPERTY),
    Setting(RESHAPE, ("static",), "the compiled model's input has no open dimension", networks_only=True),
)
"""https://docs.openvino.ai, CPU device; ``reshape`` is ``ov.Model.reshape`` to each batch size."""

CANDIDATES: Final = (
    Candidate((("PERFORMANCE_HINT", "THROUGHPUT"),)),
    Candidate(((RESHAPE, "static"),)),
    Candidate((("PERFORMANCE_HINT", "THROUGHPUT"), (RESHAPE, "static"))),
    Candidate((("ENABLE_CPU_PINNING", "NO"),)),
    Candidate((("ENABLE_CPU_PINNING", "YES"),)),
    Candidate((("CPU_DENORMALS_OPTIMIZATION", "YES"),)),
    Candidate(((THREADS, FEWER),)),
)


def with_settings(defaults: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The properties to compile with. A hint that is named chooses the streams that nobody named."""
    named = {name: value for name, value in options.settings if name != RESHAPE}
    kept = dict(defaults)
    if named.get("PERFORMANCE_HINT") == "THROUGHPUT":
        kept.pop(STREAMS, None)
    return kept | named


def applied(compiled: "openvino.CompiledModel", options: Options, *, static: bool) -> dict[str, Known]:
    """Each setting of ``options`` as the compiled model reports it. ``static``: its batch is not open."""
    shape = "static" if static else "dynamic"
    return {
        name: Known(shape if name == RESHAPE else _value(compiled, name), "reported") for name, _ in options.settings
    }


def _value(compiled: "openvino.CompiledModel", name: str) -> str:
    """As a user writes it: YES and NO, an enumeration without its class."""
    found = compiled.get_property(name)
    return {True: "YES", False: "NO"}[found] if isinstance(found, bool) else str(found).rpartition(".")[2]
