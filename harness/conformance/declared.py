"""Which optional capabilities a backend declares: asked of an instance, which imports no runtime."""

from typing import Final

from alexbench.backends.registry import backend_class
from alexbench.harness import capabilities

CAPABILITIES: Final = {
    "streams": capabilities.Streams,
    "activations": capabilities.GivesActivations,
    "profiles": capabilities.ProfilesLayers,
    "settings": capabilities.TakesSettings,
    "preload": capabilities.Preloads,
    "device-memory": capabilities.KeepsOnDevice,
    "devices": capabilities.ListsDevices,
    "artifacts": capabilities.RunsArtifacts,
    "export": capabilities.Exports,
    "open-export": capabilities.OpensExports,
    "quantize": capabilities.Quantizes,
    "int8-emulation": capabilities.EmulatesInt8,
}
"""Code -> the protocol."""


def declares(backend: str, capability: type) -> bool:
    """Whether a backend has an optional capability.

    Raises:
        UsageError, PluginError: see :func:`backend_class`.
    """
    return isinstance(backend_class(backend)(), capability)


def declared(backend: str) -> tuple[str, ...]:
    """The codes of what it declares."""
    return tuple(code for code, capability in CAPABILITIES.items() if declares(backend, capability))
