"""The term list: a forbidden word is refused wherever prose is, and the same word in a right place is not."""

import pytest

from tests.support.tools import tool

check_terms = tool("check_terms")
TERMS, _ = check_terms.read_terms()


def found(name: str, text: str) -> list[tuple[int, str]]:
    """(line, word) of each problem."""
    lines = check_terms.problems(name, text, TERMS)
    return [(int(line.split(":")[1]), line.split('"')[1]) for line in lines]


@pytest.mark.parametrize(
    ("name", "text", "line", "word"),
    [
        ("a.py", 'raise ValueError(f"{path}: the truth is missing")\n', 1, "truth"),
        ("a.py", 'say(\n    "every row is compared with"\n    " the truth"\n)\n', 2, "truth"),
        ("a.py", '"""One.\n\nWhat the patient gives.\n"""\n', 3, "patient"),
        ("a.py", "x = 1  # the machine was restless\n", 1, "restless"),
        ("a.py", "# One line,\n# and the mend.\nx = 1\n", 2, "mend"),
        ("a.py", "def test_a_patient_is_read() -> None:\n    pass\n", 1, "patient"),
        ("a.py", "class TwinRow:\n    pass\n", 1, "Twin"),
        ("a.py", "def test_a_flip_is_read() -> None:\n    pass\n", 1, "flip"),
        ("a.py", 'say(f"{path} is no {kind}")\n', 1, "is no"),
        ("a.py", '"""Of each row."""\n', 1, "Of"),
        ("held.py", "", 1, "held"),
        ("a.md", "# One\n\nText that\nis said on stderr.\n", 4, "is said"),
        ("a.md", "| word | meaning |\n|---|---|\n| x | Of images. |\n", 3, "Of"),
        ("a.html", "<p>three\npictures</p>\n", 2, "pictures"),
        ("a.toml", '# why\nnote = "beside the file"\n', 2, "beside"),
        ("a.yml", "# beside\n", 1, "beside"),
        ("a.yml", "on: push\nname: Hold it against main\n", 2, "Hold it against"),
        ("a.js", 'say("two flips");\n', 1, "flips"),
    ],
)
def test_a_forbidden_word_is_found_with_its_line(name: str, text: str, line: int, word: str) -> None:
    assert found(name, text) == [(line, word)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'x = {"flips": 1, "truth": 2}\n'),
        ("a.py", '"""Reads ``truth.txt`` and `flips.parquet`."""\n'),
        ("a.py", '"""The horizontal flip of an image; a flipped bit."""\n'),
        ("a.py", '"""ILSVRC2012_validation_ground_truth.txt has the ground truth."""\n'),
        ("a.py", '"""There is no folder; it is no longer there."""\n'),
        ("a.py", '"""Linear in the nearest neighbour; of course."""\n'),
        ("a.py", '"""The proxy\'s TLS certificate."""\n'),
        ("a.py", "class Flip:\n    pass\n"),
        ("a.py", "held = [picture for picture in truth]\n"),
        ("a.py", 'fail(f"{path}: --flips works with --pictures only")\n'),
        ("a.md", "An HTML anchor, [a link](truth.md), `mend` and https://example.org/truth.\n"),
        ("a.md", "```\nthe truth\n```\n"),
        ("a.md", "One of\nthe images. See [x](y).\n"),
    ],
)
def test_a_word_in_its_right_place_is_not(name: str, text: str) -> None:
    assert found(name, text) == []


def test_a_problem_names_the_file_the_line_and_what_to_write() -> None:
    assert check_terms.problems("harness/a.py", 'fail("no truth")\nfail("the truth is that")\n', TERMS)[1] == (
        'harness/a.py:2: "truth" (truth): use float64 reference, expected values, or label'
    )


def test_no_excluded_pattern_is_left_without_a_file() -> None:
    names = check_terms.tracked()
    patterns = check_terms.read_terms()[1]
    assert [one for one in patterns if not any(check_terms.fnmatch.fnmatch(name, one) for name in names)] == []
