"""The pages for users: every command shown is one that there is, and runs where it can; every link leads somewhere.

What cannot be run here stands in RULES with the reason, and is checked against the command line anyway. A command
that no rule fits fails: a new one needs a line there.
"""

import re
import shutil
import subprocess
import sysconfig
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.running import folder as run_folder
from tests.end_to_end.conftest import LIMIT_S, Command, Ground
from tests.support.gates import timed_run
from tests.unit.house.shown_in_docs import (
    ROOT,
    Shown,
    all_flags,
    anchors,
    command_of,
    files_shown,
    flags_of,
    links,
    mentioned,
    name_of,
    nox_sessions,
    pages,
    parse,
    shown,
    unlabelled,
)

PAGES: Final = pages()
SHOWN: Final = [one for page in PAGES for one in shown(page)]
OURS: Final = [one for one in SHOWN if one.words[0] == "alexbench"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of commands that begin with ``start`` and have all of ``having``: run where, or why not.

    ``where``: in which folder of ``places`` it is run; "" where it is not. ``code``: how it ends there.
    """

    start: str
    having: tuple[str, ...] = ()
    where: str = ""
    code: int = 0
    why_not: str = ""

    def fits(self, words: Sequence[str]) -> bool:
        """Whether this rule is about the command of these words, without ``alexbench``."""
        start = self.start.split()
        return list(words[: len(start)]) == start and set(self.having) <= set(words)


RULES: Final = (
    Rule("run", ("--resume",), where="answered"),
    Rule("run", why_not="takes minutes, and often ImageNet; test_run.py, test_timing.py and test_parts.py run it"),
    Rule("predict", why_not="its weights have to be fetched; test_predict.py runs it"),
    Rule("conformance", why_not="takes minutes; tests/conformance is the same kit"),
    Rule("train", why_not="trains for minutes; test_training.py runs it"),
    Rule("tune", why_not="searches for minutes; test_tuned.py runs it"),
    Rule("quantize", why_not="takes most of a minute; test_int8.py quantizes"),
    Rule("doctor", why_not="needs ImageNet and takes minutes; test_doctor.py runs it"),
    Rule("ablate", why_not="takes minutes; test_ablate.py runs it"),
    Rule("compare", ("--layers",), why_not="starts all runtimes again; test_divergence.py runs it"),
    Rule("compare", where="answered", code=3),  # 16 images decide nothing
    Rule("ab", why_not="takes two environments; test_gate.py runs it"),
    Rule("gate", ("--base",), why_not="takes a run of several environments; test_gate.py makes one"),
    Rule("gate", where="answered"),
    Rule("baseline compare", where="answered"),
    Rule("baseline", where="fresh"),
    Rule("models fetch", why_not="fetches; test_fetching.py runs it on a server of its own"),
    Rule("models export", why_not="the synthetic weights take half a minute to fit; test_export.py runs it"),
    Rule("models", where="answered"),
    Rule("backends", where="answered"),
    Rule("report", where="answered"),
    Rule("export", where="timed"),
    Rule("history", where="timed"),
    Rule("datasets", where="prepared"),
    Rule("shards", where="fresh"),
)
"""The first that fits is the one."""

STAMPED: Final = re.compile(r"runs/\d{8}T\d{6}Z-\w+")
"""A run's folder as run makes it."""
RUNS: Final = ("RUN", "OLD", "NEW", "bf16", "runs/new")
FOLDERS_OF_RUNS: Final = ("runs", "FOLDER", "nightly")
IMAGENET: Final = ("PATH", "ILSVRC2012_img_val.tar")


def rule_for(words: Sequence[str]) -> Rule | None:
    """The rule for a command of ours; ``words`` as shown."""
    return next((rule for rule in RULES if rule.fits(words[1:])), None)


def runnable() -> list[Shown]:
    """What is run: a command that several pages show, once."""
    found: dict[tuple[str, ...], Shown] = {}
    for one in OURS:
        rule = rule_for(one.words)
        if rule is not None and rule.where:
            found.setdefault(one.words, one)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Places:
    """Folders with what the pages' commands name, and the cache of those that are about caches."""

    folders: dict[str, Path]
    pictures: Path
    prepared: Path
    key: str

    def filled_in(self, words: Sequence[str], folder: Path) -> list[str]:
        """The words with a real value for each placeholder that is not a file's name."""
        several = {"RUN...": ["OLD", "NEW"], "[KEY]...": [], "KEY": [self.key], "CARD": ["torchvision"]}
        several |= {name: [str(self.pictures)] for name in IMAGENET}
        filled: list[str] = []
        for word in words:
            globbed = sorted(str(path.relative_to(folder)) for path in folder.glob(word)) if "*" in word else [word]
            filled += several.get(word, globbed)
        return filled


@pytest.fixture(scope="module")
def places(command: Command, ground: Ground, answered: Path, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """One run of two runtimes under all the names that the pages use, made-up runs with speeds, a prepared set."""
    made = {name: tmp_path_factory.mktemp(name) for name in ("answered", "fresh", "timed", "prepared")}
    stamped = {found[0] for one in OURS for word in one.words if (found := STAMPED.match(word))}
    for name in (*RUNS, *stamped):
        shutil.copytree(answered, made["answered"] / name)
    shutil.copytree(answered, made["fresh"] / "RUN")
    kept = Command(made["answered"], command.cache)
    for to in ((), ("--to", "baselines/mine.json")):
        assert kept("baseline", "save", "OLD", *to).code == 0
    dated = [(f"{folder}/2026110{day}T030000Z-torchvision", day) for folder in FOLDERS_OF_RUNS for day in (1, 2, 3)]
    for name, day in [("RUN", 1), *dated]:
        record = read_run(timed_run(made["timed"] / name, {"openvino": 10.0, "torch": 15.0}))
        run_folder.write_record(made["timed"] / name, replace(record, started=f"2026-11-0{day}T03:00:00+00:00"))
    cache = tmp_path_factory.mktemp("cache")
    ended = command("datasets", "prepare", ground.pictures, cache=cache)
    assert ended.code == 0, ended.err
    key = next((cache / "prepared").glob("*.json")).stem
    return Places(made, ground.pictures, cache, key)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the configuration files that pages show."""
    folder = tmp_path_factory.mktemp("settings")
    for page in PAGES:
        for name, text in files_shown(page).items():
            (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("one", OURS, ids=str)
def test_every_command_is_one_that_the_command_line_takes(one: Shown, settings: Path) -> None:
    parse([word for word in one.words[1:] if word != "[KEY]..."], settings)


def test_every_command_is_run_or_it_is_said_why_not() -> None:
    """A line for it in RULES: the place where it can be run and how it ends, or why it cannot."""
    assert [str(one) for one in OURS if rule_for(one.words) is None] == []


def test_every_rule_is_needed_and_says_one_of_the_two() -> None:
    used = [rule_for(one.words) for one in OURS]
    assert [rule for rule in RULES if rule not in used] == []
    assert all(bool(rule.where) != bool(rule.why_not) for rule in RULES)


@pytest.mark.parametrize("one", runnable(), ids=str)
def test_what_can_be_run_ends_as_its_page_says(one: Shown, command: Command, places: Places, tmp_path: Path) -> None:
    rule = rule_for(one.words)
    assert rule is not None
    folder = places.folders[rule.where]
    cache = command.cache
    if rule.where == "prepared":  # commands that remove from it leave nothing for the next
        cache = shutil.copytree(places.prepared, tmp_path / "cache")
    ended = Command(folder, cache)(*places.filled_in(one.words[1:], folder))
    assert ended.code == rule.code, ended.err
    assert ended.out or ended.err  # "wrote FILE"
    assert "Traceback" not in ended.err


def test_the_benchmark_comparison_is_run_on_two_exports(places: Places, command: Command) -> None:
    (one,) = (one for one in SHOWN if one.words[0] == "pytest-benchmark")
    folder = places.folders["timed"]
    for name in ("a.json", "b.json"):
        ended = Command(folder, command.cache)("export", "RUN", "--to", "pytest-benchmark", "--out", name)
        assert ended.code == 0, ended.err
    script = shutil.which("pytest-benchmark", path=sysconfig.get_path("scripts"))
    assert script is not None
    done = subprocess.run(
        [script, *one.words[1:]], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "latency[openvino-1-" in done.stdout


@pytest.mark.parametrize("one", [one for one in SHOWN if one not in OURS], ids=str)
def test_commands_of_others_name_what_there_is(one: Shown, settings: Path) -> None:
    match one.words:
        case ("python", "-m", "nox", *rest):
            _check_nox(rest, settings)
        case ("python", "-m", "pip", "install", *rest):
            _check_pip(rest)
        case ("pytest-benchmark", *_):  # run above
            pass
        case _:
            pytest.fail(f"{one}: nothing here knows how to check it")


def _check_nox(words: Sequence[str], settings: Path) -> None:
    """The sessions are in noxfile.py; what bench hands on is taken by ``alexbench run``."""
    own, handed_on = list(words), []
    if "--" in own:
        cut = own.index("--")
        own, handed_on = own[:cut], own[cut + 1 :]
    assert own[0] == "-s"
    assert set(own[1:]) <= nox_sessions()
    if "bench" in own:
        parse(["run", *handed_on], settings)


def _check_pip(words: Sequence[str]) -> None:
    """Extras and constraint files are those of the project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        found = re.fullmatch(r"(?:\.|alexbench)\[([\w,]+)\]", word)
        if found is not None:
            assert set(found[1].split(",")) <= set(project["optional-dependencies"])
        elif word.endswith(".txt"):
            assert (ROOT / word).is_file()
        else:
            assert word in ("nox", "--constraint")


def test_no_command_stands_in_a_block_that_nothing_looks_at() -> None:
    assert [line for page in PAGES for line in unlabelled(page)] == []


def test_running_text_names_commands_and_flags_that_there_are() -> None:
    wrong = []
    for one in (one for page in PAGES for one in mentioned(page)):
        named = [word.split("=")[0] for word in one.words if word.startswith("--") and word != "--"]
        known = all_flags()
        if one.words[0] == "alexbench":
            # `datasets list|verify|remove` names three, and `--name` without a command any command's.
            path = [word.partition("|")[0] for word in one.words[1:]]
            try:
                known = flags_of(command_of([word for word in path if word.isalpha() and word.islower()][:2])[0])
            except click.UsageError as error:
                wrong.append(f"{one}: {error.message}")
        elif not set(named[:1]) & known:
            continue  # a flag of another program
        wrong += [f"{one}: no flag {name}" for name in named if name not in known]
    assert wrong == []


def test_every_link_leads_to_a_page_and_a_heading_that_there_are() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    broken = []
    for page in [*PAGES, *decisions]:
        for line, link in links(page):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{name_of(page)}:{line} {link}")
    assert broken == []


def test_every_page_stands_in_the_index_and_the_index_in_the_readme() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for _, link in links(index)}
    assert [name_of(page) for page in PAGES if page not in (index, ROOT / "README.md") and page not in listed] == []
    assert "docs/index.md" in {link for _, link in links(ROOT / "README.md")}
