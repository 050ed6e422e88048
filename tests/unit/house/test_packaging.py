"""The house: what is installed is what lies in the tree, and what is pinned is what is asked for."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from alexbench.backends.registry import GROUP
from alexbench.harness.contract import Backend

ROOT = Path(__file__).parents[3]
FOLDERS = ("backends", "datasets", "harness", "reports")
DATA_SUFFIXES = (".py", ".toml", ".xz", ".csv", ".txt", ".html", ".css", ".js", ".typed")
BUILD_LIMIT_S = 300


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def in_tree() -> set[str]:
    """Every file of the four folders that an installation needs, as the wheel calls it."""
    return {
        f"alexbench/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in DATA_SUFFIXES and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """Built from a copy: setuptools leaves its traces in the tree it builds from. Nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, copy / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=copy, check=True, capture_output=True, timeout=BUILD_LIMIT_S
    )
    (built,) = folder.glob("alexbench-*.whl")
    return zipfile.Path(built)


def files_of(wheel: zipfile.Path) -> set[str]:
    return {name for name in wheel.root.namelist() if not name.endswith("/")}


def test_the_wheel_holds_the_tree_and_nothing_else(wheel: zipfile.Path) -> None:
    packaged = {name for name in files_of(wheel) if ".dist-info/" not in name}
    assert packaged - in_tree() == set()
    assert in_tree() - packaged == set()


def test_the_wheel_is_typed_licensed_and_has_its_command(wheel: zipfile.Path) -> None:
    files = files_of(wheel)
    for folder in FOLDERS:
        assert f"alexbench/{folder}/py.typed" in files
    (dist_info,) = {name.partition("/")[0] for name in files if ".dist-info/" in name}
    assert any(name.startswith(f"{dist_info}/") and name.endswith("LICENSE") for name in files)
    assert "alexbench = alexbench.harness.cli:main" in (wheel / dist_info / "entry_points.txt").read_text()


def test_every_package_of_the_tree_is_listed() -> None:
    settings = project()["tool"]["setuptools"]
    with_modules = {
        ".".join(("alexbench", *path.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("__init__.py")
    }
    listed = set(settings["packages"])
    assert with_modules - listed == set()
    of_data_only = listed - with_modules
    assert of_data_only <= set(settings["package-data"])
    assert {f"alexbench.{folder}": folder for folder in FOLDERS} == settings["package-dir"]


def test_no_top_level_name_but_ours_is_installed(wheel: zipfile.Path) -> None:
    tops = {name.partition("/")[0] for name in files_of(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"alexbench"}


def test_every_adapter_is_an_entry_point_and_every_entry_point_is_a_backend() -> None:
    registered = project()["project"]["entry-points"][GROUP]
    installed = {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
    assert {
        name: point.value for name, point in installed.items() if point.value.startswith("alexbench.")
    } == registered
    modules = {value.partition(":")[0] for value in registered.values()}
    folders = {path.parent.name for path in (ROOT / "backends").glob("*/adapter.py")}
    assert modules == {f"{GROUP}.reference", *(f"{GROUP}.{folder}.adapter" for folder in folders)}
    for name, point in installed.items():
        kind = point.load()
        assert issubclass(kind, Backend)
        assert kind.name == name


def test_every_runtime_has_an_extra_that_installs_what_it_requires() -> None:
    extras = project()["project"]["optional-dependencies"]
    for point in importlib.metadata.entry_points(group=GROUP):
        requires = point.load().requires
        if requires.extra is None:
            assert requires.groups == ()
            continue
        asked = {canonicalize_name(Requirement(text).name) for text in extras[requires.extra]}
        for group in requires.groups:
            assert asked & {canonicalize_name(name) for name in group}
        assert requires.extra in extras["all"][0]


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned: dict[str, str] = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            found = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s;]+)", line)
            assert found is not None, f"constraints.txt: {line!r} is not an exact version"
            name = canonicalize_name(found[1])
            assert name not in pinned, f"{name} twice"
            pinned[name] = found[2]
    return pinned


def asked_for() -> list[tuple[str, Requirement]]:
    data = project()
    lists = {"dependencies": data["project"]["dependencies"]}
    lists |= data["project"]["optional-dependencies"] | data["dependency-groups"]
    return [
        (where, Requirement(text))
        for where, texts in lists.items()
        for text in texts
        if not text.startswith("alexbench")
    ]


@pytest.mark.parametrize(("where", "requirement"), asked_for(), ids=lambda value: str(value).partition(";")[0])
def test_the_pinned_version_is_within_the_range_asked_for(where: str, requirement: Requirement) -> None:
    pinned = constraints()
    name = canonicalize_name(requirement.name)
    if requirement.marker is not None and not requirement.marker.evaluate():
        # Not installed on this system; where it is pinned, it must fit all the same.
        assert name not in pinned or requirement.specifier.contains(pinned[name])
        return
    assert name in pinned, f"{where}: {name} is not pinned in constraints.txt"
    assert requirement.specifier.contains(pinned[name])


def test_what_is_installed_with_us_has_a_lower_bound() -> None:
    groups = project()["dependency-groups"]
    for where, requirement in asked_for():
        if where in groups:
            continue
        assert any(one.operator in (">=", "==", "~=") for one in requirement.specifier), f"{where}: {requirement}"


def test_the_lists_are_in_order() -> None:
    names = [
        line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    ]
    assert names == sorted(names)


@pytest.mark.skipif(sys.platform == "win32", reason="a clone without symlinks still runs and tests")
def test_the_typing_view_shows_the_four_folders() -> None:
    view = ROOT / "tools" / "typing_view" / "alexbench"
    assert {path.name for path in view.iterdir()} == set(FOLDERS)
    for folder in FOLDERS:
        assert (view / folder).is_symlink()
        assert not (view / folder).readlink().is_absolute()
        assert (view / folder).resolve() == ROOT / folder


def test_the_version_is_said_once() -> None:
    assert importlib.metadata.version("alexbench") == project()["project"]["version"]
    pattern = re.compile(r"__version__\s*=\s*[\"']")
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert not pattern.search(path.read_text(encoding="utf-8")), path
