"""``pytest --pyargs alexbench.harness.conformance --backend NAME``: every check on one backend."""

from alexbench.harness.conformance.suite import BackendTests


class TestBackend(BackendTests):
    """The backend that --backend names."""
