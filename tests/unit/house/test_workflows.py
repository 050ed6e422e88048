"""The workflows: no input is a part of a shell's line, no token may more than it must, everything is pinned."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alexbench.backends.registry import backend_names
from alexbench.harness.gating.policy import read_policy
from alexbench.reports.gate.output import MARKER
from tests.support.tools import ROOT, tool
from tests.unit.house.shown_in_docs import blocks

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "alexbench" / "action.yml"
GITLAB = ROOT / "docs" / "ci" / "gitlab-ci.yml"
RELEASING = {
    "attest": {"attestations": "write", "id-token": "write"},
    "publish": {"id-token": "write"},
    "announce": {"contents": "write"},
}
"""Jobs of release.yml that may more than read the code. None of them runs what lies in the repository."""
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(path: Path) -> dict[Any, Any]:
    """A workflow; YAML 1.1 takes its key ``on`` for true."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Every step of a workflow, or of the action."""
    data = read(path)
    jobs = data["jobs"].values() if "jobs" in data else [data["runs"]]
    for job in jobs:
        yield from job["steps"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=named)
def test_no_expression_stands_in_a_line_of_a_shell(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=named)
def test_every_action_of_others_is_pinned_to_a_commit_and_says_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    assert len(used) == sum("uses" in step for step in steps(path))
    assert [one for one in used if not one.startswith("./") and not PINNED.fullmatch(one)] == []


def test_an_action_has_the_same_pin_everywhere() -> None:
    used = {
        tuple(one.split("@"))
        for path in [*WORKFLOWS, ACTION]
        for one in re.findall(r"uses: ([^.].+)", path.read_text(encoding="utf-8"))
    }
    assert len({name for name, _ in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_a_workflow_may_read_the_code_and_no_more(path: Path) -> None:
    if path.name != "gate-comment.yml":
        data = read(path)
        assert data["permissions"] == {"contents": "read"}
        rights = {name: job["permissions"] for name, job in data["jobs"].items() if "permissions" in job}
        assert rights == (RELEASING if path.name == "release.yml" else {})


def test_a_release_job_that_has_a_right_runs_nothing_of_the_repository() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    for name in RELEASING:
        used = [step["uses"].partition("@")[0] for step in jobs[name]["steps"] if "uses" in step]
        assert "actions/download-artifact" in used
        assert "actions/checkout" not in used
        assert all(step["run"].startswith("gh release create ") for step in jobs[name]["steps"] if "run" in step)
    assert jobs["publish"]["environment"] == "pypi"
    assert [jobs[name]["needs"] for name in RELEASING] == ["build", "attest", "publish"]


def test_conformance_jobs_are_those_of_the_runtimes_and_leave_no_test_out() -> None:
    job = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["conformance"]
    runtimes = job["strategy"]["matrix"]["runtime"]
    assert set(runtimes) <= set(backend_names())
    assert job["steps"][-1]["env"]["SELECTED"] == f"${{{{ matrix.runtime }}}} or not ({' or '.join(runtimes)})"


def test_every_folder_of_tests_has_a_job() -> None:
    named = " ".join(step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "ci.yml"))
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert [folder for folder in folders["testpaths"] if folder not in named.split()] == []


def test_the_one_that_comments_may_write_comments_alone() -> None:
    data = read(ROOT / ".github" / "workflows" / "gate-comment.yml")
    assert data["permissions"] == {}
    (job,) = data["jobs"].values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}


def test_the_one_that_comments_runs_the_default_branchs_code_after_pull_requests_alone() -> None:
    data = read(ROOT / ".github" / "workflows" / "gate-comment.yml")
    assert data[True] == {"workflow_run": {"workflows": ["gate-bump"], "types": ["completed"]}}
    (job,) = data["jobs"].values()
    assert job["if"] == "github.event.workflow_run.event == 'pull_request'"
    checkout, comment = job["steps"]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert comment["run"] == "python3 tools/gate_comment.py"


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_no_workflow_has_a_secret_or_a_trigger_that_gives_a_fork_one(path: Path) -> None:
    assert "secrets." not in path.read_text(encoding="utf-8")
    assert "pull_request_target" not in read(path)[True]


