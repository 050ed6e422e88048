"""Parity: figures of errors that were put in by hand, and which disagreements count as rounding."""

import math

import numpy as np
import pytest

from alexbench.harness.judge.parity import EXACT_DB, TOLERANCES, Deviation, Tolerance, deviation, is_explained

SIGMA = 2.0


def truth(images: int = 64, outputs: int = 1000) -> np.ndarray:
    """Logits whose standard deviation is exactly SIGMA, about 0: half of them +SIGMA, half -SIGMA."""
    signs = np.where(np.arange(outputs) % 2 == 0, 1.0, -1.0)
    return np.tile(SIGMA * signs, (images, 1))


def test_an_exact_match_is_exact() -> None:
    found = deviation(truth().astype(np.float32), truth())
    assert found.max_abs_over_sigma == 0
    assert found.sqnr_db == EXACT_DB
    assert found.cosine == pytest.approx(1)
    assert found.within(TOLERANCES["fp32"])
    assert math.isfinite(found.sqnr_db)  # JSON has no infinity


def test_one_error_counts_over_sigma() -> None:
    wrong = truth()
    wrong[17, 3] += 0.5
    found = deviation(wrong, truth())
    assert found.max_abs_over_sigma == pytest.approx(0.25)
    # noise 0.25 / 64,000, signal 4
    assert found.sqnr_db == pytest.approx(10 * math.log10(4 / (0.25 / 64_000)))


@pytest.mark.parametrize("decibels", [35, 70, 100, 120])
def test_sqnr_is_signal_over_noise_in_decibels(decibels: int) -> None:
    size = SIGMA * 10 ** (-decibels / 20)
    noise = np.where(np.arange(64_000).reshape(64, 1000) % 3 == 0, size, -size)
    found = deviation(truth() + noise, truth())
    assert found.sqnr_db == pytest.approx(decibels, abs=1e-6)
    assert found.max_abs_over_sigma == pytest.approx(10 ** (-decibels / 20))


def test_an_offset_that_all_logits_share_does_not_flatter() -> None:
    noise = np.random.Generator(np.random.PCG64(1)).standard_normal((64, 1000)) * 1e-3
    near, far = deviation(truth() + noise, truth()), deviation(truth() + 100 + noise, truth() + 100)
    assert far.sqnr_db == pytest.approx(near.sqnr_db, abs=1e-9)
    assert far.cosine == pytest.approx(near.cosine, abs=1e-12)
    assert far.max_abs_over_sigma == pytest.approx(near.max_abs_over_sigma)


def test_cosine_is_the_worst_pictures() -> None:
    wrong = truth(images=8)
    wrong[5] = -wrong[5]
    assert deviation(wrong, truth(images=8)).cosine == pytest.approx(-1)


def test_a_nan_is_never_within() -> None:
    wrong = truth()
    wrong[0, 0] = np.nan
    assert not deviation(wrong, truth()).within(TOLERANCES["fp32"])
    assert not Deviation(math.nan, math.nan, math.nan).within(TOLERANCES["bf16"])


def test_a_truth_without_spread_can_hold_nothing() -> None:
    assert not deviation(np.ones((2, 3)), np.zeros((2, 3))).within(TOLERANCES["bf16"])


@pytest.mark.parametrize(
    ("found", "fp32", "bf16"),
    [
        (Deviation(1e-4, 100.0, 1.0), True, True),  # the bounds belong to it
        (Deviation(1.01e-4, 100.0, 1.0), False, True),
        (Deviation(1e-4, 99.9, 1.0), False, True),
        (Deviation(0.1, 35.0, 1.0), False, True),
        (Deviation(0.16, 45.0, 1.0), False, False),  # OpenVINO's bf16, as measured
        (Deviation(3.7e-5, 117.0, 1.0), True, True),  # fp32 runtimes, as measured
    ],
)
def test_tolerances_are_the_facts(found: Deviation, *, fp32: bool, bf16: bool) -> None:
    assert found.within(TOLERANCES["fp32"]) is fp32
    assert found.within(TOLERANCES["bf16"]) is bf16


@pytest.mark.parametrize("sign", [1, -1])
def test_a_flip_is_explained_up_to_twice_the_tolerance_and_no_further(sign: int) -> None:
    tolerance = Tolerance(max_abs_over_sigma=0.125, sqnr_db=0.0)  # 2 x 0.125 x 2 = 0.5, exact in binary
    row = np.array([1.0, 1.0 + 0.5, 1.0 + 0.5000001])
    pairs = [(0, 1), (0, 2)][::sign]
    explained = {pair: is_explained(row, *pair[::sign], sigma=SIGMA, tolerance=tolerance) for pair in pairs}
    assert explained == {(0, 1): True, (0, 2): False}


def test_fp32_explains_at_most_2e_4_sigma() -> None:
    row = np.array([0.0, 1.99e-4 * SIGMA, 2.01e-4 * SIGMA])
    assert is_explained(row, 0, 1, sigma=SIGMA, tolerance=TOLERANCES["fp32"])
    assert not is_explained(row, 0, 2, sigma=SIGMA, tolerance=TOLERANCES["fp32"])
