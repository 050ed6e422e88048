"""The checks as classes of pytest: what a class of them may say of its backend, and of what a check is."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeVar

from alexbench.harness.conformance.cases import OTHER_SIZES, PUBLISHED, Case
from alexbench.harness.conformance.kit import SILENCE_LIMIT_S, THREADS, Kit
from alexbench.harness.errors import AlexBenchError, UnsupportedOptionError

F = TypeVar("F", bound=Callable[..., Any])

BATCHES: Final = (1, 3, 32)


def needs(capability: type) -> Callable[[F], F]:
    """The check is of backends that declare ``capability``; of another it is left out."""

    def mark(check: F) -> F:
        check.needs = capability  # type: ignore[attr-defined]
        return check

    return mark


def may_refuse(feature: str) -> Callable[[F], F]:
    """A backend may do without ``feature``, if it reports that with an error: see :attr:`KitTests.gaps`."""

    def mark(check: F) -> F:
        check.may_refuse = feature  # type: ignore[attr-defined]
        return check

    return mark


def on_first_case(check: F) -> F:
    """One network shows it."""
    check.on_first_case = True  # type: ignore[attr-defined]
    return check


class KitTests:
    """What a class of checks may say of its backend.

    ``gaps``: feature -> the error by which the backend refuses it. A feature that is not in it must work, and one that
    is must not: a gap that closes is red until its entry is removed. None: nothing is known, and each feature may be
    refused. ``slow_settings``: settings whose values are not tried, for they take half a minute.
    """

    backend: ClassVar[str] = ""
    group: ClassVar[str] = ""
    gaps: ClassVar[Mapping[str, type[AlexBenchError]] | None] = None
    cases: ClassVar[tuple[Case, ...]] = PUBLISHED
    other_sizes: ClassVar[tuple[Case, ...]] = OTHER_SIZES
    threads: ClassVar[int] = THREADS
    slow_settings: ClassVar[tuple[str, ...]] = ()
    silence_limit_s: ClassVar[float] = SILENCE_LIMIT_S
    kit_class: ClassVar[type[Kit]] = Kit

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Pytest asks it for the values of a check's arguments."""
        wanted = metafunc.fixturenames
        if "case" in wanted:
            few = getattr(metafunc.function, "on_first_case", False)
            metafunc.parametrize("case", self.cases[:1] if few else self.cases, ids=str, scope="class")
        if "elsewhere" in wanted:
            metafunc.parametrize("elsewhere", self.other_sizes, ids=str, scope="class")
        if "batch" in wanted:
            metafunc.parametrize("batch", BATCHES)

    def check_refusal(self, refusal: AlexBenchError, asked: str) -> None:
        """That what has no effect is refused by name; a subclass may want more of the words."""
        assert isinstance(refusal, UnsupportedOptionError), (
            f"{asked} raised {type(refusal).__name__}, wanted UnsupportedOptionError"
        )
        assert asked in str(refusal), f"the refusal of {asked} does not name it: {refusal}"
