"""All checks on one backend: subclass :class:`BackendTests` and name it."""

from alexbench.harness.conformance.optional import ActivationTests, FileTests, PreloadTests, ProfileTests, SettingTests
from alexbench.harness.conformance.required import IsolationTests, LifeTests, OptionTests, ParityTests
from alexbench.harness.conformance.streams import OnDeviceTests, StreamTests


class BackendTests(
    ParityTests,
    OptionTests,
    LifeTests,
    IsolationTests,
    StreamTests,
    OnDeviceTests,
    ActivationTests,
    ProfileTests,
    SettingTests,
    PreloadTests,
    FileTests,
):
    """Every check; those of a capability that the backend does not declare are left out."""
