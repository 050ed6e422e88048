"""Parity: figures of errors that were put in by hand, and which disagreements count as rounding."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.parity import (
    DECIBELS_A_BIT,
    EXACT_DB,
    TOLERANCES,
    Deviation,
    Tolerance,
    as_claimed,
    batch_dependence,
    computed_as,
    deviation,
    is_explained,
    kl_divergence,
    tolerance_of,
    top5_overlap,
)
from alexbench.harness.judge.rounding import rounded
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.records.precisions import Arithmetic, coarsest
from tests.support.rounding import RoundingBackend

SIGMA = 2.0


def expected_logits(images: int = 64, outputs: int = 1000) -> np.ndarray:
    """Logits whose standard deviation is exactly SIGMA, about 0: half of them +SIGMA, half -SIGMA."""
    signs = np.where(np.arange(outputs) % 2 == 0, 1.0, -1.0)
    return np.tile(SIGMA * signs, (images, 1))


def test_an_exact_match_is_exact() -> None:
    found = deviation(expected_logits().astype(np.float32), expected_logits())
    assert found.max_abs_over_sigma == 0
    assert found.sqnr_db == EXACT_DB
    assert found.cosine == pytest.approx(1)
    assert found.within(TOLERANCES["fp32"])
    assert math.isfinite(found.sqnr_db)  # JSON has no infinity


def test_one_error_counts_over_sigma() -> None:
    wrong = expected_logits()
    wrong[17, 3] += 0.5
    found = deviation(wrong, expected_logits())
    assert found.max_abs_over_sigma == pytest.approx(0.25)
    # noise 0.25 / 64,000, signal 4
    assert found.sqnr_db == pytest.approx(10 * math.log10(4 / (0.25 / 64_000)))


@pytest.mark.parametrize("decibels", [35, 70, 100, 120])
def test_sqnr_is_signal_over_noise_in_decibels(decibels: int) -> None:
    size = SIGMA * 10 ** (-decibels / 20)
    noise = np.where(np.arange(64_000).reshape(64, 1000) % 3 == 0, size, -size)
    found = deviation(expected_logits() + noise, expected_logits())
    assert found.sqnr_db == pytest.approx(decibels, abs=1e-6)
    assert found.max_abs_over_sigma == pytest.approx(10 ** (-decibels / 20))


def test_an_offset_that_all_logits_share_does_not_flatter() -> None:
    noise = np.random.Generator(np.random.PCG64(1)).standard_normal((64, 1000)) * 1e-3
    near, far = (
        deviation(expected_logits() + noise, expected_logits()),
        deviation(expected_logits() + 100 + noise, expected_logits() + 100),
    )
    assert far.sqnr_db == pytest.approx(near.sqnr_db, abs=1e-9)
    assert far.cosine == pytest.approx(near.cosine, abs=1e-12)
    assert far.max_abs_over_sigma == pytest.approx(near.max_abs_over_sigma)


def test_cosine_is_the_worst_images() -> None:
    wrong = expected_logits(images=8)
    wrong[5] = -wrong[5]
    assert deviation(wrong, expected_logits(images=8)).cosine == pytest.approx(-1)


def test_a_nan_is_never_within() -> None:
    wrong = expected_logits()
    wrong[0, 0] = np.nan
    assert not deviation(wrong, expected_logits()).within(TOLERANCES["fp32"])
    assert not Deviation(math.nan, math.nan, math.nan).within(TOLERANCES["bf16"])


def test_a_reference_without_spread_can_hold_nothing() -> None:
    assert not deviation(np.ones((2, 3)), np.zeros((2, 3))).within(TOLERANCES["bf16"])


@pytest.mark.parametrize(
    ("found", "fp32", "bf16"),
    [
        (Deviation(1e-4, 100.0, 1.0), True, True),  # the bounds belong to it
        (Deviation(1.01e-4, 100.0, 1.0), False, True),
        (Deviation(1e-4, 99.9, 1.0), False, True),
        (Deviation(0.1, 35.0, 1.0), False, True),
        (Deviation(0.142, 32.8, 1.0), False, True),  # bf16 roundings between exact products and sums
        (Deviation(0.26, 45.0, 1.0), False, False),
        (Deviation(0.1, 30.9, 1.0), False, False),
        (Deviation(3.7e-5, 117.0, 1.0), True, True),  # fp32 runtimes, as measured
    ],
)
def test_tolerances_are_the_facts(found: Deviation, *, fp32: bool, bf16: bool) -> None:
    assert found.within(TOLERANCES["fp32"]) is fp32
    assert found.within(TOLERANCES["bf16"]) is bf16


@pytest.mark.parametrize("sign", [1, -1])
def test_a_mismatch_is_explained_up_to_twice_the_tolerance_and_no_further(sign: int) -> None:
    tolerance = Tolerance(max_abs_over_sigma=0.125, sqnr_db=0.0)  # 2 x 0.125 x 2 = 0.5, exact in binary
    row = np.array([1.0, 1.0 + 0.5, 1.0 + 0.5000001])
    pairs = [(0, 1), (0, 2)][::sign]
    explained = {pair: is_explained(row, *pair[::sign], sigma=SIGMA, tolerance=tolerance) for pair in pairs}
    assert explained == {(0, 1): True, (0, 2): False}


def test_fp32_explains_at_most_2e_4_sigma() -> None:
    row = np.array([0.0, 1.99e-4 * SIGMA, 2.01e-4 * SIGMA])
    assert is_explained(row, 0, 1, sigma=SIGMA, tolerance=TOLERANCES["fp32"])
    assert not is_explained(row, 0, 2, sigma=SIGMA, tolerance=TOLERANCES["fp32"])


# How much of the distribution is kept


def drawn(seed: int = 7, images: int = 16, outputs: int = 50) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).standard_normal((images, outputs)) * SIGMA


def test_kl_by_hand() -> None:
    # (1/2, 1/2) || (1/4, 3/4) = ln 2 - ln 3 / 2
    found = np.log([[1.0, 3.0]])
    assert kl_divergence(found, np.zeros((1, 2))) == pytest.approx(math.log(2) - math.log(3) / 2)
    assert kl_divergence(np.zeros((1, 2)), found) != pytest.approx(kl_divergence(found, np.zeros((1, 2))))


@given(st.integers(0, 2**32), st.floats(-50, 50))
def test_kl_is_scipys_never_negative_and_blind_to_an_offset(seed: int, offset: float) -> None:
    wanted, got = drawn(seed), drawn(seed + 1)
    expected = float(np.mean(entropy(softmax(wanted, axis=1), softmax(got, axis=1), axis=1)))
    assert kl_divergence(got + offset, wanted) == pytest.approx(expected)
    assert kl_divergence(wanted + offset, wanted) == pytest.approx(0, abs=1e-12)
    assert kl_divergence(wanted + offset, wanted) >= 0


def test_top5_overlap_counts_places_whatever_their_order() -> None:
    wanted = np.arange(10.0)[None]
    assert top5_overlap(wanted, wanted) == 1
    assert top5_overlap(np.array([[0, 1, 2, 3, 4, 9, 8, 7, 6, 5.0]]), wanted) == 1
    assert top5_overlap(-wanted, wanted) == 0
    half = np.concatenate([wanted, wanted])
    changed = np.concatenate([wanted, np.array([[9.5, 1, 2, 3, 4, 5, 6, 7, 8, 9.0]])])  # the sixth came first
    assert top5_overlap(changed, half) == pytest.approx((1 + 0.8) / 2)


@given(st.integers(0, 2**32))
def test_top5_overlap_is_a_share_and_1_of_itself(seed: int) -> None:
    assert 0 <= top5_overlap(drawn(seed), drawn(seed + 1)) <= 1
    assert top5_overlap(drawn(seed).astype(np.float32), drawn(seed).astype(np.float32).astype(np.float64)) == 1


def test_a_deviation_has_all_of_it() -> None:
    wanted = drawn()
    found = deviation(wanted.astype(np.float32), wanted)
    assert found.kl < 1e-12
    assert found.top5_overlap == 1
    assert found.effective_bits == pytest.approx(found.sqnr_db / 6.0206)
    assert deviation(wanted, wanted).effective_bits == 53  # float64's own
    assert math.isnan(deviation(np.where(wanted > 5, np.nan, wanted), wanted).kl)


# Which precision that is


@given(st.integers(2, 23), st.integers(0, 2**32))
def test_rounding_to_so_many_bits_is_numpys_own_and_ends_there(bits: int, seed: int) -> None:
    values = drawn(seed).astype(np.float32)
    found = rounded(values, bits)
    mantissa, exponent = np.frexp(values.astype(np.float64))
    assert np.array_equal(found, np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits).astype(np.float32))
    assert np.array_equal(rounded(found, bits), found)


def test_rounding_to_11_bits_is_fp16s() -> None:
    values = drawn().astype(np.float32)
    assert np.array_equal(rounded(values, 11), values.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize(
    ("decibels", "named"),
    [
        (125.0, "fp32"),  # fp32 runtimes: 110 to 125 dB
        (110.2, "fp32"),
        (94.5, "no known precision"),  # 16 bits
        (70.6, "11 bits"),  # 11 bits: 57 to 71 dB
        (56.9, "11 bits"),
        (46.5, "8 bits"),  # bf16: 35 to 47 dB
        (35.0, "8 bits"),
        (26.5, "no known precision"),
        (19.0, "another function"),
        (-3.0, "another function"),
        (EXACT_DB, "fp32"),
    ],
)
def test_classes_of_precision_are_as_measured(decibels: float, named: str) -> None:
    assert computed_as(Deviation(0.0, decibels, 1.0).effective_bits) == named


def test_nothing_within_fp32s_tolerance_is_called_less() -> None:
    assert computed_as(TOLERANCES["fp32"].sqnr_db / DECIBELS_A_BIT) not in ("11 bits", "8 bits")
    assert computed_as(TOLERANCES["bf16"].sqnr_db / DECIBELS_A_BIT) == "8 bits"


@pytest.mark.parametrize(
    ("claims", "found", "said"),
    [
        ("fp32", "fp32", True),
        ("fp32", "8 bits", False),
        ("fp32", "11 bits", False),
        ("bf16", "8 bits", True),
        ("bf16", "fp32", False),
        ("bf16", "11 bits", False),
        ("fp16", "11 bits", True),
        ("fp32", "no known precision", None),
        ("fp32", "another function", None),
        ("int8", "8 bits", None),
    ],
)
def test_a_row_is_held_to_the_precision_it_claims(claims: str, found: Arithmetic, *, said: bool | None) -> None:
    assert as_claimed(claims, found) is said


NIGHTLY = [pytest.param(name, marks=pytest.mark.nightly) for name in ("owt", "tfcnn")]


@pytest.mark.parametrize("name", ["bvlc", *NIGHTLY])
def test_rounding_in_a_real_network_is_named_by_its_error(name: str) -> None:
    pytest.importorskip("torch")
    network = get_network(name)
    model = Model(network, seeded_weights(network.parameter_shapes, 7))
    pixels = np.random.Generator(np.random.PCG64(1)).standard_normal((3, *network.input_shape)).astype(np.float32) * 60
    reference = ReferenceBackend()
    reference.load(model, Options(threads=1))
    wanted = reference.predict(_laid_out(pixels, reference.input_layout))
    reference.close()
    named = {}
    for bits in (24, 16, 11, 8):
        backend = RoundingBackend()
        backend.bits = bits
        backend.load(model, Options(threads=1))
        named[bits] = computed_as(deviation(backend.predict(pixels), wanted.astype(np.float64)).effective_bits)
        backend.close()
    assert named == {24: "fp32", 16: "no known precision", 11: "11 bits", 8: "8 bits"}


def _laid_out(pixels: np.ndarray, layout: str) -> np.ndarray:
    return pixels if layout == "NCHW" else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def test_a_file_within_fp16s_tolerance_is_not_accused_of_fewer_bits() -> None:
    assert as_claimed("fp16", "8 bits", within=True) is True
    assert as_claimed("fp16", "8 bits", within=False) is False
    assert as_claimed("bf16", "fp32", within=True) is False


@pytest.mark.parametrize(
    ("sigmas", "decibels"),
    [(0.0028, 65.5), (0.01, 53.6), (0.0177, 50.5)],
    ids=["weights in fp16", "all in fp16", "sums in fp16 too"],
)
def test_correct_files_of_fp16_pass_by_its_tolerance_and_by_no_finer_one(sigmas: float, decibels: float) -> None:
    """As measured: ONNX Runtime, PyTorch and OpenVINO, TensorFlow (docs/reference/accuracy.md)."""
    found = Deviation(sigmas, decibels, 1.0)
    assert found.within(tolerance_of("fp16"))
    assert not found.within(tolerance_of("fp32"))


@pytest.mark.parametrize(
    ("sigmas", "decibels", "expected"),
    [(1.88, 29.5, True), (0.43, 24.6, True), (0.09, 34.2, True), (1.1, 12.9, False), (0.2, 12.9, False)],
    ids=["cut off at its range", "NNCF", "dynamic", "kernels saturate", "loud though never far off"],
)
def test_eight_bits_are_held_to_an_expectation(sigmas: float, decibels: float, *, expected: bool) -> None:
    """As measured (docs/reference/accuracy.md), the last but for its largest error."""
    assert Deviation(sigmas, decibels, 1.0).within(tolerance_of("int8")) is expected


def test_a_mismatch_of_a_quantised_file_is_explained_by_its_noise_and_not_by_what_may_be_cut_off() -> None:
    logits = np.array([3.0, 2.1, 1.0])
    assert is_explained(logits, 0, 1, sigma=1.0, tolerance=tolerance_of("int8"))
    assert not is_explained(logits, 0, 2, sigma=1.0, tolerance=tolerance_of("int8"))


def test_what_rounds_most_decides_and_names_that_nobody_knows_do_not() -> None:
    assert coarsest(["fp32", "int8", "fp16"]) == "int8"
    assert coarsest(["fp64", "invented"]) == "fp64"
    assert coarsest([]) == "fp32"
    assert tolerance_of("invented") == TOLERANCES["fp32"]


def test_a_batch_that_changes_a_images_scores_is_told_from_rounding() -> None:
    random = np.random.default_rng(1)
    scores = random.standard_normal((4, 50)).astype(np.float32)
    assert batch_dependence(scores[:1], scores[:1], computed="fp32", beside=scores) is None
    rounded = scores[:1] + np.float32(5e-6)
    assert batch_dependence(rounded, scores[:1], computed="fp32", beside=scores) is None
    shifted = scores[:1] + np.float32(0.2)
    for computed in ("fp32", "fp16", "int8"):
        found = batch_dependence(shifted, scores[:1], computed=computed, beside=scores)
        assert found is not None
        assert found == pytest.approx(0.2 / scores.std(), rel=1e-3)
