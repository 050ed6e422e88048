"""What a shell offers for the value of an option. Names are read only when the shell asks, never for the help."""

from collections.abc import Iterable


def backends() -> Iterable[str]:
    """Values of ``--backend``."""
    from alexbench.backends.registry import backend_names

    return backend_names()


def cards() -> Iterable[str]:
    """Values of ``--model``."""
    from alexbench.harness.models.card import card_names

    return card_names()


def layouts() -> Iterable[str]:
    """Values of ``--layout``."""
    from alexbench.datasets.layouts.layout_table import LAYOUT_NAMES

    return LAYOUT_NAMES


def rigors() -> Iterable[str]:
    """Values of ``--rigor``."""
    from alexbench.harness.measure.rigor import RIGORS

    return RIGORS


def scenarios() -> Iterable[str]:
    """Values of ``--scenario``."""
    from alexbench.harness.config import SCENARIOS

    return SCENARIOS


def precisions() -> Iterable[str]:
    """Values of ``--precision``."""
    from alexbench.harness.contract import PRECISIONS

    return PRECISIONS


def halves() -> Iterable[str]:
    """Values of ``--only``."""
    from alexbench.harness.config import ONLY

    return ONLY


def settings() -> Iterable[str]:
    """Values of ``--set``, without what stands after the equals sign where it may be a number."""
    from alexbench.backends.registry import backend_classes
    from alexbench.harness.chosen_settings import settings_of

    every = ((name, one) for name in backend_classes() for one in settings_of(name))
    return [f"{name}.{one.name}={value}" for name, one in every for value in one.values or ("",)]


def range_methods() -> Iterable[str]:
    """Values of ``--range-method``."""
    from alexbench.harness.capabilities import RANGE_METHODS

    return RANGE_METHODS


def quantizing() -> Iterable[str]:
    """Backends that write int8 files."""
    from alexbench.backends.registry import backend_classes
    from alexbench.harness.capabilities import Quantizes

    return [name for name, kind in backend_classes().items() if isinstance(kind(), Quantizes)]
