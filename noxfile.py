"""The project's sessions: ``nox -l`` lists them. Environments are kept and reused between calls."""

import os
import sys
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


class Environment:
    """Where a session's packages are: its own environment, or one that several sessions share.

    bench, tests and microbench share theirs, .nox/runtimes: the four runtimes are 3.8 GB and 80 s to install. nox gives
    each session an environment of its own, so that one is made here, by the virtualenv that nox itself uses.
    """

    def __init__(self, session: nox.Session, shared: str | None = None) -> None:
        self._session = session
        self.folder = Path(session.virtualenv.location) if shared is None else ROOT / ".nox" / shared
        self._external = shared is not None
        if shared is not None and not (self.folder / "pyvenv.cfg").exists():
            session.run(sys.executable, "-m", "virtualenv", "--quiet", str(self.folder), external=True)

    def run(
        self, program: str, *arguments: str, env: dict[str, str] | None = None, success_codes: tuple[int, ...] = (0,)
    ) -> None:
        """Run a program of the environment."""
        scripts = self.folder / ("Scripts" if os.name == "nt" else "bin")
        path = os.pathsep.join([str(scripts), os.environ.get("PATH", "")])
        self._session.run(
            str(scripts / program),
            *arguments,
            env={"PATH": path, **(env or {})},
            external=self._external,
            success_codes=success_codes,
        )

    def install(self, *extras: str, groups: tuple[str, ...] = ()) -> None:
        """Install the project, editable, under the constraints; at once where nothing changed since."""
        stamp = self.folder / f"installed-{'-'.join((*extras, *groups)) or 'project'}"
        wanted = f"{ROOT}\n" + "".join(
            path.read_text(encoding="utf-8") for path in (ROOT / "pyproject.toml", CONSTRAINTS)
        )
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        target = f".[{','.join(extras)}]" if extras else "."
        named = [part for group in groups for part in ("--group", group)]
        # 25.1 is the first pip that knows dependency groups.
        self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip>=25.1")
        self._session.log(f"installing {target}" + ("; the four runtimes take about 80 s" if "all" in extras else ""))
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", str(CONSTRAINTS))
        self.run("python", *pip, "-e", target, *named)
        stamp.write_text(wanted, encoding="utf-8")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """The main job: four runtimes, one leaderboard. Arguments after -- go to ``alexbench run``."""
    environment = Environment(session, "runtimes")
    environment.install("all")
    # Naming a backend means that a broken one is red; who names some, means those.
    names_some = any(
        argument.split("=")[0] in ("--backend", "--config", "--help", "-h") for argument in session.posargs
    )
    named = [] if names_some else [part for name in BACKENDS for part in ("--backend", name)]
    # 3: the machine was too restless for its speeds to carry a claim. The report says so; nothing of ours is broken.
    environment.run("alexbench", "run", *named, *session.posargs, success_codes=(0, 3))


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Unit tests, end-to-end tests and the conformance suite. Arguments after -- go to pytest."""
    environment = Environment(session, "runtimes")
    environment.install("all", groups=("test",))
    # The conformance suite skips no backend named here: a missing one fails.
    required = os.environ.get("ALEXBENCH_REQUIRE_BACKENDS", ",".join(BACKENDS))
    environment.run("pytest", *session.posargs, env={"ALEXBENCH_REQUIRE_BACKENDS": required})


@nox.session(venv_backend="none")
def microbench(session: nox.Session) -> None:
    """pytest-benchmark on tests/benchmarks: how fast our own parts are. Arguments after -- go to pytest."""
    environment = Environment(session, "runtimes")
    environment.install("all", groups=("test",))
    columns = "--benchmark-columns=min,median,iqr,rounds"
    environment.run("pytest", "tests/benchmarks", "--benchmark-only", columns, *session.posargs)


@nox.session
def digests(session: nox.Session) -> None:
    """The synthetic default under other NumPy and Pillow versions: the same bits, or red. No runtime is installed."""
    kept = Path(session.create_tmp()) / "constraints.txt"
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    kept.write_text("\n".join(line for line in lines if line.split("==")[0] not in OTHER_VERSIONS), encoding="utf-8")
    others = [f"{name}=={version}" for name, version in OTHER_VERSIONS.items()]
    session.install("--quiet", "-e", ".", "pytest", *others, "--constraint", str(kept))
    session.run("pytest", "tests/synthetic", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, its formatter, and the import rules."""
    Environment(session).install(groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # import-linter wants one importable tree: the typing view.
    view = str(ROOT / "tools" / "typing_view")
    session.run("lint-imports", "--config", "pyproject.toml", "--no-logo", env={"PYTHONPATH": view})


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, and pyright, on the view of symlinks."""
    Environment(session).install(groups=("types",))
    session.run("mypy", "tools/typing_view/alexbench")
    found = str(session.run("pyright", "--stats", "-p", "pyproject.toml", silent=True))
    session.log(found)
    if "No source files found" in found:
        session.error("pyright checked nothing: are the links in tools/typing_view there?")
