"""TensorFlow's settings: XLA, threads and graph rewrites.

``tensorflow`` is an argument. Thread counts and rewrites are of the process, and are fixed at the first operation.
"""

from types import ModuleType
from typing import Any, Final

from alexbench.harness.capabilities import FEWER, Candidate
from alexbench.harness.contract import Known, Options, Setting

JIT: Final = "jit_compile"
INTRA: Final = "intra_op_parallelism_threads"
INTER: Final = "inter_op_parallelism_threads"
_REWRITES: Final = ("layout_optimizer", "remapping", "constant_folding")
_TRUTH: Final = ("True", "False")

SETTINGS: Final = (
    Setting(JIT, _TRUTH, "the concrete function's own attribute", networks_only=True),
    Setting(INTRA, proof="tf.config.threading"),
    Setting(INTER, proof="tf.config.threading"),
    *(Setting(name, _TRUTH, "tf.config.optimizer") for name in _REWRITES),
)
"""https://www.tensorflow.org/api_docs/python/tf: tf.function, tf.config.threading, tf.config.optimizer."""

CANDIDATES: Final = (
    Candidate(((JIT, "True"),)),
    Candidate((("layout_optimizer", "False"),)),
    Candidate((("remapping", "False"),)),
    Candidate(((INTRA, FEWER),)),
)


def threads_of(options: Options) -> tuple[int, int]:
    """Threads within an operation and among operations: those of the run and one, where nobody named others."""
    return int(options.setting(INTRA, str(options.threads))), int(options.setting(INTER, "1"))


def rewrites_of(options: Options) -> dict[str, bool]:
    """Graph rewrites by name: whether they are on."""
    return {name: value == "True" for name, value in options.settings if name in _REWRITES}


def applied(tf: ModuleType, function: Any, options: Options) -> dict[str, Known]:
    """Each setting of ``options`` as it took effect."""
    return {name: _known(tf, function, name) for name, _ in options.settings}


def _known(tf: ModuleType, function: Any, name: str) -> Known:
    if name == JIT:
        # XLA compiles what must be, or raises; it never runs such a function in another way.
        return Known(str(function.function_def.attr["_XlaMustCompile"].b), "reported")
    if name == INTRA:
        return Known(str(tf.config.threading.get_intra_op_parallelism_threads()), "requested")
    if name == INTER:
        return Known(str(tf.config.threading.get_inter_op_parallelism_threads()), "requested")
    return Known(str(tf.config.optimizer.get_experimental_options().get(name)), "requested")
