"""The action's script: what it runs for which inputs, and how its step ends."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import ROOT, script

step = script(".github/actions/alexbench/gate.py")
VERSIONS = {"ALEXBENCH_ACTION_BASE": "onnxruntime==1.30.0", "ALEXBENCH_ACTION_HEAD": "onnxruntime==1.31.1"}
RUN = {"ALEXBENCH_ACTION_RUN": "RUN", "ALEXBENCH_ACTION_BASELINE": "baselines"}

PROGRAM = """#!{python}
import json, os, sys
from pathlib import Path
verdict, code = os.environ["SAYS"].split()
place = Path(sys.argv[sys.argv.index("--markdown") + 1])
place.write_text("text")
place.with_suffix(".xml").write_text("text")
(place.parent / "words.json").write_text(json.dumps(sys.argv[1:]))
print("! a remark", flush=True)
if verdict != "-":
    answer = [verdict + ": all", "of\\nit."]
    print(json.dumps({{"verdict": verdict, "model": "torchvision", "answer": answer}}, indent=2))
    print("wrote gate.md")
sys.exit(int(code))
"""


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "give base and head"),
        (VERSIONS | RUN, "give base and head"),
        ({"ALEXBENCH_ACTION_BASE": "torch==2.13.0"}, "give base and head"),
        ({"ALEXBENCH_ACTION_RUN": "RUN"}, "give base and head"),
        (VERSIONS | {"ALEXBENCH_ACTION_HEAD": "--index-url=https://example.org"}, "wanted exact versions"),
        (VERSIONS | {"ALEXBENCH_ACTION_HEAD": "torch==2.13.0 -e ."}, "wanted exact versions"),
        (VERSIONS | {"ALEXBENCH_ACTION_HEAD": "torch==2.13.0,-e"}, "wanted exact versions"),
        (VERSIONS | {"ALEXBENCH_ACTION_HEAD": "torch>=2"}, "wanted exact versions"),
        (VERSIONS | {"ALEXBENCH_ACTION_HEAD": "torch@https://example.org/a==1.whl"}, "wanted exact versions"),
        (VERSIONS | {"ALEXBENCH_ACTION_HEAD": "torch==2.*;x"}, "wanted exact versions"),
        (VERSIONS | {"ALEXBENCH_ACTION_FAIL_ON_INCONCLUSIVE": "yes"}, "wanted true or false"),
        (VERSIONS | {"ALEXBENCH_ACTION_FLAGS": "--limit '5"}, "flags: No closing quotation"),
        (VERSIONS | {"ALEXBENCH_ACTION_BUDGET": "--json"}, "wanted a time such as 90s or 4m"),
        (RUN | {"ALEXBENCH_ACTION_BUDGET": "4m"}, "budget is for base and head"),
    ],
)
def test_inputs_that_make_no_sense_are_one_line_and_exit_code_2(
    variables: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert step.main(variables | {"GITHUB_ACTIONS": "true"}) == 2
    printed = capsys.readouterr().out
    assert printed.startswith("::error title=AlexBench gate::")
    assert said in printed


def test_a_place_that_is_no_folder_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    out = {"ALEXBENCH_ACTION_OUT": str(tmp_path / "file")}
    assert step.main({**RUN, **out, "GITHUB_ACTIONS": "true"}) == 2
    printed = capsys.readouterr().out
    assert printed.startswith("::error title=AlexBench gate::out: ")
    assert "cannot be made" in printed


def test_two_versions_go_to_nox_with_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "_tools", lambda *_: Path("/tools/python"))
    given = {"ALEXBENCH_ACTION_FLAGS": "--limit 50 --data '/a b'", "ALEXBENCH_ACTION_POLICY": "docs/policy.toml"}
    words = step.command(step.asked(VERSIONS | given), tmp_path)
    assert words == [
        *("/tools/python", "-m", "nox", "-f", str(ROOT / "noxfile.py"), "-s", "ab", "--"),
        *("onnxruntime==1.30.0", "onnxruntime==1.31.1", "--out", str(tmp_path / "runs"), "--budget", "4m"),
        *("--limit", "50", "--data", "/a b"),
        *("--markdown", str(tmp_path / "gate.md"), "--junit", str(tmp_path / "gate.xml"), "--json"),
        *("--policy", str(Path("docs/policy.toml").resolve())),
    ]


@pytest.mark.parametrize(
    ("budget", "flags", "handed"),
    [
        ("", "", ["--budget", "4m"]),
        ("90s", "--rigor standard", ["--budget", "90s", "--rigor", "standard"]),
        ("", "--rigor standard", ["--rigor", "standard"]),
        ("", "--budget=2m", ["--budget=2m"]),
        ("", "--only accuracy", ["--only", "accuracy"]),
    ],
)
def test_the_budget_is_four_minutes_unless_an_input_or_a_flag_says_how_long(
    budget: str, flags: str, handed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "_tools", lambda *_: Path("/tools/python"))
    given = {"ALEXBENCH_ACTION_BUDGET": budget, "ALEXBENCH_ACTION_FLAGS": flags}
    words = step.command(step.asked(VERSIONS | given), tmp_path)
    assert words[words.index("--out") + 2 : words.index("--markdown")] == handed


def test_without_alexbench_the_actions_own_judges_and_measures_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(step, "_tools", lambda *_: Path("/tools/bin/python"))
    words = step.command(step.asked(RUN), tmp_path)
    assert words[:3] == ["/tools/bin/alexbench", "gate", str(Path("RUN").resolve())]
    assert words[-1] == "--no-follow-up"


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Those of a step that gates a run, with an alexbench on PATH that says what SAYS says."""
    program = tmp_path / "bin" / "alexbench"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    return RUN | {"ALEXBENCH_ACTION_OUT": str(tmp_path / "made"), "GITHUB_ACTIONS": "true"}


