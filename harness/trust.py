"""Which files are programs, and which of those the user trusts.

A torch.export, TorchScript, SavedModel or Keras file is a program: whoever made it decides what loading it does. No
check of its contents can promise otherwise, so nothing reads such a file before the user says that it is trusted.
"""

from collections.abc import Iterable
from pathlib import Path

from alexbench.harness.contract import Backend
from alexbench.harness.errors import UsageError, WeightsError
from alexbench.harness.systems import INPUT_SCALES, Channels, InputConvention, ModelFile


def confined_to(file: ModelFile | None, folder: Path) -> Path | None:
    """The only ``folder`` that a file's processes may write to; None for data, which is read by the runtime alone."""
    return folder if file is not None and file.trusted else None


def stated_inputs(given: Iterable[str], backends: Iterable[str]) -> dict[str, InputConvention]:
    """``--artifact-input`` as backend -> convention: ``BACKEND=0..255,rgb``, or ``0..255,rgb`` for all ``backends``.

    Raises:
        UsageError: a value is not one, or names a backend that runs no file.
    """
    files = tuple(backends)
    stated: dict[str, InputConvention] = {}
    for one in given:
        name, equals, words = one.rpartition("=")
        if not files:
            raise UsageError(f"--artifact-input {one} says what an artifact takes; name --artifact BACKEND=FILE too")
        if equals and name not in files:
            raise UsageError(f"--artifact-input {one}: no --artifact {name}=FILE is named")
        try:
            convention = convention_of(words)
        except UsageError as error:
            raise UsageError(f"--artifact-input {one}: {error}") from error
        for backend in [name] if equals else files:
            if backend in stated:
                raise UsageError(f"--artifact-input states the input of {backend} twice: {stated[backend]} and {words}")
            stated[backend] = convention
    return stated


def stated_outputs(given: Iterable[str], backends: Iterable[str]) -> dict[str, str]:
    """``--output-name`` as backend -> output: ``BACKEND=NAME``, or ``NAME`` for all ``backends``.

    Raises:
        UsageError: no file is named, or two outputs of one backend are.
    """
    files = tuple(backends)
    stated: dict[str, str] = {}
    for one in given:
        if not files:
            raise UsageError(f"--output-name {one} names an output of a file; name --artifact BACKEND=FILE too")
        backend, equals, name = one.partition("=")
        chosen, name = ([backend], name) if equals and backend in files else (files, one)  # a name may hold a =
        for each in chosen:
            if each in stated:
                raise UsageError(f"--output-name names two outputs of {each}: {stated[each]} and {name}")
            stated[each] = name
    return stated


def convention_of(words: str) -> InputConvention:
    """What an input takes, as the user states it: ``0..255`` or ``0..255,bgr``.

    Raises:
        UsageError: it is not that.
    """
    orders: dict[str, Channels] = {"rgb": "RGB", "bgr": "BGR"}
    scale, comma, order = words.partition(",")
    for known in INPUT_SCALES:
        if scale == known and (not comma or order in orders):
            return InputConvention(known, orders.get(order))
    raise UsageError(
        f"input {words}: wanted SCALE or SCALE,ORDER, SCALE one of {', '.join(INPUT_SCALES)} and ORDER rgb or bgr, as"
        " in 0..255,bgr"
    )


def is_program(backend: type[Backend], path: Path) -> bool:
    """Whether a file given to ``backend`` is a program; everything is that the backend does not declare to be data."""
    data: tuple[str, ...] = getattr(backend, "data_suffixes", ())
    return path.is_dir() or not path.name.endswith(data)


def require_trust(backend: type[Backend], path: Path, *, trusted: bool) -> None:
    """Refuse a program that the user did not say to trust.

    Raises:
        UsageError: it is one; the message says how to trust it.
        WeightsError: there is no such file.
    """
    if trusted or not is_program(backend, path):
        return
    if not path.exists():
        raise WeightsError(f"{path} cannot be read: no such file or folder")
    raise UsageError(
        f"{path} is a program: loading it with {backend.name} runs whatever its author put into it. If you trust it, "
        f"add --trust {path}"
    )


def same_file(one: str, other: str) -> bool:
    """Whether two paths name one file or folder, through links."""
    return Path(one).resolve() == Path(other).resolve()


def untrusted(programs: Iterable[str], trusted: Iterable[str]) -> list[str]:
    """Those of ``programs`` that are not among ``trusted``."""
    known = list(trusted)
    return [program for program in programs if not any(same_file(program, one) for one in known)]
