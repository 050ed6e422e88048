"""Flags that several commands have, each written once."""

from collections.abc import Callable
from typing import Any, Final

from alexbench.harness.commands import completion
from alexbench.harness.commands.help_format import DATA, INT8, MEASURING, MODEL, OUTPUT, SYSTEMS, option

Command = Callable[..., None]
EXAMINED_IMAGES: Final = 500
"""What doctor and ablate take where --limit is not given."""

_WEIGHTS: Final[tuple[Callable[[Any], Any], ...]] = (
    option(
        "--weights", metavar="FILE", kind=MODEL, help="Weights file, or 'published' (fetched).", otherwise="synthetic"
    ),
    option("--weights-layout", metavar="NAME", kind=MODEL, help="NCHW or NHWC: how a TensorFlow model was trained."),
    option("--weights-key", metavar="KEY", kind=MODEL, help="Which model of a file that holds several."),
)
_MODEL: Final[tuple[Callable[[Any], Any], ...]] = (
    option(
        "--model",
        values=completion.cards,
        metavar="CARD",
        kind=MODEL,
        help="Model card: a name, or a .toml file.",
        otherwise="torchvision",
    ),
    *_WEIGHTS,
)
_ARTIFACTS: Final[tuple[Callable[[Any], Any], ...]] = (
    option(
        "--artifact",
        "artifacts",
        metavar="BACKEND=FILE",
        multiple=True,
        kind=MODEL,
        help="Run your own model file as it is.",
    ),
    option(
        "--artifact-input",
        "artifact_inputs",
        metavar="[BACKEND=]SCALE[,ORDER]",
        multiple=True,
        kind=MODEL,
        help="Its input: normalised, 0..1, 0..255; rgb, bgr.",
        otherwise="as its graph shows",
    ),
    option(
        "--output-name",
        "output_names",
        metavar="[BACKEND=]NAME",
        multiple=True,
        kind=MODEL,
        help="The output that has the scores.",
        otherwise="the one that fits",
    ),
    option(
        "--trust",
        "trusted",
        metavar="FILE",
        multiple=True,
        kind=MODEL,
        help="Let this file run code (reference/security.md).",
    ),
)
_DATA: Final[tuple[Callable[[Any], Any], ...]] = (
    option("--data", metavar="PATH", kind=DATA, help="Folder, tar, TFRecords or parquet.", otherwise="synthetic"),
    option(
        "--layout",
        values=completion.layouts,
        metavar="NAME",
        kind=DATA,
        help="How --data is read.",
        otherwise="recognised",
    ),
    option("--labels", metavar="FILE", kind=DATA, help="Image labels (val.txt), or your class names."),
)
_CALIBRATION: Final[tuple[Callable[[Any], Any], ...]] = (
    option("--calibration", metavar="PATH", kind=INT8, help="Training images.", otherwise="synthetic"),
    option("--calibration-images", type=int, metavar="N", kind=INT8, help="How many of them.", otherwise="100"),
    option("--per-tensor", is_flag=True, kind=INT8, help="One weight scale per layer, not per channel."),
    option("--reduce-range", is_flag=True, kind=INT8, help="7-bit weights, for CPUs without VNNI."),
    option(
        "--range-method",
        values=completion.range_methods,
        metavar="NAME",
        kind=INT8,
        help="minmax, entropy, percentile, mse.",
        otherwise="minmax",
    ),
)
_ON_SCORED: Final = option(
    "--calibrate-on-scored", is_flag=True, kind=INT8, help="Let scored images be among them; rows name it."
)


def _limit(otherwise: str) -> Callable[[Any], Any]:
    return option(
        "--limit",
        type=int,
        metavar="N",
        kind=DATA,
        help="Use N images, drawn evenly over the classes.",
        otherwise=otherwise,
    )


def _seed(text: str) -> Callable[[Any], Any]:
    return option("--seed", type=int, metavar="N", kind=DATA, help=text, otherwise="1")


