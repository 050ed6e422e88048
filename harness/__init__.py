"""AlexBench: the same AlexNet, the same weights, the same pixels on every runtime.

The public names below are handed on lazily: importing this package imports neither a runtime nor anything slow.
"""

import importlib
from typing import Any, Final

_PUBLIC: Final = {
    "Backend": "alexbench.harness.contract",
    "Model": "alexbench.harness.contract",
    "Options": "alexbench.harness.contract",
    "RunRecord": "alexbench.harness.records",
    "get_network": "alexbench.harness.models.network",
    "read_run": "alexbench.harness.records",
}

__all__ = ["Backend", "Model", "Options", "RunRecord", "__version__", "get_network", "read_run"]  # noqa: F822  # lazy


def __getattr__(name: str) -> Any:
    if name == "__version__":
        import importlib.metadata

        return importlib.metadata.version("alexbench")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
