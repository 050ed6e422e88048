"""The ``alexbench`` command. Imports click and nothing heavier: each command imports its work when it is called."""

import signal
import sys
from pathlib import Path
from typing import Any, Final

import click

from alexbench.harness.errors import AlexBenchError

EXIT_INTERRUPTED: Final = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="alexbench", message="alexbench %(version)s")
def cli() -> None:
    """The same AlexNet, the same weights, the same pixels on every runtime: accuracy, speed and a leaderboard."""


@cli.command()
@click.option("--model", metavar="CARD", help="Model card, or the path of a .toml card.  [default: torchvision]")
@click.option("--weights", metavar="FILE", help="A .pth or .safetensors file.  [default: synthetic weights]")
@click.option("--data", metavar="DIR", help="ImageFolder: wnid or class-index folders.  [default: synthetic pictures]")
@click.option("--backend", "backends", metavar="NAME", multiple=True, help="Repeatable.  [default: all available]")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1, gpu: as the runtime calls it.  [default: cpu]")
@click.option("--precision", metavar="NAME", help="fp32 or bf16.  [default: fp32]")
@click.option("--threads", type=int, metavar="N", help="Compute threads of an inference.  [default: usable cores]")
@click.option("--batch-size", type=int, metavar="N", help="Of accuracy and of images/s.  [default: 32]")
@click.option("--limit", type=int, metavar="N", help="Only N pictures, drawn evenly over the classes.")
@click.option("--seed", type=int, metavar="N", help="Of that draw and of the order of rounds.  [default: 1]")
@click.option("--only", metavar="WHAT", help="accuracy or performance.  [default: both]")
@click.option("--out", metavar="DIR", help="Where the run's folder is made.  [default: runs]")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="TOML file with these flags as keys.")
def run(config_file: Path | None, **flags: Any) -> None:
    """Accuracy and speed on every available runtime, and a leaderboard.

    With no flags: synthetic pictures and weights, made on first use, and every runtime that is installed.
    """
    from alexbench.harness.app.config import read_config, resolve
    from alexbench.harness.app.progress import display_for
    from alexbench.harness.app.run import run as carry_out
    from alexbench.reports.terminal import print_leaderboard
    from alexbench.reports.write import write_reports

    values = {key: value for key, value in flags.items() if value is not None and value != ()}
    if config_file is not None:
        from_file = read_config(config_file)
        if "backend" in from_file:
            from_file["backends"] = tuple(from_file.pop("backend"))
        values = {**from_file, **values}
    outcome = carry_out(resolve(values), display_for())
    paths = write_reports(outcome.folder, outcome.record)
    print_leaderboard(outcome.record)
    for path in paths:
        click.echo(f"wrote {path}")
    sys.exit(outcome.exit_code)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Make a run's report.md and leaderboard.csv again from its record, and print the leaderboard."""
    from alexbench.harness.records import read_run
    from alexbench.reports.terminal import print_leaderboard
    from alexbench.reports.write import write_reports

    record = read_run(folder)
    paths = write_reports(folder, record)
    print_leaderboard(record)
    for path in paths:
        click.echo(f"wrote {path}")


@cli.command()
@click.option("--devices", is_flag=True, help="Also ask each runtime which devices it sees (imports them).")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def backends(*, devices: bool, as_json: bool) -> None:
    """The runtimes: which are installed, in which version, and what to install."""
    from alexbench.harness.app.listing import backend_list, print_listing

    print_listing(backend_list(with_devices=devices), as_json=as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def models(*, as_json: bool) -> None:
    """The model cards: network, size, preprocessing, published figures."""
    from alexbench.harness.app.listing import model_list, print_listing

    print_listing(model_list(), as_json=as_json)


def main() -> None:
    """Run the command; every error the user can mend is one line on standard error and an exit code."""
    # A cancelled job is told to end by SIGTERM; it leaves what Ctrl-C leaves.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cli.main(standalone_mode=False)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "alexbench"
        click.echo(f"alexbench: {error.format_message()} (see {command} --help)", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"alexbench: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except AlexBenchError as error:
        click.echo(f"alexbench: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        click.echo(f"alexbench: {named}{error.strerror or error}", err=True)
        sys.exit(AlexBenchError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("alexbench: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
