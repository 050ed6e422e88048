"""The parts of a run as a job array: what SLURM, GNU parallel, a GitHub workflow or a shell loop starts."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from alexbench.harness.errors import UsageError, unknown_name

MOST_PARTS: Final = 10_000
"""Five images each of ImageNet's validation set; fewer are not worth loading a runtime."""


@dataclass(frozen=True, slots=True)
class Parts:
    """``count`` parts of one run.

    ``command``: the words of ``alexbench run``, without ``--shard`` and ``--out``. ``out``: the folder of all runs;
    the run of part I is below ``parts/I`` in it.
    """

    command: tuple[str, ...]
    count: int
    out: str = "runs"

    def line(self, number: str, *, quoted: bool = False) -> str:
        """The shell command of one part. ``number``: the part as the scheduler writes it, left as it is.

        ``quoted``: put in quotes what a shell would split; for a shell variable.
        """
        shard, folder = f"{number}/{self.count}", f"{shlex.quote(self.out + '/parts/')}{number}"
        if quoted:
            shard, folder = f'"{shard}"', f'{shlex.quote(self.out + "/parts/")}"{number}"'
        return f"{shlex.join(self.command)} --shard {shard} --out {folder}"

    def merge(self) -> str:
        """The shell command that joins all parts."""
        program = self.command[: self.command.index("run")]
        return f"{shlex.join(program)} merge {shlex.quote(self.out + '/parts/')}*/*/ --out {shlex.quote(self.out)}"


def _shell(parts: Parts) -> str:
    return f"""\
#!/bin/sh
# All {parts.count} parts on this machine, one after the other.
set -e
for part in $(seq {parts.count}); do
  {parts.line("$part", quoted=True)}
done
{parts.merge()}
"""


def _parallel(parts: Parts) -> str:
    return f"""\
#!/bin/sh
# One part at a time on each machine. Add --sshlogin for more machines that share this folder.
set -e
seq {parts.count} | parallel --jobs 1 --halt soon,fail=1 {shlex.quote(parts.line("{}"))}
{parts.merge()}
"""


def _slurm(parts: Parts) -> str:
    return f"""\
#!/bin/bash
#SBATCH --job-name=alexbench
#SBATCH --array=1-{parts.count}
#SBATCH --exclusive
# Save as parts.sbatch and submit:  sbatch parts.sbatch
# When all parts are done:          {parts.merge()}
{parts.line("$SLURM_ARRAY_TASK_ID", quoted=True)}
"""


def _github(parts: Parts) -> str:
    numbers = ", ".join(str(number) for number in range(1, parts.count + 1))
    return f"""\
# Save as .github/workflows/alexbench.yml. The images must be on each runner.
name: alexbench
on: workflow_dispatch
permissions:
  contents: read
jobs:
  part:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        part: [{numbers}]
    steps:
      - run: python -m pip install "alexbench[all]"
      - run: {_scalar(parts.line("${{ matrix.part }}"))}
      - uses: actions/upload-artifact@v4
        with:
          name: part-${{{{ matrix.part }}}}
          path: {_scalar(parts.out + "/parts")}
  merge:
    needs: part
    runs-on: ubuntu-latest
    steps:
      - run: python -m pip install alexbench
      - uses: actions/download-artifact@v4
        with:
          path: {_scalar(parts.out + "/parts")}
          pattern: part-*
          merge-multiple: true
      - run: {_scalar(parts.merge())}
      - uses: actions/upload-artifact@v4
        with:
          name: alexbench
          path: {_scalar(parts.out)}
"""


def _scalar(text: str) -> str:
    """``text`` as a YAML string in single quotes."""
    return "'" + text.replace("'", "''") + "'"


FORMS: Final[Mapping[str, Callable[[Parts], str]]] = {
    "shell": _shell,
    "parallel": _parallel,
    "slurm": _slurm,
    "github": _github,
}
MOST_JOBS: Final = {"github": 256, "slurm": 1000}
"""The most jobs of one array: GitHub's limit of a matrix, and SLURM's default MaxArraySize less one."""


def job_array(parts: Parts, form: str) -> str:
    """The text to save and start. ``form``: a key of FORMS.

    Raises:
        UsageError: no such form, or too many or too few parts for it.
    """
    if form not in FORMS:
        raise unknown_name("form of job array", form, FORMS)
    most = MOST_JOBS.get(form, MOST_PARTS)
    if not 2 <= parts.count <= most:
        raise UsageError(f"number of parts {parts.count}: wanted 2 to {most} for --for {form}")
    return FORMS[form](parts)
