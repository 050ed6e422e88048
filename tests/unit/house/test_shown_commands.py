"""What reads the commands of our pages finds what a reader would type, and refuses what the command line would."""

from pathlib import Path

import click
import pytest

from alexbench.harness.errors import UsageError
from tests.unit.house import shown_in_docs as docs
from tests.unit.house.shown_in_docs import (
    anchors,
    blocks,
    files_shown,
    links,
    mentioned,
    parse,
    shown,
    simple_commands,
    unlabelled,
)

PAGE = """# A page, with `code`: 1

Say `alexbench run --limit 5`, or see [the other](other.md#top) and [far](https://example.org).

```console
alexbench models show omz --json   # all of it
alexbench run --backend torch \\
  --only accuracy
```

```console
$ alexbench history runs
runs: 24 runs
alexbench is not typed here
```

```toml
# mine.toml
threads = 2
```

```
alexbench lost
```

## A page, with `code`: 1
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_typed_lines_are_found_and_output_is_not(page: Path) -> None:
    assert [(one.line, one.words) for one in shown(page)] == [
        (6, ("alexbench", "models", "show", "omz", "--json")),
        (7, ("alexbench", "run", "--backend", "torch", "--only", "accuracy")),
        (12, ("alexbench", "history", "runs")),
    ]
    assert str(shown(page)[0]) == "page.md:6 alexbench models show omz --json"


def test_blocks_links_headings_files_and_mentions_of_a_page(page: Path) -> None:
    assert [block.language for block in blocks(PAGE)] == ["console", "console", "toml", ""]
    assert links(page) == [(3, "other.md#top")]
    assert anchors(page) == {"a-page-with-code-1", "a-page-with-code-1-1"}
    assert files_shown(page) == {"mine.toml": "# mine.toml\nthreads = 2\n"}
    assert [one.words for one in mentioned(page)] == [("alexbench", "run", "--limit", "5")]
    assert unlabelled(page) == ["page.md:23 alexbench lost"]


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("pip install nox && nox -s bench  # both", [("pip", "install", "nox"), ("nox", "-s", "bench")]),
        ("HERE=1 alexbench run > log.txt", [("alexbench", "run")]),
        ("alexbench gate RUN || echo 'no # comment'", [("alexbench", "gate", "RUN"), ("echo", "no # comment")]),
        ("alexbench report RUN... --json", [("alexbench", "report", "RUN...", "--json")]),
        ("python -m pip install '.[all]'", [("python", "-m", "pip", "install", ".[all]")]),
        ("# nothing", []),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, commands: list[tuple[str, ...]]) -> None:
    assert simple_commands(line) == commands


@pytest.mark.parametrize(
    "words",
    [
        "run --batch-sise 8",
        "runn",
        "models shew omz",
        "models show",
        "report",
        "compare RUN --margin wide",
        "datasets verify --all",
        "models show omz bvlc",
    ],
)
def test_what_the_command_line_does_not_take_is_refused(words: str, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException):
        parse(words.split(), tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        "run --rigor tremendous",
        "run --data imagenet/val",
        "run --backend caffe",
        "run --model alexnett",
        "run --config none.toml",
        "doctor --precision fp31",
    ],
)
def test_values_that_make_no_sense_are_refused(words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        parse(words.split(), tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        "run",
        "run --threads 999",
        "run --help",
        "--version",
        "models",
        "run --resume RUN",
        "run --config mine.toml --limit 2",
    ],
)
def test_what_it_takes_passes_and_nothing_is_carried_out(words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("threads = 2\n", encoding="utf-8")
    parse(words.split(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
