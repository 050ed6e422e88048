"""``alexbench tune``: the settings with which each runtime is fastest here, and what they gain."""

from typing import Any, Final

import click

from alexbench.harness.commands.help_format import Command, json_option
from alexbench.harness.commands.options import one_search

_IMAGES: Final = 64
"""Enough for parity with float64; accuracy is what ``alexbench run --profile tuned`` measures."""


@click.command(
    cls=Command,
    short_help="Find each runtime's fastest settings here.",
    examples=("alexbench tune torchvision", "alexbench tune torchvision --backend openvino --batch-size 8"),
)
@click.argument("model", metavar="[CARD]", required=False)
@one_search
@json_option()
def tune(model: str | None, *, as_json: bool, **flags: Any) -> None:
    """Search each runtime's settings for CARD (default: torchvision), by latency and by FPS.

    The winners are then measured next to the runtime as shipped, in fresh processes. The cache keeps them for
    "alexbench run --profile tuned", until the runtime, the model or the machine changes.
    """
    from dataclasses import asdict

    from alexbench.harness.resolving import resolve
    from alexbench.harness.systems import DEFAULT_PROFILE, TUNED

    own = bool(flags.get("weights") or flags.get("artifacts"))
    images = {"only": "performance"} if own else {"limit": _IMAGES}
    config = resolve({**flags, **images, "model": model, "profile": (DEFAULT_PROFILE, TUNED)})
    from alexbench.harness.commands.leaving import leave
    from alexbench.harness.commands.report import show_reports
    from alexbench.harness.console.progress import display_for
    from alexbench.harness.files.plain_text import json_text
    from alexbench.harness.running.pipeline import run  # after the flags were checked: it imports much
    from alexbench.harness.tuning.tune import confirm, with_tuned
    from alexbench.reports.leaderboard.outcome import outcome_words

    display = display_for()
    outcome = run(with_tuned(config, display, again=True), display)
    profiles = confirm(outcome.record)
    show_reports(outcome.folder, outcome.record, printed=not as_json, tuning=True)
    for path in profiles:
        click.echo(f"wrote {path}", err=as_json)
    if as_json:
        tunings = [{"file": str(path), **asdict(tuning)} for path, tuning in profiles.items()]
        click.echo(json_text({"run": str(outcome.folder), "tunings": tunings}))
    leave(outcome.exit_code, outcome_words(outcome.exit_code, outcome.record), to_stderr=as_json)