_PRECISION: Final = option(
    "--precision",
    values=completion.precisions,
    metavar="NAME",
    multiple=True,
    kind=SYSTEMS,
    help="fp32, fp16, bf16 or int8.",
    otherwise="fp32",
)
_THREADS: Final = option(
    "--threads",
    type=int,
    metavar="N",
    multiple=True,
    kind=SYSTEMS,
    help="Threads of an inference.",
    otherwise="usable cores",
)
_REPEATED: Final[tuple[Callable[[Any], Any], ...]] = (
    option("--device", metavar="NAME", multiple=True, kind=SYSTEMS, help="cpu, cuda, cuda:1, gpu.", otherwise="cpu"),
    _PRECISION,
    option("--profile", metavar="NAME", multiple=True, kind=SYSTEMS, help="Runtime settings.", otherwise="default"),
    option(
        "--set",
        "settings",
        values=completion.settings,
        metavar="BACKEND.NAME=VALUE",
        multiple=True,
        kind=SYSTEMS,
        help="One setting of a runtime.",
    ),
    _THREADS,
)
_HOW: Final[tuple[Callable[[Any], Any], ...]] = (
    option("--device", metavar="NAME", kind=SYSTEMS, help="cpu, cuda, cuda:1, gpu.", otherwise="cpu"),
    option(
        "--precision",
        values=completion.precisions,
        metavar="NAME",
        kind=SYSTEMS,
        help="fp32, fp16, bf16 or int8.",
        otherwise="fp32",
    ),
    option(
        "--threads",
        type=int,
        metavar="N",
        kind=SYSTEMS,
        help="Threads of an inference.",
        otherwise="usable cores",
    ),
)


def _with(command: Command, options: tuple[Callable[[Any], Any], ...]) -> Command:
    """The first option is the first in the help."""
    for decorator in reversed(options):
        command = decorator(command)
    return command


def one_answer(command: Command) -> Command:
    """Flags of predict: the model and the backends."""
    named = _backend("all installed")
    own = option("--labels", metavar="FILE", kind=DATA, help="Names of your own classes.", otherwise="ImageNet's")
    return _with(command, (*_MODEL, *_ARTIFACTS, own, named, *_HOW))


trust = option(
    "--trust",
    "trusted",
    metavar="FILE",
    multiple=True,
    help="Let a file that RUN names run code again.",
)


def _backend(otherwise: str) -> Callable[[Any], Any]:
    return option(
        "--backend",
        "backends",
        values=completion.backends,
        metavar="NAME",
        multiple=True,
        kind=SYSTEMS,
        help="Use this runtime.",
        otherwise=otherwise,
    )


python = option(
    "--python",
    "pythons",
    metavar="BACKEND=FILE",
    multiple=True,
    kind=SYSTEMS,
    help="Python interpreter that runs this backend.",
)


def chosen_weights(command: Command) -> Command:
    """Which weights a network has."""
    return _with(command, _WEIGHTS)


def one_model(command: Command) -> Command:
    """Flags of commands that examine one model: model, images and runtime."""
    drawn = (_limit(f"{EXAMINED_IMAGES}"), _seed("Seed of that draw."))
    return _with(command, (*_MODEL, *_ARTIFACTS, *_DATA, *drawn, _backend("the fastest installed"), *_HOW, python))


_LIMITS: Final[tuple[Callable[[Any], Any], ...]] = (
    option("--budget", metavar="TIME", kind=MEASURING, help="Longest timing, as 90s or 2m.", otherwise="by rigor"),
    option(
        "--resolution",
        metavar="PERCENT",
        kind=MEASURING,
        help="Stop at this resolution, as 2%.",
        otherwise="by rigor",
    ),
    option(
        "--silence-limit",
        metavar="TIME",
        kind=MEASURING,
        help="End a system that hangs for longer, as 90s.",
        otherwise="10m",
    ),
    option("--batch-size", type=int, metavar="N", kind=MEASURING, help="Images per batch.", otherwise="32"),
)
_OUT: Final = option("--out", metavar="DIR", kind=OUTPUT, help="Where the run's folder is created.", otherwise="runs")


def one_search(command: Command) -> Command:
    """Flags of a search for settings."""
    return _with(command, (*_WEIGHTS, *_ARTIFACTS, _backend("all installed"), _PRECISION, _THREADS, *_LIMITS, _OUT))


def one_run(command: Command) -> Command:
    """Flags of commands that measure: what to run, how and for how long."""
    drawn = (
        _limit("all; smoke: 500"),
        _seed("Seed of that draw and of the order of rounds."),
        option("--on-bad-image", metavar="WHAT", kind=DATA, help="fail, or skip and report it.", otherwise="fail"),
    )
    measured = (
        option(
            "--only",
            values=completion.halves,
            metavar="WHAT",
            kind=MEASURING,
            help="accuracy or performance.",
            otherwise="both",
        ),
        option(
            "--rigor",
            values=completion.rigors,
            metavar="NAME",
            kind=MEASURING,
            help="smoke, standard, high, mlperf.",
            otherwise="smoke",
        ),
        *_LIMITS,
    )
    return _with(
        command,
        (
            *_MODEL,
            *_ARTIFACTS,
            *_DATA,
            *drawn,
            _backend("all installed"),
            *_REPEATED,
            *measured,
            *_CALIBRATION,
            _ON_SCORED,
            _OUT,
        ),
    )


def calibration(command: Command) -> Command:
    """How a network is quantized to int8."""
    return _with(command, _CALIBRATION)
