"""Which row shows a runtime in fp32: the same system, or for a file of less, another file or the runtime's own row."""

from typing import Final

import pytest

from alexbench.harness.contract import Known
from alexbench.harness.judge.ranking import ranked
from alexbench.harness.records.plain_rows import plain_pairs, reduced
from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.systems import ModelFile, System
from tests.support.records import effective, error_row, of_system, ok_row

INT8: Final = effective(precision=Known("int8", "reported"))
STORED: Final = effective(stored=Known("fp16", "measured"))


def file_row(name: str, **changes: object) -> SystemRecord:
    return ok_row(name, system=System("onnxruntime", 2, artifact=ModelFile(f"/files/{name}")), **changes)


def test_a_precision_is_compared_with_the_same_system_in_fp32() -> None:
    rows = [ok_row("torch"), ok_row("openvino"), ok_row("openvino bf16", **of_system(System("openvino", 2, "bf16")))]
    assert plain_pairs(rows) == [("openvino", "openvino bf16")]


@pytest.mark.parametrize("less", [INT8, STORED], ids=["computes", "stores"])
def test_a_file_of_less_is_compared_with_the_fp32_file_of_a_like_name(less: object) -> None:
    rows = [ok_row("onnxruntime"), file_row("a.onnx"), file_row("b.onnx"), file_row("b-int8.onnx", effective=less)]
    assert reduced(rows[3])
    assert plain_pairs(rows) == [("b.onnx", "b-int8.onnx")]


def test_without_another_file_it_is_the_runtimes_own_row() -> None:
    rows = [ok_row("torch"), ok_row("onnxruntime"), file_row("b-int8.onnx", effective=INT8)]
    assert plain_pairs(rows) == [("onnxruntime", "b-int8.onnx")]


def test_rows_that_failed_and_other_runtimes_rows_are_compared_with_nobody() -> None:
    assert plain_pairs([error_row("onnxruntime"), ok_row("torch"), file_row("b-int8.onnx", effective=INT8)]) == []


def test_rows_without_speed_have_no_differences() -> None:
    rows, differences, _ = ranked([ok_row("onnxruntime"), file_row("b-int8.onnx", effective=INT8)], {})
    assert [row.rank for row in rows] == [1, 1]
    assert differences == ()
