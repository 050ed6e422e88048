"""The action's step: run the gate, hand on its files and its verdict, and end as the verdict says.

Inputs come as variables (action.yml). The action's own checkout, three folders up, is what is installed: the same from
this repository and from another. Standard library only: it runs before anything is installed.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
PREFIX: Final = "ALEXBENCH_ACTION_"
_REQUIREMENT: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._-]+\])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*"
REQUIREMENTS: Final = re.compile(f"{_REQUIREMENT}(,{_REQUIREMENT})*")
"""Exact versions, joined by commas, and nothing that pip or a shell would take for a flag, an address or a range."""
DURATION: Final = re.compile(r"\d{1,9}(\.\d{1,9})?[smh]?", re.ASCII)
BUDGET: Final = "4m"
"""On hosted runners processes differ much: more of them make the intervals narrower."""
TIMING_FLAGS: Final = frozenset({"--budget", "--rigor", "--only"})
"""Flags that say how long to measure, or that nothing is timed."""
UNDECIDED: Final = ("INCONCLUSIVE", "INVALID")


class InputError(Exception):
    """Inputs that make no sense; said in one line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The inputs."""

    base: str
    head: str
    run: str
    baseline: str
    flags: tuple[str, ...]
    budget: str
    policy: str
    strict: bool
    out: str


def asked(variables: Mapping[str, str]) -> Asked:
    """The inputs, checked.

    Raises:
        InputError: they contradict each other, or are not versions.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value.strip() for name, value in variables.items() if name.startswith(PREFIX)
    }
    base, head, run, baseline = (given.get(name, "") for name in ("base", "head", "run", "baseline"))
    if bool(base) != bool(head) or bool(run) != bool(baseline) or bool(base) == bool(run):
        raise InputError("give base and head, or run and baseline")
    for name, value in (("base", base), ("head", head)):
        if value and not REQUIREMENTS.fullmatch(value):
            raise InputError(f"{name}: {value!r}, wanted exact versions such as onnxruntime==1.30.0, joined by commas")
    budget = given.get("budget", "")
    if budget and not DURATION.fullmatch(budget):
        raise InputError(f"budget: {budget!r}, wanted a time such as 90s or 4m")
    if budget and run:
        raise InputError("budget is for base and head: a run that is given was measured already")
    strict = given.get("fail_on_inconclusive", "") or "false"
    if strict not in ("true", "false"):
        raise InputError(f"fail-on-inconclusive: {strict!r}, wanted true or false")
    try:
        flags = tuple(shlex.split(given.get("flags", "")))
    except ValueError as error:
        raise InputError(f"flags: {error}") from error
    policy, out = given.get("policy", ""), given.get("out", "")
    return Asked(base, head, run, baseline, flags, budget, policy, strict == "true", out)


def command(inputs: Asked, folder: Path) -> list[str]:
    """What is run; environments that it needs are made."""
    flags = [*inputs.flags, "--markdown", str(folder / "gate.md"), "--junit", str(folder / "gate.xml"), "--json"]
    if inputs.policy:
        flags += ["--policy", str(Path(inputs.policy).resolve())]
    if inputs.base:
        # nox changes into the noxfile's folder: every path is absolute.
        nox = (str(_tools("nox", "-r", str(HERE / "requirements.txt"))), "-m", "nox", "-f", str(ROOT / "noxfile.py"))
        measured = ("--out", str(folder / "runs"), *_budget(inputs))
        return [*nox, "-s", "ab", "--", inputs.base, inputs.head, *measured, *flags]
    judged = [str(Path(inputs.run).resolve()), "--baseline", str(Path(inputs.baseline).resolve()), *flags]
    there = shutil.which("alexbench")
    if there is not None:
        return [there, "gate", *judged]
    python = _tools("alexbench", "--constraint", str(ROOT / "constraints.txt"), str(ROOT))
    # Without the runtimes nothing can be measured again.
    follow = [] if "--no-follow-up" in inputs.flags else ["--no-follow-up"]
    return [str(python.with_name("alexbench")), "gate", *judged, *follow]


def _budget(inputs: Asked) -> list[str]:
    """The flag of the budget; none where other flags say how long."""
    said = {flag.partition("=")[0] for flag in inputs.flags}
    budget = inputs.budget or ("" if said & TIMING_FLAGS else BUDGET)
    return ["--budget", budget] if budget else []


