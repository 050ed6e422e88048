"""ONNX Runtime's settings: attributes of SessionOptions and entries of its configuration.

A session takes any entry and any value without a word, so both are listed here.
"""

from typing import TYPE_CHECKING, Final

from alexbench.harness.capabilities import FEWER, Candidate
from alexbench.harness.contract import Known, Options, Setting

if TYPE_CHECKING:
    import onnxruntime

THREADS: Final = "intra_op_num_threads"
_ATTRIBUTE: Final = "the session's own options"
_ENTRY: Final = "the session's own configuration"
_FLAG: Final = ("0", "1")
_TRUTH: Final = ("True", "False")

SETTINGS: Final = (
    Setting(THREADS, proof=_ATTRIBUTE),
    Setting("execution_mode", ("ORT_SEQUENTIAL", "ORT_PARALLEL"), _ATTRIBUTE),
    Setting("inter_op_num_threads", proof=_ATTRIBUTE),
    Setting(
        "graph_optimization_level",
        ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_LAYOUT", "ORT_ENABLE_ALL"),
        _ATTRIBUTE,
    ),
    Setting("enable_cpu_mem_arena", _TRUTH, _ATTRIBUTE),
    Setting("enable_mem_pattern", _TRUTH, _ATTRIBUTE),
    Setting("session.intra_op.allow_spinning", _FLAG, _ENTRY),
    Setting("session.set_denormal_as_zero", _FLAG, _ENTRY),
    Setting("session.disable_prepacking", _FLAG, _ENTRY),
    Setting("session.dynamic_block_base", ("0", "1", "2", "4", "8", "16"), _ENTRY),
    Setting("session.x64quantprecision", _FLAG, _ENTRY),
)
"""https://onnxruntime.ai/docs/api/python, and its onnxruntime_session_options_config_keys.h."""

CANDIDATES: Final = (
    Candidate((("session.intra_op.allow_spinning", "0"),)),
    Candidate((("session.set_denormal_as_zero", "1"),)),
    Candidate((("enable_cpu_mem_arena", "False"),)),
    Candidate((("enable_mem_pattern", "False"),)),
    Candidate((("session.dynamic_block_base", "4"),)),
    Candidate(((THREADS, FEWER),)),
)


def apply(options: Options, session: "onnxruntime.SessionOptions") -> None:
    """Set each setting of ``options``."""
    for name, value in options.settings:
        if "." in name:
            session.add_session_config_entry(name, value)
            continue
        kind = type(getattr(session, name))
        setattr(session, name, value == "True" if kind is bool else int(value) if kind is int else getattr(kind, value))


def applied(options: Options, session: "onnxruntime.SessionOptions") -> dict[str, Known]:
    """Each setting of ``options`` as an open session has it."""
    return {name: Known(_value(session, name), "reported") for name, _ in options.settings}


def _value(session: "onnxruntime.SessionOptions", name: str) -> str:
    if "." in name:
        return str(session.get_session_config_entry(name))
    found = getattr(session, name)
    return str(getattr(found, "name", found))
