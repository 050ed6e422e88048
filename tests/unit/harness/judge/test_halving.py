"""Successive halving: each stage keeps the better half, and what ships is never dropped."""

import pytest

from alexbench.harness.judge.halving import FEWEST, survivors, winners

NAMES = ("default", "a", "b", "c", "d", "e", "f")


def test_the_better_half_stays_by_the_measure_that_each_is_best_in() -> None:
    logs = {
        "latency": {"default": 0.0, "a": -0.5, "b": 0.1, "c": 0.2, "d": 0.3, "e": 0.4, "f": 0.5},
        "images/s": {"default": 0.0, "a": 0.5, "b": 0.4, "c": 0.3, "d": 0.2, "e": 0.1, "f": -0.5},
    }
    assert set(survivors(logs, NAMES, "default")) == {"default", "a", "f", "b"}  # type: ignore[arg-type]


@pytest.mark.parametrize("running", [("default",), ("default", "a"), ("default", "a", "b")])
def test_the_last_few_stay_and_so_does_what_ships(running: tuple[str, ...]) -> None:
    logs = {"latency": dict.fromkeys(running, 0.0) | {"default": 9.0}, "images/s": dict.fromkeys(running, 0.0)}
    assert survivors(logs, running, "default") == list(running)  # type: ignore[arg-type]
    assert len(running) - 1 <= FEWEST


def test_one_that_failed_is_not_measured_again() -> None:
    logs = {"latency": {"default": 0.0, "a": -1.0, "b": 0.0}, "images/s": {"default": 0.0, "b": 0.0}}
    assert survivors(logs, ("default", "a", "b"), "default") == ["default", "b"]  # type: ignore[arg-type]
    assert winners(logs, ["default", "b"])["latency"] == "default"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rates", "wanted"),
    [
        ({"default": 0.0, "a": -0.1, "b": -0.12}, ("a", "a")),
        ({"default": 0.0, "a": -0.1, "b": -0.2}, ("a", "b")),
        ({"default": 0.0, "b": -0.2}, ("a", "b")),
    ],
)
def test_one_choice_serves_both_measures_where_it_is_about_as_fast_as_the_best_of_each(
    rates: dict[str, float], wanted: tuple[str, str]
) -> None:
    logs = {"latency": {"default": 0.0, "a": -0.2, "b": -0.1}, "images/s": rates}
    assert tuple(winners(logs, ("default", "a", "b")).values()) == wanted  # type: ignore[arg-type]
