"""Which CPUs saturate, and when int8 kernels count as wrong."""

import pytest

from alexbench.harness.records.quantization_records import KERNEL_LOSS_DB, KernelCheck
from alexbench.harness.running.kernel_check import has_vnni


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["avx2", "fma", "sse4_1", "sse4_2"], False),
        (["avx2", "avx512f", "avx512bw", "sse4_2"], False),
        (["avx2", "avx512_vnni", "sse4_2"], True),
        (["avx2", "avx_vnni", "sse4_2"], True),
        (["amx_int8", "amx_tile", "sse4_2"], True),
        (["asimd", "asimddp", "i8mm"], None),
        ([], None),
    ],
)
def test_vnni_is_read_from_the_flags_of_an_x86_cpu(flags: list[str], wanted: bool | None) -> None:
    assert has_vnni(flags) is wanted


@pytest.mark.parametrize(
    ("kernels", "emulated", "corrupted"), [(12.9, 32.2, True), (31.7, 32.2, False), (34.6, 33.8, False)]
)
def test_kernels_that_lose_more_than_rounding_are_corrupted(kernels: float, emulated: float, corrupted: bool) -> None:
    check = KernelCheck(kernels, emulated)
    assert check.corrupted is corrupted
    assert check.lost_db == pytest.approx(emulated - kernels)
    assert corrupted is (check.lost_db > KERNEL_LOSS_DB)
