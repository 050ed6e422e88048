"""Which runtimes a change of constraints.txt bumps, as ``nox -s ab`` takes them: base, a space, head.

    python tools/bumped.py BASE.txt HEAD.txt

prints ``onnxruntime-gpu==1.30.0 onnxruntime-gpu==1.31.1``; several are joined by commas. It prints nothing if no
runtime changed its version. A runtime that was only added or removed has no counterpart and is reported on stderr.
Standard library only: CI runs it before anything is installed.
"""

import re
import sys
from pathlib import Path
from typing import Final

RUNTIMES: Final = {
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "onnxruntime-gpu": "onnxruntime",
    "openvino": "openvino",
    "tensorflow": "tensorflow",
}
"""A distribution -> the runtime that it is."""
_PIN: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)")
"""An exact version, of characters that are nothing else to a shell or to GITHUB_OUTPUT."""


def pinned(constraints: str) -> dict[str, str]:
    """Runtime -> ``distribution==version``, of the text of a constraints.txt.

    Raises:
        ValueError: a runtime is not pinned to an exact version, or twice.
    """
    found: dict[str, str] = {}
    for line in constraints.splitlines():
        text = line.partition("#")[0].strip()
        name = re.split(r"[=<>!~;@\[ ]", text, maxsplit=1)[0]
        runtime = RUNTIMES.get(re.sub(r"[-_.]+", "-", name).lower())
        if runtime is None:
            continue
        pin = _PIN.fullmatch(text)
        if pin is None:
            raise ValueError(f"{text!r} is not an exact version")
        if runtime in found:
            raise ValueError(f"{runtime} is there twice: {found[runtime]} and {text}")
        found[runtime] = text
    return found


def bumped(base: str, head: str) -> list[tuple[str, str]]:
    """The runtimes that both texts pin, and not alike: (base, head) of each, by name.

    Raises:
        ValueError: one of the texts does not pin a runtime exactly.
    """
    before, after = pinned(base), pinned(head)
    return [(before[name], after[name]) for name in sorted(before.keys() & after.keys()) if before[name] != after[name]]


def main(base: Path, head: Path) -> str:
    """The line to print, "" for none."""
    texts = []
    for path in (base, head):
        try:
            texts.append(path.read_text(encoding="utf-8"))
            pinned(texts[-1])
        except (OSError, ValueError) as error:
            raise SystemExit(f"{path}: {error}") from error
    one_sided = pinned(texts[0]).keys() ^ pinned(texts[1]).keys()
    for name in sorted(one_sided):
        print(f"{name} is in only one of the two files: nothing to compare it with", file=sys.stderr)
    pairs = bumped(*texts)
    return " ".join(",".join(side) for side in zip(*pairs, strict=True))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python tools/bumped.py BASE.txt HEAD.txt")
    line = main(Path(sys.argv[1]), Path(sys.argv[2]))
    if line:
        print(line)
