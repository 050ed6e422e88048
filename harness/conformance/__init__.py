"""What every backend must keep, as checks that ship in the wheel.

``alexbench conformance NAME`` runs them. In a plugin's own tests, three lines do::

    from alexbench.harness.conformance import BackendTests

    class TestMine(BackendTests):
        backend = "mine"

pytest is needed: ``pip install 'alexbench[conformance]'``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alexbench.harness.conformance.suite import BackendTests

__all__ = ["BackendTests"]


def __getattr__(name: str) -> Any:
    if name == "BackendTests":
        from alexbench.harness.conformance.suite import BackendTests

        return BackendTests
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