@pytest.mark.parametrize("path", WORKFLOWS, ids=named)
def test_no_checkout_leaves_its_token_and_every_job_has_a_limit_of_time(path: Path) -> None:
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    for job in read(path)["jobs"].values():
        assert job["timeout-minutes"] <= 90
        systems = [job["runs-on"]]
        if systems == ["${{ matrix.os }}"]:
            systems = [one["os"] for one in job["strategy"]["matrix"]["include"]]
        assert all(re.fullmatch(r"(ubuntu|macos|windows)-\d+(\.\d+)?", one) for one in systems)


def test_what_workflows_give_the_action_it_takes() -> None:
    inputs = read(ACTION)["inputs"]
    given = [
        step for path in WORKFLOWS for step in steps(path) if step.get("uses", "").startswith("./.github/actions/")
    ]
    assert len(given) == 1
    assert set(given[0]["with"]) <= set(inputs)


def test_the_actions_script_gets_every_input_and_writes_every_output() -> None:
    action = read(ACTION)
    (step,) = (one for one in action["runs"]["steps"] if one.get("id") == "gate")
    handed = {name.removeprefix("ALEXBENCH_ACTION_").lower().replace("_", "-") for name in step["env"]}
    assert handed == set(action["inputs"]) - {"python-version"}
    text = (ACTION.parent / "gate.py").read_text(encoding="utf-8")
    for name, output in action["outputs"].items():
        assert output["value"] == f"${{{{ steps.gate.outputs.{name} }}}}"
        assert f'"{name}": ' in text


def test_what_the_action_installs_is_pinned() -> None:
    lines = (ACTION.parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", line) for line in wanted)
    assert {line.partition("==")[0] for line in wanted} == {"nox", "virtualenv"}


def test_the_comment_is_found_by_the_marker_that_the_report_begins_with() -> None:
    commenting = tool("gate_comment")
    assert commenting.MARKER == MARKER
    (kept,) = (
        step["with"] for step in steps(ROOT / ".github/workflows/gate-bump.yml") if "comment" in step.get("name", "")
    )
    assert kept["name"] == commenting.ARTIFACT
    assert kept["path"].endswith("/" + commenting.FILE)


def test_the_gitlab_example_runs_files_that_there_are_and_an_image_of_one_version() -> None:
    text = GITLAB.read_text(encoding="utf-8")
    found = re.findall(r"/tmp/alexbench/([\w./-]+\.\w+)", text)
    assert {"tools/bumped.py", ".github/actions/alexbench/gate.py"} == set(found)
    assert all((ROOT / name).is_file() for name in found)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", read(GITLAB)[".gate"]["image"])
    inputs = {name.lower().replace("_", "-") for name in re.findall(r"ALEXBENCH_ACTION_(\w+)", text)}
    assert inputs <= set(read(ACTION)["inputs"])


def test_the_policy_for_hosted_runners_gates_time_too() -> None:
    rules = read_policy(ROOT / "docs" / "ci" / "hosted-runner.toml").rules
    assert all(rules[metric].required for metric in ("latency_p50_ms", "images_per_second", "top1", "parity"))


def test_the_policy_for_shared_runners_gates_answers_and_not_time() -> None:
    policy = read_policy(ROOT / "docs" / "ci" / "shared-runner.toml")
    assert policy.other_machine == "accuracy"
    assert {name for name, rule in policy.rules.items() if rule.required} == {
        "top1",
        "top5",
        "parity",
        "macs",
        "parameters",
    }


def test_the_workflows_shown_on_the_page_are_pinned_name_inputs_that_there_are_and_build_no_shell_line() -> None:
    page = (ROOT / "docs" / "guides" / "ci.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load("\n".join(block.lines)) for block in blocks(page) if block.language == "yaml"]
    assert len(shown) == 2
    ours = 0
    for step in (step for one in shown for job in one["jobs"].values() for step in job["steps"]):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("OWNER/alexbench/"):
            ours += 1
            assert set(step["with"]) <= set(read(ACTION)["inputs"])
            path = step["uses"].partition("@")[0].removeprefix("OWNER/alexbench/")
            assert ROOT / path == ACTION.parent
    assert ours == 2
    version = importlib.metadata.version("alexbench")
    assert read(GITLAB)["variables"]["ALEXBENCH_VERSION"] == f"v{version}"
    for used in re.findall(r"uses: (.+)", page):
        assert PINNED.fullmatch(used) or used.endswith(f"/.github/actions/alexbench@v{version}")
