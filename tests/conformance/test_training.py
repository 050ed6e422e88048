"""Every runtime that trains trains the same network: the losses of the first steps are float64's."""

import numpy as np
import pytest

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.losses import loss_error
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.trainers import TrainingOptions, Trains

EVERY_LAYER = get_network("tiny")
STEPS = 6
HOW = TrainingOptions(momentum=0.9, weight_decay=1e-2, dropout=0.0, seed=1)


def batches(layout: str) -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.Generator(np.random.PCG64(7))
    found = []
    for _ in range(STEPS):
        pixels = random.standard_normal((5, *EVERY_LAYER.input_shape), np.float32)
        pixels = pixels if layout == "NCHW" else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        found.append((pixels, random.integers(0, EVERY_LAYER.outputs, 5)))
    return found


def losses(backend: Trains, how: TrainingOptions = HOW) -> list[float]:
    model = Model(EVERY_LAYER, seeded_weights(EVERY_LAYER.parameter_shapes, 1))
    trainer = backend.open_trainer(model, Options(1), how)
    return [trainer.step(pixels, labels, 0.02) for pixels, labels in batches(trainer.layout)]


def test_the_references_gradient_is_the_slope_of_its_loss() -> None:
    weights = {name: one.astype(np.float64) for name, one in seeded_weights(EVERY_LAYER.parameter_shapes, 1).items()}
    model = Model(EVERY_LAYER, {name: one.astype(np.float32) for name, one in weights.items()})
    ((pixels, labels), *_) = batches("NCHW")
    plain = TrainingOptions(momentum=0.0, weight_decay=0.0, dropout=0.0, seed=1)
    for name, array in weights.items():
        place = tuple(size // 2 for size in array.shape)
        found = []
        for change in (-1e-6, 1e-6):
            backend = ReferenceBackend()
            trainer = backend.open_trainer(model, Options(1), plain)
            trainer._weights[name][place] += change
            found.append(trainer.step(pixels, labels, 0.0))
        slope = (found[1] - found[0]) / 2e-6
        trainer = ReferenceBackend().open_trainer(model, Options(1), plain)
        before = float(trainer._weights[name][place])
        trainer.step(pixels, labels, 1.0)
        assert before - float(trainer._weights[name][place]) == pytest.approx(slope, rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_losses_are_those_of_float64_step_by_step(name: str) -> None:
    backend = backend_class(name)()
    assert isinstance(backend, Trains)
    reference = losses(ReferenceBackend())
    assert loss_error(losses(backend), reference) < 1e-5
    assert reference[-1] != reference[0]
    other = losses(backend, TrainingOptions(momentum=0.8, weight_decay=1e-2, dropout=0.0, seed=1))
    assert loss_error(other, reference) > 1e-4  # another momentum is seen


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_dropout_is_applied_and_parts_of_a_step_train_too(name: str) -> None:
    backend = backend_class(name)()
    assert isinstance(backend, Trains)
    dropped = losses(backend, TrainingOptions(momentum=0.9, weight_decay=1e-2, dropout=0.5, seed=1))
    assert loss_error(dropped, losses(backend)) > 1e-3
    model = Model(EVERY_LAYER, seeded_weights(EVERY_LAYER.parameter_shapes, 1))
    trainer = backend.open_trainer(model, Options(1), HOW)
    (first, second, *_) = batches(trainer.layout)
    forward, backward, optimizer = trainer.split(*first, 0.02)
    assert min(forward, optimizer) > 0
    assert backward >= 0
    assert trainer.step(*second, 0.02) == pytest.approx(losses(ReferenceBackend())[1], rel=1e-5)


@pytest.mark.parametrize("name", ["torch", "tensorflow"])
def test_weights_come_back_in_canonical_order_and_as_float64_has_them(name: str) -> None:
    model = Model(EVERY_LAYER, seeded_weights(EVERY_LAYER.parameter_shapes, 1))
    found = []
    for backend in (backend_class(name)(), ReferenceBackend()):
        assert isinstance(backend, Trains)
        trainer = backend.open_trainer(model, Options(1), HOW)
        before = trainer.weights()
        assert all((before[key] == array).all() for key, array in model.weights.items())
        trainer.step(*batches(trainer.layout)[0], 0.02)
        found.append(trainer.weights())
    assert found[0].keys() == model.weights.keys()
    assert all(np.allclose(one, found[1][key], atol=1e-6) for key, one in found[0].items())
