"""The project's sessions: ``nox -l`` lists them. Environments are kept and reused between calls."""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
BACKENDS = ("onnxruntime", "openvino", "tensorflow", "torch")
OTHER_VERSIONS = {"numpy": "2.2.6", "pillow": "11.3.0"}
"""What `digests` runs with instead of the pinned versions."""
RUNTIMES_VENV = "runtimes"
"""bench, tests and microbench share one environment: the four runtimes are 3.8 GB installed."""


def install(session: nox.Session, *extras: str, groups: tuple[str, ...] = ()) -> None:
    """Install the project, editable, under the constraints; quickly where nothing changed."""
    target = f".[{','.join(extras)}]" if extras else "."
    arguments = ["-e", target, "--constraint", str(CONSTRAINTS)]
    for group in groups:
        arguments += ["--group", group]
    stamp = Path(session.virtualenv.location) / f"installed-{'-'.join((*extras, *groups))}"
    wanted = (ROOT / "pyproject.toml").read_text(encoding="utf-8") + CONSTRAINTS.read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    if "--group" in arguments:
        session.install("pip>=25.1")  # the first that knows dependency groups
    session.install(*arguments)
    stamp.write_text(wanted, encoding="utf-8")


@nox.session(venv_location=f".nox/{RUNTIMES_VENV}")
def bench(session: nox.Session) -> None:
    """The main job: four runtimes, one leaderboard. Arguments after -- go to ``alexbench run``."""
    install(session, "all")
    named = [part for name in BACKENDS for part in ("--backend", name)]
    # Naming a backend means that a broken one is red; who names some, means those.
    asks_itself = any(
        argument.split("=")[0] in ("--backend", "--config", "--help", "-h") for argument in session.posargs
    )
    session.run("alexbench", "run", *([] if asks_itself else named), *session.posargs)


@nox.session(venv_location=f".nox/{RUNTIMES_VENV}")
def tests(session: nox.Session) -> None:
    """Unit tests and the conformance suite. Arguments after -- go to pytest."""
    install(session, "all", groups=("test",))
    # The conformance suite skips no backend named here: a missing one fails.
    required = os.environ.get("ALEXBENCH_REQUIRE_BACKENDS", ",".join(BACKENDS))
    session.run("pytest", *session.posargs, env={"ALEXBENCH_REQUIRE_BACKENDS": required})


@nox.session
def digests(session: nox.Session) -> None:
    """The synthetic default under other NumPy and Pillow versions: the same bits, or red. No runtime is installed."""
    kept = Path(session.create_tmp()) / "constraints.txt"
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    kept.write_text("\n".join(line for line in lines if line.split("==")[0] not in OTHER_VERSIONS), encoding="utf-8")
    others = [f"{name}=={version}" for name, version in OTHER_VERSIONS.items()]
    session.install("-e", ".", "pytest", *others, "--constraint", str(kept))
    session.run("pytest", "tests/synthetic", *session.posargs)


@nox.session(venv_location=f".nox/{RUNTIMES_VENV}")
def microbench(session: nox.Session) -> None:
    """pytest-benchmark on tests/benchmarks: how fast our own parts are. Arguments after -- go to pytest."""
    install(session, "all", groups=("test",))
    session.run(
        "pytest", "tests/benchmarks", "--benchmark-only", "--benchmark-columns=min,median,iqr,rounds", *session.posargs
    )


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, its formatter, and the import rules."""
    install(session, groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # import-linter wants one importable tree: the typing view.
    view = str(ROOT / "tools" / "typing_view")
    session.run("lint-imports", "--config", "pyproject.toml", "--no-logo", env={"PYTHONPATH": view})


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, and pyright, on the view of symlinks."""
    install(session, groups=("types",))
    session.run("mypy", "tools/typing_view/alexbench")
    found = session.run("pyright", "--stats", "-p", "pyproject.toml", silent=True)
    session.log(str(found))
    if "No source files found" in str(found):
        session.error("pyright checked nothing: are the links in tools/typing_view there?")