def _tools(name: str, *packages: str) -> Path:
    """The interpreter of an environment with these packages, of this step alone."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ.get("RUNNER_TEMP")))
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *packages], check=True, stdout=sys.stderr)
    return python


def report_in(printed: str) -> dict[str, Any] | None:
    """The report among what was printed; None where there is none: the command ended before a verdict.

    nox puts what a command says on standard error into the same stream, so there are lines before and behind it.
    """
    decoder = json.JSONDecoder()
    for start in re.finditer(r"^\{", printed, re.MULTILINE):
        try:
            found, _ = decoder.raw_decode(printed, start.start())
        except json.JSONDecodeError:
            continue
        if found.get("verdict") in ("PASS", "FAIL", *UNDECIDED):
            return dict(found)
    return None


def followed(words: Sequence[str]) -> tuple[int, str]:
    """Run a command: its exit code, and what it printed. Lines are shown as they come, but for those of the JSON."""
    printed: list[str] = []
    inside = False
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            inside = inside or line == "{\n"
            if not inside:
                print(line, end="", flush=True)
            inside = inside and line != "}\n"
    return process.returncode, "".join(printed)


def summary(report: Mapping[str, Any], *, strict: bool) -> tuple[str, str]:
    """How serious the verdict is (notice, warning or error), and the gate's answer, which begins with it."""
    verdict = report["verdict"]
    level = "notice" if verdict == "PASS" else "warning" if verdict in UNDECIDED and not strict else "error"
    answer = report.get("answer") or [verdict]  # an alexbench of before 0.3, found on PATH, has no answer
    return level, f"{report['model']}: {' '.join(answer)}"


def announced(level: str, text: str, *, on_github: bool) -> str:
    """A line for the log; GitHub shows it on the run's page too."""
    line = " ".join(text.split())
    return f"::{level} title=AlexBench gate::{line.replace('%', '%25')}" if on_github else f"{level}: {line}"


def code_for(verdict: str, *, strict: bool) -> int:
    """The step's exit code: as the command's, but for an undecided verdict, which passes unless ``strict``."""
    if verdict in UNDECIDED:
        return 3 if strict else 0
    return 1 if verdict == "FAIL" else 0


def hand_on(outputs: Mapping[str, object]) -> None:
    """Write the step's outputs; a line each, so that none can pose as two."""
    name = os.environ.get("GITHUB_OUTPUT")
    if name:
        with Path(name).open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{key}={' '.join(str(value).splitlines())}\n" for key, value in outputs.items())


def _folder(out: str) -> Path:
    """Where everything is put: as asked for, else of this step alone."""
    if not out:
        return Path(tempfile.mkdtemp(prefix="alexbench-gate-", dir=os.environ.get("RUNNER_TEMP")))
    folder = Path(out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(variables: Mapping[str, str]) -> int:
    """All of the step."""
    on_github = variables.get("GITHUB_ACTIONS") == "true"
    try:
        inputs = asked(variables)
    except InputError as error:
        print(announced("error", str(error), on_github=on_github))
        return 2
    try:
        folder = _folder(inputs.out)
    except OSError as error:
        said = f"out: {inputs.out!r} cannot be made ({error.strerror})"
        print(announced("error", said, on_github=on_github))
        return 2
    hand_on({"folder": folder})
    before = _runs(folder)
    try:
        words = command(inputs, folder)
    except subprocess.CalledProcessError as error:
        said = "what the action itself needs could not be installed; see the log"
        print(announced("error", said, on_github=on_github))
        return error.returncode
    code, printed = followed(words)
    report = report_in(printed)
    if report is None:
        said = f"it ended with exit code {code} before a verdict; see the log"
        print(announced("error", said, on_github=on_github))
        return code or 2
    (folder / "gate.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    # The run itself is the first of the new ones; those made to confirm it come later, and their names sort so.
    made: Sequence[Path] = [Path(inputs.run).resolve()] if inputs.run else sorted(_runs(folder) - before)
    files = {"markdown": folder / "gate.md", "json": folder / "gate.json", "junit": folder / "gate.xml"}
    hand_on(
        {"verdict": report["verdict"], "run": made[0] if made else ""}
        | {output: path for output, path in files.items() if path.exists()}
    )
    print(announced(*summary(report, strict=inputs.strict), on_github=on_github))
    if report["verdict"] == "PASS" and code:
        said = f"it ended with exit code {code} behind its verdict; see the log"
        print(announced("error", said, on_github=on_github))
        return code
    return code_for(report["verdict"], strict=inputs.strict)


def _runs(folder: Path) -> set[Path]:
    return {path.parent for path in (folder / "runs").glob("*/run.json")}


if __name__ == "__main__":
    sys.exit(main(os.environ))
