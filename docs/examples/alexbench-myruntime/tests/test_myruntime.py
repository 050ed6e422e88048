"""Every check of the conformance kit."""

from alexbench.harness.conformance import BackendTests


class TestMyRuntime(BackendTests):
    backend = "myruntime"
