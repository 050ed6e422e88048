"""A comparison of layers with float64, as data: harness/comparison/divergence.py fills it, reports show it."""

from collections.abc import Iterable
from dataclasses import dataclass

from alexbench.harness.errors import ExitCode


@dataclass(frozen=True, slots=True)
class LayerError:
    """A layer's output against float64's.

    ``max_abs_over_sigma``: sigma is that of float64's output of the layer that
    :func:`alexbench.harness.judge.layer_errors.scales` names. ``relative_rms``: RMS of the error over RMS of float64;
    ``bits`` its logarithm, the effective mantissa bits. ``bound``: of ``max_abs_over_sigma``. ``channels``: how many
    there are (outputs of a fully connected layer, or channels), ``off`` how many of them are over the bound, ``worst``
    the worst of those, worst first, each with its largest error over sigma.
    """

    layer: str
    max_abs_over_sigma: float
    relative_rms: float
    bits: float
    bound: float
    channels: int
    off: int
    worst: tuple[tuple[int, float], ...] = ()

    @property
    def within(self) -> bool:
        """Whether the layer keeps to its bound."""
        return self.max_abs_over_sigma <= self.bound


def first_off(errors: Iterable[LayerError]) -> LayerError | None:
    """The first, in the network's order, that is over its bound; those after it have inherited its error."""
    return next((error for error in errors if not error.within), None)


@dataclass(frozen=True, slots=True)
class RowLayers:
    """One row's layers against float64, in the network's order.

    ``looking``: the largest difference, over sigma, between the last layer as it was looked at and what the row's own
    ``predict`` gives; ``looking_within``: whether that is no more than rounding. ``error``: why nothing is known of
    the row, else None.
    """

    name: str
    precision: str
    layers: tuple[LayerError, ...] = ()
    looking: float = 0.0
    looking_within: bool = True
    error: str | None = None

    @property
    def first(self) -> LayerError | None:
        """Where the row leaves float64: the first layer that is over its bound, None where all keep to theirs."""
        return first_off(self.layers)


@dataclass(frozen=True, slots=True)
class LayerComparison:
    """Rows x layers. ``images``: the samples looked at, ``chosen`` why those; ``notes``: rows that were left out."""

    run: str
    images: tuple[str, ...]
    chosen: str
    rows: tuple[RowLayers, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """FAILED where a layer of an fp32 row is named, or a row is in error."""
        found = any(row.error is not None or (row.first and row.precision == "fp32") for row in self.rows)
        return ExitCode.FAILED if found else ExitCode.OK
