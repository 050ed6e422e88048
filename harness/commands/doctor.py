"""``alexbench doctor``: why is accuracy off?"""

from pathlib import Path
from typing import Any, Final

import click

from alexbench.harness.commands.help_format import OUTPUT, Command, json_option, option
from alexbench.harness.commands.leaving import leave
from alexbench.harness.commands.options import EXAMINED_IMAGES, one_model

_MEANINGS: Final = {
    "faulty": "the model is faulty",
    "unexplained": "top-1 is too low, and no known mistake explains it",
}


@click.command(
    cls=Command,
    short_help="Find why accuracy is too low.",
    examples=(
        "alexbench doctor --data val --weights published",
        "alexbench doctor --data val --artifact onnxruntime=mine.onnx --expected 56.5",
        "alexbench doctor --data val --artifact onnxruntime=mine.onnx --reference RUN:torch",
    ),
)
@one_model
@option("--expected", type=float, metavar="PERCENT", help="Top-1 that the model should reach.")
@option("--reference", metavar="RUN:ROW", help="Row known to be right on the same images.")
@option("--calibration", metavar="PATH", help="Images that an int8 file was calibrated with.")
@json_option()
@option("--out", metavar="FILE.md", kind=OUTPUT, help="Write Markdown too.")
def doctor(
    *,
    expected: float | None,
    reference: str | None,
    calibration: str | None,
    as_json: bool,
    out: str | None,
    limit: int | None,
    **flags: Any,
) -> None:
    """Find why accuracy is too low: try the common mistakes and name the likeliest fix.

    Exit code 0: nothing wrong was found. 1: something is wrong. 3: too few images to tell.
    """
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.errors import UsageError
    from alexbench.harness.files.out_file import MARKDOWN, check_place, write_out
    from alexbench.harness.resolving import resolve

    if out is not None:
        check_place(Path(out), suffixes=MARKDOWN)
    if flags["data"] is not None and flags["weights"] is None and not flags["artifacts"]:
        raise UsageError("--data without a model: the built-in weights are synthetic; name --weights or --artifact")
    values = {key: value for key, value in flags.items() if value is not None and value != ()}
    config = resolve({"only": "accuracy", "limit": EXAMINED_IMAGES if limit is None else limit, **values})
    from alexbench.harness.diagnosis.doctor import Question, diagnose
    from alexbench.harness.worker.client import telling
    from alexbench.reports.diagnosis.page import diagnosis_json, markdown, print_diagnosis

    display = display_for()
    with telling(display.say):
        diagnosis = diagnose(Question(config, expected, reference, calibration), display)
    if out is not None:
        write_out(Path(out), markdown(diagnosis))
    if as_json:
        click.echo(diagnosis_json(diagnosis), nl=False)
    else:
        print_diagnosis(diagnosis)
    leave(diagnosis.exit_code, _MEANINGS.get(diagnosis.verdict, ""), to_stderr=as_json)
