"""OpenVINO's running averages, undone, and its nodes by layer."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from alexbench.backends._shared.profiles import WARM_UP
from alexbench.backends.openvino_.profile import last_of, layer_times, profile
from tests.support.toy_network import TOY


def test_the_last_inference_is_found_behind_the_running_average() -> None:
    """To what the divisions cut off: at most an inference's worth of microseconds, and none on average."""
    took = np.random.Generator(np.random.PCG64(5)).integers(400, 600, 30)
    averages = [int(total) // count for count, total in enumerate(np.cumsum(took), start=1)]
    found = [last_of({"a": averages[i - 1]}, {"a": averages[i]}, i + 1)["a"] for i in range(1, 30)]
    assert np.abs(np.array(found) - took[1:]).max() <= 30
    assert np.median(found) == pytest.approx(np.median(took[1:]), abs=10)


def test_nodes_that_did_not_run_are_left_out() -> None:
    assert last_of({"relu1": 0, "conv1": 500}, {"relu1": 0, "conv1": 500}, 7) == {"conv1": 500.5}


def test_no_time_is_below_zero() -> None:
    """A node of 1 us may seem to go back by as much as the divisions cut off."""
    assert last_of({"flatten": 2}, {"flatten": 1}, 10) == {"flatten": 0.0}


def test_products_and_additions_are_their_layer_and_reorders_are_none() -> None:
    nodes = {
        "pixels_abcd_acdb_conv1.product": 100.0,
        "conv1.product": 500.0,
        "pool5_acdb_abcd_flatten": 20.0,
        "fc6": 6000.0,
        "norm1": 30.0,
    }
    assert layer_times(TOY, nodes) == pytest.approx({"": 0.12, "conv1": 0.5, "fc6": 6.0, "norm1": 0.03})


def test_warming_up_is_left_out_though_it_is_in_the_averages() -> None:
    times = [90_000] * WARM_UP + [1000] * 5
    done: list[int] = []

    def counters() -> Iterator[SimpleNamespace]:
        average = sum(times[: len(done)]) // len(done)
        yield SimpleNamespace(node_name="conv1.product", real_time=timedelta(microseconds=average))
        yield SimpleNamespace(node_name="relu1", real_time=timedelta())

    found = profile(TOY, lambda: done.append(1), counters, repeats=5)  # type: ignore[arg-type]
    assert len(done) == len(times)
    assert found == pytest.approx({"conv1": 1.0}, abs=0.01)
