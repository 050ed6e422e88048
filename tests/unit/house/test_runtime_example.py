"""The guide to adding a runtime shows the files of the example, as they are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "alexbench-myruntime"
SHOWN = re.compile(r"^```\w+\n# (docs/examples/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_shows_the_example_as_it_is() -> None:
    guide = (ROOT / "docs" / "contributing" / "add-a-runtime.md").read_text(encoding="utf-8")
    shown = dict(SHOWN.findall(guide))
    written = [path for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")]
    assert set(shown) == {path.relative_to(ROOT).as_posix() for path in written}
    for name, text in shown.items():
        assert text == (ROOT / name).read_text(encoding="utf-8"), name
