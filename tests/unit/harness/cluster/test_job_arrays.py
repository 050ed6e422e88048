"""Job arrays: what their shells start, by an ``alexbench`` that writes down its arguments."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from alexbench.harness.cli import cli
from alexbench.harness.cluster.job_arrays import FORMS, Parts, job_array
from alexbench.harness.errors import UsageError

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")

PART = ["run", "--data", "my images", "--only", "accuracy"]
PARTS = Parts(("alexbench", *PART), count=3, out="its runs")


def folder_of(number: int) -> str:
    return f"its runs/parts/{number}"


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the ``alexbench`` on the path appends its arguments; it makes the folder that --out names."""
    notes = tmp_path / "notes"
    script = tmp_path / "bin" / "alexbench"
    script.parent.mkdir()
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        f"open({str(notes)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
        "os.makedirs(sys.argv[-1] + '/run')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return notes


def started(text: str, notes: Path, folder: Path, **variables: str) -> list[list[str]]:
    """What the shell script ``text`` starts."""
    subprocess.run(["sh", "-c", text], check=True, cwd=folder, env={**os.environ, **variables})
    return [json.loads(line) for line in notes.read_text().splitlines()]


def test_a_shell_loop_runs_each_part_and_joins_them(noted: Path, tmp_path: Path) -> None:
    *parts, merge = started(job_array(PARTS, "shell"), noted, tmp_path)
    assert parts == [[*PART, "--shard", f"{number}/3", "--out", folder_of(number)] for number in (1, 2, 3)]
    assert merge == ["merge", *(f"{folder_of(number)}/run/" for number in (1, 2, 3)), "--out", "its runs"]


def test_a_slurm_task_runs_its_part(noted: Path, tmp_path: Path) -> None:
    text = job_array(PARTS, "slurm")
    assert "#SBATCH --array=1-3\n" in text
    assert started(text, noted, tmp_path, SLURM_ARRAY_TASK_ID="2") == [[*PART, "--shard", "2/3", "--out", folder_of(2)]]


def test_gnu_parallel_runs_its_part(noted: Path, tmp_path: Path) -> None:
    line = next(line for line in job_array(PARTS, "parallel").splitlines() if line.startswith("seq 3 | parallel"))
    job = shlex.split(line)[-1].replace("{}", "3")
    assert started(job, noted, tmp_path) == [[*PART, "--shard", "3/3", "--out", folder_of(3)]]


def test_a_workflow_runs_each_part_and_joins_them(noted: Path, tmp_path: Path) -> None:
    jobs = yaml.safe_load(job_array(PARTS, "github"))["jobs"]
    assert jobs["part"]["strategy"]["matrix"]["part"] == [1, 2, 3]
    job = jobs["part"]["steps"][1]["run"].replace("${{ matrix.part }}", "1")
    assert started(job, noted, tmp_path) == [[*PART, "--shard", "1/3", "--out", folder_of(1)]]
    assert jobs["part"]["steps"][2]["with"]["path"] == jobs["merge"]["steps"][1]["with"]["path"] == "its runs/parts"
    assert jobs["merge"]["needs"] == "part"
    joined = started(jobs["merge"]["steps"][2]["run"], noted, tmp_path)[-1]
    assert joined == ["merge", f"{folder_of(1)}/run/", "--out", "its runs"]


@pytest.mark.parametrize(("count", "form"), [(1, "shell"), (0, "slurm"), (257, "github"), (10_001, "shell")])
def test_too_few_or_too_many_parts_are_refused(count: int, form: str) -> None:
    with pytest.raises(UsageError, match=f"number of parts {count}: wanted 2 to "):
        job_array(Parts(("alexbench", "run"), count), form)


def test_the_command_is_checked_once_and_its_out_is_that_of_all_parts() -> None:
    given = "python -m alexbench run --backend torch --out=x/ --limit 64"
    ended = CliRunner().invoke(cli, ["shards", "2", "--command", given])
    assert ended.exit_code == 0
    assert "  python -m alexbench run --backend torch --limit 64 --only accuracy --shard" in ended.stdout
    assert "--out x/parts/" in ended.stdout
    assert "\npython -m alexbench merge x/parts/*/*/ --out x\n" in ended.stdout


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("alexbench run --bckend torch", "--backend"),
        ("alexbench run --shard 1/2", "--shard"),
        ("alexbench run --resume x", "--resume"),
        ("alexbench run --config x.toml", "--config"),
        ("alexbench run --only performance", "--only performance"),
        ("alexbench run --help", "--command"),
        ("alexbench run 'x", "quotation"),
        ("alexbench compare a b", "alexbench run"),
        ("run", "alexbench run"),
    ],
)
def test_a_command_that_no_part_could_run_is_refused(command: str, named: str) -> None:
    ended = CliRunner().invoke(cli, ["shards", "2", "--command", command])
    assert ended.exit_code == 2
    assert named in ended.stderr


def test_forms_are_those_of_the_help() -> None:
    words = CliRunner().invoke(cli, ["shards", "--help"]).stdout
    assert all(form in words for form in FORMS)
