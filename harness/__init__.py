"""AlexBench: the same AlexNet, the same weights, the same pixels on every runtime.

The public names below are handed on lazily: importing this package imports neither a runtime nor anything slow.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from alexbench.harness.analysis import Run, compare, gate, open_run, run
    from alexbench.harness.contract import Backend, Model, Options
    from alexbench.harness.models.network import get_network
    from alexbench.harness.prediction.predict import LoadedModel, load_model
    from alexbench.harness.records.record_files import read_run
    from alexbench.harness.records.run_records import RunRecord

    __version__: str

_PUBLIC: Final = {
    "Backend": "alexbench.harness.contract",
    "Model": "alexbench.harness.contract",
    "Options": "alexbench.harness.contract",
    "Run": "alexbench.harness.analysis",
    "compare": "alexbench.harness.analysis",
    "gate": "alexbench.harness.analysis",
    "open_run": "alexbench.harness.analysis",
    "run": "alexbench.harness.analysis",
    "RunRecord": "alexbench.harness.records.run_records",
    "LoadedModel": "alexbench.harness.prediction.predict",
    "get_network": "alexbench.harness.models.network",
    "load_model": "alexbench.harness.prediction.predict",
    "read_run": "alexbench.harness.records.record_files",
}

__all__ = [
    "Backend",
    "LoadedModel",
    "Model",
    "Options",
    "Run",
    "RunRecord",
    "__version__",
    "compare",
    "gate",
    "get_network",
    "load_model",
    "open_run",
    "read_run",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("alexbench")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