def outputs(tmp_path: Path) -> dict[str, str]:
    lines = (tmp_path / "output").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize(
    ("verdict", "code", "strict", "level"),
    [
        ("PASS", 0, 0, "notice"),
        ("FAIL", 1, 1, "error"),
        ("INCONCLUSIVE", 0, 3, "warning"),
        ("INVALID", 0, 3, "warning"),
    ],
)
@pytest.mark.parametrize("exit_code", [1, 3])
def test_the_step_ends_as_the_verdict_says_whatever_the_programs_code(
    verdict: str,
    code: int,
    strict: int,
    level: str,
    exit_code: int,
    variables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """nox ends with 1 whatever a command of its sessions ended with."""
    monkeypatch.setenv("SAYS", f"{verdict} {0 if verdict == 'PASS' else exit_code}")
    assert step.main(variables) == code
    assert capsys.readouterr().out == (
        f"! a remark\nwrote gate.md\n::{level} title=AlexBench gate::torchvision: {verdict}: all of it.\n"
    )
    assert step.main(variables | {"ALEXBENCH_ACTION_FAIL_ON_INCONCLUSIVE": "true"}) == strict
    made = tmp_path / "made"
    assert outputs(tmp_path) == {
        "folder": str(made),
        "verdict": verdict,
        "run": str(Path("RUN").resolve()),
        "markdown": str(made / "gate.md"),
        "json": str(made / "gate.json"),
        "junit": str(made / "gate.xml"),
    }
    assert json.loads((made / "gate.json").read_text(encoding="utf-8"))["verdict"] == verdict


def test_a_failure_behind_a_pass_is_not_green(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAYS", "PASS 2")
    assert step.main(variables) == 2
    said = "::error title=AlexBench gate::it ended with exit code 2 behind its verdict; see the log\n"
    assert capsys.readouterr().out.endswith(said)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_an_end_without_a_verdict_is_never_green(
    code: int, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYS", f"- {code}")
    assert step.main(variables) == (code or 2)
    assert outputs(tmp_path).keys() == {"folder"}


def test_the_report_is_found_behind_what_else_was_printed() -> None:
    report = {"verdict": "PASS", "judged": []}
    around = "{not json\na line {of} something\n", "wrote gate.md\n{}\n"
    assert step.report_in(json.dumps(report, indent=2).join(["{}\n", "\n"]).join(around)) == report
    for printed in ("", "nothing", "{", '{"verdict": "SPLENDID"}', "[1]"):
        assert step.report_in(printed) is None


def test_a_line_of_a_log_is_one_line_and_elsewhere_a_plain_one() -> None:
    text = "100 % of\n::set-output name=x::y"
    assert step.announced("error", text, on_github=True).endswith("::100 %25 of ::set-output name=x::y")
    assert step.announced("warning", text, on_github=False) == "warning: 100 % of ::set-output name=x::y"


def test_an_annotation_is_the_answer_of_the_gate() -> None:
    report: dict[str, Any] = {"verdict": "FAIL", "model": "bvlc", "answer": ["FAIL: 1 of 2 checks: x.", "More."]}
    assert step.summary(report, strict=False) == ("error", "bvlc: FAIL: 1 of 2 checks: x. More.")
    del report["answer"]
    assert step.summary(report, strict=False) == ("error", "bvlc: FAIL")
