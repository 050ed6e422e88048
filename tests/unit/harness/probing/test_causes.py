"""What makes an error against float64: rounding and slightly wrong weights are told apart by what they do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.diagnosis.examination import by_cause
from alexbench.harness.judge.error_causes import ROUNDING, Cause, about_rows, along, resemblance
from alexbench.harness.judge.parity import DECIBELS_A_BIT
from alexbench.harness.judge.rounding import rounded
from alexbench.harness.models.network import Conv, Flatten, Linear, MaxPool, Network, ReLU
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import write_weights
from alexbench.harness.probing import causes
from alexbench.harness.probing.causes import cause_of_error
from alexbench.harness.worker.protocol.making import FindCause
from tests.support.rounding import RoundingBackend

Arrays = dict[str, NDArray[np.float32]]
NETWORK = Network(
    "small",
    "deep enough to have layers before and after",
    (3, 16, 16),
    (
        Conv("conv1", 3, 12, 3),
        ReLU("relu1"),
        MaxPool("pool1", 2, 2),
        Conv("conv2", 12, 16, 3),
        ReLU("relu2"),
        Flatten("flatten"),
        Linear("fc7", 16 * 5 * 5, 64),
        ReLU("relu7"),
        Linear("fc8", 64, 40),
    ),
)
INPUTS = np.random.default_rng(3).normal(size=(8, 3, 16, 16)).astype(np.float32)


def weights() -> Arrays:
    return {name: np.array(one) for name, one in seeded_weights(NETWORK.parameter_shapes, 7).items()}


def outputs(arrays: Arrays) -> NDArray[np.float32]:
    backend = ReferenceBackend()
    backend.load(Model(NETWORK, arrays), Options(threads=1))
    found = backend.predict(INPUTS).astype(np.float32)
    backend.close()
    return found


@pytest.fixture
def explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[NDArray[np.float32]], Cause]:
    """The cause of the error of outputs, compared with the network with ``weights()``."""
    monkeypatch.setattr(
        causes, "with_mistakes", lambda name, side, arrays, pixels, made: (Model(NETWORK, arrays), pixels)
    )
    file, _ = write_weights(weights(), tmp_path)
    np.save(tmp_path / "inputs.npy", INPUTS)

    def ask(found: NDArray[np.float32]) -> Cause:
        np.save(tmp_path / "outputs.npy", found)
        return cause_of_error(
            FindCause("small", 16, file, tmp_path / "inputs.npy", tmp_path / "outputs.npy", kind="logits", made=())
        )

    return ask


@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc7", "fc8"])
@pytest.mark.parametrize("scale", [1.0002, 1.005, 0.98, 1.1])
def test_a_layer_with_weights_in_another_scale_is_named(
    explain: Callable[[NDArray[np.float32]], Cause], layer: str, scale: float
) -> None:
    arrays = weights()
    arrays[f"{layer}.weight"] *= np.float32(scale)
    cause = explain(outputs(arrays))
    assert cause.layer == layer
    assert cause.scale == pytest.approx(scale, rel=1e-5)
    assert not cause.is_rounding


def _zeroed(one: NDArray[np.float32]) -> NDArray[np.float32]:
    one[int(np.abs(one).reshape(len(one), -1).sum(axis=1).argmax())] = 0
    return one


def _swapped(one: NDArray[np.float32]) -> NDArray[np.float32]:
    one[[1, 5]] = one[[5, 1]]
    return one


def _one_off(one: NDArray[np.float32]) -> NDArray[np.float32]:
    one.reshape(-1)[11] += one.std()
    return one


def _noisy(one: NDArray[np.float32]) -> NDArray[np.float32]:
    return one * (1 + 1e-3 * np.random.default_rng(1).normal(size=one.shape)).astype(np.float32)


CHANGES = {"zeroed": _zeroed, "swapped": _swapped, "one weight": _one_off, "noise": _noisy}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["conv1.weight", "conv2.weight", "fc7.weight", "fc8.weight", "conv2.bias"])
def test_weights_that_are_slightly_wrong_are_never_called_rounding(
    explain: Callable[[NDArray[np.float32]], Cause], name: str, change: str
) -> None:
    arrays = weights()
    arrays[name] = CHANGES[change](arrays[name] + np.float32(0.01 if name.endswith("bias") else 0))
    cause = explain(outputs(arrays))
    assert not cause.is_rounding
    assert cause.layer is None


@pytest.mark.parametrize("bits", [8, 11])
def test_rounding_is_called_rounding(explain: Callable[[NDArray[np.float32]], Cause], bits: int) -> None:
    class Rounding(RoundingBackend):
        pass

    Rounding.bits = bits
    backend = Rounding()
    backend.load(Model(NETWORK, weights()), Options(threads=1))
    cause = explain(backend.predict(INPUTS))
    backend.close()
    assert cause.is_rounding
    assert (cause.rounded, cause.bits) == ("products", bits)


@pytest.mark.parametrize("bits", [8, 11])
def test_rounded_weights_are_told_from_rounded_arithmetic(
    explain: Callable[[NDArray[np.float32]], Cause], bits: int
) -> None:
    cause = explain(outputs({name: rounded(one, bits) for name, one in weights().items()}))
    assert (cause.rounded, cause.bits) == ("weights", bits)
    assert cause.correlation > 0.95


@pytest.mark.parametrize("bits", [8, 11])
def test_what_is_as_loud_as_rounding_and_is_none_is_not_called_it(bits: int) -> None:
    loud = bits * DECIBELS_A_BIT
    doubtful = by_cause(Cause("all", bits, ROUNDING - 0.1), loud, "fp32")
    assert doubtful.factor == "function"
    assert "slightly wrong weights" in doubtful.found
    assert by_cause(Cause("all", bits, ROUNDING), loud, "fp32").factor == "precision"
    assert by_cause(Cause(layer="fc7", scale=1.005), loud, "fp32").factor == "weights"


def test_a_direction_is_found_and_what_it_leaves() -> None:
    generator = np.random.default_rng(5)
    direction, other = generator.normal(size=(2, 4, 30))
    assert along(3 * direction, direction) == (pytest.approx(3), pytest.approx(0, abs=1e-12))
    assert along(other, np.zeros_like(other)) == (0.0, 1.0)
    assert about_rows(direction).mean(axis=1) == pytest.approx(np.zeros(4), abs=1e-12)
    name, correlation = resemblance(
        other + 5 * direction, {"other": other, "nothing": generator.normal(size=(4, 30))}, [direction]
    )
    assert name == "other"
    assert correlation == pytest.approx(1)
